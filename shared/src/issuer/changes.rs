//! [`Change`]: what the organization service has validators told of members, roles and organizations.
//!
//! It keeps them in an outbox and delivers each at least once; delivering twice is harmless, for what a
//! change refuses is bounded by a version that only grows.

use actix_web::http::StatusCode;
use serde::{Deserialize, Serialize};

use super::IssuerUnavailable;
use crate::{
    internal::{self, Peer},
    revocation::{Kind, wire},
};

/// The most changes in one call.
pub const MOST_CHANGES: usize = 1000;
/// The most bytes of keys and permissions in one call, about.
const MOST_BYTES: usize = 1024 * 1024;

/// Tokens for a member, a role or an organization are refused below a membership version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Change {
    /// [`Kind::Member`], [`Kind::Organization`] or [`Kind::Role`].
    pub kind: Kind,
    /// See [`Kind`].
    pub key: String,
    /// Tokens with a lower `mv` are refused; 1 or more.
    pub min_version: i64,
    /// With [`Kind::Role`]: the role's definition as of `min_version`, for those who check tokens that do
    /// not list their permissions. None leaves definitions as they are; that a role is gone is said by an
    /// empty list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub permissions: Option<Vec<String>>,
}

impl Change {
    /// A member was removed, or has another role.
    #[must_use]
    pub fn member(org_id: &str, user_id: &str, min_version: i64) -> Self {
        Self { kind: Kind::Member, key: format!("{org_id}/{user_id}"), min_version, permissions: None }
    }

    /// An organization was deactivated or deleted.
    #[must_use]
    pub fn organization(org_id: &str, min_version: i64) -> Self {
        Self { kind: Kind::Organization, key: org_id.to_owned(), min_version, permissions: None }
    }

    /// A role permits something else, or is gone.
    #[must_use]
    pub fn role(org_id: &str, role: &str, min_version: i64, permissions: Option<Vec<String>>) -> Self {
        Self { kind: Kind::Role, key: format!("{org_id}/{role}"), min_version, permissions }
    }

    /// About how many bytes it takes on the wire.
    fn weight(&self) -> usize {
        // Quotes, commas and names of members.
        let permissions = self.permissions.iter().flatten().map(|permission| permission.len() + 3);
        100 + self.key.len() + permissions.sum::<usize>()
    }
}

/// The body of a call.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Changes {
    /// At most [`MOST_CHANGES`], in order.
    pub entries: Vec<Change>,
}

/// Cuts changes into calls, in order.
pub(super) fn cut(entries: Vec<Change>) -> Vec<Changes> {
    let (mut calls, mut bytes): (Vec<Changes>, usize) = (Vec::new(), 0);
    for entry in entries {
        bytes += entry.weight();
        match calls.last_mut() {
            Some(call) if call.entries.len() < MOST_CHANGES && bytes <= MOST_BYTES => {
                call.entries.push(entry);
            }
            _ => {
                bytes = entry.weight();
                calls.push(Changes { entries: vec![entry] });
            }
        }
    }
    calls
}

/// Tells an auth service elsewhere, in one call.
pub(super) async fn over_http(peer: Peer<'_>, changes: &Changes) -> Result<(), IssuerUnavailable> {
    let response = peer.post(wire::PATH, changes).await.map_err(IssuerUnavailable)?;
    internal::expect(&response, StatusCode::NO_CONTENT).map_err(IssuerUnavailable)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_change_looks_on_the_wire_as_documented() {
        let member = json!({"kind": "member", "key": "o/u", "min_version": 7});
        assert_eq!(json!(Change::member("o", "u", 7)), member);
        assert_eq!(serde_json::from_value::<Change>(member).unwrap(), Change::member("o", "u", 7));
        let role = json!({"kind": "role", "key": "o/r", "min_version": 7, "permissions": []});
        assert_eq!(json!(Change::role("o", "r", 7, Some(Vec::new()))), role);
        let typo = json!({"kind": "role", "key": "o/r", "min_version": 7, "permission": []});
        assert!(serde_json::from_value::<Change>(typo).is_err());
    }

    #[test]
    fn many_changes_become_several_calls_in_order() {
        let role = |n: usize, permissions: usize| {
            Change::role("o", &n.to_string(), 1, Some(vec!["x".repeat(97); permissions]))
        };
        for (count, permissions, calls) in [(0, 0, 0), (1, 0, 1), (1000, 0, 1), (1001, 0, 2), (30, 1000, 3)] {
            let entries: Vec<Change> = (0..count).map(|n| role(n, permissions)).collect();
            let cut = cut(entries.clone());
            assert_eq!(cut.len(), calls, "{count} of {permissions}");
            assert_eq!(cut.into_iter().flat_map(|call| call.entries).collect::<Vec<_>>(), entries);
        }
    }
}

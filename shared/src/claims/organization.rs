//! [`Scope`]: what a token says of the organization it speaks for.
//!
//! Read strictly: whoever signs tokens with a key that others have too may call anything of theirs
//! `permissions`. A token says all of this in the form that we give it, or speaks for no organization.

use serde_json::Value;

use super::{Claims, MEMBERSHIP_VERSION, ORGANIZATION, ORGANIZATION_ROLE, PERMISSIONS};

/// The organization that a token speaks for, and as what.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scope<'a> {
    /// The organization (text of a UUID).
    pub org_id: &'a str,
    /// The user's role in it.
    pub role: &'a str,
    /// What the role permits; none where that is too much for a token: see [`Scope::role_key`].
    pub permissions: Option<Listed<'a>>,
    /// The membership version.
    pub version: i64,
}

/// Permissions as a token lists them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Listed<'a>(&'a [Value]);

impl<'a> Listed<'a> {
    /// Whether this permission is among them.
    #[must_use]
    pub fn contains(&self, permission: &str) -> bool {
        self.iter().any(|listed| listed == permission)
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        self.0.iter().filter_map(Value::as_str)
    }
}

impl<'a> Scope<'a> {
    pub(super) fn of(claims: &'a Claims) -> Option<Self> {
        let text = |name: &str| claims.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
        // A token of ours has a session; one of another issuer's has its own meaning of these names.
        claims.session()?;
        let permissions = match claims.get(PERMISSIONS) {
            None => None,
            Some(Value::Array(all)) if all.iter().all(Value::is_string) => Some(Listed(all)),
            Some(_) => return None,
        };
        let version = claims.get(MEMBERSHIP_VERSION)?.as_i64()?;
        Some(Self { org_id: text(ORGANIZATION)?, role: text(ORGANIZATION_ROLE)?, permissions, version })
    }

    /// What the role's definition is found by.
    #[must_use]
    pub fn role_key(&self) -> String {
        role_key(self.org_id, self.role)
    }
}

/// Stands for every organization in the feed's names of built-in roles; no organization is called that.
pub const EVERY_ORGANIZATION: &str = "*";

/// What a role is called in the feed: names of roles are an organization's own.
#[must_use]
pub fn role_key(org_id: &str, role: &str) -> String {
    format!("{org_id}/{role}")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::claims::ClaimNames;

    fn claims(changes: &Value) -> Claims {
        let mut map = json!({"jti": "a", "exp": 1, "sid": "s", "org_id": "o", "org_role": "r", "mv": 7});
        let members = map.as_object_mut().unwrap();
        for (name, value) in changes.as_object().unwrap() {
            members.insert(name.clone(), value.clone());
        }
        members.retain(|_, value| *value != json!("GONE"));
        Claims::take(members.clone(), &ClaimNames::default())
    }

    #[test]
    fn permissions_are_those_listed_or_none_said() {
        let listing = claims(&json!({"permissions": ["a:read", "b:write"]}));
        let scope = listing.scope().unwrap();
        assert_eq!((scope.org_id, scope.role, scope.version), ("o", "r", 7));
        let listed = scope.permissions.unwrap();
        assert!(listed.contains("b:write") && !listed.contains("b") && listed.iter().count() == 2);
        assert_eq!(claims(&json!({})).scope().unwrap().permissions, None);
        assert!(!claims(&json!({"permissions": []})).scope().unwrap().permissions.unwrap().contains(""));
    }

    #[test]
    fn what_is_not_all_ours_speaks_for_no_organization() {
        for odd in [
            json!({"sid": "GONE"}),
            json!({"org_id": "GONE"}),
            json!({"org_id": ""}),
            json!({"org_id": 7}),
            json!({"org_role": "GONE"}),
            json!({"org_role": ["r"]}),
            json!({"mv": "GONE"}),
            json!({"mv": "7"}),
            json!({"mv": 7.5}),
            json!({"permissions": null}),
            json!({"permissions": "a:read"}),
            json!({"permissions": ["a:read", 7]}),
            json!({"permissions": {"a:read": true}}),
        ] {
            assert_eq!(claims(&odd).scope(), None, "{odd}");
        }
    }
}

//! [`Roles`]: what roles permit, for tokens that do not list it.
//!
//! Definitions come with the feed: each before the entry that refuses the tokens made before it, so
//! whoever knows that nothing is missing up to an entry knows the definition too.

use std::{
    collections::{HashMap, HashSet},
    sync::{PoisonError, RwLock},
};

use crate::claims::{EVERY_ORGANIZATION, Scope, role_key};

/// What roles permit, by `organization/role`.
#[derive(Debug, Default)]
pub struct Roles(RwLock<HashMap<String, Definition>>);

#[derive(Debug)]
struct Definition {
    /// The membership version from which on it holds.
    version: i64,
    permissions: HashSet<Box<str>>,
}

impl Roles {
    /// A role permits this from the membership version on; nothing, once it is gone. An older definition
    /// changes nothing.
    pub fn define<'a>(&self, key: &str, version: i64, permissions: impl IntoIterator<Item = &'a str>) {
        let definition =
            Definition { version, permissions: permissions.into_iter().map(Box::from).collect() };
        let mut roles = self.0.write().unwrap_or_else(PoisonError::into_inner);
        match roles.get_mut(key) {
            Some(known) if known.version >= version => {}
            Some(known) => *known = definition,
            None => drop(roles.insert(key.to_owned(), definition)),
        }
    }

    /// Whether the role of a token that lists nothing permits this. Not if its definition is unknown, nor
    /// if it is of a later version than the token, which the feed is about to refuse.
    #[must_use]
    pub fn permit(&self, scope: &Scope<'_>, permission: &str) -> bool {
        let roles = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(own) = roles.get(&scope.role_key()) {
            return own.version <= scope.version && own.permissions.contains(permission);
        }
        // A built-in role is a setting and has no version of an organization's.
        if let Some(built_in) = roles.get(&role_key(EVERY_ORGANIZATION, scope.role)) {
            return built_in.permissions.contains(permission);
        }
        let (org, role) = (scope.org_id, scope.role);
        tracing::warn!(org.id = org, org.role = role, "nobody has said what this role permits: nothing");
        false
    }

    /// How many roles are defined.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.read().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Whether none is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope(role: &str, version: i64) -> Scope<'_> {
        Scope { org_id: "o", role, permissions: None, version }
    }

    #[test]
    fn a_definition_holds_for_tokens_made_since_and_for_no_others() {
        let roles = Roles::default();
        assert!(!roles.permit(&scope("r", 9), "a:read"), "unknown");
        roles.define("o/r", 5, ["a:read"]);
        for (version, permitted) in [(4, false), (5, true), (9, true)] {
            assert_eq!(roles.permit(&scope("r", version), "a:read"), permitted, "{version}");
        }
        assert!(!roles.permit(&scope("r", 5), "a:write") && !roles.permit(&scope("other", 5), "a:read"));
    }

    #[test]
    fn the_latest_definition_counts_in_whatever_order_they_come() {
        let roles = Roles::default();
        roles.define("o/r", 5, ["a:read"]);
        roles.define("o/r", 7, []);
        roles.define("o/r", 6, ["a:read"]);
        roles.define("o/r", 7, ["a:read"]);
        assert!(!roles.permit(&scope("r", 7), "a:read"));
        assert_eq!(roles.len(), 1);
    }

    #[test]
    fn a_built_in_role_is_the_same_in_every_organization_unless_that_has_one_of_the_name() {
        let roles = Roles::default();
        roles.define("*/owner", 1_795_444_848, ["a:read"]);
        assert!(roles.permit(&scope("owner", 1), "a:read") && !roles.permit(&scope("owner", 1), "a:write"));
        assert!(!roles.permit(&scope("admin", 1), "a:read"));
        roles.define("o/owner", 3, ["a:write"]);
        assert!(!roles.permit(&scope("owner", 3), "a:read") && roles.permit(&scope("owner", 3), "a:write"));
    }
}

//! [`Permission`]: what can be allowed, `resource:action`, and [`Permissions`], a set of them.

use std::{collections::BTreeSet, fmt, str::FromStr};

use serde::{Serialize, Serializer};

/// The longest permission, in bytes: tokens carry them.
const LONGEST: usize = 64;

/// Something that can be allowed, as `resource:action`: lower-case ASCII letters, digits, `-` and `_`,
/// each part beginning with a letter.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Permission(String);

/// A text is no permission.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a permission: resource:action, of lower-case letters, digits, - and _, at most 64 characters")]
pub struct NotAPermission;

impl Permission {
    /// As stored and sent.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Permission {
    type Err = NotAPermission;

    fn from_str(text: &str) -> Result<Self, NotAPermission> {
        let part = |part: &str| {
            part.starts_with(|c: char| c.is_ascii_lowercase())
                && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_".contains(&b))
        };
        match text.split_once(':') {
            Some((resource, action)) if text.len() <= LONGEST && part(resource) && part(action) => {
                Ok(Self(text.to_owned()))
            }
            _ => Err(NotAPermission),
        }
    }
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for Permission {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

/// A set of permissions, in order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Permissions(BTreeSet<Permission>);

impl Permissions {
    /// Reads what [`Permissions::to_text`] wrote. What is no permission any more is left out: it allows
    /// nothing.
    #[must_use]
    pub fn of_text(text: &str) -> Self {
        text.split(' ').filter_map(|one| one.parse().ok()).collect()
    }

    /// As stored: in order, with a space between.
    #[must_use]
    pub fn to_text(&self) -> String {
        self.iter().map(Permission::as_str).collect::<Vec<_>>().join(" ")
    }

    /// Whether it is among them.
    #[must_use]
    pub fn contains(&self, permission: &str) -> bool {
        self.0.iter().any(|one| one.0 == permission)
    }

    /// Whether all of the other are among them.
    #[must_use]
    pub fn cover(&self, other: &Self) -> bool {
        other.0.is_subset(&self.0)
    }

    /// What is in both.
    #[must_use]
    pub fn within(&self, other: &Self) -> Self {
        self.0.intersection(&other.0).cloned().collect()
    }

    /// What is in either.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        self.0.union(&other.0).cloned().collect()
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Each, in order.
    pub fn iter(&self) -> impl Iterator<Item = &Permission> {
        self.0.iter()
    }
}

impl FromIterator<Permission> for Permissions {
    fn from_iter<I: IntoIterator<Item = Permission>>(all: I) -> Self {
        Self(all.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_permission_is_a_resource_and_an_action() {
        for fine in ["invoice:read", "a:b", "time-sheet_2:approve-all"] {
            assert_eq!(fine.parse::<Permission>().unwrap().as_str(), fine);
        }
        let long = format!("a:{}", "b".repeat(63));
        for odd in
            ["", ":", "invoice", "invoice:", ":read", "Invoice:read", "a:b:c", "a b:c", "é:b", "1a:b", "*:*"]
        {
            assert_eq!(odd.parse::<Permission>(), Err(NotAPermission), "{odd}");
        }
        assert_eq!(long.parse::<Permission>(), Err(NotAPermission));
    }

    #[test]
    fn a_set_is_read_as_it_was_written() {
        let set = Permissions::of_text("b:c a:b  nonsense b:c");
        assert_eq!(set.to_text(), "a:b b:c");
        assert_eq!(Permissions::of_text(&set.to_text()), set);
        assert!(Permissions::of_text("").is_empty());
        assert!(set.cover(&Permissions::of_text("a:b")) && !set.cover(&Permissions::of_text("a:c")));
    }
}

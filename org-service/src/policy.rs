//! Who may do what: the built-in roles' table, and the rules of granting. Pure, and the only place that
//! decides.

#[cfg(test)]
mod tests;

use crate::permission::{Permission, Permissions};

/// Who holds everything, and whom an organization always has.
pub const OWNER: &str = "owner";

/// The built-in roles, from the most to the least powerful.
pub const BUILT_IN: [&str; 4] = [OWNER, "admin", "member", "viewer"];

/// The built-in permissions, and which built-in role holds them, in the order of [`BUILT_IN`].
const TABLE: [(&str, [bool; 4]); 10] = [
    ("organization:read", [true, true, true, true]),
    ("organization:update", [true, true, false, false]),
    ("organization:delete", [true, false, false, false]),
    ("member:read", [true, true, true, true]),
    ("member:invite", [true, true, false, false]),
    ("member:update", [true, true, false, false]),
    ("member:remove", [true, true, false, false]),
    ("role:read", [true, true, true, true]),
    ("role:manage", [true, true, false, false]),
    ("audit:read", [true, true, false, false]),
];

/// Permissions that a token carries at most, and the bytes of their text: a browser's cookie, which may have
/// to hold the token, ends at 4096. Above that the token carries the role alone, whose definition travels in
/// the revocation feed.
const IN_TOKEN: usize = 40;
const IN_TOKEN_BYTES: usize = 1500;

/// What whoever is signed in may do with every organization under `ORG_VISIBILITY=all`.
const EVERYBODY: [&str; 3] = ["organization:read", "organization:update", "organization:delete"];

/// The permissions of this installation and what the built-in roles hold of them.
#[derive(Debug, Clone)]
pub struct Policy {
    /// Built-in permissions and those that the operator has registered.
    catalogue: Permissions,
    /// By the place in [`BUILT_IN`].
    built_in: [Permissions; 4],
}

/// A role and what it allows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Role {
    /// Its name, unique within the organization.
    pub name: String,
    /// What it allows.
    pub permissions: Permissions,
}

impl Policy {
    /// The policy with these permissions of applications. Owners and admins hold all of them, members
    /// and viewers those that are named for them; what is named and not registered is returned.
    pub fn new(
        application: &Permissions,
        member: &Permissions,
        viewer: &Permissions,
    ) -> Result<Self, Permission> {
        if let Some(unknown) = member.iter().chain(viewer.iter()).find(|p| !application.contains(p.as_str()))
        {
            return Err(unknown.clone());
        }
        let held = |place: usize| -> Permissions {
            let rows = TABLE.iter().filter(|(_, holds)| holds.get(place) == Some(&true));
            rows.filter_map(|(name, _)| name.parse().ok()).collect()
        };
        let built_in =
            [held(0).and(application), held(1).and(application), held(2).and(member), held(3).and(viewer)];
        Ok(Self { catalogue: held(0).and(application), built_in })
    }

    /// Every permission there is.
    #[must_use]
    pub const fn catalogue(&self) -> &Permissions {
        &self.catalogue
    }

    /// A built-in role.
    #[must_use]
    pub fn built_in(&self, name: &str) -> Option<Role> {
        let place = BUILT_IN.iter().position(|known| *known == name)?;
        let permissions = self.built_in.get(place)?.clone();
        Some(Role { name: name.to_owned(), permissions })
    }

    /// The built-in roles that tokens are too small for.
    #[must_use]
    pub fn built_in_for_the_feed(&self) -> Vec<Role> {
        let all = BUILT_IN.iter().filter_map(|name| self.built_in(name));
        all.filter(|role| !fit_a_token(&role.permissions)).collect()
    }

    /// The role of this name, with the definition that is stored if it is the organization's own. A role
    /// without a definition allows nothing, and so does what nobody has registered (any more).
    #[must_use]
    pub fn role(&self, name: &str, stored: Option<&str>) -> Role {
        self.built_in(name).unwrap_or_else(|| {
            let defined = stored.map(Permissions::of_text).unwrap_or_default();
            Role { name: name.to_owned(), permissions: defined.within(&self.catalogue) }
        })
    }
}

/// Every text of permissions that do not fit a token has more characters.
pub const FITS_SURELY: i32 = 160;

/// Whether a token carries these permissions itself.
#[must_use]
pub fn fit_a_token(permissions: &Permissions) -> bool {
    permissions.len() <= IN_TOKEN && permissions.to_text().len() <= IN_TOKEN_BYTES
}

/// By what right somebody acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Right {
    /// The role of a member.
    Role,
    /// Superusers may everything, and the record says that they acted as such.
    Superuser,
    /// Under `ORG_VISIBILITY=all` everybody may.
    Everybody,
    /// An invitation, which lets its addressee become a member and do nothing else.
    Invitation,
}

/// Where somebody stands in an organization.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// The role, of a member.
    pub role: Option<Role>,
    /// Whether it is a superuser.
    pub is_superuser: bool,
    /// Whether everybody sees and changes every organization.
    pub everybody: bool,
}

impl Standing {
    /// By which right this may be done, if it may.
    #[must_use]
    pub fn right(&self, permission: &str) -> Option<Right> {
        if self.role.as_ref().is_some_and(|role| role.permissions.contains(permission)) {
            Some(Right::Role)
        } else if self.is_superuser {
            Some(Right::Superuser)
        } else if self.everybody && EVERYBODY.contains(&permission) {
            Some(Right::Everybody)
        } else {
            None
        }
    }

    /// Whether the organization may be known to exist.
    #[must_use]
    pub const fn sees(&self) -> bool {
        self.role.is_some() || self.is_superuser || self.everybody
    }

    /// Whether this role may be given or taken: nobody grants what they do not hold, or takes from
    /// whoever holds more, and only owners make and unmake owners.
    #[must_use]
    pub fn commands(&self, role: &Role) -> bool {
        self.is_superuser
            || self.role.as_ref().is_some_and(|own| {
                own.name == OWNER || role.name != OWNER && own.permissions.cover(&role.permissions)
            })
    }

    /// Whether a role with these permissions may be made.
    #[must_use]
    pub fn holds_all(&self, permissions: &Permissions) -> bool {
        self.is_superuser || self.role.as_ref().is_some_and(|own| own.permissions.cover(permissions))
    }
}

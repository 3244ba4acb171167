//! Roles and what they permit.

use org_service::{
    permission::Permissions,
    policy::{Policy, Standing},
};

/// The permission of an application with this number.
#[must_use]
pub fn permission(number: usize) -> String {
    format!("resource-{number}:write")
}

/// An installation with so many permissions of applications.
#[must_use]
pub fn policy(permissions: usize) -> Policy {
    let registered: Permissions =
        (0..permissions).map(|number| permission(number).parse().unwrap()).collect();
    Policy::new(&registered, &Permissions::default(), &Permissions::default()).unwrap()
}

/// A role of an organization's own with all permissions of applications, as it is stored.
#[must_use]
pub fn stored(permissions: usize) -> String {
    let all: Permissions = (0..permissions).map(|number| permission(number).parse().unwrap()).collect();
    all.to_text()
}

/// Somebody with that role.
#[must_use]
pub fn standing(permissions: usize) -> Standing {
    let role = policy(permissions).role("clerk", Some(&stored(permissions)));
    Standing { role: Some(role), is_superuser: false, everybody: false }
}

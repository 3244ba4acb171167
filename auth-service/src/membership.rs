//! Asking for the membership that a token is to tell of.
//!
//! It is asked before anything is spent or begun, and for each token anew: nothing of it is kept here,
//! so nothing has to be called back when it changes.

use shared::{
    input::Text,
    organizations::{Membership, OrganizationsUnavailable},
};

use crate::{
    App,
    changes::{is_canonical_uuid, is_name},
    error::AuthError,
};

/// The field of a body that names the organization, by its id or slug.
pub const FIELD: &str = "organization";
/// Its rules. It may be left out, but not be empty: that would be a token for no organization, where one
/// was asked for.
pub const RULES: Text = Text::optional().max(255);

/// The membership of a user in an organization; none if none was asked for.
pub async fn find(
    app: &App,
    organization: Option<String>,
    user_claim: &str,
) -> Result<Option<Membership>, AuthError> {
    let Some(organization) = organization else { return Ok(None) };
    load(app, &organization, user_claim).await.map(Some)
}

/// The membership of a user in an organization.
pub async fn load(app: &App, organization: &str, user_claim: &str) -> Result<Membership, AuthError> {
    // A token that names nobody belongs to nobody's organization.
    if user_claim.is_empty() {
        return Err(AuthError::NoSuchOrganization);
    }
    match app.organizations().find(organization, user_claim).await? {
        Some(membership) if can_be_revoked(&membership) => Ok(membership),
        Some(_) => Err(OrganizationsUnavailable("its answer is none".into()).into()),
        None => Err(AuthError::NoSuchOrganization),
    }
}

/// Whether the feed could name this membership, so that a token which tells of it can be refused.
fn can_be_revoked(membership: &Membership) -> bool {
    let Membership { org_id, role, version, .. } = membership;
    is_canonical_uuid(org_id) && is_name(role) && *version >= 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_tells_of_nothing_that_could_not_be_revoked() {
        let membership = |org_id: &str, role: &str, version: i64| Membership {
            org_id: org_id.to_owned(),
            role: role.to_owned(),
            permissions: None,
            version,
        };
        let id = "01890a5d-ac96-774b-bcce-b302099a8057";
        assert!(can_be_revoked(&membership(id, "owner", 1)));
        for odd in [
            membership(&id.to_uppercase(), "owner", 1),
            membership("acme", "owner", 1),
            membership(id, "", 1),
            membership(id, "owner", 0),
        ] {
            assert!(!can_be_revoked(&odd), "{odd:?}");
        }
    }
}

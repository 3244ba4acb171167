//! [`Roster`]: what tokens are told of members. The auth service asks it for every token anew.
//!
//! It holds nothing of the service but the database and the rules, so that an auth service in the same
//! process can hold it without the two keeping each other alive.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use shared::{
    DbError,
    organizations::{Membership, Memberships, OrganizationsUnavailable},
};

use crate::{
    policy::{Policy, fit_a_token},
    store::organizations::{Asked, Name, Standings},
};

/// Looks memberships up.
#[derive(Debug, Clone)]
pub struct Roster {
    /// Looks them up.
    pub standings: Standings,
    /// The rules.
    pub policy: Arc<Policy>,
}

impl Roster {
    /// What a user may do in the organization with this id or slug; none if there is no such
    /// organization, it is not active, or the user is no member.
    pub async fn membership(
        &self,
        organization: &str,
        user_id: String,
    ) -> Result<Option<Membership>, DbError> {
        // PostgreSQL takes no such text, so nobody is called that.
        if organization.contains('\0') || user_id.contains('\0') {
            return Ok(None);
        }
        let found = self.standings.run(Asked { name: Name::of(organization), user_id }).await?;
        let Some((organization, Some(held))) = found.filter(|(organization, _)| organization.is_active)
        else {
            return Ok(None);
        };
        let role = self.policy.role(&held.name, held.definition.as_deref());
        let small = fit_a_token(&role.permissions);
        Ok(Some(Membership {
            org_id: organization.id.to_string(),
            permissions: small.then(|| role.permissions.iter().map(ToString::to_string).collect()),
            role: role.name,
            version: organization.membership_version,
        }))
    }
}

impl Memberships for Roster {
    fn find(
        &self,
        organization: String,
        user_id: String,
    ) -> BoxFuture<'_, Result<Option<Membership>, OrganizationsUnavailable>> {
        Box::pin(async move {
            let found = self.membership(&organization, user_id).await;
            found.map_err(|error| OrganizationsUnavailable(error.to_string()))
        })
    }
}

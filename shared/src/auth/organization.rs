//! [`OrgCaller`]: a caller whose token speaks for an organization, and what that permits.

use actix_web::{FromRequest, HttpRequest, dev::Payload};
use futures_util::{FutureExt as _, future::Map};

use super::Caller;
use crate::{Problem, claims::Scope};

impl Caller {
    /// The organization that the token speaks for, if it does.
    #[must_use]
    pub fn organization(&self) -> Option<Scope<'_>> {
        self.claims.scope()
    }

    /// Whether the token permits this. One without an organization permits nothing; being a superuser
    /// makes no difference, for what a superuser may do in an organization is the service's to decide.
    #[must_use]
    pub fn permits(&self, permission: &str) -> bool {
        let Some(scope) = self.organization() else { return false };
        match (scope.permissions, &self.definitions) {
            (Some(listed), _) => listed.contains(permission),
            (None, Some(revocations)) => revocations.roles().permit(&scope, permission),
            (None, None) => false,
        }
    }

    /// 403 unless the token permits this.
    pub fn require(&self, permission: &str) -> Result<(), Problem> {
        if self.permits(permission) { Ok(()) } else { Err(Problem::permission_denied()) }
    }
}

/// A caller whose token speaks for an organization. Taking one as an argument refuses all others: 403.
///
/// Which organization a request is about, say by its path, is for the handler to compare.
#[derive(Debug, Clone)]
pub struct OrgCaller(Caller);

impl OrgCaller {
    /// The caller, if the token speaks for an organization.
    pub fn of(caller: Caller) -> Result<Self, Problem> {
        if caller.organization().is_some() { Ok(Self(caller)) } else { Err(Problem::organization_required()) }
    }

    fn scope(&self) -> Scope<'_> {
        // None is made of a caller without one.
        let nothing = Scope { org_id: "", role: "", permissions: None, version: i64::MIN };
        self.0.organization().unwrap_or(nothing)
    }

    /// The organization (text of a UUID).
    #[must_use]
    pub fn org_id(&self) -> &str {
        self.scope().org_id
    }

    /// The caller's role in it.
    #[must_use]
    pub fn role(&self) -> &str {
        self.scope().role
    }

    /// The user, as the issuer names it.
    #[must_use]
    pub fn user_id(&self) -> &str {
        self.0.user_id()
    }

    /// The caller, with everything else that the token says.
    #[must_use]
    pub const fn caller(&self) -> &Caller {
        &self.0
    }

    /// Whether the token permits this.
    #[must_use]
    pub fn permits(&self, permission: &str) -> bool {
        self.0.permits(permission)
    }

    /// 403 unless the token permits this.
    pub fn require(&self, permission: &str) -> Result<(), Problem> {
        self.0.require(permission)
    }
}

type Demand = fn(Result<Caller, Problem>) -> Result<OrgCaller, Problem>;

impl FromRequest for OrgCaller {
    type Error = Problem;
    type Future = Map<<Caller as FromRequest>::Future, Demand>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let demand: Demand = |caller| caller.and_then(Self::of);
        Caller::from_request(request, payload).map(demand)
    }
}

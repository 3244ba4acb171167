//! [`Access`]: what a handler needs stands in its arguments, so that none can forget to ask.
//!
//! `Access<MemberInvite>` is the organization that the path names, to somebody who may invite members to
//! it. Who is not to know that the organization exists gets 404, a member without the permission 403.
//! Changes ask again inside their transaction; see [`act`](crate::act).

use std::{future::Future, marker::PhantomData, pin::Pin, sync::Arc};

use actix_web::{FromRequest, HttpMessage, HttpRequest, dev::Payload, web::Data};
use shared::{Caller, http::frame::RequestId};

use crate::{
    App,
    act::{Act, Actor},
    error::OrgError,
    policy::Standing,
    store::organizations::{Asked, Name, OrgId, Organization},
};

/// What a handler needs.
pub trait Need: 'static {
    /// The permission; none: to be a member.
    const PERMISSION: Option<&'static str>;
}

/// Declares needs.
macro_rules! needs {
    ($($name:ident = $permission:expr, $doc:literal;)*) => {$(
        #[doc = $doc]
        #[derive(Debug, Clone, Copy)]
        pub struct $name;

        impl Need for $name {
            const PERMISSION: Option<&'static str> = $permission;
        }
    )*};
}

needs! {
    Membership = None, "To be a member.";
    OrganizationRead = Some("organization:read"), "To see the organization.";
    OrganizationUpdate = Some("organization:update"), "To change it.";
    OrganizationDelete = Some("organization:delete"), "To delete it.";
    MemberRead = Some("member:read"), "To see its members.";
    MemberInvite = Some("member:invite"), "To invite members, and see and revoke invitations.";
    MemberUpdate = Some("member:update"), "To give members other roles.";
    MemberRemove = Some("member:remove"), "To remove members.";
    RoleRead = Some("role:read"), "To see its roles.";
    RoleManage = Some("role:manage"), "To define roles.";
    AuditRead = Some("audit:read"), "To see who changed what.";
}

/// The organization that the path names, to somebody who may do what `N` says.
#[derive(Debug)]
pub struct Access<N> {
    /// The organization.
    pub organization: Organization,
    /// Where the caller stands in it.
    pub standing: Standing,
    actor: Actor,
    request_id: String,
    need: PhantomData<N>,
}

impl<N: Need> Access<N> {
    /// The organization's id.
    #[must_use]
    pub const fn org_id(&self) -> OrgId {
        self.organization.id
    }

    /// The caller's user id.
    #[must_use]
    pub fn user_id(&self) -> &str {
        &self.actor.user_id
    }

    /// The change that the caller is about to make.
    #[must_use]
    pub fn act(&self, app: &App) -> Act {
        Act {
            org_id: self.organization.id,
            actor: self.actor.clone(),
            needs: N::PERMISSION,
            now: app.now(),
            request_id: self.request_id.clone(),
            policy: Arc::clone(app.policy()),
        }
    }

    async fn of(request: HttpRequest, caller: Caller) -> Result<Self, OrgError> {
        let app = request.app_data::<Data<App>>().ok_or(OrgError::Internal("a route without its App"))?;
        let id = path_id(&request)?;
        let actor = app.actor(&caller);
        let asked = Asked { name: Name::Id(id), user_id: actor.user_id.clone() };
        let found = app.standings().run(asked).await?;
        let (organization, role) = found.ok_or(OrgError::UnknownOrganization)?;
        let standing = actor.standing(app.policy(), id, role);
        if !standing.sees() {
            return Err(OrgError::UnknownOrganization);
        }
        let may = match N::PERMISSION {
            Some(permission) => standing.right(permission).is_some(),
            None => standing.role.is_some(),
        };
        if !may {
            return Err(OrgError::Forbidden);
        }
        let request_id = request_id(&request);
        Ok(Self { organization, standing, actor, request_id, need: PhantomData })
    }
}

impl<N: Need> FromRequest for Access<N> {
    type Error = OrgError;
    type Future = Pin<Box<dyn Future<Output = Result<Self, OrgError>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (caller, request) = (Caller::from_request(request, payload), request.clone());
        Box::pin(async move { Self::of(request, caller.await?).await })
    }
}

/// The id of the request, for the record.
#[must_use]
pub fn request_id(request: &HttpRequest) -> String {
    request.extensions().get::<RequestId>().map(|id| id.0.clone()).unwrap_or_default()
}

/// The id in the path. The original's ids are integers, of which we have none.
pub fn path_id(request: &HttpRequest) -> Result<OrgId, OrgError> {
    let text = request.match_info().get("id").unwrap_or_default();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(OrgError::UnknownOrganization);
    }
    uuid::Uuid::try_parse(text).map(OrgId::from_uuid).map_err(|_| OrgError::NotAnId)
}

//! The tenant matrix: every endpoint × who asks × for what their token speaks.
//!
//! It goes through the routes that there are. One without a rule here fails it.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use actix_web::http::{Method, StatusCode};
use serde_json::{Value, json};

use super::{
    actors::{Actor, Site, org_id},
    people::People,
};
use crate::{
    BASE, endpoints,
    handle::Handle,
    store::{
        handles,
        invitations::{self, Invitation, InvitationId, PENDING},
    },
};

/// What a route needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rule {
    /// Somebody who is signed in.
    SignedIn,
    /// The same, with a token that speaks for no organization.
    Unscoped,
    /// A membership.
    Member,
    /// This permission.
    Permission(&'static str),
    /// To be the owner, whatever a superuser may.
    Owner,
    /// To be one of those who could delete what is deleted; for everybody else it is gone.
    Deleter,
}

use Rule::{Deleter, Member, Owner, Permission, SignedIn, Unscoped};

/// Every route and what it needs.
const RULES: &[(&str, &str, Rule)] = &[
    ("GET", "/", SignedIn),
    ("POST", "/", Unscoped),
    ("OPTIONS", "/", SignedIn),
    ("GET", "/{id}/", Permission("organization:read")),
    ("PUT", "/{id}/", Permission("organization:update")),
    ("PATCH", "/{id}/", Permission("organization:update")),
    ("DELETE", "/{id}/", Permission("organization:delete")),
    ("OPTIONS", "/{id}/", SignedIn),
    ("GET", "/{id}/membership/", Member),
    ("DELETE", "/{id}/membership/", Member),
    ("POST", "/{id}/transfer/", Owner),
    ("GET", "/{id}/members/", Permission("member:read")),
    ("GET", "/{id}/members/{user_id}/", Permission("member:read")),
    ("PATCH", "/{id}/members/{user_id}/", Permission("member:update")),
    ("DELETE", "/{id}/members/{user_id}/", Permission("member:remove")),
    ("GET", "/{id}/invitations/", Permission("member:invite")),
    ("POST", "/{id}/invitations/", Permission("member:invite")),
    ("GET", "/{id}/invitations/{invitation_id}/", Permission("member:invite")),
    ("DELETE", "/{id}/invitations/{invitation_id}/", Permission("member:invite")),
    ("POST", "/{id}/invitations/{invitation_id}/resend/", Permission("member:invite")),
    ("GET", "/invitations/", Unscoped),
    ("POST", "/invitations/accept/", Unscoped),
    ("GET", "/{id}/roles/", Permission("role:read")),
    ("POST", "/{id}/roles/", Permission("role:manage")),
    ("GET", "/{id}/roles/{name}/", Permission("role:read")),
    ("PATCH", "/{id}/roles/{name}/", Permission("role:manage")),
    ("DELETE", "/{id}/roles/{name}/", Permission("role:manage")),
    ("GET", "/{id}/audit/", Permission("audit:read")),
    ("POST", "/{id}/restore/", Deleter),
];

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Who {
    Anonymous,
    OtherOwner,
    Removed,
    Viewer,
    Plain,
    Admin,
    Owner,
    Superuser,
}

const EVERYBODY: [Who; 8] = [
    Who::Anonymous,
    Who::OtherOwner,
    Who::Removed,
    Who::Viewer,
    Who::Plain,
    Who::Admin,
    Who::Owner,
    Who::Superuser,
];

impl Who {
    const fn user_id(self) -> &'static str {
        match self {
            Self::Anonymous => "",
            Self::OtherOwner => "other",
            Self::Removed => "removed",
            Self::Viewer => "viewer",
            Self::Plain => "plain",
            Self::Admin => "admin",
            Self::Owner => "owner",
            Self::Superuser => "root",
        }
    }

    /// The built-in role in the organization asked for.
    const fn role(self) -> Option<&'static str> {
        match self {
            Self::Viewer => Some("viewer"),
            Self::Plain => Some("member"),
            Self::Admin => Some("admin"),
            Self::Owner => Some("owner"),
            Self::Anonymous | Self::OtherOwner | Self::Removed | Self::Superuser => None,
        }
    }
}

/// For what the token speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scope {
    Nothing,
    This,
    Another,
}

/// What shall happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    SignIn,
    Unknown,
    Forbidden,
    Allowed,
}

/// The expectation, from the rule alone: it knows nothing of the code that decides.
fn expected(rule: Rule, who: Who, scope: Scope, holds: impl Fn(&str, &str) -> bool) -> Verdict {
    if who == Who::Anonymous {
        return Verdict::SignIn;
    }
    match rule {
        SignedIn => return Verdict::Allowed,
        Unscoped if scope == Scope::Nothing => return Verdict::Allowed,
        Unscoped => return Verdict::Forbidden,
        _ => {}
    }
    if scope == Scope::Another || who.role().is_none() && who != Who::Superuser {
        return Verdict::Unknown;
    }
    let allowed = match rule {
        Member => who.role().is_some(),
        Owner => who == Who::Owner,
        Deleter if who == Who::Owner || who == Who::Superuser => true,
        Deleter => return Verdict::Unknown,
        Permission(permission) => {
            who == Who::Superuser || who.role().is_some_and(|role| holds(role, permission))
        }
        SignedIn | Unscoped => true,
    };
    if allowed { Verdict::Allowed } else { Verdict::Forbidden }
}

/// Every route that there is.
fn routes() -> BTreeSet<(String, String)> {
    let mut routes = BTreeSet::new();
    let (all, one) = endpoints();
    for (below, endpoints) in [("", all), ("/{id}", one)] {
        for endpoint in endpoints {
            let (path, methods) = endpoint.surface();
            let methods = methods.iter().filter(|method| **method != "HEAD");
            routes.extend(methods.map(|method| ((*method).to_owned(), format!("{below}{path}"))));
        }
    }
    routes
}

#[test]
fn every_route_has_a_rule_and_every_rule_a_route() {
    let rules: BTreeSet<_> =
        RULES.iter().map(|(method, path, _)| ((*method).to_owned(), (*path).to_owned())).collect();
    assert_eq!(rules, routes());
    assert_eq!(rules.len(), RULES.len(), "two rules for one route");
}

/// An organization with somebody of each kind, and a token for one of them.
struct Stage<'a> {
    site: &'a Site,
    path: String,
    other: String,
    /// A pending invitation to the organization, and what lets its addressee in.
    invitation: InvitationId,
    handle: Handle,
}

impl<'a> Stage<'a> {
    async fn set(site: &'a Site, number: usize) -> Self {
        let (owner, other) = (site.member("owner"), site.member("other"));
        let path = site.organization(&owner, &format!("Acme {number}")).await;
        let other = site.organization(&other, &format!("Other {number}")).await;
        for who in EVERYBODY {
            if let Some(role) = who.role().filter(|role| *role != "owner") {
                site.join(&path, who.user_id(), role).await;
            }
            if who != Who::Anonymous && who != Who::OtherOwner {
                site.join(&other, who.user_id(), "admin").await;
            }
        }
        for (user_id, role) in [("removed", "admin"), ("target", "viewer")] {
            site.join(&path, user_id, role).await;
        }
        let role = json!({"name": "custom", "permissions": ["organization:read"]});
        assert_eq!(owner.post(&format!("{path}roles/"), role).await.status, StatusCode::CREATED);
        let removed = owner.send(Method::DELETE, &format!("{path}members/removed/"), None).await;
        assert_eq!(removed.status, StatusCode::NO_CONTENT);
        let (invitation, handle) = Self::invite(site, &path).await;
        Self { site, path, other, invitation, handle }
    }

    /// An invitation of a minute ago, as if its mail had been sent.
    async fn invite(site: &Site, path: &str) -> (InvitationId, Handle) {
        let (now, handle) = (site.clock.now(), Handle::random());
        let asked_at = now.before(Duration::from_secs(60));
        let invitation = Invitation {
            id: InvitationId::new(now),
            org_id: org_id(path),
            email: "guest@example.org".to_owned(),
            email_key: "guest@example.org".to_owned(),
            role: "viewer".to_owned(),
            status: PENDING.to_owned(),
            invited_by: "owner".to_owned(),
            accepted_by: None,
            created_at: asked_at,
            asked_at,
            expires_at: now.after(Duration::from_secs(60)),
            closed_at: None,
        };
        let (id, hash) = (invitation.id, handle.hash());
        let inserted = site.app().db().transaction(move |conn| {
            assert!(invitations::insert(conn, &invitation)?);
            handles::insert(conn, hash, id, now)
        });
        assert_eq!(inserted.await.unwrap(), 1);
        (id, handle)
    }

    async fn delete(&self) {
        let deleted = self.site.member("owner").send(Method::DELETE, &self.path, None).await;
        assert_eq!(deleted.status, StatusCode::NO_CONTENT);
    }

    fn actor(&self, who: Who, scope: Scope) -> Actor<'a> {
        let superuser = who == Who::Superuser;
        match (who, scope) {
            (Who::Anonymous, _) => self.site.anonymous(),
            (_, Scope::Nothing) if superuser => self.site.superuser(who.user_id()),
            (_, Scope::Nothing) => self.site.member(who.user_id()),
            (_, Scope::This) => self.site.scoped(who.user_id(), superuser, &self.path),
            (_, Scope::Another) => self.site.scoped(who.user_id(), superuser, &self.other),
        }
    }

    /// Where a route is asked, and with what.
    fn request(&self, method: &str, path: &str) -> (String, Option<Value>) {
        let id = self.path.strip_prefix(BASE).unwrap().trim_matches('/');
        let path = path.replace("{id}", id).replace("{user_id}", "target").replace("{name}", "custom");
        let path = path.replace("{invitation_id}", &self.invitation.to_string());
        let body = match (method, path.rsplit('/').nth(1)) {
            ("POST", Some("transfer")) => json!({"user_id": "target"}),
            ("POST", Some("accept")) => json!({"handle": self.handle.expose()}),
            ("POST", Some("invitations")) => json!({"email": "another@example.org", "role": "viewer"}),
            ("POST", Some("roles")) => json!({"name": "another", "permissions": []}),
            ("PATCH", Some("target")) => json!({"role": "viewer"}),
            _ => json!({"name": format!("New {id}"), "description": "x"}),
        };
        (format!("{BASE}{path}"), (method != "GET" && method != "DELETE").then_some(body))
    }
}

#[actix_web::test]
async fn nobody_does_in_an_organization_what_is_not_theirs_to_do() {
    let settings = [("ORG_INVITATION_ADDRESS", "any"), ("ORG_MAIL_URL", "memory:")];
    let site = Site::with_issuer(&settings, Some(Arc::<People>::default().issuer())).await;
    let holds = |role: &str, permission: &str| {
        site.policy().built_in(role).is_some_and(|role| role.permissions.contains(permission))
    };
    let mut cells = 0;
    for (method, path, rule) in RULES {
        for who in EVERYBODY {
            for scope in [Scope::Nothing, Scope::This, Scope::Another] {
                cells += 1;
                let stage = Stage::set(&site, cells).await;
                if *rule == Deleter {
                    stage.delete().await;
                }
                let (url, body) = stage.request(method, path);
                let actor = stage.actor(who, scope);
                let answer = actor.send(method.parse().unwrap(), &url, body).await;
                let unknown = answer.body["detail"] == "No Organization matches the given query.";
                let met = match answer.status {
                    StatusCode::UNAUTHORIZED => Verdict::SignIn,
                    StatusCode::FORBIDDEN => Verdict::Forbidden,
                    StatusCode::NOT_FOUND if unknown => Verdict::Unknown,
                    _ => Verdict::Allowed,
                };
                let mut wanted = expected(*rule, who, scope, holds);
                // Whoever may do it and cannot is told why; nothing else passes for allowed.
                if wanted == Verdict::Allowed && !answer.status.is_success() {
                    assert_eq!(
                        answer.status,
                        StatusCode::CONFLICT,
                        "{method} {path} {who:?} {scope:?}: {answer:?}"
                    );
                    wanted = met;
                }
                assert_eq!(met, wanted, "{method} {path} by {who:?} with {scope:?}: {answer:?}");
            }
        }
    }
    assert_eq!(cells, RULES.len() * 24);
}

/// A list shows what the token speaks for.
#[actix_web::test]
async fn lists_show_each_caller_their_own() {
    let site = Site::new(&[]).await;
    let stage = Stage::set(&site, 1).await;
    for (who, scope, count) in [
        (Who::OtherOwner, Scope::Nothing, 1),
        (Who::Removed, Scope::Nothing, 1),
        (Who::Removed, Scope::This, 0),
        (Who::Viewer, Scope::Nothing, 2),
        (Who::Viewer, Scope::This, 1),
        (Who::Viewer, Scope::Another, 1),
        (Who::Superuser, Scope::Nothing, 2),
        (Who::Superuser, Scope::This, 0),
    ] {
        let listed = stage.actor(who, scope).get(super::LIST).await;
        assert_eq!(listed.body["count"], count, "{who:?} {scope:?}");
    }
}

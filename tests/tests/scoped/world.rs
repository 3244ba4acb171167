//! [`World`]: an auth service, a third service behind it, an organization service that does as it is
//! told, and `ada`, who is a member of two organizations.

use auth_service::store::sessions::Session;
use e2e::{Actor, Answer, Cluster, Node, Settings, claims, session_of, until};
use reqwest::Method;
use serde_json::{Value, json};
use shared::{
    internal::SERVICE_SECRET_HEADER, issuer::Change, organizations::Membership, revocation::wire::PATH,
};

use crate::{NODE, PROMPT, fake::Fake};

pub(crate) const ACME: &str = "01890a5d-ac96-774b-bcce-b302099a8057";
pub(crate) const GLOBEX: &str = "01890a5d-ac96-774b-bcce-b302099a8058";
pub(crate) const OBTAIN: &str = "/api/v1/user/token/";
pub(crate) const REFRESH: &str = "/api/v1/user/token/refresh/";
pub(crate) const SWITCH: &str = "/api/v1/user/token/organization/";
/// What the third service shows to members that may read invoices.
pub(crate) const INVOICES: &str = "/invoices";
/// Claims that only a token for an organization has.
pub(crate) const SCOPE: [&str; 4] = ["org_id", "org_role", "permissions", "mv"];

pub(crate) struct World {
    pub(crate) cluster: Cluster,
    pub(crate) organizations: Fake,
    pub(crate) auth: Node,
    pub(crate) validator: Node,
    /// Ada's user id.
    pub(crate) ada: String,
}

impl World {
    pub(crate) async fn start(settings: Settings<'_>) -> anyhow::Result<Self> {
        let cluster = Cluster::with(NODE, settings)?;
        let organizations = Fake::start(cluster.secret())?;
        let auth = cluster.auth_with(&[("AUTH_ORG_URL", &organizations.url)]).await?;
        let validator = cluster.protected(&auth).await?;
        let ada = cluster.user("ada").await?.subject;
        let world = Self { cluster, organizations, auth, validator, ada };
        world.admit(&["acme", ACME], &reader(ACME, 5));
        world.admit(&["globex", GLOBEX], &reader(GLOBEX, 7));
        Ok(world)
    }

    /// Ada is a member of the organization with these names.
    pub(crate) fn admit(&self, names: &[&str], membership: &Membership) {
        self.organizations.admit(names, &self.ada, membership);
    }

    /// Logs ada in, for no organization.
    pub(crate) async fn login(&self) -> anyhow::Result<Actor> {
        self.cluster.login(&self.auth, "ada").await
    }

    /// A token of the actor's session for an organization.
    pub(crate) async fn switch(&self, actor: &Actor, organization: &str) -> anyhow::Result<String> {
        let answer = actor.post(SWITCH, &json!({"organization": organization})).await?;
        anyhow::ensure!(answer.status == 200, "{organization}: {answer:?}");
        answer.text_of("access")
    }

    /// What the third service answers to this token.
    pub(crate) async fn invoices(&self, token: &str) -> anyhow::Result<Answer> {
        self.validator.anonymous().bearing(token).get(INVOICES).await
    }

    /// The status of that.
    pub(crate) async fn status(&self, token: &str) -> anyhow::Result<u16> {
        Ok(self.invoices(token).await?.status)
    }

    /// The row of a token's session.
    pub(crate) async fn row(&self, token: &str) -> anyhow::Result<Session> {
        self.cluster.session(session_of(token)?).await
    }

    /// Calls the auth service's management port with this secret.
    pub(crate) async fn internal(&self, path: &str, secret: &str, body: &Value) -> anyhow::Result<Answer> {
        let actor = Actor::new(&self.auth.management);
        let request = actor.request(Method::POST, path).header(SERVICE_SECRET_HEADER, secret);
        actor.send(request.json(body)).await
    }

    /// Tells the auth service of changes, as the organization service does.
    pub(crate) async fn tell(&self, changes: &[Change]) -> anyhow::Result<()> {
        let answer = self.internal(PATH, self.cluster.secret(), &json!({"entries": changes})).await?;
        anyhow::ensure!(answer.status == 204, "{answer:?}");
        Ok(())
    }

    /// Waits until the third service answers this token with a status.
    pub(crate) async fn becomes(&self, token: &str, status: u16) -> anyhow::Result<()> {
        let what = format!("{status} for {}", claims(token)?);
        until(&what, PROMPT, async || Ok(self.status(token).await? == status)).await.map(drop)
    }
}

/// A member that may read invoices.
pub(crate) fn reader(org_id: &str, version: i64) -> Membership {
    let permissions = Some(vec!["invoice:read".to_owned(), "member:read".to_owned()]);
    Membership { org_id: org_id.to_owned(), role: "viewer".to_owned(), permissions, version }
}

/// Demands that a token speaks for this membership, as it is put into tokens.
pub(crate) fn speaks_for(token: &str, membership: &Membership) -> anyhow::Result<()> {
    let claims = claims(token)?;
    assert_eq!(claims["org_id"], membership.org_id, "{claims}");
    assert_eq!(claims["org_role"], membership.role);
    assert_eq!(claims.get("permissions"), membership.permissions.as_ref().map(|some| json!(some)).as_ref());
    assert_eq!(claims["mv"], membership.version);
    assert_eq!(claims["token_type"], "access");
    Ok(())
}

/// Demands that a token speaks for no organization.
pub(crate) fn speaks_for_none(token: &str) -> anyhow::Result<()> {
    let claims = claims(token)?;
    for name in SCOPE {
        assert_eq!(claims.get(name), None, "{claims}");
    }
    Ok(())
}

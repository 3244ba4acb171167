//! [`World`]: an auth service and organization services that know each other, and can be killed and
//! started again where they were.

use std::net::TcpListener;

use anyhow::{Context as _, ensure};
use e2e::{Actor, Cluster, Node, until};
use org_service::store::{
    memberships::{self, Membership},
    organizations::OrgId,
};
use serde_json::{Value, json};
use shared::Clock;

use crate::{NODE, PATIENCE};

/// Where organizations are.
pub(crate) const ORGANIZATIONS: &str = "/api/v1/organization/";
/// Where a token for an organization is had.
pub(crate) const SWITCH: &str = "/api/v1/user/token/organization/";

/// Services that know each other.
pub(crate) struct World {
    pub(crate) cluster: Cluster,
    pub(crate) auth: Node,
    /// The organization service that the auth service asks.
    pub(crate) org: Node,
    ports: [u16; 4],
}

impl World {
    pub(crate) async fn start(settings: e2e::Settings<'_>) -> anyhow::Result<Self> {
        let cluster = Cluster::with(NODE, settings)?;
        let ports = free_ports()?;
        let auth = start_auth(&cluster, ports).await?;
        let org = start_org(&cluster, ports, &[]).await?;
        Ok(Self { cluster, auth, org, ports })
    }

    /// Starts the auth service again where it was.
    pub(crate) async fn restart_auth(&mut self) -> anyhow::Result<()> {
        self.auth = start_auth(&self.cluster, self.ports).await?;
        Ok(())
    }

    /// Starts the organization service again where it was.
    pub(crate) async fn restart_org(&mut self) -> anyhow::Result<()> {
        self.restart_org_with(&[]).await
    }

    /// The same with further settings.
    pub(crate) async fn restart_org_with(&mut self, settings: e2e::Settings<'_>) -> anyhow::Result<()> {
        self.org = start_org(&self.cluster, self.ports, settings).await?;
        Ok(())
    }

    /// A new user, logged in, and its user id.
    pub(crate) async fn person(&self, name: &str) -> anyhow::Result<Person> {
        let user = self.cluster.user(name).await?;
        let actor = self.cluster.login(&self.auth, name).await?;
        Ok(Person { user_id: user.subject, actor })
    }

    /// Makes an organization of this person's.
    pub(crate) async fn organization(&self, owner: &Person, name: &str) -> anyhow::Result<String> {
        let made = self.at_org(owner).post(ORGANIZATIONS, &json!({ "name": name })).await?;
        ensure!(made.status == 201, "{made:?}");
        let id = made.json.pointer("/data/id").and_then(Value::as_str).context("an id")?;
        Ok(id.to_owned())
    }

    /// Makes somebody a member, as an accepted invitation does.
    pub(crate) async fn join(&self, org_id: &str, person: &Person, role: &str) -> anyhow::Result<()> {
        let now = Clock::System.now();
        let member = Membership {
            org_id: OrgId::from_uuid(org_id.parse()?),
            user_id: person.user_id.clone(),
            role: role.to_owned(),
            created_at: now,
            updated_at: now,
        };
        let added = self.cluster.org_db.db.write(move |conn| memberships::insert(conn, member)).await?;
        ensure!(added, "a member already");
        Ok(())
    }

    /// Whether somebody is a member, by the database.
    pub(crate) async fn is_member(&self, org_id: &str, person: &Person) -> anyhow::Result<bool> {
        let (org_id, user_id) = (OrgId::from_uuid(org_id.parse()?), person.user_id.clone());
        let found =
            self.cluster.org_db.db.read(move |conn| memberships::find(conn, org_id, &user_id)).await?;
        Ok(found.is_some())
    }

    /// The same person at the organization service.
    pub(crate) fn at_org(&self, person: &Person) -> Actor {
        Actor::new(&self.org.base).bearing(person.access())
    }

    /// A token for an organization.
    pub(crate) async fn scoped(&self, person: &Person, org_id: &str) -> anyhow::Result<String> {
        let answer = person.actor.post(SWITCH, &json!({ "organization": org_id })).await?;
        ensure!(answer.status == 200, "{answer:?}");
        answer.text_of("access")
    }
}

/// A user who is logged in.
pub(crate) struct Person {
    pub(crate) user_id: String,
    pub(crate) actor: Actor,
}

impl Person {
    pub(crate) fn access(&self) -> &str {
        self.actor.access.as_deref().unwrap_or_default()
    }
}

/// What a service says of a token: its status where nothing but a token is needed.
pub(crate) async fn shown(base: &str, path: &str, token: &str) -> anyhow::Result<u16> {
    Ok(Actor::new(base).bearing(token).get(path).await?.status)
}

/// Waits until a service accepts or refuses a token, as is wanted.
pub(crate) async fn becomes(base: &str, path: &str, token: &str, wanted: u16) -> anyhow::Result<()> {
    let what = format!("{path} at {base} answers {wanted}");
    until(&what, PATIENCE, async || Ok(shown(base, path, token).await.is_ok_and(|met| met == wanted)))
        .await?;
    Ok(())
}

/// Ports that are free now, so that services find each other before either has started.
fn free_ports() -> anyhow::Result<[u16; 4]> {
    // Held all at once, so that they differ.
    let held = [(); 4].map(|()| TcpListener::bind("127.0.0.1:0"));
    let mut ports = [0; 4];
    for (port, listener) in ports.iter_mut().zip(held) {
        *port = listener?.local_addr()?.port();
    }
    Ok(ports)
}

async fn start_auth(cluster: &Cluster, [public, management, _, org]: [u16; 4]) -> anyhow::Result<Node> {
    let at = |port: u16| format!("127.0.0.1:{port}");
    let settings = [
        ("AUTH_LISTEN", at(public)),
        ("AUTH_MANAGEMENT_LISTEN", at(management)),
        ("AUTH_ORG_URL", format!("http://{}", at(org))),
    ];
    cluster.auth_with(&settings.each_ref().map(|(name, value)| (*name, value.as_str()))).await
}

async fn start_org(
    cluster: &Cluster,
    [_, auth, public, management]: [u16; 4],
    settings: e2e::Settings<'_>,
) -> anyhow::Result<Node> {
    let at = |port: u16| format!("127.0.0.1:{port}");
    let own = [("ORG_LISTEN", at(public)), ("ORG_MANAGEMENT_LISTEN", at(management))];
    let own = own.each_ref().map(|(name, value)| (*name, value.as_str()));
    cluster.org_at(&format!("http://{}", at(auth)), &[&own, settings].concat(), 2).await
}

//! Every cause that revokes, each at services in processes of their own: the session's access token is
//! refused by all of them within [`PROMPT`] of the answer, and for good; nobody else notices.

use auth_service::{accounts::Accounts, password::HashPool, store::users::UserIdField};
use e2e::{Actor, Cluster, Node, PASSWORD, session_of};
use futures_util::future::BoxFuture;
use reqwest::Method;
use serde_json::json;
use shared::{Clock, Secret};

use crate::{
    NODE, PROMPT, cookie,
    watch::{ALWAYS, NEVER_AGAIN, Shown, Validator, Watch, accepted, refused},
};

/// What a cause has to work with.
pub(crate) struct World {
    pub(crate) cluster: Cluster,
    pub(crate) auth: Node,
    _validating: [Node; 2],
    pub(crate) validators: [Validator; 3],
}

impl World {
    pub(crate) async fn start(settings: e2e::Settings<'_>) -> anyhow::Result<Self> {
        let cluster = Cluster::with(NODE, settings)?;
        let auth = cluster.auth().await?;
        let (org, protected) = tokio::try_join!(cluster.org(&auth), cluster.protected(&auth))?;
        let validators = [Validator::org(&org), Validator::protected(&protected), Validator::auth(&auth)];
        Ok(Self { cluster, auth, _validating: [org, protected], validators })
    }

    /// The operations on users, in this process instead of the service's.
    pub(crate) fn accounts(&self) -> Accounts {
        let db = self.cluster.auth_db.db.clone();
        Accounts { db, clock: Clock::System, user_id_field: UserIdField::Id }
    }
}

/// Revokes the session of a user; gives access tokens that must go on all the same.
type Revoke = for<'a> fn(&'a World, &'a str, &'a Actor) -> BoxFuture<'a, anyhow::Result<Vec<String>>>;

/// Every cause, and the user it happens to. The revocation of keys has a file of its own.
const CAUSES: [(&str, Revoke); 12] = [
    ("logout", |world, _, actor| Box::pin(post(world, actor, "/api/v1/user/logout/"))),
    ("logout-all", |world, _, actor| Box::pin(post(world, actor, "/api/v1/user/logout/all/"))),
    ("one-session", |world, name, actor| Box::pin(end_one_of_several(world, name, actor))),
    ("blacklist", |_, _, actor| Box::pin(blacklist(actor))),
    ("reuse", |_, _, actor| Box::pin(reuse(actor))),
    ("password-command", |world, name, _| {
        Box::pin(command(world, ["user", "set-password", name, "--password-stdin"]))
    }),
    ("password", |world, name, _| Box::pin(set_password(world, name))),
    ("inactive-command", |world, name, _| Box::pin(command(world, ["user", "set-active", name, "false"]))),
    ("inactive", |world, name, _| Box::pin(deactivate(world, name))),
    ("deleted", |world, name, _| Box::pin(command(world, ["user", "delete", name]))),
    ("superuser-command", |world, name, _| Box::pin(command(world, ["user", "set-superuser", name, "true"]))),
    ("superuser", |world, name, _| Box::pin(make_superuser(world, name))),
];

async fn ok(actor: &Actor, request: reqwest::RequestBuilder) -> anyhow::Result<Vec<String>> {
    let answer = actor.send(request).await?;
    anyhow::ensure!((200..300).contains(&answer.status), "{answer:?}");
    Ok(Vec::new())
}

async fn post(_: &World, actor: &Actor, path: &str) -> anyhow::Result<Vec<String>> {
    ok(actor, actor.request(Method::POST, path)).await
}

async fn end_one_of_several(world: &World, name: &str, actor: &Actor) -> anyhow::Result<Vec<String>> {
    let asking = world.cluster.login(&world.auth, name).await?;
    let third = world.cluster.login(&world.auth, name).await?;
    let id = session_of(actor.access.as_deref().unwrap_or_default())?;
    ok(&asking, asking.request(Method::DELETE, &format!("/api/v1/user/sessions/{id}/"))).await?;
    Ok([asking, third].into_iter().filter_map(|other| other.access).collect())
}

async fn blacklist(actor: &Actor) -> anyhow::Result<Vec<String>> {
    let body = json!({"refresh": actor.refresh});
    ok(actor, actor.request(Method::POST, "/api/v1/user/token/blacklist/").json(&body)).await
}

/// The first refresh token again after two rotations. All access tokens of the session belong to it.
async fn reuse(actor: &Actor) -> anyhow::Result<Vec<String>> {
    let first = actor.refresh.as_deref().unwrap_or_default();
    let second = actor.refresh_with(first).await?.text_of("refresh")?;
    let third = actor.refresh_with(&second).await?;
    anyhow::ensure!(third.status == 200, "{third:?}");
    let replayed = actor.refresh_with(first).await?;
    anyhow::ensure!((replayed.status, replayed.detail()) == (401, "Token is blacklisted"), "{replayed:?}");
    Ok(Vec::new())
}

async fn command<const N: usize>(world: &World, arguments: [&str; N]) -> anyhow::Result<Vec<String>> {
    world.cluster.command(&arguments, "another-Pa55word\n").await.map(|_| Vec::new())
}

pub(crate) async fn set_password(world: &World, name: &str) -> anyhow::Result<Vec<String>> {
    let pool = HashPool::new(std::num::NonZeroUsize::MIN, 1)?;
    let password = Secret::new("another-Pa55word".to_owned());
    world.accounts().set_password(&pool, name, password).await?;
    Ok(Vec::new())
}

async fn deactivate(world: &World, name: &str) -> anyhow::Result<Vec<String>> {
    world.accounts().set_active(name, false).await?;
    Ok(Vec::new())
}

async fn make_superuser(world: &World, name: &str) -> anyhow::Result<Vec<String>> {
    world.accounts().set_superuser(name, true).await?;
    Ok(Vec::new())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_cause_is_refused_everywhere_at_once_and_for_good() -> anyhow::Result<()> {
    let world = World::start(&[]).await?;
    world.cluster.user("bystander").await?;
    let bystander = world.cluster.login(&world.auth, "bystander").await?;
    let bystander = Shown::Bearer(bystander.access.unwrap_or_default());
    let unharmed = Watch::over("bystander", &world.validators, &bystander, ALWAYS);
    let mut watches = Vec::new();
    for (name, revoke) in CAUSES {
        world.cluster.user(name).await?;
        let actor = world.cluster.login(&world.auth, name).await?;
        let token = Shown::Bearer(actor.access.clone().unwrap_or_default());
        accepted(&world.validators, &token).await?;
        let spared = revoke(&world, name, &actor).await?;
        refused(&world.validators, &token, PROMPT).await.map_err(|error| error.context(name))?;
        watches.push(Watch::over(name, &world.validators, &token, NEVER_AGAIN));
        for spared in spared {
            accepted(&world.validators, &Shown::Bearer(spared)).await?;
        }
    }
    for watch in watches {
        watch.finish().await?;
    }
    unharmed.finish().await.map(drop)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_logout_by_cookie_is_refused_everywhere_too() -> anyhow::Result<()> {
    let world = World::start(&[]).await?;
    for name in ["ada", "eve"] {
        world.cluster.user(name).await?;
    }
    // The auth service shows an account to nobody's cookie whose session it does not find live.
    let [org, protected, _] = &world.validators;
    let validators = [org.clone(), protected.clone()];
    let ada = cookie::log_in(&world.auth, "ada", PASSWORD).await?;
    let eve = cookie::log_in(&world.auth, "eve", PASSWORD).await?;
    for path in ["/api/v1/user/logout/", "/api/v1/user/token/logout/"] {
        let ada = if path.contains("token") {
            cookie::log_in(&world.auth, "ada", PASSWORD).await?
        } else {
            ada.clone()
        };
        accepted(&validators, &ada.shown()).await?;
        ada.log_out(path).await?;
        refused(&validators, &ada.shown(), PROMPT).await?;
        accepted(&validators, &eve.shown()).await?;
        refused(&validators, &ada.shown(), PROMPT).await?;
    }
    Ok(())
}

//! A validator that is cut off from the auth service, in every way in which that happens: nothing
//! revoked is accepted for longer than the settings allow, what is good is put off and never refused,
//! and once the fault is gone all is well without anybody's doing.

use std::time::{Duration, Instant};

use e2e::{Actor, Answer, Cluster, Mode, Node, Proxy, until};
use futures_util::future::try_join_all;
use serde_json::json;

use crate::{
    NODE, PATIENCE,
    watch::{NEVER_ACCEPTED, NEVER_REFUSED, Shown, Validator, Watch, accepted, refused},
};

/// How long a validator may go on by what it heard last. The shortest that can be set.
const MAX_STALENESS: Duration = Duration::from_secs(2);
/// The same as a setting.
pub(crate) const STALENESS: (&str, &str) = ("REVOCATION_MAX_STALENESS", "2s");
/// What the machine may take beyond it.
const SLACK: Duration = Duration::from_secs(1);
/// One way, so that a request and its answer take longer than is allowed and a connection comes about
/// all the same. Nobody can tell how much of the two was the request.
const LATENCY: Duration = Duration::from_millis(1500);
/// More than two heartbeats.
const STEADY: Duration = Duration::from_millis(2200);
/// Within this a validator is back: a silence that it takes for a dead connection, and the longest pause
/// between two attempts.
const BACK: Duration = Duration::from_secs(12);

/// Two auth services on one database, so that one can fail while sessions end at the other, and the
/// tokens of three users: one good, one whose session has ended before, one whose ends in between.
pub(crate) struct Scene {
    pub(crate) cluster: Cluster,
    pub(crate) auth: Node,
    other: Node,
    pub(crate) good: Shown,
    ended: (Actor, Shown),
    victim: (Actor, Shown),
}

impl Scene {
    pub(crate) async fn start() -> anyhow::Result<Self> {
        let cluster = Cluster::new(NODE)?;
        let (auth, other) = tokio::try_join!(cluster.auth(), cluster.auth())?;
        let mut logins = Vec::new();
        for name in ["good", "ended", "victim"] {
            cluster.user(name).await?;
            let actor = cluster.login(&other, name).await?;
            let token = Shown::Bearer(actor.access.clone().unwrap_or_default());
            logins.push((actor, token));
        }
        let [(_, good), ended, victim] = <[_; 3]>::try_from(logins).unwrap_or_else(|_| unreachable!());
        Ok(Self { cluster, auth, other, good, ended, victim })
    }

    /// Starts a validator that is told of everything through a proxy of its own.
    pub(crate) async fn site(&self, settings: e2e::Settings<'_>) -> anyhow::Result<Site> {
        let proxy = Proxy::before_url(&self.auth.management.parse()?).await?;
        let address = format!("http://{}", proxy.address);
        let node = self.cluster.org_at(&address, &[&[STALENESS], settings].concat(), 2).await?;
        Ok(Site { validator: [Validator::org(&node)], address, node, proxy })
    }

    /// Ends the first session, as everybody is told.
    pub(crate) async fn before(&self, sites: &[&Site]) -> anyhow::Result<()> {
        log_out(&self.ended.0).await?;
        for site in sites {
            accepted(&site.validator, &self.good).await?;
            accepted(&site.validator, &self.victim.1).await?;
            refused(&site.validator, &self.ended.1, PATIENCE).await?;
        }
        Ok(())
    }

    /// Ends another session; it is over once this returns.
    pub(crate) async fn revoke(&self) -> anyhow::Result<()> {
        log_out(&self.victim.0).await
    }

    /// Watches over a validator that is cut off, or will be.
    pub(crate) fn watch(&self, site: &Site) -> [Watch; 2] {
        [
            Watch::over("ended before", &site.validator, &self.ended.1, NEVER_ACCEPTED),
            Watch::over("good", &site.validator, &self.good, NEVER_REFUSED),
        ]
    }

    /// Demands what must hold at a validator that has been cut off, once the session has ended.
    pub(crate) async fn check_cut_off(&self, site: &Site) -> anyhow::Result<Watch> {
        let [validator] = &site.validator;
        let what = "the end of a session is honoured without being heard of";
        let victim = &self.victim.1;
        until(what, MAX_STALENESS + SLACK, async || Ok(validator.status(victim).await != Some(200))).await?;
        let never = Watch::over("ended meanwhile", &site.validator, victim, NEVER_ACCEPTED);
        validator.answers(&self.good, 503, MAX_STALENESS + SLACK).await?;
        put_off(&validator.ask(&self.good).await?)?;
        assert_eq!(validator.status(&self.ended.1).await, Some(401), "known before, and still");
        let ready = Actor::new(&site.node.management).get("/readyz").await?;
        assert_eq!(ready.status, 503, "{ready:?}");
        Ok(never)
    }

    /// Demands that a validator is back.
    pub(crate) async fn check_back(&self, site: &Site) -> anyhow::Result<()> {
        let [validator] = &site.validator;
        validator.answers(&self.good, 200, BACK).await?;
        for token in [&self.victim.1, &self.ended.1] {
            refused(&site.validator, token, PATIENCE).await?;
        }
        let management = Actor::new(&site.node.management);
        let mut since = Instant::now();
        until("it is ready and remains so", BACK, async || {
            if management.get("/readyz").await?.status != 200 {
                since = Instant::now();
            }
            Ok(since.elapsed() > STEADY)
        })
        .await
        .map(drop)
    }

    /// The token of the session that [`Scene::revoke`] ends.
    pub(crate) const fn victim(&self) -> &Shown {
        &self.victim.1
    }

    /// The token of the session that [`Scene::before`] ends.
    pub(crate) const fn ended(&self) -> &Shown {
        &self.ended.1
    }
}

/// A validator behind a proxy.
pub(crate) struct Site {
    pub(crate) node: Node,
    pub(crate) proxy: Proxy,
    pub(crate) address: String,
    pub(crate) validator: [Validator; 1],
}

async fn log_out(actor: &Actor) -> anyhow::Result<()> {
    let answer = actor.post("/api/v1/user/logout/", &json!({})).await?;
    anyhow::ensure!(answer.status == 200, "{answer:?}");
    Ok(())
}

/// Demands that somebody is asked to try again.
pub(crate) fn put_off(answer: &Answer) -> anyhow::Result<()> {
    let told = (answer.status, answer.code(), answer.header("retry-after"));
    anyhow::ensure!(told == (503, "unavailable", "1"), "{answer:?}");
    Ok(())
}

/// The network fails between services that are well: a black hole, a delay beyond what is allowed (on
/// the connection that exists, and on one made under it), a cut.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_network_that_fails_costs_no_safety_and_heals_by_itself() -> anyhow::Result<()> {
    let scene = Scene::start().await?;
    let sites = try_join_all((0..4).map(|_| scene.site(&[]))).await?;
    let [hole, late, late_anew, cut] = <[Site; 4]>::try_from(sites).unwrap_or_else(|_| unreachable!());
    let sites = [&hole, &late, &late_anew, &cut];
    scene.before(&sites).await?;
    let watches: Vec<_> = sites.iter().flat_map(|site| scene.watch(site)).collect();
    hole.proxy.set(Mode::Swallow);
    late.proxy.set(Mode::Delay(MAX_STALENESS + SLACK));
    for site in [&late_anew, &cut] {
        site.proxy.set(Mode::Cut);
    }
    // The connection has to be gone before the next is made.
    late_anew.proxy.none_left().await;
    late_anew.proxy.set(Mode::Delay(LATENCY));
    scene.revoke().await?;
    let never = try_join_all(sites.iter().map(|site| scene.check_cut_off(site))).await?;
    // Its heartbeats come again, late; nothing that is late makes it believe.
    let [validator] = &late_anew.validator;
    until("a connection made under delay", PATIENCE, async || Ok(late_anew.snapshots().await? > 1.0)).await?;
    put_off(&validator.ask(&scene.good).await?)?;
    for site in sites {
        site.proxy.set(Mode::Pass);
    }
    try_join_all(sites.iter().map(|site| scene.check_back(site))).await?;
    for watch in watches.into_iter().chain(never) {
        watch.finish().await?;
    }
    Ok(())
}

impl Site {
    async fn snapshots(&self) -> anyhow::Result<f64> {
        crate::lying::metric(&self.node, "revocation_snapshots").await
    }
}

/// The auth service that a validator follows stands still, or dies and is started again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_auth_service_that_stands_still_or_dies_costs_no_safety() -> anyhow::Result<()> {
    let mut scene = Scene::start().await?;
    let site = scene.site(&[]).await?;
    scene.before(&[&site]).await?;
    let watches = scene.watch(&site);
    scene.auth.stop()?;
    scene.revoke().await?;
    let never = scene.check_cut_off(&site).await?;
    scene.auth.resume()?;
    scene.check_back(&site).await?;

    let address = scene.auth.management.trim_start_matches("http://").to_owned();
    scene.auth.kill().await?;
    let [validator] = &site.validator;
    validator.answers(&scene.good, 503, MAX_STALENESS + SLACK).await?;
    put_off(&validator.ask(&scene.good).await?)?;
    // A session that ends while nobody is there to tell.
    let actor = scene.cluster.login(&scene.other, "victim").await?;
    let token = Shown::Bearer(actor.access.clone().unwrap_or_default());
    log_out(&actor).await?;
    let unheard = Watch::over("ended untold", &site.validator, &token, NEVER_ACCEPTED);
    scene.auth = scene.cluster.auth_with(&[("AUTH_MANAGEMENT_LISTEN", &address)]).await?;
    scene.check_back(&site).await?;
    refused(&site.validator, &token, PATIENCE).await?;
    for watch in watches.into_iter().chain([never, unheard]) {
        watch.finish().await?;
    }
    Ok(())
}

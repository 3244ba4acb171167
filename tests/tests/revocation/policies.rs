//! What operators can choose: to carry on, to do without, and what they cannot: to follow without the
//! secret.

use e2e::{Cluster, Mode, Node, until};

use crate::{
    NODE, PATIENCE,
    faults::Scene,
    lying::metric,
    offline::silent,
    watch::{ALWAYS, NEVER_AGAIN, Shown, Validator, Watch, accepted, refused},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_chose_to_carry_on_does_so_and_shows_it() -> anyhow::Result<()> {
    let scene = Scene::start().await?;
    let site = scene.site(&[("REVOCATION_STALE", "carry_on")]).await?;
    scene.before(&[&site]).await?;
    assert_eq!(metric(&site.node, "revocation_carrying_on").await?.to_bits(), 0_f64.to_bits());
    let good = Watch::over("good", &site.validator, &scene.good, ALWAYS);
    let ended = Watch::over("ended before", &site.validator, scene.ended(), NEVER_AGAIN);
    site.proxy.set(Mode::Cut);
    scene.revoke().await?;
    until("the metric says so", PATIENCE, async || {
        Ok(metric(&site.node, "revocation_carrying_on").await? > 0.0)
    })
    .await?;
    accepted(&site.validator, &scene.good).await?;
    accepted(&site.validator, scene.victim()).await?;
    site.proxy.set(Mode::Pass);
    refused(&site.validator, scene.victim(), PATIENCE).await?;
    until("the metric takes it back", PATIENCE, async || {
        Ok(metric(&site.node, "revocation_carrying_on").await? < 1.0)
    })
    .await?;
    good.finish().await?;
    ended.finish().await.map(drop)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_revocation_a_token_works_to_its_end_and_the_log_says_so() -> anyhow::Result<()> {
    let cluster = Cluster::new(NODE)?;
    let auth = cluster.auth().await?;
    let off = [("REVOCATION", "off"), ("SERVICE_SECRET", "")];
    let org = cluster.org_with(&auth, &off).await?;
    let protected = cluster.protected_at(&auth.management, &off).await?;
    cluster.user("ada").await?;
    let ada = cluster.login(&auth, "ada").await?;
    let token = Shown::Bearer(ada.access.clone().unwrap_or_default());
    ada.post("/api/v1/user/logout/", &serde_json::json!({})).await?;
    refused(&[Validator::auth(&auth)], &token, PATIENCE).await?;
    let without = [Validator::org(&org), Validator::protected(&protected)];
    let works = Watch::over("works on", &without, &token, ALWAYS);
    for node in [&org, &protected] {
        let said = |log: String| log.contains("WARN") && log.contains("REVOCATION=off");
        until("the log says so", PATIENCE, async || Ok(said(node.log()))).await?;
    }
    works.finish().await.map(drop)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_secret_nobody_starts_and_with_a_wrong_one_nobody_serves() -> anyhow::Result<()> {
    let cluster = Cluster::new(NODE)?;
    let auth = cluster.auth().await?;
    let none = [("SERVICE_SECRET", "")];
    let starts: [anyhow::Result<Node>; 2] =
        [cluster.org_with(&auth, &none).await, cluster.protected_at(&auth.management, &none).await];
    for started in starts {
        let complaint = started.err().map(|error| error.to_string()).unwrap_or_default();
        let (_, log) = complaint.split_once("exit status: 1):\n").unwrap_or_default();
        assert_eq!(log.trim_end().lines().count(), 1, "{complaint}");
        assert!(log.contains("SERVICE_SECRET") && log.contains("REVOCATION=off"), "{complaint}");
    }

    cluster.user("ada").await?;
    let ada = cluster.login(&auth, "ada").await?;
    let token = Shown::Bearer(ada.access.unwrap_or_default());
    // A port that the kernel gave away a moment ago, and gives again last.
    let listen = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string();
    let wrong = [("SERVICE_SECRET", "wrong-0123456789-0123456789-0123456789"), ("ORG_LISTEN", &listen)];
    let org = cluster.org_at(&auth.management, &wrong, 1).await?;
    until("it has been turned away", PATIENCE, async || {
        Ok(org.log().contains("the revocation feed was lost"))
    })
    .await?;
    let validator =
        Validator { actor: e2e::Actor::new(&format!("http://{listen}")), path: "/api/v1/organization/" };
    silent(&validator, &token).await?;
    let ready = e2e::Actor::new(&org.management).get("/readyz").await?;
    assert_eq!(ready.status, 503, "{ready:?}");
    assert!(!org.log().contains("wrong-0123456789"), "{}", org.log());
    Ok(())
}

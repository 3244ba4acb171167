//! A database that cannot be used: one clear line without the password, soon.

use std::time::{Duration, Instant};

use e2e::{Cluster, Done, Mode, Proxy};
use shared::DbUrl;

use crate::NODE;

/// How long a start may take to give up: libpq waits five seconds for a server that says nothing.
const SOON: Duration = Duration::from_secs(15);

/// The complaint of both services, started on this database.
async fn complaints(cluster: &Cluster, url: &str) -> anyhow::Result<[String; 2]> {
    let began = Instant::now();
    let start = async |service: &str| -> anyhow::Result<String> {
        let more =
            [("AUTH_DATABASE_URL", url), ("ORG_DATABASE_URL", url), ("ORG_AUTH_URL", "http://127.0.0.1:1")];
        let done: Done = cluster.run(&[service, "serve"], &more, "").await?;
        done.complaint()
    };
    let (auth, org) = tokio::try_join!(start("auth"), start("org"))?;
    anyhow::ensure!(began.elapsed() < SOON, "{:?}", began.elapsed());
    Ok([auth, org])
}

/// Somewhere that no test's server is.
const AWAY: &str = "postgres://ada:hunter2@127.0.0.1:1/nothing";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_start_without_a_server_says_so_in_one_line() -> anyhow::Result<()> {
    let cluster = Cluster::new(NODE)?;
    for complaint in complaints(&cluster, AWAY).await? {
        assert!(
            complaint.starts_with("cannot connect to postgres://ada:***@127.0.0.1:1/nothing: "),
            "{complaint}"
        );
        assert!(complaint.contains("refused") && !complaint.contains("hunter2"), "{complaint}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_start_on_a_server_that_says_nothing_is_given_up() -> anyhow::Result<()> {
    let cluster = Cluster::new(NODE)?;
    let away = AWAY.parse()?;
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let proxy = Proxy::before("127.0.0.1", silent.local_addr()?.port()).await?;
    proxy.set(Mode::Swallow);
    for complaint in complaints(&cluster, proxy.through(&away)?.as_str()).await? {
        assert!(complaint.starts_with("cannot connect to postgres://ada:***@127.0.0.1:"), "{complaint}");
        assert!(complaint.contains("timeout expired") && !complaint.contains("hunter2"), "{complaint}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_password_or_name_is_told_and_not_shown() -> anyhow::Result<()> {
    let cluster = Cluster::new(NODE)?;
    let DbUrl::Postgres { url } = &cluster.auth_db.url else { return Ok(()) };
    let (mut password, mut name) = (url.clone(), url.clone());
    password.set_password(Some("hunter2")).ok();
    name.set_path("/tessera_nothing");
    let secret = url.password().unwrap_or_default();
    for (url, why) in [(&password, "password authentication failed"), (&name, "does not exist")] {
        for complaint in complaints(&cluster, url.as_str()).await? {
            assert!(complaint.starts_with("cannot connect to postgres://"), "{complaint}");
            assert!(complaint.contains(why) && !complaint.contains("hunter2"), "{complaint}");
            assert!(!complaint.contains(secret), "{complaint}");
        }
    }
    Ok(())
}

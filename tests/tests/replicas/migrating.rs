//! Migrations: each is applied once, by whoever is meant to.

use diesel::{QueryableByName, RunQueryDsl, connection::SimpleConnection, sql_query, sql_types::Text};
use e2e::{Cluster, Done};
use futures_util::future::{join_all, try_join_all};
use shared::{DbUrl, db::testing::TestDb, each_engine, random};

use crate::NODE;

/// How many processes start at once.
const REPLICAS: usize = 5;
const NEVER: (&str, &str) = ("MIGRATE", "never");

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = Text)]
    text: String,
}

async fn texts(database: &TestDb, query: &'static str) -> anyhow::Result<Vec<String>> {
    let rows = database.db.read(move |conn| each_engine!(conn => sql_query(query).load::<Row>(conn))).await?;
    Ok(rows.into_iter().map(|row| row.text).collect())
}

/// The versions in Diesel's table, as often as they stand there.
async fn applied(database: &TestDb) -> anyhow::Result<Vec<String>> {
    texts(database, "SELECT version AS text FROM __diesel_schema_migrations ORDER BY version").await
}

/// Runs a command of this service on its database.
async fn command(
    cluster: &Cluster,
    service: &str,
    arguments: &[&str],
    more: &[(&str, &str)],
) -> anyhow::Result<Done> {
    let (name, database) = match service {
        "auth" => ("AUTH_DATABASE_URL", &cluster.auth_db),
        _ => ("ORG_DATABASE_URL", &cluster.org_db),
    };
    let url = database.url.secret_text();
    let settings = [&[(name, url.as_str())], more].concat();
    cluster.run(&[&[service], arguments].concat(), &settings, "").await
}

/// The migrations that an empty database gets.
async fn all(service: &str) -> anyhow::Result<Vec<String>> {
    let cluster = Cluster::new(NODE)?;
    let out = command(&cluster, service, &["migrate"], &[]).await?.ok()?;
    let prefix = format!("{service}: applied ");
    Ok(out.lines().filter_map(|line| line.strip_prefix(&prefix)).map(str::to_owned).collect())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replicas_that_start_at_once_on_empty_databases_all_come_up() -> anyhow::Result<()> {
    let cluster = Cluster::new(NODE)?;
    let auth = try_join_all((0..REPLICAS).map(|_| cluster.auth())).await?;
    let org = try_join_all(auth.iter().map(|auth| cluster.org(auth))).await?;
    assert_eq!(applied(&cluster.auth_db).await?, all("auth").await?);
    assert_eq!(applied(&cluster.org_db).await?, all("org").await?);
    cluster.user("ada").await?;
    let ada = cluster.login(&auth[0], "ada").await?;
    for node in &org {
        let reader = node.anonymous().bearing(ada.access.as_deref().unwrap_or_default());
        assert_eq!(reader.get("/api/v1/organization/").await?.status, 200, "{}", node.log());
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_jobs_that_start_at_once_one_applies_each_migration() -> anyhow::Result<()> {
    let cluster = Cluster::new(NODE)?;
    for service in ["auth", "org"] {
        let jobs = join_all((0..REPLICAS).map(|_| command(&cluster, service, &["migrate"], &[]))).await;
        let told = jobs.into_iter().map(|job| job?.ok()).collect::<anyhow::Result<Vec<_>>>()?.concat();
        let mut lines: Vec<_> = told.lines().filter(|line| line.contains(": applied ")).collect();
        lines.sort_unstable();
        let once: Vec<_> =
            all(service).await?.iter().map(|version| format!("{service}: applied {version}")).collect();
        assert_eq!(lines, once, "{told}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_job_nobody_starts_and_nothing_is_made() -> anyhow::Result<()> {
    let cluster = Cluster::new(NODE)?;
    for (service, database) in [("auth", &cluster.auth_db), ("org", &cluster.org_db)] {
        let more = [NEVER, ("ORG_AUTH_URL", "http://127.0.0.1:1")];
        let expected = format!(
            "missing migrations: {}; MIGRATE=never leaves them to the command `{service}-service migrate`",
            all(service).await?.len()
        );
        assert_eq!(command(&cluster, service, &["serve"], &more).await?.complaint()?, expected);
        assert!(applied(database).await.is_err(), "{service}: there is a table");
        command(&cluster, service, &["migrate"], &more).await?.ok()?;
    }
    let expected = "missing migrations: ";
    let behind = Cluster::new(NODE)?;
    let complaint = command(&behind, "auth", &["user", "list"], &[NEVER]).await?.complaint()?;
    assert!(complaint.starts_with(expected), "{complaint}");
    // One of several is missing.
    command(&behind, "auth", &["migrate"], &[]).await?.ok()?;
    let last = "DELETE FROM __diesel_schema_migrations WHERE version = (SELECT max(version) FROM __diesel_schema_migrations)";
    behind.auth_db.db.write(move |conn| conn.batch_execute(last)).await?;
    let complaint = command(&behind, "auth", &["serve"], &[NEVER]).await?.complaint()?;
    assert!(complaint.starts_with("missing migrations: 1;"), "{complaint}");

    let auth = cluster.auth_with(&[NEVER]).await?;
    cluster.org_with(&auth, &[NEVER]).await.map(drop)
}

/// On PostgreSQL, where there are rights: one that may read and write rows, and make nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_the_job_a_service_needs_no_right_to_make_tables() -> anyhow::Result<()> {
    let cluster = Cluster::new(NODE)?;
    let DbUrl::Postgres { url } = &cluster.auth_db.url else { return Ok(()) };
    command(&cluster, "auth", &["migrate"], &[]).await?.ok()?;
    let role = format!("tessera_test_{}", random::hex32());
    let make = format!(
        "CREATE ROLE {role} LOGIN PASSWORD 'secret'; \
         GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {role}"
    );
    cluster.auth_db.db.write(move |conn| conn.batch_execute(&make)).await?;
    let mut own = url.clone();
    own.set_username(&role).and_then(|()| own.set_password(Some("secret"))).ok();
    let own = ("AUTH_DATABASE_URL", own.as_str());
    let served = cluster.auth_with(&[own, NEVER]).await;
    let refused = cluster.auth_with(&[own]).await;
    let remove = format!("DROP OWNED BY {role}; DROP ROLE {role}");
    let answer = match &served {
        Ok(node) => Some(node.anonymous().get("/.well-known/jwks.json").await?.status),
        Err(_) => None,
    };
    cluster.auth_db.db.write(move |conn| conn.batch_execute(&remove)).await?;
    assert_eq!(answer, Some(200), "{served:?}");
    assert!(
        refused.is_err_and(|error| error.to_string().contains("permission denied")),
        "the role may do more"
    );
    Ok(())
}

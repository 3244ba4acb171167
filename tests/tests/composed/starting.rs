//! Starting: from nothing, in the wrong order, with the wrong password, without secrets.

use std::collections::BTreeSet;

use anyhow::ensure;
use e2e::{Actor, until};
use tokio::process::Command;

use crate::{
    Composed, Container, ORGANIZATIONS,
    container::docker,
    system::{PATIENCE, Replicas, root, run},
};

const SERVICES: [&str; 2] = ["auth-service", "org-service"];

/// Five services meet two empty databases.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a Docker engine"]
async fn replicas_that_start_at_once_from_nothing_all_come_up() -> anyhow::Result<()> {
    let composed = Composed::new(&[]).await?;
    let took = composed.up(Replicas { auth: 2, org: 3 }).await?;
    println!("two auth services, three organization services and PostgreSQL healthy after {took:.1?}");
    let answer = Actor::new(&composed.base).get(ORGANIZATIONS).await?;
    ensure!((answer.status, answer.detail()) == (401, "Authentication credentials were not provided."));
    ensure!(answer.header("www-authenticate") == r#"Bearer realm="api""#, "{answer:?}");

    for service in SERVICES {
        let mut applied = Vec::new();
        for container in composed.containers(service).await? {
            println!("idle: {}", container.memory().await?);
            confined(&container).await?;
            let log = container.log().await?;
            ensure!(log.contains("NOT FOR PRODUCTION"), "{service} must say so loudly:\n{log}");
            ensure!(container.inspect("{{.RestartCount}}").await? == "0", "{service} needed a second try");
            applied.push(log);
        }
        let said = composed.compose(&["run", "--rm", "--no-deps", "-T", service, "migrate"]).await?;
        ensure!(said.contains("nothing to apply"), "{said}");
    }
    for service in ["postgres", "gateway"] {
        for container in composed.containers(service).await? {
            println!("idle: {}", container.memory().await?);
        }
    }
    for service in ["postgres", "gateway", "auth-service", "org-service"] {
        for container in composed.containers(service).await? {
            bounded(&container).await?;
        }
    }
    sizes().await
}

/// Memory, processes and logs have a limit, and it comes back by itself.
async fn bounded(container: &Container) -> anyhow::Result<()> {
    let template = "{{.HostConfig.Memory}} {{.HostConfig.PidsLimit}} {{.HostConfig.LogConfig.Config}} \
                    {{.HostConfig.RestartPolicy.Name}}";
    let said = container.inspect(template).await?;
    let (memory, rest) = said.split_once(' ').unwrap_or_default();
    ensure!(memory.parse::<u64>()? > 0, "{said}");
    ensure!(rest == "256 map[max-file:3 max-size:10m] unless-stopped", "{said}");
    Ok(())
}

/// Not root, nothing to write to, no privilege.
async fn confined(container: &Container) -> anyhow::Result<()> {
    let template =
        "{{.Config.User}} {{.HostConfig.ReadonlyRootfs}} {{.HostConfig.CapDrop}} {{.HostConfig.SecurityOpt}}";
    let said = container.inspect(template).await?;
    ensure!(said == "10001:10001 true [ALL] [no-new-privileges:true]", "{said}");
    Ok(())
}

/// What `deploy/make-env` writes is enough for a deployment that refuses development secrets; and it does
/// not touch what is there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a Docker engine"]
async fn made_secrets_are_fit_for_production() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("made.env");
    let make = async || {
        let mut command = Command::new("deploy/make-env");
        command.arg(&path).current_dir(root());
        run(command, "").await
    };
    let said = make().await?;
    ensure!(said.code == Some(0), "{said:?}");
    let written = std::fs::read_to_string(&path)?;
    ensure!(make().await?.code != Some(0), "a second run must not replace what there is");
    ensure!(std::fs::read_to_string(&path)? == written, "it did");

    let lines = written.lines().filter(|line| !line.starts_with('#'));
    // Of the address and the port this deployment has its own.
    let settings: Vec<_> = lines
        .filter_map(|line| line.split_once('='))
        .filter(|(name, _)| !name.starts_with("GATEWAY_"))
        .collect();
    ensure!(settings.contains(&("PRODUCTION", "true")), "{:?}", settings.len());
    let composed = Composed::started(&settings, Replicas { auth: 1, org: 1 }).await?;
    for service in SERVICES {
        for container in composed.containers(service).await? {
            let log = container.log().await?;
            ensure!(!log.contains("NOT FOR PRODUCTION"), "{log}");
        }
    }
    Ok(())
}

/// What our own layers add to the image below them.
async fn sizes() -> anyhow::Result<()> {
    for service in SERVICES {
        let image = format!("tessera/{service}");
        let history =
            docker(&["history", "--human=false", "--format", "{{.Size}} {{.CreatedBy}}", &image]).await?;
        let ours = history.lines().filter(|line| line.contains("COPY"));
        let bytes: u64 = ours.filter_map(|line| line.split(' ').next()?.parse::<u64>().ok()).sum();
        println!("{image}: {:.1} MB of ours", f64::from(u32::try_from(bytes)?) / 1e6);
        ensure!((1_000_000..25_000_000).contains(&bytes), "{image}: {bytes} bytes\n{history}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a Docker engine"]
async fn an_organization_service_that_is_first_waits_and_comes_up() -> anyhow::Result<()> {
    let composed = Composed::new(&[]).await?;
    composed.compose(&["up", "-d", "org-service"]).await?;
    let [org] = &composed.containers("org-service").await?[..] else { anyhow::bail!("one container") };
    let management = Actor::new(&org.address(9002).await?);
    let red = async || Ok(management.get("/readyz").await.is_ok_and(|answer| answer.status == 503));
    until("the organization service is red", PATIENCE, red).await?;
    ensure!(org.health().await? == "starting", "whoever waits for another service is not ill");

    composed.up(Replicas { auth: 1, org: 1 }).await?;
    ensure!(org.inspect("{{.RestartCount}} {{.State.Running}}").await? == "0 true", "it was not replaced");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a Docker engine"]
async fn a_wrong_database_password_ends_the_start_with_one_clear_line() -> anyhow::Result<()> {
    let composed = Composed::new(&[]).await?;
    composed.compose(&["up", "-d", "postgres"]).await?;
    for container in composed.containers("postgres").await? {
        until("PostgreSQL", PATIENCE, async || Ok(container.health().await? == "healthy")).await?;
    }
    for (service, variable, owner) in [
        ("auth-service", "AUTH_DATABASE_URL", "auth"),
        ("org-service", "ORG_DATABASE_URL", "org"),
        // The owner of one database at the other's door, with its own right password.
        ("auth-service", "AUTH_DATABASE_URL", "org"),
        ("org-service", "ORG_DATABASE_URL", "auth"),
    ] {
        let own = service.starts_with(owner);
        let (password, database) =
            if own { ("wr0ng", owner) } else { ("development", &service[..owner_len(service)]) };
        let setting = format!("{variable}=postgres://{owner}:{password}@postgres/{database}");
        let run = ["run", "--rm", "--no-deps", "-T", "-e", &setting, "-e", "LOG=error", service, "serve"];
        let said = composed.say(&run, "").await?;
        ensure!(said.code == Some(1), "{service} as {owner}: {said:?}");
        let complaint: Vec<_> =
            said.err.lines().filter(|line| line.contains("error: ") || line.contains("FATAL")).collect();
        ensure!(complaint.len() == 1 && said.out.is_empty(), "{service} as {owner}: {said:?}");
        let expected = if own { "password authentication failed" } else { "permission denied for database" };
        ensure!(complaint[0].contains(expected), "{said:?}");
        ensure!(!said.err.contains("wr0ng"), "{said:?}");
    }
    Ok(())
}

fn owner_len(service: &str) -> usize {
    service.find('-').unwrap_or(service.len())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a Docker engine"]
async fn production_refuses_development_secrets() -> anyhow::Result<()> {
    let composed = Composed::new(&[("PRODUCTION", "true")]).await?;
    for (service, named) in [
        ("auth-service", &["SERVICE_SECRET", "AUTH_KEY_ENCRYPTION_KEY", "AUTH_DATABASE_URL"][..]),
        ("org-service", &["SERVICE_SECRET", "ORG_DATABASE_URL"]),
    ] {
        let said = composed.say(&["run", "--rm", "--no-deps", "-T", service, "serve"], "").await?;
        ensure!(said.code == Some(1), "{service}: {said:?}");
        let complaint = said.err.lines().find(|line| line.starts_with("error: ")).unwrap_or_default();
        let missing: BTreeSet<_> = named.iter().filter(|name| !complaint.contains(**name)).collect();
        ensure!(missing.is_empty(), "{service} does not name {missing:?}: {said:?}");
    }
    Ok(())
}

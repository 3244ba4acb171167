//! [`Composed`]: `docker-compose.yml` under a project name, ports and a network of its own.

use std::{
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Output, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use e2e::{Actor, PASSWORD, until};
use reqwest::Method;
use serde_json::json;
use shared::{config::Variables, random};
use tokio::{
    io::AsyncWriteExt,
    process::Command,
    sync::{Mutex, MutexGuard},
};

use crate::{Container, ORGANIZATIONS};

/// One deployment at a time: they share the network's addresses and the machine's processors.
static MACHINE: Mutex<()> = Mutex::const_new(());

/// How long anything may take to start or to recover on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(90);

/// How the addresses of the gateway's networks begin.
pub(crate) const NETWORKS: &str = "172.16.";

/// The composed services. Removed, with their volume, when dropped.
#[derive(Debug)]
pub(crate) struct Composed {
    /// The gateway: `http://127.0.0.1:PORT`
    pub(crate) base: String,
    /// The program and its first arguments.
    compose: Vec<String>,
    settings: Vec<(String, String)>,
    _alone: MutexGuard<'static, ()>,
}

/// How many containers of each service.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Replicas {
    pub(crate) auth: usize,
    pub(crate) org: usize,
}

/// What a command said.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Composed {
    /// A deployment of which nothing runs yet, with these settings instead of a `.env`.
    pub(crate) async fn new(settings: &[(&str, &str)]) -> anyhow::Result<Self> {
        let alone = MACHINE.lock().await;
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        // The engine takes its time to give up the network of the deployment before.
        let network = format!("{NETWORKS}{}", 100 + port % 150);
        let own = [
            ("GATEWAY_PORT", port.to_string()),
            ("GATEWAY_INTERNAL_SUBNET", format!("{network}.0/24")),
            ("GATEWAY_INTERNAL_RANGE", format!("{network}.128/25")),
            ("GATEWAY_INTERNAL_ADDRESS", format!("{network}.2")),
            ("GATEWAY_OBTAIN_LIMIT", "100000".to_owned()),
            ("COMPOSE_DOCKER_CLI_BUILD", "1".to_owned()),
            ("DOCKER_BUILDKIT", "1".to_owned()),
        ];
        let own = own.into_iter().map(|(name, value)| (name.to_owned(), value));
        let given = settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let project = format!("tessera-test-{}", &random::hex32()[..8]);
        Ok(Self {
            base: format!("http://127.0.0.1:{port}"),
            compose: command(&project),
            settings: own.chain(given).collect(),
            _alone: alone,
        })
    }

    /// The same with so many replicas, serving.
    pub(crate) async fn started(settings: &[(&str, &str)], replicas: Replicas) -> anyhow::Result<Self> {
        let composed = Self::new(settings).await?;
        composed.up(replicas).await?;
        Ok(composed)
    }

    /// Starts what is missing, and waits until every replica is ready and the gateway answers for all.
    pub(crate) async fn up(&self, replicas: Replicas) -> anyhow::Result<Duration> {
        let began = Instant::now();
        let auth = format!("auth-service={}", replicas.auth);
        let org = format!("org-service={}", replicas.org);
        self.compose(&["up", "-d", "--scale", &auth, "--scale", &org]).await?;
        self.healthy().await?;
        Ok(began.elapsed())
    }

    /// Waits until all containers are healthy.
    pub(crate) async fn healthy(&self) -> anyhow::Result<()> {
        for service in ["postgres", "auth-service", "org-service", "gateway"] {
            for container in self.containers(service).await? {
                until(service, PATIENCE, async || Ok(container.health().await? == "healthy")).await?;
            }
        }
        let anonymous = Actor::new(&self.base);
        let answers =
            async || Ok(anonymous.get(ORGANIZATIONS).await.is_ok_and(|answer| answer.status == 401));
        until("the gateway answers", PATIENCE, answers).await?;
        Ok(())
    }

    /// The containers of a service, running or not.
    pub(crate) async fn containers(&self, service: &str) -> anyhow::Result<Vec<Container>> {
        let ids = self.compose(&["ps", "-q", service]).await?;
        Ok(ids.lines().map(|id| Container::new(id.trim())).collect())
    }

    /// Runs the compose command and demands success; gives its standard output.
    pub(crate) async fn compose(&self, arguments: &[&str]) -> anyhow::Result<String> {
        let said = self.say(arguments, "").await?;
        ensure!(said.code == Some(0), "compose {arguments:?}: {said:?}");
        Ok(said.out)
    }

    /// Runs the compose command with this on its standard input.
    pub(crate) async fn say(&self, arguments: &[&str], input: &str) -> anyhow::Result<Said> {
        let mut command = Command::new(&self.compose[0]);
        command.args(&self.compose[1..]).args(arguments);
        command.envs(self.settings.iter().cloned()).current_dir(root());
        run(command, input).await
    }

    /// Replaces every container of a service with `deploy/roll`.
    pub(crate) async fn roll(&self, service: &str) -> anyhow::Result<()> {
        let mut command = Command::new("deploy/roll");
        command.arg(service).env("COMPOSE", self.compose.join(" "));
        command.envs(self.settings.iter().cloned()).current_dir(root());
        let said = run(command, "").await?;
        ensure!(said.code == Some(0), "deploy/roll {service}: {said:?}");
        println!("{}", said.out.trim());
        Ok(())
    }

    /// Adds a user whose password is [`PASSWORD`], as an operator does.
    pub(crate) async fn user(&self, name: &str) -> anyhow::Result<()> {
        let email = format!("{name}@example.org");
        let create = ["exec", "-T", "auth-service", "auth-service", "user", "create"];
        let flags = ["--username", name, "--email", &email, "--password-stdin"];
        let said = self.say(&[&create[..], &flags].concat(), PASSWORD).await?;
        ensure!(said.code == Some(0), "user create: {said:?}");
        Ok(())
    }

    /// Logs in through the gateway; the actor holds the pair.
    pub(crate) async fn login(&self, name: &str) -> anyhow::Result<Actor> {
        let anonymous = Actor::new(&self.base);
        let body = json!({"username": name, "password": PASSWORD});
        let answer =
            anonymous.send(anonymous.request(Method::POST, "/api/v1/user/token/").json(&body)).await?;
        ensure!(answer.status == 200, "login of {name}: {answer:?}");
        Ok(Actor::with_pair(&self.base, answer.text_of("access")?, answer.text_of("refresh")?))
    }

    /// What the services warned of, and the last requests that the gateway or a service answered with 5xx: which
    /// server had each, and how long it took.
    pub(crate) async fn complaints(&self) -> String {
        let logs = self.compose(&["logs", "--no-color"]).await.unwrap_or_default();
        let (refused, warned): (Vec<_>, Vec<_>) = logs
            .lines()
            .filter(|line| {
                line.contains("\"status\":5")
                    || ["WARN", "ERROR", "ALERT"].iter().any(|word| line.contains(word))
            })
            .partition(|line| line.contains("\"status\":5"));
        let last = refused.len().saturating_sub(30);
        [&warned[..], &refused[last..]].concat().join("\n")
    }

    /// What all containers have said lately, for reports of failures.
    pub(crate) async fn logs(&self) -> String {
        self.compose(&["logs", "--no-color", "--tail", "40"]).await.unwrap_or_default()
    }
}

impl Drop for Composed {
    fn drop(&mut self) {
        let mut command = std::process::Command::new(&self.compose[0]);
        command.args(&self.compose[1..]).args(["down", "--volumes", "--remove-orphans", "--timeout", "1"]);
        command.envs(self.settings.iter().cloned()).current_dir(root());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        if !command.status().is_ok_and(|status| status.success()) {
            println!("could not be removed: {:?} down", self.compose);
        }
    }
}

/// Runs a command with this on its standard input.
pub(crate) async fn run(mut command: Command, input: &str) -> anyhow::Result<Said> {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let mut child = command.spawn().with_context(|| format!("cannot run {command:?}"))?;
    let mut stdin = child.stdin.take().context("a pipe")?;
    // Whoever does not read it may have ended by now.
    drop(stdin.write_all(input.as_bytes()).await);
    drop(stdin);
    let Output { status, stdout, stderr } = child.wait_with_output().await?;
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    Ok(Said { code: status.code(), out: text(&stdout), err: text(&stderr) })
}

fn command(project: &str) -> Vec<String> {
    let variables = Variables::from_env();
    let program = variables.get("E2E_COMPOSE").unwrap_or("docker compose");
    let files = "-f docker-compose.yml -f tests/compose/loopback.yml --project-name";
    let words = program.split_whitespace().chain(files.split_whitespace());
    words.map(str::to_owned).chain([project.to_owned()]).collect()
}

/// The folder of `docker-compose.yml`.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

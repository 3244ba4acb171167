//! [`Deployment`]: services that somebody else has started, reached as a client and an operator reach
//! them: by address, and by the auth service's own command line.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use anyhow::Context as _;
use serde::Deserialize;
use tokio::{io::AsyncWriteExt, process::Command};

/// The command line of the auth service under docker-compose, in either of its forms.
const COMPOSE: &str = "compose() { if docker compose version >/dev/null 2>&1 </dev/null; \
     then docker compose \"$@\"; else docker-compose \"$@\"; fi; }; \
     compose exec -T auth-service auth-service";

/// A command that takes longer hangs.
const LONGEST: Duration = Duration::from_mins(1);

/// Services at an address.
#[derive(Debug, Clone)]
pub struct Deployment {
    /// `http://host:port`
    pub base: String,
    /// What a shell runs, before the arguments.
    program: String,
}

/// A user, as `user list --json` shows one.
#[derive(Debug, Clone, Deserialize)]
pub struct Known {
    /// What tokens name the user by.
    pub id: String,
    /// User name.
    pub username: String,
}

impl Deployment {
    /// The one at `E2E_BASE_URL`, whose commands `E2E_AUTH_COMMAND` runs; none without the first.
    pub fn from_env() -> anyhow::Result<Option<Self>> {
        let Some(base) = variable("E2E_BASE_URL") else { return Ok(None) };
        let program = variable("E2E_AUTH_COMMAND").unwrap_or_else(|| COMPOSE.to_owned());
        Self::new(&base, program).map(Some)
    }

    fn new(base: &str, program: String) -> anyhow::Result<Self> {
        let url = url::Url::parse(base).with_context(|| format!("E2E_BASE_URL={base}"))?;
        let is_plain = url.scheme() == "http" && url.path() == "/" && url.query().is_none();
        anyhow::ensure!(is_plain, "E2E_BASE_URL={base}: http://host:port is needed");
        Ok(Self { base: base.trim_end_matches('/').to_owned(), program })
    }

    /// Runs a command of the auth service in the workspace's folder, with this on its standard input;
    /// gives what it prints.
    pub async fn run(&self, arguments: &[&str], input: &str) -> anyhow::Result<String> {
        let said = || format!("{arguments:?} by E2E_AUTH_COMMAND={:?}", self.program);
        let mut command = Command::new("sh");
        command.args(["-c", &format!("{} \"$@\"", self.program), "sh"]).args(arguments).current_dir(root());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().with_context(said)?;
        let mut pipe = child.stdin.take().context("a pipe")?;
        // A command that has failed already reads no more; its own words say why.
        drop(pipe.write_all(input.as_bytes()).await);
        drop(pipe);
        let output = tokio::time::timeout(LONGEST, child.wait_with_output()).await.with_context(said)??;
        let told = [&*output.stderr, &output.stdout].map(String::from_utf8_lossy).concat();
        let told = if told.trim().is_empty() { "it said nothing" } else { told.trim() };
        anyhow::ensure!(output.status.success(), "{}: {}: {told}", said(), output.status);
        Ok(String::from_utf8(output.stdout)?)
    }

    /// Creates a user.
    pub async fn create(&self, name: &str, password: &str, is_superuser: bool) -> anyhow::Result<()> {
        let email = format!("{name}@example.org");
        let verb: &[&str] = if is_superuser { &["createsuperuser"] } else { &["user", "create"] };
        let flags = ["--username", name, "--email", &email, "--password-stdin"];
        self.run(&[verb, &flags].concat(), &format!("{password}\n")).await.map(drop)
    }

    /// Activates or deactivates a user.
    pub async fn set_active(&self, name: &str, active: bool) -> anyhow::Result<()> {
        self.run(&["user", "set-active", name, &active.to_string()], "").await.map(drop)
    }

    /// Sets a user's password.
    pub async fn set_password(&self, name: &str, password: &str) -> anyhow::Result<()> {
        let arguments = ["user", "set-password", name, "--password-stdin"];
        self.run(&arguments, &format!("{password}\n")).await.map(drop)
    }

    /// Deletes a user.
    pub async fn delete(&self, name: &str) -> anyhow::Result<()> {
        self.run(&["user", "delete", name], "").await.map(drop)
    }

    /// Removes what has expired.
    pub async fn flush_expired(&self) -> anyhow::Result<()> {
        self.run(&["flush-expired"], "").await.map(drop)
    }

    /// All users.
    pub async fn users(&self) -> anyhow::Result<Vec<Known>> {
        let listed = self.run(&["user", "list", "--json"], "").await?;
        listed.lines().map(|line| serde_json::from_str(line).with_context(|| line.to_owned())).collect()
    }
}

fn root() -> PathBuf {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.parent().unwrap_or(own).to_owned()
}

/// An environment variable, unless it is unset or empty.
#[expect(clippy::disallowed_methods, reason = "a test program has no configuration to read them in")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::PASSWORD;

    fn with(program: &str) -> Deployment {
        Deployment::new("http://127.0.0.1:8000/", program.to_owned()).unwrap()
    }

    #[tokio::test]
    async fn a_command_gets_its_arguments_and_input_whatever_is_in_them() {
        let deployment = with("f() { printf '%s|' \"$@\"; cat; }; f 'one word'");
        assert_eq!(deployment.base, "http://127.0.0.1:8000");
        assert_eq!(
            deployment.run(&["a b", "$HOME", "'"], "in\n").await.unwrap(),
            "one word|a b|$HOME|'|in\n"
        );
    }

    #[tokio::test]
    async fn a_missing_or_failing_command_is_an_error_that_says_why_and_tells_no_password() {
        for (program, why) in [
            ("no-such-program", "not found"),
            ("echo no database >&2; false", "no database"),
            ("echo no service; false", "no service"),
            ("false", "nothing"),
        ] {
            let error = with(program).create("ada", PASSWORD, false).await.unwrap_err().to_string();
            assert!(error.contains(why) && error.contains("--username"), "{error}");
            assert!(!error.contains(PASSWORD), "{error}");
        }
    }

    #[test]
    fn an_address_is_scheme_host_and_port() {
        for base in ["127.0.0.1:8000", "https://127.0.0.1", "http://127.0.0.1/api", "http://a/?b"] {
            assert!(Deployment::new(base, String::new()).is_err(), "{base}");
        }
    }
}

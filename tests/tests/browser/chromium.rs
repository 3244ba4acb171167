//! [`Chromium`]: Debian's browser without a screen, with a profile of its own, driven over
//! `WebDriver`.

use std::{io::ErrorKind, path::Path, process::Stdio, time::Duration};

use anyhow::Context as _;
use tempfile::TempDir;
use thirtyfour::{
    CapabilitiesHelper as _, ChromeCapabilities, ChromiumLikeCapabilities as _, DesiredCapabilities,
    WebDriver, WebDriverRunError,
};
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::{Child, ChildStdout, Command},
};

/// How long the driver and the browser may take to come up: far beyond what they need, for a machine
/// that is busy compiling.
const START: Duration = Duration::from_secs(60);

/// How often the driver may find its port taken.
const ATTEMPTS: usize = 20;

/// As root there is no sandbox; the resolver keeps the browser on this machine and gives the tests'
/// sites their names.
const FLAGS: [&str; 7] = [
    "--headless=new",
    "--no-sandbox",
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--disable-component-update",
    "--no-proxy-server",
    "--host-resolver-rules=MAP localhost 127.0.0.1, MAP *.example 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
];

/// A browser before its first page. The driver is killed when dropped, and takes the browser along.
pub(crate) struct Chromium {
    driver: WebDriver,
    process: Child,
    /// Held, because a driver that cannot say what it has to say ends.
    _saying: ChildStdout,
    _profile: TempDir,
}

impl Chromium {
    /// Starts a driver on a free port and a browser through it.
    pub(crate) async fn start() -> anyhow::Result<Self> {
        let profile = tempfile::tempdir()?;
        let (process, saying, port) = start_driver(profile.path()).await?;
        let client = reqwest::Client::builder().no_proxy().tls_certs_only([]).build()?;
        let session = WebDriver::builder(format!("http://127.0.0.1:{port}"), capabilities(profile.path())?);
        let driver = session.client(client).request_timeout(START).connect().await;
        let driver = driver.map_err(|error| match error.to_string() {
            text if text.contains("cannot find") && text.contains("binary") => missing("chromium"),
            _ => anyhow::Error::new(error).context("chromium does not start"),
        })?;
        Ok(Self { driver, process, _saying: saying, _profile: profile })
    }

    /// Runs a test, and ends browser and driver whatever became of it.
    pub(crate) async fn run<T>(
        mut self,
        test: impl AsyncFnOnce(WebDriver) -> anyhow::Result<T>,
    ) -> anyhow::Result<T> {
        let outcome = self.driver.run_and_quit(|driver| test(driver)).await;
        self.process.kill().await?;
        outcome.map_err(|error| match error {
            WebDriverRunError::Body(error) | WebDriverRunError::BodyAndCleanup { body: error, .. } => error,
            cleanup => anyhow::anyhow!("the browser does not end: {cleanup}"),
        })
    }
}

/// Starts chromedriver on a port of its own choice: one that is free on `::1`, and so not always on
/// `127.0.0.1`, where it ends at once.
async fn start_driver(home: &Path) -> anyhow::Result<(Child, ChildStdout, u16)> {
    let mut last_words = String::new();
    for _ in 0..ATTEMPTS {
        let mut command = Command::new("chromedriver");
        // Whatever they leave behind goes with the profile.
        command.arg("--port=0").env("HOME", home).env("TMPDIR", home);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true);
        let mut process = command.spawn().map_err(|error| match error.kind() {
            ErrorKind::NotFound => missing("chromedriver"),
            _ => anyhow::Error::new(error).context("chromedriver does not start"),
        })?;
        let mut said = BufReader::new(process.stdout.take().context("a pipe")?);
        let port = tokio::time::timeout(START, announced(&mut said)).await;
        match port.context("chromedriver told no port in time")?? {
            Ok(port) => return Ok((process, said.into_inner(), port)),
            Err(words) => last_words = words,
        }
    }
    anyhow::bail!("chromedriver does not start: {last_words}")
}

/// The port that chromedriver tells, or, if it ends before, its last words.
async fn announced(said: &mut BufReader<ChildStdout>) -> anyhow::Result<Result<u16, String>> {
    let mut last = String::new();
    loop {
        let mut line = String::new();
        if said.read_line(&mut line).await? == 0 {
            return Ok(Err(last));
        }
        if let Some((_, port)) = line.trim_end().rsplit_once(" started successfully on port ") {
            return Ok(Ok(port.trim_end_matches('.').parse()?));
        }
        last = line.trim_end().to_owned();
    }
}

fn capabilities(profile: &Path) -> anyhow::Result<ChromeCapabilities> {
    let mut wanted = DesiredCapabilities::chrome();
    for flag in FLAGS {
        wanted.add_arg(flag)?;
    }
    wanted.add_arg(&format!("--user-data-dir={}", profile.join("profile").display()))?;
    // The test's own certificate is nobody else's.
    wanted.accept_insecure_certs(true)?;
    Ok(wanted)
}

fn missing(program: &str) -> anyhow::Error {
    anyhow::anyhow!("{program} is not installed: apt-get install chromium chromium-driver")
}

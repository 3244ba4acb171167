//! [`Stack`]: a server with a caller and an organization, and what every refusal must look like.

use std::time::{Duration, Instant};

use e2e::{Actor, Answer, Server};
use reqwest::Method;
use serde_json::{Value, json};

use crate::witness;

/// Who sends it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Who {
    Anonymous,
    Alice,
}

/// A request that must be refused.
pub(crate) struct Bad {
    pub(crate) who: Who,
    pub(crate) method: &'static str,
    pub(crate) path: String,
    pub(crate) headers: Vec<(&'static str, Vec<u8>)>,
    pub(crate) body: Vec<u8>,
    pub(crate) status: u16,
}

impl Bad {
    pub(crate) fn new(who: Who, method: &'static str, path: impl Into<String>, status: u16) -> Self {
        Self { who, method, path: path.into(), headers: Vec::new(), body: Vec::new(), status }
    }

    pub(crate) fn header(mut self, name: &'static str, value: impl AsRef<[u8]>) -> Self {
        self.headers.push((name, value.as_ref().to_vec()));
        self
    }

    pub(crate) fn body(mut self, content_type: &str, body: impl AsRef<[u8]>) -> Self {
        self.body = body.as_ref().to_vec();
        self.header("Content-Type", content_type)
    }

    fn label(&self) -> String {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes.get(..60).unwrap_or(bytes)).into_owned();
        let headers: Vec<_> =
            self.headers.iter().map(|(name, value)| format!("{name}: {}", text(value))).collect();
        format!("{:?} {} {:.80} {headers:?} {:?}", self.who, self.method, self.path, text(&self.body))
    }
}

pub(crate) struct Stack {
    pub(crate) server: Server,
    anonymous: Actor,
    pub(crate) alice: Actor,
    /// `/api/v1/organization/{id}/`, one of Alice's.
    pub(crate) organization: String,
}

/// How often a request may seem to ask the database before it is blamed.
const ATTEMPTS: usize = 100;
/// Between two of them: what is done in the background comes to its end meanwhile.
const PAUSE: Duration = Duration::from_millis(5);

impl Stack {
    pub(crate) async fn start() -> anyhow::Result<Self> {
        witness::begin();
        let server = Server::start().await?;
        server.user("alice").await?;
        let alice = server.login("alice").await?;
        let made = alice.post("/api/v1/organization/", &json!({"name": "Acme"})).await?;
        let id = made.json.pointer("/data/id").and_then(Value::as_str).unwrap_or_default();
        let organization = format!("/api/v1/organization/{id}/");
        Ok(Self { anonymous: server.anonymous(), server, alice, organization })
    }

    /// Sends a request and holds the answer to what every answer must have.
    pub(crate) async fn refuse(&self, bad: &Bad) -> anyhow::Result<Answer> {
        let actor = if bad.who == Who::Alice { &self.alice } else { &self.anonymous };
        let mut request = actor.request(Method::from_bytes(bad.method.as_bytes())?, &bad.path);
        for (name, value) in &bad.headers {
            request = request.header(*name, reqwest::header::HeaderValue::from_bytes(value)?);
        }
        let began = Instant::now();
        let answer = actor.send(request.body(bad.body.clone())).await?;
        let (label, took) = (bad.label(), began.elapsed());
        assert_eq!(answer.status, bad.status, "{label}: {}", answer.text);
        assert!(took < Duration::from_secs(1), "{label}: {took:?}");
        check_frame(&label, &answer);
        if bad.method != "HEAD" {
            check_envelope(&label, &answer);
        }
        Ok(answer)
    }

    /// Refuses all of them without a statement to any database and without a line in the log.
    pub(crate) async fn refuse_unseen(&self, all: &[Bad]) -> anyhow::Result<()> {
        for bad in all {
            self.refuse_unasked(bad).await?;
        }
        Self::nothing_logged();
        self.goes_on().await
    }

    /// What is done in the background falls into one request now and then. What a request asks, it asks
    /// every time.
    async fn refuse_unasked(&self, bad: &Bad) -> anyhow::Result<()> {
        let mut statements = Vec::new();
        for _ in 0..ATTEMPTS {
            let before = witness::statements(&self.server).len();
            self.refuse(bad).await?;
            statements = witness::statements(&self.server).split_off(before);
            if statements.is_empty() {
                return Ok(());
            }
            tokio::time::sleep(PAUSE).await;
        }
        anyhow::bail!("{} asks the database: {statements:?}", bad.label())
    }

    /// No refusal in this whole process was worth a line above debug. What is logged on purpose, such
    /// as a new organization, is no refusal.
    pub(crate) fn nothing_logged() {
        let (on_purpose, mut refusals): (Vec<_>, Vec<_>) =
            witness::lines().into_iter().partition(|line| line.contains("an organization was created"));
        assert!(!on_purpose.is_empty(), "the witness reads no log");
        // What a start logs, what goes on for a moment without its folder when a test has ended, and what is
        // said of the creation above.
        let expected = [
            "a database connection could not be opened",
            "the revocation feed cannot be read",
            "the schedule of the keys cannot be followed",
            "an organization's records were sealed",
        ];
        refusals.retain(|line| !expected.iter().any(|text| line.contains(text)));
        assert!(refusals.is_empty(), "{refusals:#?}");
    }

    /// The control: an honest request is answered, asks the database, and the witness sees it.
    pub(crate) async fn goes_on(&self) -> anyhow::Result<()> {
        let before = witness::statements(&self.server).len();
        for path in ["/api/v1/user/me/", "/api/v1/organization/", &self.organization] {
            let answer = self.alice.get(path).await?;
            assert_eq!(answer.status, 200, "{path}: {}", answer.text);
        }
        assert!(witness::statements(&self.server).len() >= before + 3, "the witness sees nothing");
        Ok(())
    }
}

fn check_frame(label: &str, answer: &Answer) {
    assert!(!answer.header("x-request-id").is_empty(), "{label}: no request id");
    for (name, value) in [
        ("x-frame-options", "DENY"),
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "same-origin"),
        ("cross-origin-opener-policy", "same-origin"),
    ] {
        assert_eq!(answer.header(name), value, "{label}: {name}");
    }
}

/// `{"detail": "…"}`, or lists of texts by field.
fn check_envelope(label: &str, answer: &Answer) {
    assert_eq!(answer.header("content-type"), "application/json", "{label}");
    let told = |value: &Value| value.as_array().is_some_and(|list| list.iter().all(Value::is_string));
    let fields = answer.json.as_object().is_some_and(|all| !all.is_empty() && all.values().all(told));
    assert!(fields || !answer.detail().is_empty(), "{label}: no envelope: {}", answer.text);
}

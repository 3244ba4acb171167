//! [`Actor`]: somebody who sends requests, and the [`Answer`] they get.

use anyhow::Context as _;
use reqwest::{Method, header::HeaderMap};
use serde_json::Value;

use crate::Patience;

/// Somebody who sends requests, perhaps with a pair of tokens.
#[derive(Debug, Clone)]
pub struct Actor {
    base: String,
    client: reqwest::Client,
    is_patient: bool,
    /// The access token sent with every request.
    pub access: Option<String>,
    /// The refresh token.
    pub refresh: Option<String>,
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body; null if it was empty or no JSON.
    pub json: Value,
    /// The body as text.
    pub text: String,
}

impl Answer {
    /// A string member of the body.
    pub fn text_of(&self, name: &str) -> anyhow::Result<String> {
        let value = self.json.get(name).and_then(Value::as_str);
        Ok(value.with_context(|| format!("no `{name}` in {}", self.text))?.to_owned())
    }

    /// A header as text, empty if absent.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// `detail` of the error envelope, empty if absent.
    #[must_use]
    pub fn detail(&self) -> &str {
        self.json.get("detail").and_then(Value::as_str).unwrap_or_default()
    }

    /// `code` of the error envelope, empty if absent.
    #[must_use]
    pub fn code(&self) -> &str {
        self.json.get("code").and_then(Value::as_str).unwrap_or_default()
    }
}

impl Actor {
    /// Somebody without credentials.
    #[must_use]
    pub fn new(base: &str) -> Self {
        let client = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none());
        // All of it is plain HTTP: reading the machine's certificates would cost each actor 25 ms.
        let client = client.tls_certs_only([]).build().unwrap_or_default();
        Self { base: base.to_owned(), client, is_patient: false, access: None, refresh: None }
    }

    /// Somebody with a pair.
    #[must_use]
    pub fn with_pair(base: &str, access: String, refresh: String) -> Self {
        Self { access: Some(access), refresh: Some(refresh), ..Self::new(base) }
    }

    /// The same actor, who does as a 429 tells: waits, and asks again.
    #[must_use]
    pub fn patient(self) -> Self {
        Self { is_patient: true, ..self }
    }

    /// The same actor with another access token.
    #[must_use]
    pub fn bearing(&self, access: &str) -> Self {
        Self { access: Some(access.to_owned()), ..self.clone() }
    }

    /// A request to be completed by hand; [`Actor::send`] sends it.
    pub fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        let request = self.client.request(method, format!("{}{path}", self.base));
        match &self.access {
            Some(token) => request.header("Authorization", format!("Bearer {token}")),
            None => request,
        }
    }

    /// Sends a request.
    pub async fn send(&self, request: reqwest::RequestBuilder) -> anyhow::Result<Answer> {
        if !self.is_patient {
            return Self::send_once(request).await;
        }
        let mut patience = Patience::default();
        loop {
            let again = request.try_clone().context("a request that can be repeated")?;
            let answer = Self::send_once(again).await?;
            if answer.status != 429 {
                return Ok(answer);
            }
            patience.wait(answer.header("retry-after")).await?;
        }
    }

    async fn send_once(request: reqwest::RequestBuilder) -> anyhow::Result<Answer> {
        let response = request.send().await?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = response.text().await?;
        let json = serde_json::from_str(&text).unwrap_or(Value::Null);
        Ok(Answer { status, headers, json, text })
    }

    /// `GET`
    pub async fn get(&self, path: &str) -> anyhow::Result<Answer> {
        self.send(self.request(Method::GET, path)).await
    }

    /// `POST` with JSON
    pub async fn post(&self, path: &str, body: &Value) -> anyhow::Result<Answer> {
        self.send(self.request(Method::POST, path).json(body)).await
    }

    /// `PUT` with JSON
    pub async fn put(&self, path: &str, body: &Value) -> anyhow::Result<Answer> {
        self.send(self.request(Method::PUT, path).json(body)).await
    }

    /// `PATCH` with JSON
    pub async fn patch(&self, path: &str, body: &Value) -> anyhow::Result<Answer> {
        self.send(self.request(Method::PATCH, path).json(body)).await
    }

    /// `DELETE`
    pub async fn delete(&self, path: &str) -> anyhow::Result<Answer> {
        self.send(self.request(Method::DELETE, path)).await
    }

    /// So many refreshes of one token at once; demands that all are answered with the same pair.
    pub async fn refresh_at_once(&self, token: &str, racers: usize) -> anyhow::Result<Answer> {
        let race = (0..racers).map(|_| tokio::spawn(self.clone().refresh_owned(token.to_owned())));
        let mut answers = Vec::new();
        for racer in race.collect::<Vec<_>>() {
            answers.push(racer.await??);
        }
        let first = answers.pop().context("somebody races")?;
        for other in &answers {
            anyhow::ensure!((other.status, &other.text) == (200, &first.text), "{other:?} beside {first:?}");
        }
        Ok(first)
    }

    async fn refresh_owned(self, token: String) -> anyhow::Result<Answer> {
        self.refresh_with(&token).await
    }

    /// Refreshes with a token, whatever the actor holds.
    pub async fn refresh_with(&self, token: &str) -> anyhow::Result<Answer> {
        let body = serde_json::json!({ "refresh": token });
        Self { access: None, ..self.clone() }.post("/api/v1/user/token/refresh/", &body).await
    }
}

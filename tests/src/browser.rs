//! [`Browser`]: a page's requests with the cookies that a browser would keep and send, by the rules of
//! RFC 6265bis.

use std::collections::BTreeMap;

use anyhow::Context as _;
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use crate::{Actor, Answer, PASSWORD, Server};

/// A site behind a proxy that ends TLS.
const SITE: &str = "https://app.example";
const SESSION: &str = "/api/v1/user/session/";

/// What a browser keeps of one site.
#[derive(Clone, Debug)]
pub struct Browser {
    /// Who sends its requests.
    pub actor: Actor,
    /// Scheme and host in the address bar.
    pub origin: String,
    /// Name to value and path.
    pub cookies: BTreeMap<String, (String, String)>,
}

impl Browser {
    /// At the server's own address, over plain HTTP on loopback.
    #[must_use]
    pub fn local(server: &Server) -> Self {
        Self::at(&server.base, &server.base)
    }

    /// At a site behind a proxy that ends TLS; the tests' own connections come from it.
    #[must_use]
    pub fn secure(server: &Server) -> Self {
        Self::at(&server.base, SITE)
    }

    /// At the server with this address, under this origin.
    #[must_use]
    pub fn at(base: &str, origin: &str) -> Self {
        Self { actor: Actor::new(base), origin: origin.to_owned(), cookies: BTreeMap::new() }
    }

    /// The same browser at another server of the same site.
    #[must_use]
    pub fn elsewhere(&self, base: &str) -> Self {
        Self { actor: Actor::new(base), ..self.clone() }
    }

    fn is_local(&self) -> bool {
        let mut hosts = ["//127.0.0.1", "//localhost"].into_iter();
        !self.origin.starts_with("https:") && hosts.any(|host| self.origin.contains(host))
    }

    /// A request as it reaches the server, with the cookies that belong to its path.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let (scheme, host) = self.origin.split_once("://").unwrap_or_default();
        let request = self.actor.request(method, path).header("Host", host);
        let request = request.header("X-Forwarded-Proto", scheme);
        match self.cookie_header(path) {
            None => request,
            Some(cookies) => request.header("Cookie", cookies),
        }
    }

    /// `Cookie`, as it is sent to this path.
    #[must_use]
    pub fn cookie_header(&self, path: &str) -> Option<String> {
        let sent = self.cookies.iter().filter(|(_, (_, scope))| path.starts_with(scope.as_str()));
        let sent: Vec<String> = sent.map(|(name, (value, _))| format!("{name}={value}")).collect();
        (!sent.is_empty()).then(|| sent.join("; "))
    }

    /// What a page's own script sends: `Origin`, and the CSRF cookie again in the header.
    pub fn script(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.request(method, path).header("Origin", &self.origin);
        match self.csrf() {
            None => request,
            Some(csrf) => request.header("X-CSRFToken", csrf),
        }
    }

    /// The CSRF cookie's value.
    #[must_use]
    pub fn csrf(&self) -> Option<&str> {
        self.value("csrf")
    }

    /// A cookie's value, with its prefix or without.
    #[must_use]
    pub fn value(&self, plain: &str) -> Option<&str> {
        let names = ["__Host-", "__Secure-", ""].map(|prefix| format!("{prefix}{plain}"));
        names.iter().find_map(|name| self.cookies.get(name)).map(|(value, _)| value.as_str())
    }

    /// Sends a request and keeps the cookies of its answer.
    pub async fn send(&mut self, request: RequestBuilder) -> anyhow::Result<Answer> {
        let answer = self.actor.send(request).await?;
        for set in set_cookies(&answer) {
            self.keep(&set)?;
        }
        Ok(answer)
    }

    /// `GET`, as a page that is opened.
    pub async fn get(&mut self, path: &str) -> anyhow::Result<Answer> {
        let request = self.request(Method::GET, path);
        self.send(request).await
    }

    /// `POST` with JSON, by the page's script.
    pub async fn post(&mut self, path: &str, body: &Value) -> anyhow::Result<Answer> {
        let request = self.script(Method::POST, path).json(body);
        self.send(request).await
    }

    /// A `POST` without a body.
    pub async fn poke(&mut self, path: &str) -> anyhow::Result<Answer> {
        let request = self.script(Method::POST, path);
        self.send(request).await
    }

    /// Opens the login form, then logs ada in.
    pub async fn log_in(&mut self) -> anyhow::Result<Answer> {
        self.log_in_as("ada", PASSWORD).await
    }

    /// Opens the login form, then logs somebody in.
    pub async fn log_in_as(&mut self, name: &str, password: &str) -> anyhow::Result<Answer> {
        let form = self.get(SESSION).await?;
        anyhow::ensure!(form.status == 200, "{form:?}");
        let answer = self.post(SESSION, &json!({"username": name, "password": password})).await?;
        anyhow::ensure!(answer.status == 200, "{answer:?}");
        Ok(answer)
    }

    /// [`Browser::poke`] in another tab, which gives its browser back.
    pub async fn poke_in_a_tab(mut self, path: &'static str) -> anyhow::Result<(Self, Answer)> {
        let answer = self.poke(path).await?;
        Ok((self, answer))
    }

    /// Who is logged in.
    pub async fn who(&mut self) -> anyhow::Result<Value> {
        let answer = self.get(SESSION).await?;
        answer.json.get("user_id").cloned().with_context(|| format!("no user_id in {}", answer.text))
    }

    /// Keeps or drops a cookie; one that a browser would refuse is an error.
    fn keep(&mut self, set: &str) -> anyhow::Result<()> {
        let mut parts = set.split("; ");
        let (name, value) = parts.next().and_then(|pair| pair.split_once('=')).context("a pair")?;
        let attributes: BTreeMap<&str, &str> =
            parts.map(|part| part.split_once('=').unwrap_or((part, ""))).collect();
        let path = attributes.get("Path").copied().context("a path")?;
        let secure = attributes.contains_key("Secure");
        let prefixed = name.starts_with("__Host-") || name.starts_with("__Secure-");
        anyhow::ensure!(!prefixed || secure, "{set}: a prefix without Secure");
        anyhow::ensure!(!name.starts_with("__Host-") || path == "/", "{set}: __Host- below a path");
        anyhow::ensure!(!attributes.contains_key("Domain"), "{set}: a domain");
        anyhow::ensure!(
            !secure || self.origin.starts_with("https:") || self.is_local(),
            "{set}: in the clear"
        );
        if attributes.get("Max-Age") == Some(&"0") {
            self.cookies.remove(name);
        } else {
            self.cookies.insert(name.to_owned(), (value.to_owned(), path.to_owned()));
        }
        Ok(())
    }
}

/// The answer's `Set-Cookie` lines.
#[must_use]
pub fn set_cookies(answer: &Answer) -> Vec<String> {
    let lines = answer.headers.get_all("set-cookie").iter();
    lines.map(|line| String::from_utf8_lossy(line.as_bytes()).into_owned()).collect()
}

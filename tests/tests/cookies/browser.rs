//! [`Browser`]: a page's requests with the cookies that a browser would keep and send, by the rules of
//! RFC 6265bis.

use std::collections::BTreeMap;

use anyhow::Context as _;
use e2e::{Actor, Answer, PASSWORD, Server};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use shared::{Clock, Timestamp};

pub(crate) const SESSION: &str = "/api/v1/user/session/";
pub(crate) const REFRESH: &str = "/api/v1/user/token/refresh/";
pub(crate) const LOGOUT: &str = "/api/v1/user/logout/";
pub(crate) const TOKEN_LOGOUT: &str = "/api/v1/user/token/logout/";
pub(crate) const ME: &str = "/api/v1/user/me/";
pub(crate) const ORGANIZATIONS: &str = "/api/v1/organization/";

/// A site behind a proxy that ends TLS; the tests' own connections come from it.
pub(crate) const SITE: &str = "https://app.example";

pub(crate) fn manual() -> Clock {
    Clock::manual(Timestamp::from_secs(1_795_444_848))
}

/// A server with a user named ada.
pub(crate) async fn server(settings: &[(&str, &str)]) -> anyhow::Result<Server> {
    let server = Server::with(settings, manual()).await?;
    server.user("ada").await?;
    Ok(server)
}

/// What a browser keeps of one site.
#[derive(Clone, Debug)]
pub(crate) struct Browser {
    pub(crate) actor: Actor,
    /// Scheme and host in the address bar.
    pub(crate) origin: String,
    /// Name to value and path.
    pub(crate) cookies: BTreeMap<String, (String, String)>,
}

impl Browser {
    /// At the server's own address, over plain HTTP on loopback.
    pub(crate) fn local(server: &Server) -> Self {
        Self::at(&server.base, &server.base)
    }

    /// At [`SITE`].
    pub(crate) fn secure(server: &Server) -> Self {
        Self::at(&server.base, SITE)
    }

    pub(crate) fn at(base: &str, origin: &str) -> Self {
        Self { actor: Actor::new(base), origin: origin.to_owned(), cookies: BTreeMap::new() }
    }

    /// The same browser at another server of the same site.
    pub(crate) fn elsewhere(&self, base: &str) -> Self {
        Self { actor: Actor::new(base), ..self.clone() }
    }

    fn is_local(&self) -> bool {
        !self.origin.starts_with("https:") && self.origin.contains("//127.0.0.1")
    }

    /// A request as it reaches the server, with the cookies that belong to its path.
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let (scheme, host) = self.origin.split_once("://").unwrap_or_default();
        let request = self.actor.request(method, path).header("Host", host);
        let request = request.header("X-Forwarded-Proto", scheme);
        match self.cookie_header(path) {
            None => request,
            Some(cookies) => request.header("Cookie", cookies),
        }
    }

    pub(crate) fn cookie_header(&self, path: &str) -> Option<String> {
        let sent = self.cookies.iter().filter(|(_, (_, scope))| path.starts_with(scope.as_str()));
        let sent: Vec<String> = sent.map(|(name, (value, _))| format!("{name}={value}")).collect();
        (!sent.is_empty()).then(|| sent.join("; "))
    }

    /// What a page's own script sends: `Origin`, and the CSRF cookie again in the header.
    pub(crate) fn script(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.request(method, path).header("Origin", &self.origin);
        match self.csrf() {
            None => request,
            Some(csrf) => request.header("X-CSRFToken", csrf),
        }
    }

    pub(crate) fn csrf(&self) -> Option<&str> {
        self.value("csrf")
    }

    /// A cookie's value, with its prefix or without.
    pub(crate) fn value(&self, plain: &str) -> Option<&str> {
        let names = ["__Host-", "__Secure-", ""].map(|prefix| format!("{prefix}{plain}"));
        names.iter().find_map(|name| self.cookies.get(name)).map(|(value, _)| value.as_str())
    }

    /// Sends a request and keeps the cookies of its answer.
    pub(crate) async fn send(&mut self, request: RequestBuilder) -> anyhow::Result<Answer> {
        let answer = self.actor.send(request).await?;
        for set in set_cookies(&answer) {
            self.keep(&set)?;
        }
        Ok(answer)
    }

    pub(crate) async fn get(&mut self, path: &str) -> anyhow::Result<Answer> {
        let request = self.request(Method::GET, path);
        self.send(request).await
    }

    pub(crate) async fn post(&mut self, path: &str, body: &Value) -> anyhow::Result<Answer> {
        let request = self.script(Method::POST, path).json(body);
        self.send(request).await
    }

    /// A `POST` without a body.
    pub(crate) async fn poke(&mut self, path: &str) -> anyhow::Result<Answer> {
        let request = self.script(Method::POST, path);
        self.send(request).await
    }

    /// Opens the login form, then logs ada in.
    pub(crate) async fn log_in(&mut self) -> anyhow::Result<Answer> {
        let form = self.get(SESSION).await?;
        anyhow::ensure!(form.status == 200, "{form:?}");
        let answer = self.post(SESSION, &json!({"username": "ada", "password": PASSWORD})).await?;
        anyhow::ensure!(answer.status == 200, "{answer:?}");
        Ok(answer)
    }

    /// [`Browser::poke`] in another tab, which gives its browser back.
    pub(crate) async fn poke_in_a_tab(mut self, path: &'static str) -> anyhow::Result<(Self, Answer)> {
        let answer = self.poke(path).await?;
        Ok((self, answer))
    }

    /// Who is logged in.
    pub(crate) async fn who(&mut self) -> anyhow::Result<Value> {
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
pub(crate) fn set_cookies(answer: &Answer) -> Vec<String> {
    let lines = answer.headers.get_all("set-cookie").iter();
    lines.map(|line| String::from_utf8_lossy(line.as_bytes()).into_owned()).collect()
}

/// The lines with their values cut out.
pub(crate) fn shapes(answer: &Answer) -> Vec<String> {
    let shape = |line: String| match line.split_once('=').zip(line.split_once("; ")) {
        Some(((name, _), (pair, rest))) if pair.ends_with('=') => format!("{name}=; {rest}"),
        Some(((name, _), (_, rest))) => format!("{name}=*; {rest}"),
        None => line,
    };
    set_cookies(answer).into_iter().map(shape).collect()
}

/// A token's claims, unverified.
pub(crate) fn claims(token: &str) -> anyhow::Result<Value> {
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
    let payload = token.split('.').nth(1).context("a payload")?;
    Ok(serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload)?)?)
}

/// Demands a refusal for forgery in these words.
pub(crate) fn check_forgery(what: &str, answer: &Answer, words: &str) {
    assert_eq!((answer.status, answer.detail()), (403, format!("CSRF Failed: {words}").as_str()), "{what}");
    assert_eq!(answer.header("www-authenticate"), "", "{what}");
    assert_eq!(set_cookies(answer), Vec::<String>::new(), "{what}");
}

//! A browser's session, as far as a logout needs it.

use std::collections::BTreeMap;

use e2e::{Actor, Node};
use reqwest::Method;
use serde_json::json;

use crate::watch::Shown;

/// The cookies of a login, as a page on the service's own machine has them.
#[derive(Clone, Debug)]
pub(crate) struct Cookies {
    actor: Actor,
    origin: String,
    kept: BTreeMap<String, String>,
}

/// Opens the form and logs in.
pub(crate) async fn log_in(auth: &Node, name: &str, password: &str) -> anyhow::Result<Cookies> {
    let mut page = Cookies { actor: auth.anonymous(), origin: auth.base.clone(), kept: BTreeMap::new() };
    let path = "/api/v1/user/session/";
    page.send(page.request(Method::GET, path)).await?;
    page.send(page.request(Method::POST, path).json(&json!({"username": name, "password": password})))
        .await?;
    Ok(page)
}

impl Cookies {
    pub(crate) fn shown(&self) -> Shown {
        Shown::Cookie(self.kept.get("access").cloned().unwrap_or_default())
    }

    pub(crate) async fn log_out(&self, path: &str) -> anyhow::Result<()> {
        self.clone().send(self.request(Method::POST, path)).await
    }

    fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        let cookies: Vec<_> = self.kept.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let request = self.actor.request(method, path).header("Origin", &self.origin);
        let request = request.header("X-CSRFToken", self.kept.get("csrf").map_or("", String::as_str));
        if cookies.is_empty() { request } else { request.header("Cookie", cookies.join("; ")) }
    }

    async fn send(&mut self, request: reqwest::RequestBuilder) -> anyhow::Result<()> {
        let answer = self.actor.send(request).await?;
        anyhow::ensure!(answer.status == 200, "{answer:?}");
        for line in answer.headers.get_all("set-cookie") {
            let pair = line.to_str()?.split("; ").next().unwrap_or_default();
            if let Some((name, value)) = pair.split_once('=') {
                self.kept.insert(name.to_owned(), value.to_owned());
            }
        }
        Ok(())
    }
}

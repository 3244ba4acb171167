//! The system under test: a deployment that somebody else has started, at `E2E_BASE_URL`.
//!
//! A command costs a third of a second there, so users are made anew only where a fixture changed them;
//! organizations go through the API, by a superuser of the run's own.

use std::collections::BTreeSet;

use anyhow::Context as _;
use e2e::{Actor, Answer, Deployment, PASSWORD, everywhere};
use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    settings::Variant,
    system::{Organization, System, Users},
};

const NAMES: [&str; 3] = ["alice", "bob", "ivan"];
const TOKEN: &str = "/api/v1/user/token/";
const ORGANIZATIONS: &str = "/api/v1/organization/";

/// A deployment, and what a run knows of its users.
pub(crate) struct Remote {
    deployment: Deployment,
    /// Nobody, whose connections are kept.
    anonymous: Actor,
    /// Where a bearer's token goes, and before which word.
    header: (String, String),
    by_name: bool,
    /// Who removes organizations: a superuser of the run's own, whom no fixture knows.
    sweeper: String,
    /// The sweeper's access token.
    token: String,
    /// As of the last reset.
    users: Users,
    /// Whom a fixture has changed since.
    worn: BTreeSet<String>,
}

/// Takes over a deployment. Its alice, bob and ivan are made anew, whatever they were.
pub(crate) async fn attach(deployment: Deployment, variant: &Variant) -> anyhow::Result<Remote> {
    let scheme = variant.header_types().first().copied().unwrap_or("Bearer").to_owned();
    let sweeper = e2e::unique("golden");
    deployment.create(&sweeper, PASSWORD, true).await?;
    let nobody = String::new;
    let mut remote = Remote {
        anonymous: Actor::new(&deployment.base).patient(),
        deployment,
        header: (variant.header_name(), scheme),
        by_name: variant.jwt_text("USER_ID_FIELD") == Some("username"),
        sweeper,
        token: String::new(),
        users: Users { alice: nobody(), bob: nobody(), ivan: nobody() },
        worn: NAMES.map(str::to_owned).into(),
    };
    remote.reset().await?;
    Ok(remote)
}

impl Remote {
    pub(crate) fn anonymous(&self) -> Actor {
        self.anonymous.clone()
    }

    /// `http://host:port`
    pub(crate) fn base(&self) -> &str {
        &self.deployment.base
    }

    /// A login's answer; none if it is refused.
    pub(crate) async fn login(&self, name: &str, password: &str) -> anyhow::Result<Option<Value>> {
        let body = json!({ "username": name, "password": password });
        let answer = self.anonymous().post(TOKEN, &body).await?;
        Ok((answer.status == 200).then_some(answer.json))
    }

    /// A request on the organizations with this token.
    pub(crate) fn bearing(&self, token: &str, method: Method, path: &str) -> reqwest::RequestBuilder {
        let (name, scheme) = &self.header;
        self.anonymous().request(method, path).header(name, format!("{scheme} {token}"))
    }

    /// Makes users anew where a fixture changed them.
    async fn renew_users(&mut self) -> anyhow::Result<()> {
        if self.worn.is_empty() {
            return Ok(());
        }
        let known = self.deployment.users().await?;
        for name in NAMES.into_iter().filter(|name| self.worn.contains(*name)) {
            if known.iter().any(|user| user.username == name) {
                self.deployment.delete(name).await?;
            }
            self.deployment.create(name, &format!("{name}-Pa55word"), name == "alice").await?;
            if name == "ivan" {
                self.deployment.set_active(name, false).await?;
            }
        }
        let known = self.deployment.users().await?;
        let id = |name: &str| {
            let user = known.iter().find(|user| user.username == name).context("a user just created")?;
            anyhow::Ok(if self.by_name { user.username.clone() } else { user.id.clone() })
        };
        self.users = Users { alice: id("alice")?, bob: id("bob")?, ivan: id("ivan")? };
        self.worn.clear();
        Ok(())
    }

    async fn remove_organizations(&mut self) -> anyhow::Result<()> {
        let anonymous = self.anonymous();
        loop {
            let page = self.bearing(&self.token, Method::GET, ORGANIZATIONS);
            let page = anonymous.send(page).await?;
            if page.status == 401 {
                let pair = self.login(&self.sweeper, PASSWORD).await?.context("the sweeper cannot log in")?;
                let token = access(&pair).context("no access token")?;
                anyhow::ensure!(token != self.token, "the sweeper's token opens nothing: {page:?}");
                token.clone_into(&mut self.token);
                continue;
            }
            anyhow::ensure!(page.status == 200, "organizations: {page:?}");
            let found = page.json.get("results").and_then(Value::as_array).context("no results")?;
            let ids: Vec<_> = found.iter().filter_map(|one| one.get("id")?.as_str()).collect();
            if ids.is_empty() {
                return Ok(());
            }
            for id in ids {
                let path = format!("{ORGANIZATIONS}{id}/");
                let gone = anonymous.send(self.bearing(&self.token, Method::DELETE, &path)).await?;
                anyhow::ensure!(matches!(gone.status, 204 | 404), "{path}: {gone:?}");
            }
        }
    }

    /// Runs what ends a user's sessions, and waits until every replica knows: a session begun just
    /// before is the witness.
    async fn ending(
        &mut self,
        user: &str,
        command: impl AsyncFnOnce(&Deployment) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        self.worn.insert(user.to_owned());
        let witness = self.login(user, &format!("{user}-Pa55word")).await?;
        command(&self.deployment).await?;
        // Who cannot log in has no session that could end.
        let Some(token) = witness.as_ref().and_then(access) else { return Ok(()) };
        for path in [ORGANIZATIONS, "/api/v1/user/me/"] {
            self.refused(token, path).await.with_context(|| format!("what {user} had"))?;
        }
        Ok(())
    }

    /// Waits until every replica refuses a token; gives the last answer.
    async fn refused(&self, token: &str, path: &str) -> anyhow::Result<Answer> {
        let mut last = None;
        let condition = async || {
            let answer = self.anonymous().send(self.bearing(token, Method::GET, path)).await?;
            let is_refused = answer.status != 200;
            last = Some(answer);
            Ok(is_refused)
        };
        everywhere(&format!("{path} refuses a token that has ended"), condition).await?;
        last.context("an answer")
    }

    /// Whether the organization service itself notices that a user is gone.
    pub(crate) async fn asks_for_users(&self) -> anyhow::Result<bool> {
        let name = e2e::unique("golden");
        self.deployment.create(&name, PASSWORD, false).await?;
        let pair = self.login(&name, PASSWORD).await?.context("a new user cannot log in")?;
        self.deployment.delete(&name).await?;
        let answer = self.refused(access(&pair).context("no access token")?, ORGANIZATIONS).await?;
        Ok(answer.code() == "user_not_found")
    }
}

fn access(pair: &Value) -> Option<&str> {
    pair.get("access").and_then(Value::as_str)
}

impl System for Remote {
    fn base_url(&self) -> &str {
        &self.deployment.base
    }

    async fn reset(&mut self) -> anyhow::Result<Users> {
        self.renew_users().await?;
        self.remove_organizations().await?;
        Ok(self.users.clone())
    }

    async fn set_active(&mut self, user: &str, active: bool) -> anyhow::Result<()> {
        if active {
            self.worn.insert(user.to_owned());
            return self.deployment.set_active(user, true).await;
        }
        self.ending(user, async |deployment| deployment.set_active(user, false).await).await
    }

    async fn delete_user(&mut self, user: &str) -> anyhow::Result<()> {
        self.ending(user, async |deployment| deployment.delete(user).await).await
    }

    async fn change_password(&mut self, user: &str, password: &str) -> anyhow::Result<()> {
        self.ending(user, async |deployment| deployment.set_password(user, password).await).await
    }

    async fn expire_outstanding(&mut self) -> anyhow::Result<()> {
        anyhow::bail!("nobody can do this to a deployment; the fixture should have been left out")
    }

    async fn flush_expired_tokens(&mut self) -> anyhow::Result<()> {
        self.deployment.flush_expired().await
    }

    async fn insert_organizations(&mut self, _: &[Organization]) -> anyhow::Result<Vec<String>> {
        anyhow::bail!("alice's token opens nothing, and a deployment's database is not ours to write")
    }

    async fn stop(self) -> anyhow::Result<()> {
        self.deployment.delete(&self.sweeper).await
    }
}

//! [`World`]: the services, the page before them, and a browser; [`Tab`]: one of its windows.

use std::{collections::BTreeMap, time::Duration};

use anyhow::Context as _;
use auth_service::{schema::sessions, store::users::User};
use diesel::prelude::*;
use e2e::{PASSWORD, Server};
use org_service::schema::organizations;
use serde::Deserialize;
use serde_json::{Value, json};
use shared::{Clock, Timestamp};
use thirtyfour::{By, WebDriver, WindowHandle};

use crate::{chromium::Chromium, site::Site};

pub(crate) const SESSION: &str = "/api/v1/user/session/";
pub(crate) const REFRESH: &str = "/api/v1/user/token/refresh/";
pub(crate) const LOGOUT: &str = "/api/v1/user/logout/";
pub(crate) const TOKEN_LOGOUT: &str = "/api/v1/user/token/logout/";
pub(crate) const ME: &str = "/api/v1/user/me/";
pub(crate) const ORGANIZATIONS: &str = "/api/v1/organization/";

/// How the page reaches its browser.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// Plain HTTP to one's own machine.
    Local,
    /// HTTPS to a host with a name.
    Secure,
}

impl Way {
    /// The host in the address bar.
    pub(crate) const fn host(self) -> &'static str {
        match self {
            Self::Local => "localhost",
            Self::Secure => "app.example",
        }
    }

    /// The cookies' names: access, refresh, CSRF.
    pub(crate) const fn names(self) -> [&'static str; 3] {
        match self {
            Self::Local => ["access", "refresh", "csrf"],
            Self::Secure => ["__Host-access", "__Secure-refresh", "__Host-csrf"],
        }
    }
}

/// Everything that a test needs. Its users are ada and mallory.
pub(crate) struct World {
    pub(crate) way: Way,
    pub(crate) server: Server,
    /// The page, and the services' gateway.
    pub(crate) site: Site,
    pub(crate) ada: User,
    pub(crate) driver: WebDriver,
}

/// Runs a test in a world of its own, whose clock stands still.
pub(crate) async fn in_a_world(
    way: Way,
    test: impl AsyncFnOnce(&World) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    // Near the browser's time, by which it keeps its cookies.
    let clock = Clock::manual(Timestamp::from_secs(Clock::System.now().as_secs()));
    with(way, &[], clock, test).await
}

/// The same with these settings and this clock.
pub(crate) async fn with(
    way: Way,
    settings: &[(&str, &str)],
    clock: Clock,
    test: impl AsyncFnOnce(&World) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let server = Server::with(settings, clock).await?;
    let ada = server.user("ada").await?;
    server.user("mallory").await?;
    let site = Site::start(way == Way::Secure, include_str!("app.html"), Some(&server.base)).await?;
    let run = async |driver| test(&World { way, server, site, ada, driver }).await;
    Chromium::start().await?.run(run).await
}

impl World {
    /// The page's origin.
    pub(crate) fn origin(&self) -> String {
        self.site.at(self.way.host())
    }

    pub(crate) fn advance(&self, seconds: u64) {
        self.server.clock().advance(Duration::from_secs(seconds));
    }

    /// Opens the page in a new tab.
    pub(crate) async fn tab(&self) -> anyhow::Result<Tab> {
        let tab = self.blank().await?;
        tab.go(&self.origin()).await?;
        tab.run("return app.ready").await?;
        Ok(tab)
    }

    /// A new tab without a page.
    pub(crate) async fn blank(&self) -> anyhow::Result<Tab> {
        Ok(Tab { driver: self.driver.clone(), window: self.driver.new_tab().await? })
    }

    /// Everything that the browser keeps for the page's host, at whatever path.
    pub(crate) async fn cookies(&self) -> anyhow::Result<BTreeMap<String, Kept>> {
        let all = self.driver.cdp().send_raw("Storage.getCookies", json!({})).await?;
        let all: Jar = serde_json::from_value(all)?;
        let here =
            all.cookies.into_iter().filter(|cookie| cookie.domain.trim_start_matches('.') == self.way.host());
        Ok(here.map(|cookie| (cookie.name.clone(), cookie)).collect())
    }

    /// Gives the browser a cookie, as somebody does who has copied it.
    pub(crate) async fn plant(&self, cookie: &Kept) -> anyhow::Result<()> {
        let cookie = json!({
            "name": cookie.name, "value": cookie.value, "url": self.origin(), "path": cookie.path,
            "httpOnly": cookie.http_only, "secure": cookie.secure,
        });
        self.driver.cdp().send_raw("Storage.setCookies", json!({"cookies": [cookie]})).await?;
        Ok(())
    }

    /// All sessions: whose, how often rotated, and why ended; the oldest first.
    pub(crate) async fn sessions(&self) -> anyhow::Result<Vec<(String, i64, Option<String>)>> {
        let columns = (sessions::user_claim, sessions::generation, sessions::revoked_reason);
        let rows = move |conn: &mut _| sessions::table.order(sessions::id).select(columns).load(conn);
        Ok(self.server.stack.auth.db().read(rows).await?)
    }

    /// How many organizations there are.
    pub(crate) async fn organizations(&self) -> anyhow::Result<i64> {
        let count = move |conn: &mut _| organizations::table.count().get_result(conn);
        Ok(self.server.stack.org.db().read(count).await?)
    }
}

#[derive(Deserialize)]
struct Jar {
    cookies: Vec<Kept>,
}

/// A cookie as the browser keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Kept {
    pub(crate) name: String,
    pub(crate) value: String,
    /// With a leading dot where subdomains are sent it too.
    domain: String,
    path: String,
    http_only: bool,
    secure: bool,
    same_site: Option<String>,
}

impl Kept {
    /// Everything but the value.
    pub(crate) fn shape(&self) -> String {
        let flag = |set: bool, text: &'static str| if set { text } else { "" };
        let same_site = self.same_site.as_deref().unwrap_or("None");
        let flags = [flag(self.http_only, " HttpOnly"), flag(self.secure, " Secure")].concat();
        format!("{} {}{} {same_site}{flags}", self.name, self.domain, self.path)
    }
}

/// One window of the browser.
pub(crate) struct Tab {
    driver: WebDriver,
    window: WindowHandle,
}

/// What the page was told.
#[derive(Debug, Deserialize)]
pub(crate) struct Told {
    pub(crate) status: u16,
    pub(crate) json: Value,
}

impl Tab {
    async fn front(&self) -> anyhow::Result<&WebDriver> {
        self.driver.switch_to_window(self.window.clone()).await?;
        Ok(&self.driver)
    }

    /// Opens an address and waits for the page.
    pub(crate) async fn go(&self, url: &str) -> anyhow::Result<()> {
        Ok(self.front().await?.goto(url).await?)
    }

    /// Runs a script in the page. If it returns a promise, the promise's value is returned.
    pub(crate) async fn run(&self, script: &str) -> anyhow::Result<Value> {
        self.run_with(script, []).await
    }

    /// The same with `arguments`.
    pub(crate) async fn run_with<const N: usize>(
        &self,
        script: &str,
        arguments: [Value; N],
    ) -> anyhow::Result<Value> {
        let returned = self.front().await?.execute(script, arguments.to_vec()).await;
        Ok(returned.with_context(|| script.to_owned())?.json().clone())
    }

    /// Runs one of the page's own functions that tell an answer: `send('GET', 'user/me/')`.
    pub(crate) async fn app(&self, call: &str) -> anyhow::Result<Told> {
        let told = self.run(&format!("return app.{call}")).await?;
        serde_json::from_value(told.clone()).with_context(|| format!("{call}: {told}"))
    }

    /// The same, only the status.
    pub(crate) async fn status(&self, call: &str) -> anyhow::Result<u16> {
        Ok(self.app(call).await?.status)
    }

    /// Who is logged in, as the page shows it; empty if nobody.
    pub(crate) async fn shown(&self) -> anyhow::Result<String> {
        Ok(self.front().await?.find(By::Id("who")).await?.text().await?)
    }

    /// Logs in by the page's form, with keyboard and mouse.
    pub(crate) async fn log_in(&self, name: &str) -> anyhow::Result<Told> {
        let driver = self.front().await?;
        driver.find(By::Name("username")).await?.send_keys(name).await?;
        driver.find(By::Name("password")).await?.send_keys(PASSWORD).await?;
        driver.find(By::Tag("button")).await?.click().await?;
        Ok(serde_json::from_value(self.run("return app.submitted").await?)?)
    }
}

//! What pages of other sites, and of other origins of the same site, can do with the browser's cookies:
//! they send requests, all of them are refused, and nothing changes.

use e2e::PASSWORD;
use serde_json::{Value, json};
use url::Url;

use crate::{
    site::{Seen, Site},
    world::{LOGOUT, ME, ORGANIZATIONS, REFRESH, SESSION, TOKEN_LOGOUT, Tab, Way, World, in_a_world},
};

const FORM: &str = "application/x-www-form-urlencoded";
const PARTS: &str = "multipart/form-data";
const TEXT: &str = "text/plain";

/// What a page may send to any other site without asking.
const TYPES: [&str; 3] = [FORM, PARTS, TEXT];

/// A page of somebody else, opened under some name.
pub(crate) struct Attacker<'a> {
    world: &'a World,
    tab: Tab,
    /// Its origin.
    origin: String,
}

impl<'a> Attacker<'a> {
    pub(crate) async fn at(world: &'a World, site: &Site, host: &str) -> anyhow::Result<Self> {
        let attacker = Self { world, tab: world.blank().await?, origin: site.at(host) };
        attacker.tab.go(&attacker.origin).await?;
        Ok(attacker)
    }

    /// Every request that can be made from here: forms that submit themselves, then scripts.
    pub(crate) async fn attack(&self, check: impl Fn(&str, &Seen)) -> anyhow::Result<()> {
        for (path, fields) in targets() {
            check(FORM, &self.form(path, &fields).await?);
        }
        self.tab.go(&self.origin).await?;
        for (path, fields) in targets() {
            for kind in TYPES {
                check(kind, &self.script(path, kind, &fields).await?);
            }
        }
        Ok(())
    }

    /// A page with a form that submits itself, and takes the window along.
    async fn form(&self, path: &'static str, fields: &Value) -> anyhow::Result<Seen> {
        self.world.site.forget();
        let plan = json!({"action": format!("{}{path}", self.world.origin()), "fields": fields});
        let page = Url::parse_with_params(&self.origin, [("plan", plan.to_string())])?;
        self.tab.go(page.as_str()).await?;
        self.arrived(path).await
    }

    /// A `fetch` with the visitor's cookies, whose answer nobody sees.
    async fn script(&self, path: &'static str, kind: &str, fields: &Value) -> anyhow::Result<Seen> {
        self.world.site.forget();
        let url = json!(format!("{}{path}", self.world.origin()));
        let script = "return attack.blindly(...arguments)";
        let answer = self.tab.run_with(script, [url, json!(kind), fields.clone()]).await?;
        assert_eq!(answer, "opaque");
        self.arrived(path).await
    }

    /// The request as it came from the browser, which did not hide who made it.
    async fn arrived(&self, path: &str) -> anyhow::Result<Seen> {
        let seen = self.world.site.answered("POST", path).await?;
        assert_eq!(seen.origin, self.origin);
        assert_eq!(seen.sets, 0, "{seen:?}");
        Ok(seen)
    }

    /// Tries to make the visitor mallory.
    async fn log_in_as_mallory(&self) -> anyhow::Result<()> {
        let mallory = json!({"username": "mallory", "password": PASSWORD});
        assert_eq!(self.form(SESSION, &mallory).await?.status, 403);
        self.tab.go(&self.origin).await?;
        for kind in TYPES {
            assert_eq!(self.script(SESSION, kind, &mallory).await?.status, 403, "{kind}");
        }
        Ok(())
    }

    /// Requests that the browser makes only with leave, which nobody gives.
    pub(crate) async fn needs_leave(&self) -> anyhow::Result<()> {
        self.world.site.forget();
        self.tab.go(&self.origin).await?;
        for (method, path) in [("GET", ME), ("GET", ORGANIZATIONS), ("GET", SESSION)] {
            let url = json!(format!("{}{path}", self.world.origin()));
            let read = self.tab.run_with("return attack.openly(...arguments)", [json!(method), url]).await?;
            assert_eq!(read, "TypeError", "the answer of {path} is not shown");
        }
        for (path, fields) in targets() {
            let arguments = [json!("POST"), json!(format!("{}{path}", self.world.origin())), fields];
            let sent = self.tab.run_with("return attack.openly(...arguments)", arguments).await?;
            assert_eq!(sent, "TypeError", "{path}");
        }
        let posts = self.world.site.seen().into_iter().filter(|seen| seen.method == "POST");
        assert_eq!(posts.collect::<Vec<_>>(), [], "the browser asked before, and got no leave");
        Ok(())
    }
}

/// Everything that a forged request could change.
fn targets() -> [(&'static str, Value); 5] {
    [
        (ORGANIZATIONS, json!({"name": "Forged"})),
        (SESSION, json!({"username": "mallory", "password": PASSWORD})),
        (REFRESH, json!({})),
        (LOGOUT, json!({})),
        (TOKEN_LOGOUT, json!({})),
    ]
}

/// A page of another site: the cookies stay at home.
pub(crate) fn refused_without_cookies(kind: &str, seen: &Seen) {
    assert_eq!(seen.cookies, Vec::<String>::new(), "{seen:?}");
    let status = match (seen.path.as_str(), kind) {
        (REFRESH, TEXT) => 415,
        // Without a cookie, it is the ordinary refresh without its token.
        (REFRESH, _) => 400,
        (ORGANIZATIONS, _) => 401,
        _ => 403,
    };
    assert_eq!(seen.status, status, "{kind}: {seen:?}");
}

/// A page of the same site: the cookies come along, so it is the services that must tell.
pub(crate) fn refused_with_cookies(way: Way) -> impl Fn(&str, &Seen) {
    let [access, refresh, csrf] = way.names();
    move |kind, seen| {
        let mut names = vec![access, csrf];
        if seen.path.starts_with("/api/v1/user/token/") {
            names.push(refresh);
        }
        names.sort_unstable();
        assert_eq!(seen.cookies, names, "{seen:?}");
        let status = if (seen.path.as_str(), kind) == (REFRESH, TEXT) { 415 } else { 403 };
        assert_eq!(seen.status, status, "{kind}: {seen:?}");
    }
}

/// Runs an attack on somebody who is logged in, and demands that it has changed nothing.
pub(crate) async fn changes_nothing(
    world: &World,
    attack: impl AsyncFnOnce() -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let tab = world.tab().await?;
    tab.log_in("ada").await?;
    assert_eq!(tab.status("send('POST', 'organization/', {name: 'Acme'})").await?, 201);
    let before = (world.cookies().await?, world.sessions().await?, world.organizations().await?);
    attack().await?;
    let after = (world.cookies().await?, world.sessions().await?, world.organizations().await?);
    assert_eq!(before, after);
    assert_eq!(before.1, [(world.ada.subject.clone(), 0, None)]);

    // What was refused is refused to others only.
    assert_eq!(tab.run("return app.who()").await?, json!(world.ada.subject));
    assert_eq!(tab.status("send('GET', 'organization/')").await?, 200);
    for (call, status) in
        [("send('POST', 'organization/', {name: 'Mine'})", 201), ("refresh()", 200), ("logOut()", 200)]
    {
        assert_eq!(tab.status(call).await?, status, "{call}");
    }
    Ok(())
}

#[tokio::test]
async fn a_page_of_another_site_sends_no_cookies_and_changes_nothing() -> anyhow::Result<()> {
    in_a_world(Way::Local, async |world| {
        let site = Site::start(false, include_str!("attack.html"), None).await?;
        changes_nothing(world, async || {
            let attacker = Attacker::at(world, &site, "127.0.0.1").await?;
            attacker.attack(refused_without_cookies).await?;
            attacker.needs_leave().await
        })
        .await
    })
    .await
}

#[tokio::test]
async fn a_page_on_another_port_sends_all_cookies_and_changes_nothing() -> anyhow::Result<()> {
    in_a_world(Way::Local, async |world| {
        let site = Site::start(false, include_str!("attack.html"), None).await?;
        changes_nothing(world, async || {
            let attacker = Attacker::at(world, &site, "localhost").await?;
            attacker.attack(refused_with_cookies(world.way)).await?;
            attacker.needs_leave().await
        })
        .await
    })
    .await
}

#[tokio::test]
async fn nobody_is_logged_in_as_somebody_else_behind_their_back() -> anyhow::Result<()> {
    in_a_world(Way::Local, async |world| {
        let tab = world.tab().await?;
        let site = Site::start(false, include_str!("attack.html"), None).await?;
        for host in ["127.0.0.1", "localhost"] {
            Attacker::at(world, &site, host).await?.log_in_as_mallory().await?;
        }
        assert_eq!(world.sessions().await?, []);
        assert_eq!(tab.run("return app.who()").await?, Value::Null);
        assert_eq!(tab.log_in("mallory").await?.status, 200, "the password was not what was wrong");
        Ok(())
    })
    .await
}

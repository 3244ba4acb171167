//! [`World`]: a stack, an organization service of its own that asks the stack's auth service over
//! HTTP, and the proxy between them.

use e2e::{Actor, Answer, Server};
use reqwest::Method;
use shared::{
    Clock, Timestamp,
    config::Variables,
    db::testing::TestDb,
    http::{
        metrics::Metrics,
        server::{ServerOptions, Shared, Stop, bind},
    },
};

use crate::proxy::Proxy;

pub(crate) const SECRET: &str = "a service secret of these tests alone";
pub(crate) const CLASSES: (&str, &str) = ("AUTHENTICATION_CLASSES", "JWTAuthentication,BasicAuthentication");
pub(crate) const ORGANIZATIONS: &str = "/api/v1/organization/";

pub(crate) struct World {
    pub(crate) server: Server,
    pub(crate) proxy: Proxy,
    /// Somebody without credentials before the organization service.
    pub(crate) anonymous: Actor,
    stop: Stop,
    _database: TestDb,
}

impl World {
    /// Both services by this clock, with the user `ada`.
    pub(crate) async fn start(clock: &Clock) -> anyhow::Result<Self> {
        Self::with(&[], &[], [clock, clock]).await
    }

    /// With these settings and this clock for each of the two.
    pub(crate) async fn with(
        auth: &[(&str, &str)],
        org: &[(&str, &str)],
        clocks: [&Clock; 2],
    ) -> anyhow::Result<Self> {
        let mut settings = vec![("SERVICE_SECRET", SECRET)];
        settings.extend(auth);
        let server = Server::with(&settings, clocks[0].clone()).await?;
        server.user("ada").await?;
        let proxy = Proxy::before(&server.management)?;
        let database = TestDb::empty()?;
        let url = database.url.secret_text();
        let mut settings = vec![
            ("ORG_DATABASE_URL", url.as_str()),
            ("ORG_AUTH_URL", proxy.url.as_str()),
            ("SERVICE_SECRET", SECRET),
            // The proxy hands on whole answers, and a feed never ends; what it does is proven elsewhere.
            ("REVOCATION", "off"),
            CLASSES,
        ];
        settings.extend(org);
        let pairs = settings.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned()));
        let config = org_service::Config::read(&Variables::from_pairs(pairs))?;
        let issuer = config.http_issuer()?;
        let app = org_service::App::start(config, issuer, clocks[1].clone()).await?;
        app.ready().await;
        let any = ([127, 0, 0, 1], 0).into();
        let options = ServerOptions { workers: 2, ..ServerOptions::new(any, any) };
        let shared = Shared { readiness: app.readiness(), metrics: Metrics::new() };
        let bound = bind(&options, shared, move |config| app.configure(config), |_| {})?;
        let anonymous = Actor::new(&format!("http://{}", bound.address));
        let stop = bound.stop();
        tokio::spawn(bound.run());
        Ok(Self { server, proxy, anonymous, stop, _database: database })
    }

    /// `GET` of the organizations with Basic credentials.
    pub(crate) async fn list(&self, name: &str, password: &str) -> anyhow::Result<Answer> {
        self.anonymous.send(list(&self.anonymous, name, password)).await
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let stop = self.stop.clone();
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move { stop.now().await });
        }
    }
}

/// `GET` of the organizations with Basic credentials, to be completed by hand.
pub(crate) fn list(actor: &Actor, name: &str, password: &str) -> reqwest::RequestBuilder {
    actor.request(Method::GET, ORGANIZATIONS).basic_auth(name, Some(password))
}

/// A clock that stands still.
pub(crate) fn clock() -> Clock {
    Clock::manual(Timestamp::from_secs(1_800_000_000))
}

/// Demands a refusal in the framework's words.
pub(crate) fn refused(answer: &Answer, detail: &str) {
    assert_eq!((answer.status, answer.detail()), (401, detail), "{answer:?}");
    assert_eq!(answer.header("www-authenticate"), "Bearer realm=\"api\"");
    assert_eq!(answer.code(), "");
}

/// Demands that nothing was decided.
pub(crate) fn undecided(answer: &Answer, retry_after: &str) {
    assert_eq!((answer.status, answer.code()), (503, "unavailable"), "{answer:?}");
    assert_eq!(answer.header("retry-after"), retry_after);
    assert_eq!(answer.header("www-authenticate"), "");
}

pub(crate) const WRONG: &str = "Invalid username/password.";

//! [`World`]: both services and the example, a user with a pair, and the doors to knock at.

use e2e::{Actor, Answer, Server};
use protected_service::Cli;
use reqwest::Method;
use serde_json::json;
use shared::{Clock, config::Variables};

use crate::forge::{Forged, GENUINE, MARK};

/// Where a token can be presented.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Door {
    /// `GET /api/v1/user/me/`
    Me,
    /// `GET /api/v1/organization/`
    Organization,
    /// `GET /protected` of the example.
    Example,
    /// `POST /api/v1/user/token/verify/`
    Verify,
    /// `POST /api/v1/user/token/refresh/`
    Refresh,
}

/// The doors that take a token in a header.
pub(crate) const BEARER: [Door; 3] = [Door::Me, Door::Organization, Door::Example];
/// The doors that a good access token opens.
pub(crate) const ACCESS: [Door; 4] = [Door::Me, Door::Organization, Door::Example, Door::Verify];
/// The doors that a good refresh token opens.
pub(crate) const REFRESH: [Door; 2] = [Door::Refresh, Door::Verify];

pub(crate) struct World {
    pub(crate) server: Server,
    pub(crate) alice: Actor,
    anonymous: Actor,
    example: Actor,
    running: actix_web::dev::ServerHandle,
}

/// What the stack and the example share, so that the latter gets the revocation feed.
const SECRET: (&str, &str) = ("SERVICE_SECRET", "a service secret of these tests alone");

impl World {
    /// Keys managed by the auth service, as in the default settings.
    pub(crate) async fn managed() -> anyhow::Result<Self> {
        Self::with(&[], &[]).await
    }

    /// One key for everything, [`GENUINE`], which the test can sign with.
    pub(crate) async fn with_known_key() -> anyhow::Result<Self> {
        Self::with(&[("AUTH_SIGNING_KEY", GENUINE)], &[]).await
    }

    /// `settings` are the stack's; `theirs` are what the example, which has no keys, needs to know.
    pub(crate) async fn with(settings: &[(&str, &str)], theirs: &[(&str, &str)]) -> anyhow::Result<Self> {
        // Without rotation a refresh token that was used is as good as before.
        let settings = [&[("AUTH_ROTATE_REFRESH_TOKENS", "false"), SECRET], settings].concat();
        let server = Server::with(&settings, Clock::System).await?;
        server.user("alice").await?;
        let alice = server.login("alice").await?;
        let theirs =
            theirs.iter().chain([&SECRET]).map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let cli = Cli { issuer: server.management.parse()?, listen: ([127, 0, 0, 1], 0).into() };
        let (addresses, example) =
            protected_service::bind(cli, &Variables::from_pairs(theirs), Clock::System).await?;
        let running = example.handle();
        tokio::spawn(example);
        let address = addresses.first().copied().unwrap_or(([127, 0, 0, 1], 0).into());
        Ok(Self {
            anonymous: server.anonymous(),
            server,
            alice,
            example: Actor::new(&format!("http://{address}")),
            running,
        })
    }

    pub(crate) fn access(&self) -> &str {
        self.alice.access.as_deref().unwrap_or_default()
    }

    pub(crate) fn refresh(&self) -> &str {
        self.alice.refresh.as_deref().unwrap_or_default()
    }

    /// Both tokens of the pair, with the doors that each opens.
    pub(crate) fn pair(&self) -> [(&str, &'static [Door]); 2] {
        [(self.access(), &ACCESS), (self.refresh(), &REFRESH)]
    }

    /// A request to a door in [`BEARER`], without its header.
    pub(crate) fn ask(&self, door: Door) -> (Actor, reqwest::RequestBuilder) {
        let anonymous = self.anonymous.clone();
        let (actor, path) = match door {
            Door::Example => (self.example.clone(), "/protected"),
            Door::Organization => (anonymous, "/api/v1/organization/"),
            Door::Me | Door::Verify | Door::Refresh => (anonymous, "/api/v1/user/me/"),
        };
        let request = actor.request(Method::GET, path);
        (actor, request)
    }

    /// Presents a token as the door wants it.
    pub(crate) async fn knock(&self, door: Door, token: &str) -> anyhow::Result<Answer> {
        let anonymous = &self.anonymous;
        match door {
            Door::Verify => anonymous.post("/api/v1/user/token/verify/", &json!({"token": token})).await,
            Door::Refresh => anonymous.refresh_with(token).await,
            bearer => {
                let (actor, request) = self.ask(bearer);
                actor.send(request.header("Authorization", format!("Bearer {token}"))).await
            }
        }
    }

    /// The control: an honest token opens these doors.
    pub(crate) async fn accept(&self, doors: &[Door], token: &str) -> anyhow::Result<()> {
        for door in doors {
            let answer = self.knock(*door, token).await?;
            assert_eq!(answer.status, 200, "{door:?} refuses an honest token: {}", answer.text);
        }
        Ok(())
    }

    /// Every one of the tokens is refused at every one of the doors.
    pub(crate) async fn refuse(&self, doors: &[Door], forged: &[Forged]) -> anyhow::Result<()> {
        assert!(!forged.is_empty(), "nothing to refuse");
        for (label, token) in forged {
            for door in doors {
                let answer = self.knock(*door, token).await?;
                check_refusal(&format!("{label} at {door:?}"), &answer, token);
                assert_eq!(answer.code(), "token_not_valid", "{label} at {door:?}: {}", answer.text);
            }
        }
        Ok(())
    }

    /// What `forge` makes of either token is refused wherever that token is accepted.
    pub(crate) async fn refuse_made_of_pair(
        &self,
        forge: impl Fn(&str) -> anyhow::Result<Vec<Forged>>,
    ) -> anyhow::Result<()> {
        for (token, doors) in self.pair() {
            self.accept(doors, token).await?;
            self.refuse(doors, &forge(token)?).await?;
            self.accept(doors, token).await?;
        }
        Ok(())
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let running = self.running.clone();
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move { running.stop(false).await });
        }
    }
}

/// 401 in the envelope, with its challenge, and with nothing of the token in it.
pub(crate) fn check_refusal(what: &str, answer: &Answer, token: &str) {
    assert_eq!(answer.status, 401, "{what}: {} {}", answer.status, answer.text);
    assert!(!answer.detail().is_empty(), "{what}: no envelope: {}", answer.text);
    assert_eq!(answer.header("www-authenticate"), "Bearer realm=\"api\"", "{what}");
    assert_eq!(answer.header("content-type"), "application/json", "{what}");
    let shown = format!("{:?} {}", answer.headers, answer.text);
    assert!(!shown.contains(MARK), "{what}: the answer shows what the token says: {shown}");
    for segment in token.split('.').filter_map(|segment| segment.get(..12)) {
        assert!(!shown.contains(segment), "{what}: the answer shows a part of the token: {shown}");
    }
}

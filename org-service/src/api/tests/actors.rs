//! A site with its database, and the people who use it.

use actix_web::{
    App as Server,
    body::to_bytes,
    http::{Method, StatusCode, header::HeaderMap},
    middleware::from_fn,
    test::{TestRequest, init_service},
    web::Data,
};
use serde_json::{Map, Value, json};
use shared::{
    Authenticator, Clock, Issuer, Timestamp, Verifier,
    auth::AuthenticationClasses,
    config::Variables,
    db::testing::TestDb,
    http::frame,
    issuer::KeySource,
    keys::{Alg, KeySet, SigningKey},
    revocation::Revocations,
};

use crate::{
    App, Config, migrations,
    policy::Policy,
    store::{
        memberships::{self, Membership},
        organizations::OrgId,
    },
};

const SECRET: &str = "a secret of thirty-two characters";

/// The service as it is configured into a server, beside another service with its own, quite
/// different authenticator.
pub(super) struct Site {
    app: App,
    other: Data<Authenticator>,
    pub(super) clock: Clock,
    _database: TestDb,
}

impl Site {
    pub(super) async fn new(settings: &[(&str, &str)]) -> Self {
        Self::with_issuer(settings, None).await
    }

    /// The same with an auth service of its own.
    pub(super) async fn with_issuer(settings: &[(&str, &str)], issuer: Option<Issuer>) -> Self {
        let database = TestDb::new(migrations()).await.unwrap();
        Self::start(database, Clock::manual(Timestamp::from_secs(1_795_444_848)), settings, issuer).await
    }

    /// The same site, started again with other settings.
    pub(super) async fn again(self, settings: &[(&str, &str)], issuer: Option<Issuer>) -> Self {
        let Self { clock, _database: database, .. } = self;
        Self::start(database, clock, settings, issuer).await
    }

    async fn start(
        database: TestDb,
        clock: Clock,
        settings: &[(&str, &str)],
        issuer: Option<Issuer>,
    ) -> Self {
        let mut variables = Variables::default();
        let given = [("AUTH_ALGORITHM", "HS256"), ("AUTH_SIGNING_KEY", SECRET), ("REVOCATION", "off")];
        for (name, value) in given.iter().chain(settings) {
            variables.set(name, *value, shared::config::Source::Environment);
        }
        variables.set("ORG_DATABASE_URL", database.url.secret_text(), shared::config::Source::Environment);
        let config = Config::read(&variables).unwrap();
        let issuer = issuer.unwrap_or_else(|| config.http_issuer().unwrap());
        let other = other_authenticator(&config, &issuer, &clock);
        let app = App::start(config, issuer, clock.clone()).await.unwrap();
        Self { app, other: Data::new(other), clock, _database: database }
    }

    pub(super) const fn app(&self) -> &App {
        &self.app
    }

    pub(super) fn anonymous(&self) -> Actor<'_> {
        Actor { site: self, token: None }
    }

    pub(super) fn member(&self, user_id: &str) -> Actor<'_> {
        self.actor(json!({"user_id": user_id}))
    }

    pub(super) fn superuser(&self, user_id: &str) -> Actor<'_> {
        self.actor(json!({"user_id": user_id, "is_superuser": true}))
    }

    /// Somebody whose token speaks for the organization at this path.
    pub(super) fn scoped(&self, user_id: &str, is_superuser: bool, path: &str) -> Actor<'_> {
        let org_id = org_id(path).to_string();
        let mut claims = json!({"user_id": user_id, "org_id": org_id, "mv": i64::MAX});
        if is_superuser {
            claims["is_superuser"] = json!(true);
        }
        self.actor(claims)
    }

    /// Makes somebody a member of the organization at this path, as an accepted invitation does.
    pub(super) async fn join(&self, path: &str, user_id: &str, role: &str) {
        let now = self.clock.now();
        let member = Membership {
            org_id: org_id(path),
            user_id: user_id.to_owned(),
            role: role.to_owned(),
            created_at: now,
            updated_at: now,
        };
        assert!(self.app.db().write(move |conn| memberships::insert(conn, member)).await.unwrap());
    }

    /// Who may do what.
    pub(super) fn policy(&self) -> &Policy {
        self.app.policy()
    }

    fn actor(&self, mut claims: Value) -> Actor<'_> {
        let now = self.clock.now().as_secs();
        claims["token_type"] = json!("access");
        claims["jti"] = json!("0123456789abcdef0123456789abcdef");
        claims["iss"] = json!(shared::verifier::DEFAULT_ISSUER);
        claims["iat"] = json!(now);
        claims["exp"] = json!(now + 300);
        let claims: Map<String, Value> = claims.as_object().unwrap().clone();
        let key = SigningKey::hmac(Alg::HS256, SECRET.as_bytes(), None).unwrap();
        Actor { site: self, token: Some(key.sign(&claims).unwrap()) }
    }

    /// The path of a new organization.
    pub(super) async fn organization(&self, actor: &Actor<'_>, name: &str) -> String {
        let created = actor.post("/api/v1/organization/", json!({"name": name})).await;
        assert_eq!(created.status, StatusCode::CREATED, "{}", created.body);
        format!("/api/v1/organization/{}/", created.body["data"]["id"].as_str().unwrap())
    }
}

/// The id in an organization's path.
pub(super) fn org_id(path: &str) -> OrgId {
    let id = path.trim_end_matches('/').rsplit('/').next().unwrap();
    OrgId::from_uuid(id.parse().unwrap())
}

/// Trusts nothing, as far as these tests are concerned.
fn other_authenticator(config: &Config, issuer: &Issuer, clock: &Clock) -> Authenticator {
    let keys = KeySource::Fixed(KeySet::empty().into());
    let verifier = Verifier::new(keys, Revocations::off(), config.rules.clone().into(), clock.clone());
    Authenticator::new(verifier, issuer.clone(), AuthenticationClasses::default())
}

/// Somebody with a token, or without.
pub(super) struct Actor<'a> {
    site: &'a Site,
    token: Option<String>,
}

impl Actor<'_> {
    pub(super) async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, None).await
    }

    pub(super) async fn get_with(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        let request = TestRequest::get().uri(path).peer_addr("127.0.0.1:4711".parse().unwrap());
        let request = headers.iter().fold(request, |request, header| request.insert_header(*header));
        self.call(request).await
    }

    pub(super) async fn post(&self, path: &str, body: Value) -> Answer {
        self.send(Method::POST, path, Some(body)).await
    }

    pub(super) async fn send(&self, method: Method, path: &str, body: Option<Value>) -> Answer {
        let request = TestRequest::with_uri(path).method(method);
        self.call(match body {
            Some(body) => request.set_json(body),
            None => request,
        })
        .await
    }

    pub(super) async fn send_with(
        &self,
        method: Method,
        path: &str,
        body: Value,
        header: (&str, &str),
    ) -> Answer {
        let request = TestRequest::with_uri(path).method(method).insert_header(header);
        self.call(request.set_json(body)).await
    }

    pub(super) async fn raw(&self, method: Method, path: &str, kind: &str, body: &str) -> Answer {
        let request = TestRequest::with_uri(path).method(method).insert_header(("content-type", kind));
        self.call(request.set_payload(body.to_owned())).await
    }

    async fn call(&self, mut request: TestRequest) -> Answer {
        let Site { app, other, .. } = self.site;
        let server = Server::new().app_data(other.clone()).configure(|config| app.configure(config));
        let server = server.wrap(from_fn(frame::around));
        let service = init_service(server).await;
        if let Some(token) = &self.token {
            request = request.insert_header(("authorization", format!("Bearer {token}")));
        }
        let response = actix_web::test::call_service(&service, request.to_request()).await;
        let (status, headers) = (response.status(), response.headers().clone());
        let bytes = to_bytes(response.into_body()).await.ok().unwrap();
        let body = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        Answer { status, headers, body, empty: bytes.is_empty(), text }
    }
}

/// What came back.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) body: Value,
    pub(super) empty: bool,
    pub(super) text: String,
    headers: HeaderMap,
}

impl Answer {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }
}

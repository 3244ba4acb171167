//! What the proofs share: one world, tokens without a valid signature, answers by hand.

mod aspects;
mod plain;
mod rules;
mod rules_same;
mod sessions;
mod settings;
mod text;
mod tokens;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use crate::{
    compare::{Findings, compare},
    deviations::{Case, Permits, RULES},
    extra::Extra,
    fixture::{Fixture, Request, parse},
    history::History,
    json::write,
    settings::{Keys, Variant},
    system::Users,
    wire::Answer,
    world::World,
};

/// The second in which everything here happens.
const NOW: i64 = 1_700_000_000;

fn keys() -> Keys {
    Keys(vec![std::path::PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("golden/keys")])
}

fn variant(own: &Value) -> Variant {
    Variant::new(own.as_object().unwrap(), &keys(), "http://127.0.0.1:1/jwks.json").unwrap()
}

fn world() -> World {
    let users = Users { alice: "1".to_owned(), bob: "2".to_owned(), ivan: "3".to_owned() };
    let mut world = World::new("http://127.0.0.1:8000", users);
    #[expect(clippy::cast_precision_loss, reason = "a number of seconds")]
    let now = NOW as f64 + 0.5;
    (world.began, world.sent, world.answered) = (now, now, now);
    world.saved.insert("R".to_owned(), token(&claims("refresh", 86_400)));
    world.saved.insert("A".to_owned(), token(&claims("access", 300)));
    world
}

fn claims(kind: &str, lifetime: i64) -> Value {
    let jti = if kind == "refresh" { "0123456789abcdef0123456789abcdef" } else { "ab".repeat(16).leak() };
    json!({"token_type": kind, "exp": NOW + lifetime, "iat": NOW, "jti": jti, "user_id": "1"})
}

/// A token with 32 bytes for a signature.
fn token(claims: &Value) -> String {
    token_with(r#"{"alg":"HS256","typ":"JWT"}"#, claims, 32)
}

fn token_with(header: &str, claims: &Value, signature: usize) -> String {
    let parts = [header.as_bytes().to_vec(), write(claims).into_bytes(), vec![7; signature]];
    parts.map(|part| URL_SAFE_NO_PAD.encode(part)).join(".")
}

fn answer(status: u16, headers: &[(&str, &str)], body: &Value) -> Answer {
    let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let json = [("Content-Type".to_owned(), "application/json".to_owned())];
    Answer { status, headers: json.into_iter().chain(headers).collect(), body: write(body).into_bytes() }
}

/// A 401 with its challenge.
fn refused(body: &Value) -> Answer {
    answer(401, &[("WWW-Authenticate", "Bearer realm=\"api\"")], body)
}

fn token_error(text: &str) -> Answer {
    refused(&json!({"detail": text, "code": "token_not_valid"}))
}

/// A fixture whose response is JSON.
fn fixture(setup: &Value, request: &Value, status: u16, body: &Value) -> Fixture {
    let line = json!({
        "name": "group/case", "variant": "proof", "settings": {}, "setup": setup, "request": request,
        "response": {"status": status, "headers": {"Content-Type": "application/json"}, "body": body},
    });
    parse(&line.to_string()).unwrap()
}

/// A fixture whose response is a page.
fn page(setup: &Value, request: &Value, status: u16) -> Fixture {
    let mut fixture = fixture(setup, request, status, &Value::Null);
    fixture.response.body = None;
    fixture.response.text = Some("<!doctype html>".to_owned());
    fixture.response.headers.insert("Content-Type".to_owned(), "text/html; charset=utf-8".to_owned());
    fixture
}

fn post(path: &str, body: &Value) -> Value {
    json!({"method": "POST", "path": path, "headers": [["Content-Type", "application/json"]], "json": body})
}

fn findings(fixture: &Fixture, answer: &Answer) -> Findings {
    compare(&fixture.response, &fixture.tokens, answer, &world())
}

/// The rules that permit this answer, in the tutorial's settings with some changed.
fn permitted_in(own: &Value, fixture: &Fixture, answer: &Answer, world: &World) -> Vec<&'static str> {
    rules(own, fixture, answer, world).into_iter().map(|(name, _)| name).collect()
}

fn permitted(fixture: &Fixture, answer: &Answer) -> Vec<&'static str> {
    permitted_in(&json!({}), fixture, answer, &world())
}

/// The requests whose answers ours would have to equal.
fn compared_with(fixture: &Fixture, answer: &Answer) -> Vec<(&'static str, Request)> {
    let found = rules(&json!({}), fixture, answer, &world());
    found.into_iter().filter_map(|(name, request)| Some((name, request?))).collect()
}

/// Whether a row of `DEVIATIONS.md` permits this answer.
fn permitted_by(extra: &Extra, fixture: &Fixture, answer: &Answer) -> bool {
    with_case(&json!({}), fixture, answer, &world(), |case| extra.permits(case, &fixture.id()))
}

fn rules(
    own: &Value,
    fixture: &Fixture,
    answer: &Answer,
    world: &World,
) -> Vec<(&'static str, Option<Request>)> {
    with_case(own, fixture, answer, world, |case| {
        let found = RULES.iter().filter_map(|rule| match rule.permits {
            Permits::Answer(accepts) => accepts(case).then_some((rule.name, None)),
            Permits::SameAs(other) => other(case).map(|request| (rule.name, Some(request))),
        });
        found.collect()
    })
}

fn with_case<T>(
    own: &Value,
    fixture: &Fixture,
    answer: &Answer,
    world: &World,
    ask: impl FnOnce(&Case) -> T,
) -> T {
    let variant = variant(own);
    let sent = world.fill_request(&fixture.request).unwrap();
    ask(&Case {
        history: History { variant: &variant, steps: &fixture.setup, world },
        request: &fixture.request,
        sent: &sent,
        recorded: &fixture.response,
        tokens: &fixture.tokens,
        answer,
    })
}

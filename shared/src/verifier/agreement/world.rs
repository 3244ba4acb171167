//! What both verifiers of a history share: keys, clock, feed, and the tokens that are about.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use arc_swap::ArcSwap;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Map, Value, json};

use super::history::{History, Issue, KEYS, Step, VERSIONS};
use crate::{
    Clock, Timestamp, Verifier,
    clock::monotonic_micros,
    config::{Variables, process::RevocationPolicy},
    issuer::KeySource,
    jwks::{JwksClient, JwksOptions},
    keys::{KeySet, SigningKey, VerifyingKey},
    revocation::{Entry, Kind, Revocations, UnknownKind},
    token::Parsed,
    verifier::{DEFAULT_ISSUER, VerifierSettings},
};

const BEGINNING: i64 = 1_795_444_848;

pub(super) struct World {
    pub(super) cached: Verifier,
    pub(super) plain: Verifier,
    pub(super) tokens: Vec<String>,
    issued: usize,
    clock: Arc<AtomicI64>,
    published: HashMap<String, VerifyingKey>,
    keys: KeySource,
    revocations: Revocations,
}

impl World {
    pub(super) fn new(history: &History) -> Self {
        let leeway = ("AUTH_LEEWAY".to_owned(), history.leeway.to_string());
        let settings = VerifierSettings::read(&Variables::from_pairs([leeway])).unwrap();
        let mut rules = settings.rules().unwrap();
        let micros = Arc::new(AtomicI64::new(BEGINNING * 1_000_000));
        let clock = Clock::Manual(Arc::clone(&micros));
        let keys = if history.fetched {
            let url = "http://127.0.0.1:1/jwks.json".parse().unwrap();
            let client = JwksClient::new(url, JwksOptions::of(&rules, None), clock.clone()).unwrap();
            KeySource::Http(Arc::new(client))
        } else {
            KeySource::Local(Arc::new(ArcSwap::from_pointee(KeySet::empty())))
        };
        let revocations = Revocations::new(RevocationPolicy::default(), clock.clone());
        let mut verifier = |capacity| {
            rules.token_cache = capacity;
            Verifier::new(keys.clone(), revocations.clone(), Arc::new(rules.clone()), clock.clone())
        };
        let (cached, plain) = (verifier(history.capacity), verifier(0));
        let mut world = Self {
            cached,
            plain,
            tokens: Vec::new(),
            issued: 0,
            clock: micros,
            published: HashMap::new(),
            keys,
            revocations,
        };
        (0..KEYS).for_each(|key| world.publish(key, 0));
        world
    }

    pub(super) fn take(&mut self, step: &Step) {
        match step {
            Step::Issue(issue) => self.issue(issue),
            Step::Forge(token, part) => self.forge(*token, *part),
            Step::Clock(by) => drop(self.clock.fetch_add(by * 1_000_000, Ordering::SeqCst)),
            Step::Withdraw(key) => {
                self.published.remove(&kid(*key));
                self.show_keys();
            }
            Step::Publish(key, version) => self.publish(*key, *version),
            Step::Revoke(kind, token, bound) => self.revoke(*kind, *token, *bound),
            Step::Hear => self.revocations.complete(1, monotonic_micros()),
            Step::Mystery => self.revocations.receive(Err(UnknownKind("tenant".into()))),
            Step::Sweep => self.revocations.sweep(),
        }
    }

    fn now(&self) -> i64 {
        self.clock.load(Ordering::SeqCst) / 1_000_000
    }

    fn issue(&mut self, issue: &Issue) {
        let iat = self.now() - issue.age;
        let jti = format!("jti-{}", self.issued);
        self.issued += 1;
        let mut claims = json!({
            "token_type": "access", "exp": iat + issue.lifetime, "iat": iat, "jti": jti, "iss": DEFAULT_ISSUER,
            "user_id": issue.user.to_string(), "sub": issue.user.to_string(), "client_id": format!("client-{}", issue.user),
        });
        if let Some(session) = issue.session {
            claims["sid"] = json!(format!("0197f3a0-0000-7000-8000-00000000000{session}"));
        }
        if let Some(offset) = issue.not_before {
            claims["nbf"] = json!(iat + offset);
        }
        if let Some(organization) = issue.organization {
            claims["org_id"] = json!(format!("o{organization}"));
            claims["org_role"] = json!("admin");
            claims["mv"] = json!(5);
        }
        self.tokens.push(signing_key(issue.key, issue.version).sign(claims.as_object().unwrap()).unwrap());
    }

    /// The same text but for one character.
    fn forge(&mut self, token: usize, part: usize) {
        let Some(token) = self.pick(token) else { return };
        let place = [0, token.len() / 2, token.len() - 3][part];
        let other = if token.as_bytes()[place] == b'A' { "B" } else { "A" };
        let mut forged = token.clone();
        forged.replace_range(place..=place, other);
        self.tokens.push(forged);
    }

    fn pick(&self, number: usize) -> Option<String> {
        (!self.tokens.is_empty()).then(|| self.tokens[number % self.tokens.len()].clone())
    }

    fn publish(&mut self, key: usize, version: usize) {
        self.published.insert(kid(key), signing_key(key, version).verifying().unwrap());
        self.show_keys();
    }

    fn show_keys(&self) {
        let keys = KeySet::Published(self.published.clone());
        match &self.keys {
            KeySource::Fixed(_) => unreachable!("no history has fixed keys"),
            KeySource::Local(shared) => shared.store(Arc::new(keys)),
            KeySource::Http(client) => client.put(keys),
        }
    }

    fn revoke(&self, kind: Kind, token: usize, bound: i64) {
        let Some(token) = self.pick(token) else { return };
        let Ok(parsed) = Parsed::new(&token) else { return };
        let payload = token.split('.').nth(1).unwrap();
        let Some(claims) = claims(payload) else { return };
        let text = |name: &str| claims.get(name).and_then(Value::as_str).unwrap_or("none").to_owned();
        let number = |name: &str| claims.get(name).and_then(Value::as_i64).unwrap_or(0);
        let (key, bound) = match kind {
            Kind::Session => (text("sid"), None),
            Kind::Jti => (text("jti"), None),
            Kind::Key => (parsed.kid.unwrap_or_default(), None),
            Kind::Client => (text("client_id"), None),
            Kind::User => (text("user_id"), Some(number("iat") + bound)),
            Kind::All => (String::new(), Some(number("iat") + bound)),
            Kind::Member => (format!("{}/{}", text("org_id"), text("user_id")), Some(number("mv") + bound)),
            Kind::Organization => (text("org_id"), Some(number("mv") + bound)),
            Kind::Role => (format!("{}/{}", text("org_id"), text("org_role")), Some(number("mv") + bound)),
        };
        let expires_at = Timestamp::from_secs(number("exp")).after(Duration::from_secs(60));
        self.revocations.receive(Ok(Entry { seq: 1, kind, key, bound, expires_at }));
    }
}

fn claims(payload: &str) -> Option<Map<String, Value>> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).ok()?).ok()
}

fn kid(key: usize) -> String {
    format!("key-{key}")
}

/// Under one id: two secrets, and the first of them again with another algorithm.
fn signing_key(key: usize, version: usize) -> SigningKey {
    assert!(version < VERSIONS);
    let alg = if version == 2 { "HS512" } else { "HS256" };
    let secret = [u8::try_from(10 * key + version % 2).unwrap(); 64];
    SigningKey::hmac(alg.parse().unwrap(), &secret, Some(kid(key))).unwrap()
}

//! [`Verifier`]: local verification of tokens, without a call to anybody on the request path.

#[cfg(test)]
mod agreement;
mod cache;
mod rules;
pub mod settings;

use std::sync::Arc;

use serde_json::{Map, Value};

pub use rules::Rules;
pub use settings::{DEFAULT_ISSUER, VerifierSettings};

use crate::{
    Clock, Issuer, Timestamp,
    claims::{Claims, not_a_string},
    config::process::RevocationPolicy,
    issuer::{IssuerUnavailable, KeySource},
    keys::Found,
    revocation::{Revocations, SessionKey},
    token::{Parsed, Refusal, Times, TokenKind, check_times},
};
use cache::{Known, TokenCache};

/// A token that is what its issuer made and has not expired; it may have been revoked.
#[derive(Debug)]
pub struct Authentic {
    /// What it says.
    pub claims: Arc<Claims>,
    /// Its header's `kid`.
    pub kid: Option<String>,
}

impl Authentic {
    fn of(known: &Known) -> Self {
        Self { claims: Arc::clone(&known.claims), kid: known.kid.clone() }
    }
}

/// Verifies tokens against the issuer's keys and the settings. Clones share what they have verified.
#[derive(Debug, Clone)]
pub struct Verifier {
    keys: KeySource,
    revocations: Revocations,
    rules: Arc<Rules>,
    clock: Clock,
    cache: Arc<TokenCache>,
}

impl Verifier {
    /// A verifier that trusts `keys`, refuses what `revocations` say and demands what `rules` say.
    #[must_use]
    pub fn new(keys: KeySource, revocations: Revocations, rules: Arc<Rules>, clock: Clock) -> Self {
        let cache = Arc::new(TokenCache::new(rules.token_cache));
        Self { keys, revocations, rules, clock, cache }
    }

    /// A verifier for a service: keys and revocations come from `issuer`, and are followed from now
    /// on. Wait for [`Verifier::ready`] before the first request is served.
    pub fn follow(
        issuer: &Issuer,
        rules: Arc<Rules>,
        policy: RevocationPolicy,
        clock: Clock,
    ) -> Result<Self, IssuerUnavailable> {
        let keys = KeySource::choose(&rules, issuer, &clock)?;
        keys.follow();
        let revocations = issuer.revocations(policy, &keys, &clock)?;
        Ok(Self::new(keys, revocations, rules, clock))
    }

    /// Waits until keys are known and the first snapshot of what is revoked is there. Keys of a
    /// foreign JWKS are not waited for: without them tokens are invalid.
    pub async fn ready(&self) {
        self.keys.known().await;
        self.revocations.known().await;
    }

    /// What this verifier demands.
    #[must_use]
    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    /// What has been revoked.
    #[must_use]
    pub const fn revocations(&self) -> &Revocations {
        &self.revocations
    }

    /// The clock it goes by.
    #[must_use]
    pub const fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Where the keys come from.
    #[must_use]
    pub const fn keys(&self) -> &KeySource {
        &self.keys
    }

    /// Verifies a token of one kind.
    pub async fn verify(&self, token: &str, kind: TokenKind) -> Result<Arc<Claims>, Refusal> {
        let claims = self.decode(token).await?;
        claims.check_kind(kind, &self.rules.names)?;
        Ok(claims)
    }

    /// Verifies all but the kind. If no key is known for the token's `kid`, the issuer is asked, at
    /// most once per cooldown.
    pub async fn decode(&self, token: &str) -> Result<Arc<Claims>, Refusal> {
        match self.decode_now(token) {
            Err(Refusal::UnknownKey(kid)) if self.keys.look_again(&kid).await => self.decode_now(token),
            decided => decided,
        }
    }

    /// Verifies all but the kind with what is known now, revocation included.
    pub fn decode_now(&self, token: &str) -> Result<Arc<Claims>, Refusal> {
        let now = self.clock.now();
        let recheck = |known: &Known| {
            let decided = self.recheck(known, now)?.and_then(|()| self.check_known(known));
            Some(decided.map(|()| Arc::clone(&known.claims)))
        };
        if let Some(decided) = self.cache.find(token, recheck).flatten() {
            return decided;
        }
        let known = self.authenticate_at(token, now)?;
        self.check_known(&known)?;
        let claims = Arc::clone(&known.claims);
        self.keep(token, known, now);
        Ok(claims)
    }

    /// Verifies all but kind and revocation, for those who ask the database about the session.
    pub async fn authenticate(&self, token: &str) -> Result<Authentic, Refusal> {
        match self.authenticate_now(token) {
            Err(Refusal::UnknownKey(kid)) if self.keys.look_again(&kid).await => self.authenticate_now(token),
            decided => decided,
        }
    }

    fn authenticate_now(&self, token: &str) -> Result<Authentic, Refusal> {
        let now = self.clock.now();
        let recheck = |known: &Known| Some(self.recheck(known, now)?.map(|()| Authentic::of(known)));
        if let Some(decided) = self.cache.find(token, recheck).flatten() {
            return decided;
        }
        let known = self.authenticate_at(token, now)?;
        let authentic = Authentic::of(&known);
        self.keep(token, known, now);
        Ok(authentic)
    }

    /// Checks what may have changed since a token was authenticated, in the order of the whole; nothing, if
    /// its key is another one now, so that it has to be done again.
    fn recheck(&self, known: &Known, now: Timestamp) -> Option<Result<(), Refusal>> {
        let kid = known.kid.as_deref();
        let trusted = self.keys.consult(now, |keys| match keys.ok_or(Refusal::KeysUnavailable)?.find(kid) {
            Found::Key(key) => Ok(key.fingerprint() == known.key),
            Found::Unknown(kid) => Err(Refusal::UnknownKey(kid.to_owned())),
            Found::Unnamed => Err(Refusal::NoKeyId),
        });
        match trusted {
            Ok(true) => Some(known.times.check(now, self.rules.leeway)),
            Ok(false) => None,
            Err(refusal) => Some(Err(refusal)),
        }
    }

    /// Refuses what has been revoked.
    fn check_known(&self, known: &Known) -> Result<(), Refusal> {
        self.revocations.check_in(known.session, &known.claims, known.kid.as_deref())
    }

    /// Remembers a token until it is over, if ever it is.
    fn keep(&self, token: &str, known: Known, now: Timestamp) {
        if let Some(over_at) = known.times.over_at(self.rules.leeway) {
            self.cache.insert(token, known, over_at, now.as_secs());
        }
    }

    /// The order is PyJWT's: form, key, algorithm, signature, times, `iss`, `aud`, `sub`, `jti`.
    /// No claim is looked at before the signature has been verified.
    fn authenticate_at(&self, token: &str, now: Timestamp) -> Result<Known, Refusal> {
        let parsed = Parsed::new(token)?;
        let kid = parsed.kid.as_deref();
        let key = self.keys.consult(now, |keys| match keys.ok_or(Refusal::KeysUnavailable)?.find(kid) {
            Found::Key(key) => key.check(&parsed).map(|()| key.fingerprint()),
            Found::Unknown(kid) => Err(Refusal::UnknownKey(kid.to_owned())),
            Found::Unnamed => Err(Refusal::NoKeyId),
        })?;
        let claims = parsed.claims()?;
        self.check_claims(&claims, now)?;
        let claims = Claims::take(claims, &self.rules.names);
        let (times, session) = (Times::of(claims.as_map()), SessionKey::of_token(&claims));
        Ok(Known { kid: parsed.kid, key, times, session, claims: Arc::new(claims) })
    }

    /// Refuses what has been revoked; and everything, if that cannot be known.
    pub fn check_revoked(&self, token: &Authentic) -> Result<(), Refusal> {
        self.revocations.check(&token.claims, token.kid.as_deref())
    }

    /// Checks the claims of a token whose signature has been verified.
    fn check_claims(&self, claims: &Map<String, Value>, now: Timestamp) -> Result<(), Refusal> {
        check_times(claims, now, self.rules.leeway)?;
        check_issuer(claims, self.rules.issuer.as_deref())?;
        check_audience(claims, &self.rules.audience)?;
        for claim in ["sub", "jti"] {
            if claims.get(claim).is_some_and(|value| !value.is_string()) {
                return Err(not_a_string(claim));
            }
        }
        Ok(())
    }
}

fn check_issuer(claims: &Map<String, Value>, wanted: Option<&str>) -> Result<(), Refusal> {
    let Some(wanted) = wanted else { return Ok(()) };
    match claims.get("iss") {
        None => Err(missing("iss")),
        Some(Value::String(issuer)) if issuer == wanted => Ok(()),
        Some(_) => Err(Refusal::Claim { claim: "iss".into(), complaint: "is not the configured issuer" }),
    }
}

/// RFC 7519, section 4.1.3: a string, or an array of nothing but strings; any overlap is enough.
fn check_audience(claims: &Map<String, Value>, wanted: &[String]) -> Result<(), Refusal> {
    if wanted.is_empty() {
        return Ok(());
    }
    let named: Vec<&Value> = match claims.get("aud") {
        None => return Err(missing("aud")),
        Some(Value::Array(list)) => list.iter().collect(),
        Some(single) => vec![single],
    };
    if named.iter().any(|value| !value.is_string()) {
        return Err(not_a_string("aud"));
    }
    if named.iter().filter_map(|v| v.as_str()).any(|audience| wanted.iter().any(|w| w == audience)) {
        Ok(())
    } else {
        Err(Refusal::Claim { claim: "aud".into(), complaint: "names none of the configured audiences" })
    }
}

/// PyJWT reports a missing `iss` or `aud` as an invalid token, unlike a missing `exp`.
fn missing(claim: &'static str) -> Refusal {
    Refusal::Claim { claim: claim.into(), complaint: "is missing" }
}

/// The claims, if one of `kinds` accepts them, or each kind's refusal.
pub fn first_kind(
    decoded: Result<Arc<Claims>, Refusal>,
    kinds: &[TokenKind],
    rules: &Rules,
) -> Result<Arc<Claims>, Vec<(TokenKind, Refusal)>> {
    let refuse_all = |refusal: &Refusal| kinds.iter().map(|kind| (*kind, refusal.clone())).collect();
    let claims = decoded.map_err(|refusal| -> Vec<_> { refuse_all(&refusal) })?;
    let mut refusals = Vec::new();
    for kind in kinds {
        match claims.check_kind(*kind, &rules.names) {
            Ok(()) => return Ok(claims),
            Err(refusal) => refusals.push((*kind, refusal)),
        }
    }
    Err(refusals)
}

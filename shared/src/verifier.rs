//! [`Verifier`]: local verification of tokens, without a call to anybody on the request path.

mod rules;
pub mod settings;

use std::sync::Arc;

use serde_json::{Map, Value};

pub use rules::Rules;
pub use settings::{DEFAULT_ISSUER, VerifierSettings};

use crate::{
    Clock, Issuer,
    claims::{Claims, not_a_string},
    config::process::RevocationPolicy,
    issuer::{IssuerUnavailable, KeySource},
    keys::Found,
    revocation::Revocations,
    token::{Parsed, Refusal, TokenKind, check_times},
};

/// A token that is what its issuer made and has not expired; it may have been revoked.
#[derive(Debug)]
pub struct Authentic {
    /// What it says.
    pub claims: Claims,
    /// Its header's `kid`.
    pub kid: Option<String>,
}

/// Verifies tokens against the issuer's keys and the settings.
#[derive(Debug, Clone)]
pub struct Verifier {
    keys: KeySource,
    revocations: Revocations,
    rules: Arc<Rules>,
    clock: Clock,
}

impl Verifier {
    /// A verifier that trusts `keys`, refuses what `revocations` say and demands what `rules` say.
    #[must_use]
    pub const fn new(keys: KeySource, revocations: Revocations, rules: Arc<Rules>, clock: Clock) -> Self {
        Self { keys, revocations, rules, clock }
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
        let authentic = self.authenticate_now(token)?;
        self.check_revoked(&authentic)?;
        Ok(Arc::new(authentic.claims))
    }

    /// Verifies all but kind and revocation, for those who ask the database about the session.
    pub async fn authenticate(&self, token: &str) -> Result<Authentic, Refusal> {
        match self.authenticate_now(token) {
            Err(Refusal::UnknownKey(kid)) if self.keys.look_again(&kid).await => self.authenticate_now(token),
            decided => decided,
        }
    }

    /// The order is PyJWT's: form, key, algorithm, signature, times, `iss`, `aud`, `sub`, `jti`.
    /// No claim is looked at before the signature has been verified.
    fn authenticate_now(&self, token: &str) -> Result<Authentic, Refusal> {
        let parsed = Parsed::new(token)?;
        let keys = self.keys.current().ok_or(Refusal::KeysUnavailable)?;
        match keys.find(parsed.kid.as_deref()) {
            Found::Key(key) => key.check(&parsed)?,
            Found::Unknown(kid) => return Err(Refusal::UnknownKey(kid.to_owned())),
            Found::Unnamed => return Err(Refusal::NoKeyId),
        }
        let claims = parsed.claims()?;
        self.check_claims(&claims)?;
        Ok(Authentic { claims: Claims::take(claims, &self.rules.names), kid: parsed.kid })
    }

    /// Refuses what has been revoked; and everything, if that cannot be known.
    pub fn check_revoked(&self, token: &Authentic) -> Result<(), Refusal> {
        self.revocations.check(&token.claims, token.kid.as_deref())
    }

    /// Checks the claims of a token whose signature has been verified.
    fn check_claims(&self, claims: &Map<String, Value>) -> Result<(), Refusal> {
        check_times(claims, self.clock.now(), self.rules.leeway)?;
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

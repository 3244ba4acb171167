//! [`Verifier`]: local verification of tokens, without a call to anybody on the request path.

mod rules;
pub mod settings;

use std::sync::Arc;

use serde_json::{Map, Value};

pub use rules::Rules;
pub use settings::{DEFAULT_ISSUER, VerifierSettings};

use crate::{
    Clock,
    claims::{Claims, check_kind, not_a_string},
    issuer::KeySource,
    keys::Found,
    token::{Parsed, Refusal, TokenKind, check_times},
};

/// Verifies tokens against the issuer's keys and the settings.
#[derive(Debug, Clone)]
pub struct Verifier {
    keys: KeySource,
    rules: Arc<Rules>,
    clock: Clock,
}

impl Verifier {
    /// A verifier that trusts `keys` and demands what `rules` say.
    #[must_use]
    pub const fn new(keys: KeySource, rules: Arc<Rules>, clock: Clock) -> Self {
        Self { keys, rules, clock }
    }

    /// What this verifier demands.
    #[must_use]
    pub fn rules(&self) -> &Rules {
        &self.rules
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
    pub async fn verify(&self, token: &str, kind: TokenKind) -> Result<Claims, Refusal> {
        let claims = self.decode(token).await?;
        Claims::of_kind(claims, kind, &self.rules.names)
    }

    /// Verifies all but the kind. If no key is known for the token's `kid`, the issuer is asked, at
    /// most once per cooldown.
    pub async fn decode(&self, token: &str) -> Result<Map<String, Value>, Refusal> {
        match self.decode_now(token) {
            Err(Refusal::UnknownKey(kid)) => {
                if self.keys.look_again(&kid).await {
                    self.decode_now(token)
                } else {
                    Err(Refusal::UnknownKey(kid))
                }
            }
            decided => decided,
        }
    }

    /// Verifies all but the kind with the keys known now.
    ///
    /// The order is PyJWT's: form, key, algorithm, signature, times, `iss`, `aud`, `sub`, `jti`.
    /// No claim is looked at before the signature has been verified.
    pub fn decode_now(&self, token: &str) -> Result<Map<String, Value>, Refusal> {
        let parsed = Parsed::new(token)?;
        let keys = self.keys.current().ok_or(Refusal::KeysUnavailable)?;
        match keys.find(parsed.kid.as_deref()) {
            Found::Key(key) => key.check(&parsed)?,
            Found::Unknown(kid) => return Err(Refusal::UnknownKey(kid.to_owned())),
            Found::Unnamed => return Err(Refusal::NoKeyId),
        }
        let claims = parsed.claims()?;
        self.check_claims(&claims)?;
        Ok(claims)
    }

    /// Checks the claims of a token whose signature has been verified.
    pub fn check_claims(&self, claims: &Map<String, Value>) -> Result<(), Refusal> {
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

/// The claims as the first of `kinds` that accepts the token, or each kind's refusal.
pub fn first_kind(
    decoded: Result<Map<String, Value>, Refusal>,
    kinds: &[TokenKind],
    rules: &Rules,
) -> Result<Claims, Vec<(TokenKind, Refusal)>> {
    let refuse_all = |refusal: &Refusal| kinds.iter().map(|kind| (*kind, refusal.clone())).collect();
    let claims = decoded.map_err(|refusal| -> Vec<_> { refuse_all(&refusal) })?;
    let mut refusals = Vec::new();
    for kind in kinds {
        match check_kind(&claims, *kind, &rules.names) {
            Ok(()) => return Ok(Claims::take(claims, &rules.names)),
            Err(refusal) => refusals.push((*kind, refusal)),
        }
    }
    Err(refusals)
}

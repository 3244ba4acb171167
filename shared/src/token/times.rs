//! `exp`, `iat` and `nbf` as PyJWT and SimpleJWT read them, in their order.

use std::time::Duration;

use serde_json::{Map, Value};

use super::Refusal;
use crate::clock::Timestamp;

/// 9999-12-31T23:59:59Z: beyond it the original's calendar fails.
const LAST_SECOND: f64 = 253_402_300_799.0;

/// Leeway, `exp` apart from `iat` and `nbf`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Leeway {
    pub(crate) expiry: Duration,
    pub(crate) not_before: Duration,
}

/// Checks the times that are present. That `exp` is there at all is checked later, by the kind.
pub(crate) fn check_times(
    claims: &Map<String, Value>,
    now: Timestamp,
    leeway: Leeway,
) -> Result<(), Refusal> {
    for claim in ["iat", "nbf"] {
        if let Some(value) = claims.get(claim) {
            let at = number(value).ok_or_else(|| not_a_number(claim))?;
            check_begun(claim, at, now, leeway)?;
        }
    }
    let Some(value) = claims.get("exp") else { return Ok(()) };
    let exp = number(value).ok_or_else(|| not_a_number("exp"))?;
    check_not_over(exp, now, leeway)?;
    if exp > LAST_SECOND || !value.is_number() {
        return Err(not_a_number("exp"));
    }
    Ok(())
}

/// The times of claims that [`check_times`] has accepted, in seconds since 1970: what is left to check
/// when the clock has moved.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Times {
    iat: Option<f64>,
    nbf: Option<f64>,
    exp: Option<f64>,
}

impl Times {
    /// Reads them.
    pub(crate) fn of(claims: &Map<String, Value>) -> Self {
        let time = |claim: &str| claims.get(claim).and_then(number);
        Self { iat: time("iat"), nbf: time("nbf"), exp: time("exp") }
    }

    /// [`check_times`] at another moment, with the same answer.
    pub(crate) fn check(&self, now: Timestamp, leeway: Leeway) -> Result<(), Refusal> {
        for (claim, at) in [("iat", self.iat), ("nbf", self.nbf)] {
            at.map_or(Ok(()), |at| check_begun(claim, at, now, leeway))?;
        }
        self.exp.map_or(Ok(()), |exp| check_not_over(exp, now, leeway))
    }

    /// When the token is of no use any more, in whole seconds since 1970; none: it has no expiry.
    #[expect(clippy::cast_possible_truncation, reason = "saturates")]
    pub(crate) fn over_at(&self, leeway: Leeway) -> Option<i64> {
        self.exp.map(|exp| (exp + leeway.expiry.as_secs_f64()).ceil() as i64)
    }
}

fn check_begun(claim: &'static str, at: f64, now: Timestamp, leeway: Leeway) -> Result<(), Refusal> {
    if at > seconds(now.after(leeway.not_before)) { Err(Refusal::NotYetValid { claim }) } else { Ok(()) }
}

fn check_not_over(exp: f64, now: Timestamp, leeway: Leeway) -> Result<(), Refusal> {
    let limit = now.before(leeway.expiry);
    if exp > seconds(limit) {
        return Ok(());
    }
    #[expect(clippy::cast_possible_truncation, reason = "saturates; only shown to operators")]
    Err(Refusal::Expired { exp: exp as i64, now: limit.as_secs() })
}

fn not_a_number(claim: &str) -> Refusal {
    Refusal::Claim { claim: claim.to_owned(), complaint: "is not a time in seconds since 1970" }
}

/// What Python's `int()` makes of a JSON value, fraction dropped.
fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(n) => n.as_f64().filter(|f| f.is_finite()).map(f64::trunc),
        Value::Bool(b) => Some(f64::from(u8::from(*b))),
        Value::String(s) => s.trim().parse::<i64>().ok().map(precise),
        _ => None,
    }
}

fn seconds(at: Timestamp) -> f64 {
    precise(at.as_micros()) / 1e6
}

#[expect(
    clippy::cast_precision_loss,
    reason = "exact up to the year 2255 in microseconds; times beyond lose no second"
)]
fn precise(value: i64) -> f64 {
    value as f64
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(claims: Value) -> Result<(), Refusal> {
        let Value::Object(claims) = claims else { panic!("an object") };
        let leeway = Leeway { expiry: Duration::ZERO, not_before: Duration::from_secs(10) };
        check_times(&claims, Timestamp::from_secs(1000), leeway)
    }

    #[test]
    fn a_token_is_expired_at_its_exp_exactly() {
        assert!(matches!(check(json!({"exp": 1000})), Err(Refusal::Expired { .. })));
        assert!(matches!(check(json!({"exp": -1})), Err(Refusal::Expired { .. })));
        assert!(matches!(check(json!({"exp": true})), Err(Refusal::Expired { .. })));
        assert!(check(json!({"exp": 1001})).is_ok());
        assert!(check(json!({"exp": 1001.5})).is_ok());
    }

    #[test]
    fn odd_times_are_refused() {
        for exp in
            [json!(null), json!("soon"), json!("1001"), json!([1001]), json!({}), json!(1e20), json!(1e308)]
        {
            assert!(matches!(check(json!({"exp": exp})), Err(Refusal::Claim { .. })), "{exp}");
        }
    }

    #[test]
    fn iat_and_nbf_have_their_own_leeway() {
        assert!(check(json!({"iat": 1010, "nbf": 1010})).is_ok());
        for claim in ["iat", "nbf"] {
            assert!(matches!(check(json!({claim: 1011})), Err(Refusal::NotYetValid { .. })));
            assert!(matches!(check(json!({claim: "x"})), Err(Refusal::Claim { .. })));
            assert!(matches!(check(json!({claim: null})), Err(Refusal::Claim { .. })));
        }
    }
}

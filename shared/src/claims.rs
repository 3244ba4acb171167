//! [`Claims`]: what a verified token says.

mod organization;

use serde_json::{Map, Value};

pub use organization::{EVERY_ORGANIZATION, Listed, Scope, role_key};

use crate::{
    Timestamp,
    token::{Refusal, TokenKind},
};

/// The names that the settings give to claims.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimNames {
    /// `USER_ID_CLAIM`
    pub user_id: String,
    /// `TOKEN_TYPE_CLAIM`
    pub token_type: String,
    /// `JTI_CLAIM`
    pub jti: String,
    /// `SLIDING_TOKEN_REFRESH_EXP_CLAIM`
    pub refresh_exp: String,
    /// `REVOKE_TOKEN_CLAIM`
    pub revoke: String,
}

impl Default for ClaimNames {
    fn default() -> Self {
        Self {
            user_id: "user_id".into(),
            token_type: "token_type".into(),
            jti: "jti".into(),
            refresh_exp: "refresh_exp".into(),
            revoke: "hash_password".into(),
        }
    }
}

/// The session a token belongs to (text of a UUID).
pub const SID: &str = "sid";
/// The organization a token speaks for (text of a UUID).
pub const ORGANIZATION: &str = "org_id";
/// The user's role in it: a name or an id.
pub const ORGANIZATION_ROLE: &str = "org_role";
/// What the role permits; absent where that is too much for a token.
pub const PERMISSIONS: &str = "permissions";
/// The membership version: one counter per organization, which never goes back.
pub const MEMBERSHIP_VERSION: &str = "mv";
/// Present and true in tokens of superusers.
pub const IS_SUPERUSER: &str = "is_superuser";
/// The digest of the CSRF cookie that a login by cookie is bound to; see [`crate::auth::csrf`].
pub const CSRF: &str = "csrf";

/// The claims of a token whose signature, times, issuer and audience have been verified. Its kind may
/// still have to be checked.
#[derive(Debug, Clone, PartialEq)]
pub struct Claims {
    map: Map<String, Value>,
    /// The `jti`.
    jti: String,
    user_id: Option<String>,
    /// The kind that the claims pass for, under the names that they were taken with.
    kind: Option<TokenKind>,
}

impl Claims {
    /// Takes the claims of a token.
    pub(crate) fn take(map: Map<String, Value>, names: &ClaimNames) -> Self {
        let jti = map.get(&names.jti).and_then(Value::as_str).unwrap_or_default().to_owned();
        let user_id = map.get(&names.user_id).map(|value| match value {
            Value::String(text) if can_name_a_user(text) => text.clone(),
            Value::Number(number) if number.is_i64() || number.is_u64() => number.to_string(),
            // Nothing that names a user: an id that no user has.
            _ => String::new(),
        });
        let mut claims = Self { map, jti, user_id, kind: None };
        let typed = [TokenKind::Access, TokenKind::Refresh, TokenKind::Sliding];
        claims.kind = typed.into_iter().find(|kind| claims.check_kind(*kind, names).is_ok());
        claims
    }

    /// Checks what SimpleJWT's token class of this kind demands: `exp`, `jti` and the token type.
    /// `names` are those of the verifier that took the claims.
    pub fn check_kind(&self, kind: TokenKind, names: &ClaimNames) -> Result<(), Refusal> {
        if self.kind == Some(kind) {
            return Ok(());
        }
        let map = &self.map;
        if !map.contains_key("exp") {
            return Err(Refusal::Missing("exp".into()));
        }
        match map.get(&names.jti) {
            None => return Err(Refusal::NoId),
            Some(Value::String(_)) => {}
            Some(_) => return Err(not_a_string(&names.jti)),
        }
        if kind == TokenKind::Untyped {
            return Ok(());
        }
        match map.get(&names.token_type) {
            None => Err(Refusal::NoType),
            Some(Value::String(found)) if found == kind.name() => Ok(()),
            Some(found) => {
                let found = found.as_str().map_or_else(|| found.to_string(), str::to_owned);
                Err(Refusal::WrongType { found, expected: kind })
            }
        }
    }

    /// The user, as the issuer names it: `None` without the claim, an empty text if the claim is
    /// neither an integer nor a string that can name a user.
    #[must_use]
    pub fn user_id(&self) -> Option<&str> {
        self.user_id.as_deref()
    }

    /// The token's id.
    #[must_use]
    pub fn jti(&self) -> &str {
        &self.jti
    }

    /// The session, if the token belongs to one.
    #[must_use]
    pub fn session(&self) -> Option<&str> {
        self.map.get(SID).and_then(Value::as_str)
    }

    /// The digest of the CSRF cookie, in tokens of a login by cookie. Beside no session it is not ours:
    /// other issuers call anything by that name, and whoever chose its value could pass for the
    /// session's own pages.
    #[must_use]
    pub fn csrf(&self) -> Option<&str> {
        csrf(&self.map)
    }

    /// The organization that the token speaks for, if it does.
    #[must_use]
    pub fn scope(&self) -> Option<Scope<'_>> {
        Scope::of(self)
    }

    /// Whether what the token permits may have to be looked up in the definition of its role: so for every
    /// [`Scope`] without permissions, and quicker to say.
    #[must_use]
    pub fn leaves_permissions_to_the_role(&self) -> bool {
        self.map.contains_key(ORGANIZATION) && !self.map.contains_key(PERMISSIONS)
    }

    /// Whether the issuer says that the user is a superuser.
    #[must_use]
    pub fn is_superuser(&self) -> bool {
        self.map.get(IS_SUPERUSER) == Some(&Value::Bool(true))
    }

    /// When the token expires.
    #[must_use]
    pub fn expires_at(&self) -> Timestamp {
        Timestamp::from_secs(self.seconds("exp").unwrap_or(0))
    }

    /// When the token was issued, if it says so.
    #[must_use]
    pub fn issued_at(&self) -> Option<Timestamp> {
        self.seconds("iat").map(Timestamp::from_secs)
    }

    /// Any claim.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.map.get(name)
    }

    /// A claim that holds whole seconds since the epoch.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, reason = "saturates; the verifier has bounded these times")]
    pub fn seconds(&self, name: &str) -> Option<i64> {
        let value = self.map.get(name)?;
        value.as_i64().or_else(|| value.as_f64().map(|f| f as i64))
    }

    /// All claims in the token's order.
    #[must_use]
    pub const fn as_map(&self) -> &Map<String, Value> {
        &self.map
    }
}

/// [`Claims::csrf`] of claims as they stand.
#[must_use]
pub fn csrf(claims: &Map<String, Value>) -> Option<&str> {
    claims.get(CSRF).filter(|_| claims.contains_key(SID)).and_then(Value::as_str)
}

/// The longest user id; longer ones would not fit into an index.
const LONGEST_USER_ID: usize = 255;

/// Whether a user id claim can have this value. PostgreSQL has no text with NUL in it, so no user is
/// called that.
#[must_use]
pub fn can_name_a_user(text: &str) -> bool {
    text.len() <= LONGEST_USER_ID && !text.contains('\0')
}

pub(crate) fn not_a_string(claim: &str) -> Refusal {
    Refusal::Claim { claim: claim.to_owned(), complaint: "is not a string" }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_no_user_can_be_called_names_nobody() {
        let user_id = |value: Value| {
            let claims = json!({"exp": 1, "jti": "a", "token_type": "access", "user_id": value});
            let claims = claims.as_object().cloned().unwrap_or_default();
            let claims = Claims::take(claims, &ClaimNames::default());
            claims.check_kind(TokenKind::Access, &ClaimNames::default()).unwrap();
            claims.user_id().map(str::to_owned)
        };
        assert_eq!(user_id(json!("7")), Some("7".into()));
        assert_eq!(user_id(json!(7)), Some("7".into()));
        for nobody in [json!("a\0b"), json!("a".repeat(256)), json!(["7"]), json!(null), json!(1.5)] {
            assert_eq!(user_id(nobody), Some(String::new()));
        }
    }
}

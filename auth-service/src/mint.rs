//! Making tokens: SimpleJWT's claims in its order, ours behind them.

mod draft;

use aws_lc_rs::hmac;
use serde_json::{Map, Value, json};
use shared::{
    Timestamp,
    claims::{
        CSRF, ClaimNames, IS_SUPERUSER, MEMBERSHIP_VERSION, ORGANIZATION, ORGANIZATION_ROLE, PERMISSIONS, SID,
    },
    config::values::Span,
    keys::KeyError,
    organizations::Membership,
    random,
    token::TokenKind,
    verifier::Rules,
};

use self::draft::Draft;
use crate::{
    config::TokenPolicy,
    keyring::{Keyring, Purpose},
    store::{sessions::Session, users::User},
};

/// The generation of a refresh token within its session.
pub const GENERATION: &str = "gen";

/// Claims that only we give meaning to: never copied from a presented token.
const RESERVED: [&str; 8] =
    [SID, GENERATION, CSRF, IS_SUPERUSER, ORGANIZATION, ORGANIZATION_ROLE, PERMISSIONS, MEMBERSHIP_VERSION];

/// Makes tokens with the keys and settings of the service.
#[derive(Debug, Clone, Copy)]
pub struct Mint<'a> {
    /// The keys.
    pub keyring: &'a Keyring,
    /// Names, issuer and audience.
    pub rules: &'a Rules,
    /// Lifetimes.
    pub policy: &'a TokenPolicy,
}

/// When a token begins and ends, and its id.
#[derive(Debug, Clone)]
pub struct Stamp {
    /// `iat`
    pub issued_at: Timestamp,
    /// `exp`
    pub expires_at: Timestamp,
    /// `jti`
    pub jti: String,
}

impl Mint<'_> {
    /// The claims that a login begins with: what refresh and sliding tokens hold and access tokens
    /// copy. Times and ids are put in by [`Mint::refresh`] and its kin.
    #[must_use]
    pub fn login_claims(&self, user: &User) -> Map<String, Value> {
        let names = &self.rules.names;
        let mut claims: Map<_, _> =
            self.beginning().map(|name| (name.to_owned(), Value::Null)).into_iter().collect();
        let user_id = user.claim(self.policy.user_id_field);
        claims.insert(names.user_id.clone(), json!(user_id));
        if self.rules.check_revoke_token {
            claims.insert(names.revoke.clone(), json!(fingerprint(&user.password)));
        }
        claims.entry("sub").or_insert_with(|| json!(user_id));
        claims
    }

    /// The claims that a login by cookie begins with: those of [`Mint::login_claims`], bound to this
    /// digest of the CSRF cookie. The tokens of the session inherit it from one another.
    #[must_use]
    pub fn cookie_claims(&self, user: &User, session: &Session, csrf: &str) -> Map<String, Value> {
        let mut claims = self.login_claims(user);
        claims.insert(SID.into(), json!(session.id));
        claims.insert(CSRF.into(), json!(csrf));
        claims
    }

    /// A refresh token of the session with the claims of its parent.
    pub fn refresh(
        &self,
        parent: &Map<String, Value>,
        session: &Session,
        stamp: &Stamp,
    ) -> Result<String, KeyError> {
        let mut claims = Draft::of(inherited(parent));
        self.stamp(&mut claims, TokenKind::Refresh, stamp);
        claims.set(SID, session.id.to_string());
        claims.set(GENERATION, session.generation);
        inherit_csrf(parent, &mut claims);
        self.keyring.signer(Purpose::Refresh, session.refresh_kid.as_deref())?.sign(&claims)
    }

    /// An access token with the claims of another token of the session; for an organization, if there is a
    /// membership. What the other token says of one is not copied.
    pub fn access(
        &self,
        parent: &Map<String, Value>,
        session: &Session,
        stamp: &Stamp,
        membership: Option<&Membership>,
    ) -> Result<String, KeyError> {
        let mut claims = Draft::of(self.beginning().map(|name| (name, &Value::Null)));
        for (name, value) in inherited(parent) {
            if name != "jti" && !claims.has(name) {
                claims.copy(name, value);
            }
        }
        self.stamp(&mut claims, TokenKind::Access, stamp);
        speak_for(session, &mut claims);
        if let Some(membership) = membership {
            speak_in(membership, &mut claims);
        }
        inherit_csrf(parent, &mut claims);
        self.keyring.signer(Purpose::Signing, session.signing_kid.as_deref())?.sign(&claims)
    }

    /// A sliding token of the session; `refresh_exp` is kept if the parent has one.
    pub fn sliding(
        &self,
        parent: &Map<String, Value>,
        session: &Session,
        stamp: &Stamp,
    ) -> Result<String, KeyError> {
        let mut claims = Draft::of(inherited(parent));
        self.stamp(&mut claims, TokenKind::Sliding, stamp);
        speak_for(session, &mut claims);
        self.keyring.signer(Purpose::Signing, None)?.sign(&claims)
    }

    /// Login claims for a sliding token, whose second expiry stands before the user's id.
    #[must_use]
    pub fn sliding_claims(&self, user: &User, refresh_expires_at: Timestamp) -> Map<String, Value> {
        let ClaimNames { refresh_exp, user_id, .. } = &self.rules.names;
        let mut claims = Map::new();
        for (name, value) in self.login_claims(user) {
            if &name == user_id {
                claims.insert(refresh_exp.clone(), json!(refresh_expires_at.as_secs()));
            }
            claims.insert(name, value);
        }
        claims
    }

    /// The names of the claims that begin every token, in the original's order.
    fn beginning(&self) -> [&str; 4] {
        let names = &self.rules.names;
        [names.token_type.as_str(), "exp", "iat", names.jti.as_str()]
    }

    fn stamp<'d>(&'d self, claims: &mut Draft<'d>, kind: TokenKind, stamp: &Stamp) {
        let names = &self.rules.names;
        claims.set(&names.token_type, kind.name());
        claims.set("exp", stamp.expires_at.as_secs());
        claims.set("iat", stamp.issued_at.as_secs());
        claims.set(&names.jti, stamp.jti.as_str());
        match self.rules.audience.as_slice() {
            [] => {}
            [only] => claims.set("aud", only.as_str()),
            several => claims.set("aud", several),
        }
        if let Some(issuer) = &self.rules.issuer {
            claims.set("iss", issuer.as_str());
        }
    }
}

/// The claims that a token hands on.
fn inherited(parent: &Map<String, Value>) -> impl Iterator<Item = (&str, &Value)> {
    let claims = parent.iter().map(|(name, value)| (name.as_str(), value));
    claims.filter(|(name, _)| !RESERVED.contains(name))
}

/// What a token says of its session to those who verify it.
fn speak_for(session: &Session, claims: &mut Draft<'_>) {
    claims.set(SID, session.id.to_string());
    if session.is_superuser {
        claims.set(IS_SUPERUSER, true);
    }
}

/// What a token says of the organization that it is for.
fn speak_in(membership: &Membership, claims: &mut Draft<'_>) {
    let Membership { org_id, role, permissions, version } = membership;
    claims.set(ORGANIZATION, json!(org_id));
    claims.set(ORGANIZATION_ROLE, json!(role));
    if let Some(permissions) = permissions {
        claims.set(PERMISSIONS, json!(permissions));
    }
    claims.set(MEMBERSHIP_VERSION, json!(version));
}

/// Copies the digest of the CSRF cookie, where it is ours.
fn inherit_csrf(parent: &Map<String, Value>, claims: &mut Draft<'_>) {
    if let Some(csrf) = shared::claims::csrf(parent) {
        claims.set(CSRF, csrf);
    }
}

impl Stamp {
    /// A token from `now` on, with a random id.
    #[must_use]
    pub fn fresh(now: Timestamp, lifetime: Span) -> Self {
        Self { issued_at: now, expires_at: now.after(lifetime.0), jti: random::hex32() }
    }

    /// A token from `now` on, with the id that belongs to this generation of the session, so that the
    /// same successor can be made again; and to the membership, so that tokens for different
    /// organizations are different tokens.
    #[must_use]
    pub fn derived(
        now: Timestamp,
        lifetime: Span,
        kind: TokenKind,
        session: &Session,
        membership: Option<&Membership>,
    ) -> Self {
        let key = hmac::Key::new(hmac::HMAC_SHA256, session.secret().expose());
        let mut context = hmac::Context::with_key(&key);
        context.update(kind.name().as_bytes());
        context.update(&session.generation.to_be_bytes());
        if let Some(Membership { org_id, version, .. }) = membership {
            context.update(org_id.as_bytes());
            context.update(&version.to_be_bytes());
        }
        let tag = context.sign();
        let jti = hex::encode(tag.as_ref().get(..16).unwrap_or_default());
        Self { issued_at: now, expires_at: now.after(lifetime.0), jti }
    }

    /// Ends the token no later than `limit`.
    #[must_use]
    pub fn no_later_than(mut self, limit: Timestamp) -> Self {
        self.expires_at = self.expires_at.min(limit);
        self
    }
}

/// `REVOKE_TOKEN_CLAIM`'s value: the upper-case MD5 of the stored hash, as the original computes it.
#[must_use]
pub fn fingerprint(encoded_password: &str) -> String {
    use md5::{Digest, Md5};
    hex::encode_upper(Md5::digest(encoded_password.as_bytes()))
}

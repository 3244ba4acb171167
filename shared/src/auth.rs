//! Who calls: the [`Caller`] extractor and the [`Authenticator`] behind it.
//!
//! A handler that takes a `Caller` is protected; one that does not is open. Nothing else decides.

pub mod classes;
mod header;

use std::{
    future::{Ready, ready},
    sync::Arc,
    time::Duration,
};

use actix_web::{FromRequest, HttpMessage, HttpRequest, dev::Payload, http::StatusCode, web::Data};
use futures_util::future::{Either, LocalBoxFuture};
use serde_json::{Value, json};

pub use classes::{AuthenticationClasses, Class, bearer_challenge};
use header::{Credentials, credentials};

use crate::{
    Claims, Issuer, Problem, Verifier,
    token::{Refusal, TokenKind},
    verifier::{Rules, first_kind},
};

/// Decides who calls, from the request's headers and the verifier's rules.
#[derive(Debug, Clone)]
pub struct Authenticator {
    verifier: Verifier,
    issuer: Issuer,
    classes: AuthenticationClasses,
    ask_user_state: bool,
}

impl Authenticator {
    /// An authenticator that trusts tokens alone.
    #[must_use]
    pub const fn new(verifier: Verifier, issuer: Issuer, classes: AuthenticationClasses) -> Self {
        Self { verifier, issuer, classes, ask_user_state: false }
    }

    /// Also asks the issuer for the user's state on every request, as the original's database
    /// look-up did.
    #[must_use]
    pub const fn asking_user_state(mut self, ask: bool) -> Self {
        self.ask_user_state = ask;
        self
    }

    /// The verifier inside.
    #[must_use]
    pub const fn verifier(&self) -> &Verifier {
        &self.verifier
    }

    fn rules(&self) -> &Rules {
        self.verifier.rules()
    }

    /// The token that the request carries, or the answer to a request without one. Notes on the
    /// request whether the answer depends on a cookie.
    fn token(&self, request: &HttpRequest) -> Result<String, Problem> {
        let credentials = if self.classes.take_tokens() {
            credentials(request, &self.rules().header_name, &self.rules().header_types)
        } else {
            Credentials::Absent
        };
        if self.classes.looks_at_cookies(credentials != Credentials::Absent) {
            request.extensions_mut().insert(VaryCookie);
        }
        match credentials {
            Credentials::Token(token) => Ok(token),
            Credentials::Malformed => Err(self.refuse(
                "Authorization header must contain two space-delimited values",
                Some("bad_authorization_header"),
            )),
            Credentials::Absent => Err(self.refuse("Authentication credentials were not provided.", None)),
        }
    }

    /// The caller, if that can be said without asking anybody.
    fn decide(&self, decoded: Result<Arc<Claims>, Refusal>) -> Result<Caller, Problem> {
        if decoded.as_ref().is_err_and(Refusal::is_unavailable) {
            return Err(Problem::unavailable(Duration::from_secs(1)));
        }
        let claims = first_kind(decoded, &self.rules().token_kinds, self.rules())
            .map_err(|refusals| self.refuse_token(&refusals))?;
        let user_id = claims.user_id().map(str::to_owned);
        let must_name = !self.ask_user_state || self.classes.stateless();
        match user_id {
            Some(user_id) if !(must_name && user_id.is_empty()) => Ok(Caller { user_id, claims }),
            _ => {
                Err(self
                    .refuse("Token contained no recognizable user identification", Some("token_not_valid")))
            }
        }
    }

    fn refuse_token(&self, refusals: &[(TokenKind, Refusal)]) -> Problem {
        let messages = refusals.iter().map(|(kind, refusal)| {
            tracing::debug!(token.kind = kind.name(), reason = %refusal, "a token was refused");
            json!({"token_class": kind.class(), "token_type": kind.name(), "message": refusal.message()})
        });
        let messages: Value = messages.collect();
        self.refuse("Given token not valid for any token type", Some("token_not_valid"))
            .member("messages", messages)
    }

    /// 401 with the first class's challenge; 403 where that class has none.
    fn refuse(&self, detail: &str, code: Option<&str>) -> Problem {
        let challenge = self.classes.challenge(&self.rules().header_types);
        let status = if challenge.is_some() { StatusCode::UNAUTHORIZED } else { StatusCode::FORBIDDEN };
        let mut problem = Problem::new(status, detail);
        if let Some(code) = code {
            problem = problem.code(code);
        }
        match challenge {
            Some(challenge) => problem.challenge(challenge),
            None => problem,
        }
    }

    /// Asks the issuer whether the user still exists, is active and has the same password.
    async fn check_user_state(&self, caller: &Caller) -> Result<(), Problem> {
        let state = self.issuer.user_state(&caller.user_id).await.map_err(|error| {
            tracing::warn!(%error, "the user's state is unknown");
            Problem::unavailable(Duration::from_secs(1))
        })?;
        let Some(state) = state else {
            return Err(self.refuse("User not found", Some("user_not_found")));
        };
        if self.rules().check_user_is_active && !state.is_active {
            return Err(self.refuse("User is inactive", Some("user_inactive")));
        }
        let presented = caller.claims.get(&self.rules().names.revoke).and_then(Value::as_str);
        if self.rules().check_revoke_token && presented != state.fingerprint.as_deref() {
            return Err(self.refuse("The user's password has been changed.", Some("password_changed")));
        }
        Ok(())
    }

    fn must_ask(&self) -> bool {
        self.ask_user_state && !self.classes.stateless()
    }

    /// The slow path: the key has to be fetched, or the user's state asked for.
    async fn authenticate(&self, token: &str) -> Result<Caller, Problem> {
        let decoded = self.verifier.decode(token).await;
        let caller = self.decide(decoded)?;
        if self.must_ask() {
            self.check_user_state(&caller).await?;
        }
        Ok(caller)
    }
}

/// Among a request's extensions: a session cookie was looked for, so the answer varies with it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct VaryCookie;

/// The authenticated caller of a request. Taking one as an argument protects a handler.
#[derive(Debug, Clone)]
pub struct Caller {
    user_id: String,
    claims: Arc<Claims>,
}

impl Caller {
    /// The user, as the issuer names it.
    #[must_use]
    pub fn user_id(&self) -> &str {
        &self.user_id
    }

    /// Whether the caller is a superuser.
    #[must_use]
    pub fn is_superuser(&self) -> bool {
        self.claims.is_superuser()
    }

    /// The token's claims.
    #[must_use]
    pub fn claims(&self) -> &Claims {
        &self.claims
    }
}

impl FromRequest for Caller {
    type Error = Problem;
    type Future = Either<Ready<Result<Self, Problem>>, LocalBoxFuture<'static, Result<Self, Problem>>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let decided = |result| Either::Left(ready(result));
        let Some(authenticator) = request.app_data::<Data<Authenticator>>() else {
            tracing::error!("a protected route has no Authenticator among its application data");
            return decided(Err(Problem::internal()));
        };
        let token = match authenticator.token(request) {
            Ok(token) => token,
            Err(problem) => return decided(Err(problem)),
        };
        match authenticator.verifier.decode_now(&token) {
            Err(Refusal::UnknownKey(_)) => {}
            _ if authenticator.must_ask() => {}
            known => return decided(authenticator.decide(known)),
        }
        let authenticator = authenticator.clone();
        Either::Right(Box::pin(async move { authenticator.authenticate(&token).await }))
    }
}

//! Who calls: the [`Caller`] extractor and the [`Authenticator`] behind it.
//!
//! A handler that takes a `Caller` is protected; one that does not is open. Nothing else decides.
//!
//! The classes of `AUTHENTICATION_CLASSES` are asked in their order, as Django REST framework asks
//! them: each has nothing to say, authenticates, or refuses, and a refusal ends the search. A class
//! answers at once where it can, so that a bearer token costs no boxed future.

mod basic;
mod bearer;
pub mod classes;
pub mod cookies;
pub mod csrf;
mod header;
mod organization;
mod session;

use std::{
    future::{Ready, ready},
    sync::Arc,
    time::Duration,
};

use actix_web::{FromRequest, HttpRequest, dev::Payload, http::StatusCode, web::Data};
use futures_util::future::{Either, LocalBoxFuture};
use serde_json::Value;

pub use basic::HeldTokens;
pub use classes::{AuthenticationClasses, Class, bearer_challenge};
pub use cookies::CookieJar;
pub use organization::OrgCaller;

use crate::{
    Claims, Issuer, Problem, Verifier, http::origin::TrustedProxies, revocation::Revocations, token::Refusal,
    verifier::Rules,
};

/// Decides who calls, from the request's headers and the verifier's rules.
#[derive(Debug, Clone)]
pub struct Authenticator {
    verifier: Verifier,
    issuer: Issuer,
    classes: AuthenticationClasses,
    proxies: TrustedProxies,
    ask_user_state: bool,
    held: HeldTokens,
}

/// What a class, or all of them together, says of a request: the caller, nothing, or the refusal that
/// ends the search.
pub type Verdict = Result<Option<Caller>, Problem>;

/// How far one class has come with a request.
enum Attempt {
    /// It has decided.
    Said(Verdict),
    /// It has to ask somebody first: for a key, for the user's state.
    Asking(LocalBoxFuture<'static, Verdict>),
}

impl Attempt {
    const NOTHING: Self = Self::Said(Ok(None));
}

impl Authenticator {
    /// An authenticator that trusts tokens alone.
    #[must_use]
    pub fn new(verifier: Verifier, issuer: Issuer, classes: AuthenticationClasses) -> Self {
        let held = HeldTokens::new(verifier.clock().clone());
        Self { verifier, issuer, classes, proxies: TrustedProxies::default(), ask_user_state: false, held }
    }

    /// Believes these proxies, instead of those on loopback, about the client's address and under
    /// which scheme and host it reached us. Cookies depend on it.
    #[must_use]
    pub fn behind(mut self, proxies: TrustedProxies) -> Self {
        self.proxies = proxies;
        self
    }

    /// Also asks the issuer for the user's state on every request, as the original's database
    /// look-up did.
    #[must_use]
    pub const fn asking_user_state(mut self, ask: bool) -> Self {
        self.ask_user_state = ask;
        self
    }

    /// Shares what Basic credentials were exchanged for with other authenticators of this process.
    #[must_use]
    pub fn holding(mut self, held: HeldTokens) -> Self {
        self.held = held;
        self
    }

    /// The verifier inside.
    #[must_use]
    pub const fn verifier(&self) -> &Verifier {
        &self.verifier
    }

    /// The session cookies of a request.
    #[must_use]
    pub fn cookies<'a>(&'a self, request: &'a HttpRequest) -> CookieJar<'a> {
        CookieJar::of(request, &self.rules().cookies, &self.proxies)
    }

    /// Whether session cookies are taken.
    #[must_use]
    pub fn takes_cookies(&self) -> bool {
        self.classes.contains(Class::Session)
    }

    /// Who calls, if any class has something to say of the request.
    pub async fn identify(&self, request: &HttpRequest) -> Verdict {
        match self.search(request, 0) {
            (Attempt::Said(verdict), _) => verdict,
            (Attempt::Asking(asking), next) => self.go_on(request, asking, next).await,
        }
    }

    fn rules(&self) -> &Rules {
        self.verifier.rules()
    }

    /// Asks the classes from the one at `from` on until one has something to say, or has to ask
    /// somebody; says also with which class to go on.
    fn search(&self, request: &HttpRequest, from: usize) -> (Attempt, usize) {
        for (place, class) in self.classes.iter().enumerate().skip(from) {
            match self.attempt(class, request) {
                Attempt::Said(Ok(None)) => {}
                attempt => return (attempt, place + 1),
            }
        }
        (Attempt::NOTHING, usize::MAX)
    }

    /// The slow path: waits for a class that has to ask, then goes on with those behind it.
    async fn go_on(
        &self,
        request: &HttpRequest,
        mut asking: LocalBoxFuture<'static, Verdict>,
        mut next: usize,
    ) -> Verdict {
        loop {
            match asking.await {
                Ok(None) => {}
                verdict => return verdict,
            }
            match self.search(request, next) {
                (Attempt::Said(verdict), _) => return verdict,
                (Attempt::Asking(another), place) => (asking, next) = (another, place),
            }
        }
    }

    /// One class's turn.
    fn attempt(&self, class: Class, request: &HttpRequest) -> Attempt {
        match class {
            Class::Jwt => bearer::attempt(self, request, self.ask_user_state),
            Class::StatelessJwt => bearer::attempt(self, request, false),
            Class::Session => session::attempt(self, request),
            Class::Basic => basic::attempt(self, request),
        }
    }

    /// A caller where one is needed.
    fn demand(&self, verdict: Verdict) -> Result<Caller, Problem> {
        verdict?.ok_or_else(|| self.not_provided())
    }

    /// The answer to a request of which no class has anything to say.
    #[must_use]
    pub fn not_provided(&self) -> Problem {
        self.refuse("Authentication credentials were not provided.", None)
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

    /// Asks the issuer whether the user still exists, is active and has the same password; says what
    /// is wrong with them, if anything is. A failure to ask is the answer to the request.
    async fn unfit(&self, caller: &Caller) -> Result<Option<Unfit>, Problem> {
        let state = self.issuer.user_state(caller.user_id()).await.map_err(|error| {
            tracing::warn!(%error, "the user's state is unknown");
            Problem::unavailable(Duration::from_secs(1))
        })?;
        let Some(state) = state else { return Ok(Some(Unfit::Unknown)) };
        if self.rules().check_user_is_active && !state.is_active {
            return Ok(Some(Unfit::Inactive));
        }
        let presented = caller.claims.get(&self.rules().names.revoke).and_then(Value::as_str);
        let changed = self.rules().check_revoke_token && presented != state.fingerprint.as_deref();
        Ok(changed.then_some(Unfit::PasswordChanged))
    }
}

/// What is wrong with the user of a token that is good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unfit {
    Unknown,
    Inactive,
    PasswordChanged,
}

/// The answer where a token could not be judged at all.
fn outage(refusal: &Refusal) -> Option<Problem> {
    refusal.is_outage().then(|| Problem::unavailable(Duration::from_secs(1)))
}

/// Among a request's extensions: a session cookie was looked for, so the answer varies with it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct VaryCookie;

/// The authenticated caller of a request. Taking one as an argument protects a handler.
#[derive(Debug, Clone)]
pub struct Caller {
    claims: Arc<Claims>,
    /// Where the permissions are looked up that the token does not list.
    definitions: Option<Revocations>,
}

impl Caller {
    /// The caller that verified claims speak for.
    fn new(authenticator: &Authenticator, claims: Arc<Claims>) -> Self {
        let asks = claims.leaves_permissions_to_the_role();
        let definitions = asks.then(|| authenticator.verifier.revocations().clone());
        Self { claims, definitions }
    }

    /// The user, as the issuer names it.
    #[must_use]
    pub fn user_id(&self) -> &str {
        // No caller is made of claims without one.
        self.claims.user_id().unwrap_or_default()
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

    /// The same, to be kept.
    #[must_use]
    pub fn shared_claims(&self) -> Arc<Claims> {
        Arc::clone(&self.claims)
    }
}

impl FromRequest for Caller {
    type Error = Problem;
    type Future = Either<Ready<Result<Self, Problem>>, LocalBoxFuture<'static, Result<Self, Problem>>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let Some(authenticator) = request.app_data::<Data<Authenticator>>() else {
            tracing::error!("a protected route has no Authenticator among its application data");
            return Either::Left(ready(Err(Problem::internal())));
        };
        match authenticator.search(request, 0) {
            (Attempt::Said(verdict), _) => Either::Left(ready(authenticator.demand(verdict))),
            (Attempt::Asking(asking), next) => {
                let (authenticator, request) = (authenticator.clone(), request.clone());
                Either::Right(Box::pin(async move {
                    let verdict = authenticator.go_on(&request, asking, next).await;
                    authenticator.demand(verdict)
                }))
            }
        }
    }
}

//! [`Issued`]: the tokens that a login or a refresh gives, on their way into a body or into cookies.

use actix_web::{HttpResponse, http::header};
use serde::Serialize;
use serde_json::{Map, Value};
use shared::{Claims, CookieJar, Timestamp, keys::KeyError, organizations::Membership, token::TokenKind};

use crate::{App, error::AuthError, mint::Stamp, store::sessions::Session};

/// The tokens of one step, each with its end.
pub(super) struct Issued {
    pub(super) access: Token,
    /// None where the presented one stays in use.
    pub(super) refresh: Option<Token>,
}

/// A token and when it expires.
pub(super) struct Token {
    pub(super) text: String,
    expires_at: Timestamp,
}

/// What a page may know of its session: everything but the tokens.
#[derive(Serialize)]
pub(super) struct Shown<'a> {
    pub(super) user_id: Option<&'a str>,
    pub(super) access_expires_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) refresh_expires_at: Option<Timestamp>,
}

impl Issued {
    /// What a login begins with.
    pub(super) fn first(
        app: &App,
        parent: &Map<String, Value>,
        session: &Session,
        membership: Option<&Membership>,
    ) -> Result<Self, KeyError> {
        let policy = &app.config().tokens;
        let now = session.created_at;
        let refresh = Stamp::derived(now, policy.refresh_lifetime, TokenKind::Refresh, session, None)
            .no_later_than(session.absolute_expires_at);
        let access = Stamp::fresh(now, policy.access_lifetime);
        Self::pair(app, (parent, membership), session, (&access, &refresh))
    }

    /// Only an access token. Not a step of the session: the key in use now signs, whatever signed
    /// before.
    pub(super) fn access_only(
        app: &App,
        claims: &Claims,
        session: &Session,
        membership: Option<&Membership>,
    ) -> Result<Self, KeyError> {
        let stamp = Stamp::fresh(app.now(), app.config().tokens.access_lifetime);
        let session = Session { signing_kid: None, ..session.clone() };
        let text = app.mint().access(claims.as_map(), &session, &stamp, membership)?;
        Ok(Self { access: Token::new(text, &stamp), refresh: None })
    }

    /// Random ids: any number of these may be made from one parent.
    pub(super) fn kept(
        app: &App,
        claims: &Claims,
        session: &Session,
        membership: Option<&Membership>,
    ) -> Result<Self, KeyError> {
        let policy = &app.config().tokens;
        let now = session.rotated_at;
        let session = Session { signing_kid: None, refresh_kid: None, ..session.clone() };
        let refresh = Stamp::fresh(now, policy.refresh_lifetime).no_later_than(session.absolute_expires_at);
        let access = Stamp::fresh(now, policy.access_lifetime);
        Self::pair(app, (claims.as_map(), membership), &session, (&access, &refresh))
    }

    /// Everything comes from the parent's claims and the row, so that a retry gets the same bytes.
    pub(super) fn successor(
        app: &App,
        claims: &Claims,
        session: &Session,
        membership: Option<&Membership>,
    ) -> Result<Self, KeyError> {
        let policy = &app.config().tokens;
        let now = session.rotated_at;
        let refresh = Stamp::derived(now, policy.refresh_lifetime, TokenKind::Refresh, session, None)
            .no_later_than(session.absolute_expires_at);
        let access = Stamp::derived(now, policy.access_lifetime, TokenKind::Access, session, membership);
        Self::pair(app, (claims.as_map(), membership), session, (&access, &refresh))
    }

    fn pair(
        app: &App,
        (parent, membership): (&Map<String, Value>, Option<&Membership>),
        session: &Session,
        (access, refresh): (&Stamp, &Stamp),
    ) -> Result<Self, KeyError> {
        let mint = app.mint();
        Ok(Self {
            access: Token::new(mint.access(parent, session, access, membership)?, access),
            refresh: Some(Token::new(mint.refresh(parent, session, refresh)?, refresh)),
        })
    }

    /// The answer by cookies: the tokens in them, what a page may know in the body.
    pub(super) fn into_cookies(
        self,
        app: &App,
        jar: &CookieJar<'_>,
        user_id: Option<&str>,
    ) -> Result<HttpResponse, AuthError> {
        let left = |until: Timestamp| until.as_secs() - app.now().as_secs();
        let mut response = HttpResponse::Ok();
        for shadow in jar.clear_shadows() {
            response.append_header((header::SET_COOKIE, shadow));
        }
        let access = jar.set_access(&self.access.text, left(self.access.expires_at))?;
        response.append_header((header::SET_COOKIE, access));
        if let Some(refresh) = &self.refresh {
            let refresh = jar.set_refresh(&refresh.text, left(refresh.expires_at))?;
            response.append_header((header::SET_COOKIE, refresh));
        }
        response.insert_header((header::CACHE_CONTROL, "no-store"));
        Ok(response.json(Shown {
            user_id,
            access_expires_at: Some(self.access.expires_at),
            refresh_expires_at: self.refresh.map(|refresh| refresh.expires_at),
        }))
    }
}

impl Token {
    /// Times in tokens are whole seconds.
    fn new(text: String, stamp: &Stamp) -> Self {
        Self { text, expires_at: Timestamp::from_secs(stamp.expires_at.as_secs()) }
    }
}

//! What validators may ask of this service: users, and tokens for their passwords.

use actix_web::http::StatusCode;
use futures_util::future::BoxFuture;
use shared::{
    DbError, Problem,
    claims::can_name_a_user,
    issuer::{
        Change, ExchangeError, Exchanged, IssuerUnavailable, MOST_PROFILES, Presented, Profile, UserState,
        Users,
    },
};

use super::App;
use crate::{
    changes,
    error::AuthError,
    exchange,
    mint::fingerprint,
    store::users::{self, User, UserIdField},
};

impl App {
    /// What validators may know of a user.
    pub async fn user_state(&self, user_id: &str) -> Result<Option<UserState>, DbError> {
        let (field, claim) = (self.config().tokens.user_id_field, user_id.to_owned());
        let user = self.db().read(move |conn| users::find_by_claim(conn, field, &claim)).await?;
        let check = self.config().rules.check_revoke_token;
        Ok(user.map(|user| UserState {
            is_active: user.is_active,
            fingerprint: check.then(|| fingerprint(&user.password)),
        }))
    }

    /// Users as others may see them, by the values of the user id claim; see
    /// [`Issuer::profiles`](shared::Issuer::profiles).
    pub async fn profiles(&self, user_ids: Vec<String>) -> Result<Vec<Profile>, AuthError> {
        if user_ids.len() > MOST_PROFILES {
            return Err(Problem::new(StatusCode::BAD_REQUEST, "More users than one call may ask for.").into());
        }
        let field = self.config().tokens.user_id_field;
        let user_ids: Vec<String> = user_ids.into_iter().filter(|id| can_name_a_user(id)).collect();
        let users = self.db().read(move |conn| users::list_by_claim(conn, field, &user_ids)).await?;
        Ok(users.into_iter().map(|user| profile(user, field)).collect())
    }

    /// Has validators told of changed memberships; see [`Issuer::revoke`](shared::Issuer::revoke).
    pub async fn revoke(&self, entries: Vec<Change>) -> Result<(), AuthError> {
        changes::check(&entries).map_err(|detail| Problem::new(StatusCode::BAD_REQUEST, detail))?;
        if entries.is_empty() {
            return Ok(());
        }
        let now = self.now();
        self.db().transaction(move |conn| changes::append(conn, &entries, now)).await?;
        self.feed().passed_on().await;
        Ok(())
    }
}

fn profile(user: User, field: UserIdField) -> Profile {
    Profile {
        user_id: user.claim(field).to_owned(),
        username: user.username,
        email: user.email,
        email_verified: user.email_verified_at.is_some(),
        first_name: user.first_name,
        last_name: user.last_name,
        is_active: user.is_active,
    }
}

impl Users for App {
    fn state(&self, user_id: String) -> BoxFuture<'_, Result<Option<UserState>, IssuerUnavailable>> {
        Box::pin(async move { self.user_state(&user_id).await.map_err(|e| IssuerUnavailable(e.to_string())) })
    }

    fn exchange(&self, presented: Presented) -> BoxFuture<'_, Result<Exchanged, ExchangeError>> {
        Box::pin(async move {
            exchange::exchange(self, presented).await.map_err(|error| exchange::undecided(&error))
        })
    }

    fn profiles(&self, user_ids: Vec<String>) -> BoxFuture<'_, Result<Vec<Profile>, IssuerUnavailable>> {
        Box::pin(async move { self.profiles(user_ids).await.map_err(|e| IssuerUnavailable(e.to_string())) })
    }

    fn revoke(&self, entries: Vec<Change>) -> BoxFuture<'_, Result<(), IssuerUnavailable>> {
        Box::pin(async move { self.revoke(entries).await.map_err(|e| IssuerUnavailable(e.to_string())) })
    }
}

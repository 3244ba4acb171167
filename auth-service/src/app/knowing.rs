//! What validators may ask of this service: users, and tokens for their passwords.

use futures_util::future::BoxFuture;
use shared::{
    DbError,
    issuer::{ExchangeError, Exchanged, IssuerUnavailable, Presented, UserState, Users},
};

use super::App;
use crate::{exchange, mint::fingerprint, store::users};

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
}

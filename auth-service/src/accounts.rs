//! What operators do with users, each with exactly its effect on sessions. The commands call these;
//! so will the API for accounts.

use std::sync::LazyLock;

use diesel::{
    QueryResult,
    result::{DatabaseErrorKind, Error},
};
use regex::Regex;
use shared::{Clock, Db, DbConnection, DbError, Secret, input};

use crate::{
    password::{self, Argon2Params, HashPool, PoolError, Scheme},
    revocation,
    store::{
        sessions::Reason,
        users::{self, NewPassword, User, UserId, UserIdField},
    },
};

/// Why an operation on a user was refused.
#[derive(Debug, thiserror::Error)]
pub enum AccountError {
    /// The user name is not one.
    #[error("the user name may have up to 150 letters, digits and @/./+/-/_ only")]
    BadUsername,
    /// The address is not one.
    #[error("the e-mail address is not valid")]
    BadEmail,
    /// The password cannot work.
    #[error("the password {0}")]
    BadPassword(&'static str),
    /// The name is taken.
    #[error("that username is already taken")]
    Taken,
    /// There is no such user.
    #[error("no user has the name `{0}`")]
    Unknown(String),
    /// The password could not be hashed.
    #[error(transparent)]
    Hashing(#[from] PoolError),
    /// The hash could not be made.
    #[error("the password could not be hashed")]
    Hash,
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DbError),
}

/// A user to be.
#[derive(Debug, Clone)]
pub struct NewUser {
    /// Unique.
    pub username: String,
    /// May be empty.
    pub email: String,
    /// The password.
    pub password: Secret<String>,
    /// Whether every permission is granted.
    pub is_superuser: bool,
    /// Whether the address is known to be the user's.
    pub email_verified: bool,
}

/// Django's rule for user names, applied to the whole text.
#[expect(clippy::expect_used, reason = "a constant pattern; the tests compile it")]
static USERNAME: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"\A[\w.@+-]{1,150}\z").expect("a valid pattern"));

/// Checks a password that is to be set. The framework trims what clients send, so a password that
/// begins or ends with white space could never be entered.
pub fn check_password(password: &str) -> Result<(), AccountError> {
    if password.is_empty() {
        return Err(AccountError::BadPassword("is empty"));
    }
    if password.trim() != password {
        return Err(AccountError::BadPassword("begins or ends with white space, which clients trim"));
    }
    if password.contains('\0') {
        return Err(AccountError::BadPassword("contains a null character"));
    }
    if password.len() > 4096 {
        return Err(AccountError::BadPassword("is longer than 4,096 bytes"));
    }
    Ok(())
}

/// Hashes a password on the pool, with the parameters for new passwords.
pub async fn encode(pool: &HashPool, password: Secret<String>) -> Result<NewPassword, AccountError> {
    let params = Argon2Params::default();
    let scheme = Scheme::argon2id(params).label();
    let encoded = pool.run(move || password::hash(password.expose(), &params)).await?;
    Ok(NewPassword { encoded: Secret::new(encoded.map_err(|_| AccountError::Hash)?), scheme })
}

/// The users of one database, for those who change them.
#[derive(Debug, Clone)]
pub struct Accounts {
    /// Where they are.
    pub db: Db,
    /// The time.
    pub clock: Clock,
    /// What tokens call them by.
    pub user_id_field: UserIdField,
}

impl Accounts {
    /// Adds a user.
    pub async fn create(&self, pool: &HashPool, new: NewUser) -> Result<User, AccountError> {
        if !USERNAME.is_match(&new.username) {
            return Err(AccountError::BadUsername);
        }
        if !new.email.is_empty() && !input::is_email(&new.email) {
            return Err(AccountError::BadEmail);
        }
        check_password(new.password.expose())?;
        let password = encode(pool, new.password).await?;
        let now = self.clock.now();
        let id = UserId::new(now);
        let proven = new.email_verified && !new.email.is_empty();
        let user = User {
            id,
            email_verified_at: proven.then_some(now),
            subject: id.to_string(),
            username: new.username,
            email: new.email,
            first_name: String::new(),
            last_name: String::new(),
            password: password.encoded.expose().clone(),
            password_scheme: password.scheme,
            is_active: true,
            is_superuser: new.is_superuser,
            credential_version: 0,
            not_before: None,
            last_login: None,
            created_at: now,
            updated_at: now,
        };
        let row = user.clone();
        match self.db.write(move |conn| users::insert(conn, &row)).await {
            Ok(_) => Ok(user),
            Err(DbError::Query(Error::DatabaseError(DatabaseErrorKind::UniqueViolation, _))) => {
                Err(AccountError::Taken)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Sets a password and ends every session of the user.
    pub async fn set_password(
        &self,
        pool: &HashPool,
        username: &str,
        password: Secret<String>,
    ) -> Result<User, AccountError> {
        check_password(password.expose())?;
        let encoded = encode(pool, password).await?;
        let (now, field) = (self.clock.now(), self.user_id_field);
        self.change(username, move |conn, user| {
            users::set_password(conn, user.id, &encoded, now)?;
            revocation::end_all(conn, user, field, Reason::PasswordChanged, now)
        })
        .await
    }

    /// Activates or deactivates. Deactivating ends every session of the user.
    pub async fn set_active(&self, username: &str, active: bool) -> Result<User, AccountError> {
        let (now, field) = (self.clock.now(), self.user_id_field);
        self.change(username, move |conn, user| {
            users::set_active(conn, user.id, active, now)?;
            if active { Ok(0) } else { revocation::end_all(conn, user, field, Reason::Deactivated, now) }
        })
        .await
    }

    /// Says that the user's address is proven to be theirs, or that it is not. Sessions go on.
    pub async fn set_email_verified(&self, username: &str, verified: bool) -> Result<User, AccountError> {
        let now = self.clock.now();
        self.change(username, move |conn, user| users::set_email_verified(conn, user.id, verified, now)).await
    }

    /// Makes a user a superuser, or an ordinary one again. A change ends every session of the user:
    /// tokens say what their bearer may do.
    pub async fn set_superuser(&self, username: &str, superuser: bool) -> Result<User, AccountError> {
        let (now, field) = (self.clock.now(), self.user_id_field);
        self.change(username, move |conn, user| {
            if users::set_superuser(conn, user.id, superuser, now)? == 0 {
                return Ok(0);
            }
            revocation::end_all(conn, user, field, Reason::RoleChanged, now)
        })
        .await
    }

    /// Deletes a user and ends every session.
    pub async fn delete(&self, username: &str) -> Result<User, AccountError> {
        let (now, field) = (self.clock.now(), self.user_id_field);
        self.change(username, move |conn, user| {
            // Locks the row: a login in flight either began before and is ended below, or fails.
            users::set_active(conn, user.id, false, now)?;
            let ended = revocation::end_all(conn, user, field, Reason::Deleted, now)?;
            users::delete(conn, user.id)?;
            Ok(ended)
        })
        .await
    }

    /// Changes a user in one transaction. The user's own row comes first in every such step, so that
    /// none deadlocks with another.
    async fn change(
        &self,
        username: &str,
        step: impl FnOnce(&mut DbConnection, &User) -> QueryResult<usize> + Send + 'static,
    ) -> Result<User, AccountError> {
        let name = username.to_owned();
        let changed = self.db.transaction(move |conn| {
            let Some(user) = users::find_by_username(conn, &name)? else { return Ok(None) };
            step(conn, &user)?;
            Ok(Some(user))
        });
        changed.await?.ok_or_else(|| AccountError::Unknown(username.to_owned()))
    }
}

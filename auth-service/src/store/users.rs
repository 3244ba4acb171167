//! Users: who may log in, and the version that every credential change moves.

use diesel::prelude::*;
use shared::{DbConnection, Timestamp, typed_id};

use crate::schema::users;

typed_id!(
    /// Identifies a user inside this service. Tokens carry the subject instead.
    UserId
);

/// A row of `users`.
#[derive(Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = users)]
pub struct User {
    /// Primary key.
    pub id: UserId,
    /// What tokens call the user: the original primary key of an imported user, else the UUID.
    pub subject: String,
    /// Unique, case-sensitive.
    pub username: String,
    /// May be empty.
    pub email: String,
    /// May be empty.
    pub first_name: String,
    /// May be empty.
    pub last_name: String,
    /// The encoded hash, in Django's form.
    pub password: String,
    /// The hash's scheme and cost, without salt: what a login's time is levelled to.
    pub password_scheme: String,
    /// Whether the user may log in.
    pub is_active: bool,
    /// Whether every permission is granted.
    pub is_superuser: bool,
    /// Moves with every change of password, activity or superuser status.
    pub credential_version: i64,
    /// Tokens without a session issued up to this second are refused.
    pub not_before: Option<Timestamp>,
    /// The last login, when `UPDATE_LAST_LOGIN` is on.
    pub last_login: Option<Timestamp>,
    /// Creation.
    pub created_at: Timestamp,
    /// Last change.
    pub updated_at: Timestamp,
    /// When the address was proven to be the user's; none if it was not.
    pub email_verified_at: Option<Timestamp>,
}

impl std::fmt::Debug for User {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("User")
            .field("id", &self.id)
            .field("is_active", &self.is_active)
            .finish_non_exhaustive()
    }
}

/// Which column fills the user id claim: `USER_ID_FIELD`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UserIdField {
    /// The subject, which the original calls `id`.
    Id,
    /// The user name.
    Username,
}

impl User {
    /// The value of the user id claim.
    #[must_use]
    pub fn claim(&self, field: UserIdField) -> &str {
        match field {
            UserIdField::Id => &self.subject,
            UserIdField::Username => &self.username,
        }
    }
}

/// The user with this name.
pub fn find_by_username(conn: &mut DbConnection, username: &str) -> QueryResult<Option<User>> {
    users::table.filter(users::username.eq(username)).select(User::as_select()).first(conn).optional()
}

/// The user that a user id claim names.
pub fn find_by_claim(conn: &mut DbConnection, field: UserIdField, value: &str) -> QueryResult<Option<User>> {
    if value.is_empty() {
        return Ok(None);
    }
    let query = users::table.select(User::as_select()).into_boxed();
    let query = match field {
        UserIdField::Id => query.filter(users::subject.eq(value.to_owned())),
        UserIdField::Username => query.filter(users::username.eq(value.to_owned())),
    };
    query.first(conn).optional()
}

/// The users that these user id claims name.
pub fn list_by_claim(
    conn: &mut DbConnection,
    field: UserIdField,
    values: &[String],
) -> QueryResult<Vec<User>> {
    let query = users::table.select(User::as_select()).into_boxed();
    let query = match field {
        UserIdField::Id => query.filter(users::subject.eq_any(values.to_vec())),
        UserIdField::Username => query.filter(users::username.eq_any(values.to_vec())),
    };
    query.load(conn)
}

/// All users by name.
pub fn list(conn: &mut DbConnection) -> QueryResult<Vec<User>> {
    users::table.order(users::username).select(User::as_select()).load(conn)
}

/// Adds a user. The caller has looked for the name before; a race ends in `UniqueViolation`.
pub fn insert(conn: &mut DbConnection, user: &User) -> QueryResult<usize> {
    diesel::insert_into(users::table).values(user.clone()).execute(conn)
}

/// Claims the right to begin a session: succeeds only while the user is what the password was
/// checked against. `demand_active` is off where inactive users may log in.
pub fn confirm(
    conn: &mut DbConnection,
    user: &User,
    demand_active: bool,
    login: Option<Timestamp>,
) -> QueryResult<bool> {
    let unchanged = users::table
        .filter(users::id.eq(user.id))
        .filter(users::credential_version.eq(user.credential_version))
        .filter(users::is_active.eq(user.is_active || demand_active));
    let changed = diesel::update(unchanged)
        .set((
            users::credential_version.eq(user.credential_version),
            login.map(|login| users::last_login.eq(Some(login))),
        ))
        .execute(conn)?;
    Ok(changed == 1)
}

/// An encoded hash with its scheme, ready to be stored.
#[derive(Debug, Clone)]
pub struct NewPassword {
    /// The encoded hash.
    pub encoded: shared::Secret<String>,
    /// Its scheme and cost.
    pub scheme: String,
}

/// Replaces a hash that was made with outdated parameters, unless the password has changed since.
pub fn rehash(conn: &mut DbConnection, user: &User, password: &NewPassword) -> QueryResult<usize> {
    let unchanged =
        users::table.filter(users::id.eq(user.id)).filter(users::password.eq(user.password.clone()));
    diesel::update(unchanged)
        .set((users::password.eq(password.encoded.expose()), users::password_scheme.eq(&password.scheme)))
        .execute(conn)
}

/// Sets the password; tokens without a session become too old.
pub fn set_password(
    conn: &mut DbConnection,
    id: UserId,
    password: &NewPassword,
    now: Timestamp,
) -> QueryResult<usize> {
    diesel::update(users::table.filter(users::id.eq(id)))
        .set((
            users::password.eq(password.encoded.expose()),
            users::password_scheme.eq(&password.scheme),
            users::credential_version.eq(users::credential_version + 1),
            users::not_before.eq(Some(now)),
            users::updated_at.eq(now),
        ))
        .execute(conn)
}

/// Activates or deactivates.
pub fn set_active(conn: &mut DbConnection, id: UserId, active: bool, now: Timestamp) -> QueryResult<usize> {
    let target = diesel::update(users::table.filter(users::id.eq(id)));
    let moved = users::credential_version.eq(users::credential_version + 1);
    if active {
        return target.set((users::is_active.eq(true), moved, users::updated_at.eq(now))).execute(conn);
    }
    target
        .set((users::is_active.eq(false), moved, users::not_before.eq(Some(now)), users::updated_at.eq(now)))
        .execute(conn)
}

/// Says that the address is proven to be the user's, or that it is not. Nobody's empty address is.
pub fn set_email_verified(
    conn: &mut DbConnection,
    id: UserId,
    verified: bool,
    now: Timestamp,
) -> QueryResult<usize> {
    let with_address = users::table.filter(users::id.eq(id)).filter(users::email.ne(""));
    diesel::update(with_address)
        .set((users::email_verified_at.eq(verified.then_some(now)), users::updated_at.eq(now)))
        .execute(conn)
}

/// Makes a user a superuser or not; 0 if nothing changes.
pub fn set_superuser(
    conn: &mut DbConnection,
    id: UserId,
    superuser: bool,
    now: Timestamp,
) -> QueryResult<usize> {
    let other = users::table.filter(users::id.eq(id)).filter(users::is_superuser.ne(superuser));
    diesel::update(other)
        .set((
            users::is_superuser.eq(superuser),
            users::credential_version.eq(users::credential_version + 1),
            users::not_before.eq(Some(now)),
            users::updated_at.eq(now),
        ))
        .execute(conn)
}

/// Calls in the tokens without a session that were issued up to now.
pub fn call_in(conn: &mut DbConnection, id: UserId, now: Timestamp) -> QueryResult<usize> {
    diesel::update(users::table.filter(users::id.eq(id))).set(users::not_before.eq(Some(now))).execute(conn)
}

/// Changes what users may change of themselves. Another address has yet to be proven. Within a
/// transaction.
pub fn set_profile(
    conn: &mut DbConnection,
    id: UserId,
    profile: &Profile,
    now: Timestamp,
) -> QueryResult<usize> {
    let elsewhere = users::table.filter(users::id.eq(id)).filter(users::email.ne(profile.email.clone()));
    diesel::update(elsewhere).set(users::email_verified_at.eq(None::<Timestamp>)).execute(conn)?;
    diesel::update(users::table.filter(users::id.eq(id)))
        .set((
            users::email.eq(profile.email.clone()),
            users::first_name.eq(profile.first_name.clone()),
            users::last_name.eq(profile.last_name.clone()),
            users::updated_at.eq(now),
        ))
        .execute(conn)
}

/// What users may change of themselves.
#[derive(Debug, Clone)]
pub struct Profile {
    /// E-mail address, may be empty.
    pub email: String,
    /// First name, may be empty.
    pub first_name: String,
    /// Last name, may be empty.
    pub last_name: String,
}

/// Removes a user. Sessions stay, without their user, so that their tokens stay refused.
pub fn delete(conn: &mut DbConnection, id: UserId) -> QueryResult<usize> {
    diesel::delete(users::table.filter(users::id.eq(id))).execute(conn)
}

/// The schemes and costs of all stored hashes.
pub fn password_schemes(conn: &mut DbConnection) -> QueryResult<Vec<String>> {
    users::table.select(users::password_scheme).distinct().load(conn)
}

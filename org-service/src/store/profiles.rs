//! Copies of what the auth service tells of members, for lists of them and searches among them. Every
//! member has a row; it is empty until the auth service has told of them, and when it knows them no more.

use diesel::{prelude::*, upsert::excluded};
use shared::{DbConnection, Timestamp};

use crate::schema::{memberships, profiles};

/// A copy of a user's profile.
#[derive(Clone, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = profiles, treat_none_as_default_value = false)]
pub struct Profile {
    /// The user, as the issuer names it.
    pub user_id: String,
    /// The login name; empty: there is no such user, or it is not known yet.
    pub username: String,
    /// See [`fold`](crate::search::fold).
    pub username_key: String,
    /// May be empty.
    pub email: String,
    /// May be empty.
    pub first_name: String,
    /// May be empty.
    pub last_name: String,
    /// Whether the user may act.
    pub is_active: bool,
    /// When it was fetched; the beginning of time: never.
    pub fetched_at: Timestamp,
}

impl Profile {
    /// Nothing is known of this user, as of then.
    #[must_use]
    pub const fn empty(user_id: String, fetched_at: Timestamp) -> Self {
        Self {
            user_id,
            username: String::new(),
            username_key: String::new(),
            email: String::new(),
            first_name: String::new(),
            last_name: String::new(),
            is_active: false,
            fetched_at,
        }
    }
}

impl std::fmt::Debug for Profile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Profile")
            .field("user_id", &self.user_id)
            .field("fetched_at", &self.fetched_at)
            .finish_non_exhaustive()
    }
}

/// The copies that there are of these users.
pub fn find(conn: &mut DbConnection, user_ids: Vec<String>) -> QueryResult<Vec<Profile>> {
    let found = profiles::table.filter(profiles::user_id.eq_any(user_ids));
    found.select(Profile::as_select()).load(conn)
}

/// Makes room for a new member's profile, which is fetched later.
pub fn expect(conn: &mut DbConnection, user_id: &str) -> QueryResult<usize> {
    let new = Profile::empty(user_id.to_owned(), Timestamp::from_secs(0));
    shared::each_engine!(conn => diesel::insert_into(profiles::table)
        .values(new)
        .on_conflict_do_nothing()
        .execute(conn))
}

/// Keeps what was fetched. In the order of user ids, so that two who do so do not wait for one another.
pub fn keep(conn: &mut DbConnection, mut fetched: Vec<Profile>) -> QueryResult<usize> {
    fetched.sort_by(|a, b| a.user_id.cmp(&b.user_id));
    shared::each_engine!(conn => diesel::insert_into(profiles::table)
        .values(fetched)
        .on_conflict(profiles::user_id)
        .do_update()
        .set((
            profiles::username.eq(excluded(profiles::username)),
            profiles::username_key.eq(excluded(profiles::username_key)),
            profiles::email.eq(excluded(profiles::email)),
            profiles::first_name.eq(excluded(profiles::first_name)),
            profiles::last_name.eq(excluded(profiles::last_name)),
            profiles::is_active.eq(excluded(profiles::is_active)),
            profiles::fetched_at.eq(excluded(profiles::fetched_at)),
        ))
        .execute(conn))
}

/// Up to `limit` users whose copies were fetched before then, or never; oldest first.
pub fn list_old(conn: &mut DbConnection, before: Timestamp, limit: i64) -> QueryResult<Vec<String>> {
    let old = profiles::table.filter(profiles::fetched_at.lt(before)).order(profiles::fetched_at);
    old.limit(limit).select(profiles::user_id).load(conn)
}

/// Removes those of these that belong to nobody who is a member anywhere.
pub fn purge(conn: &mut DbConnection, user_ids: Vec<String>) -> QueryResult<usize> {
    let members = memberships::table.filter(memberships::user_id.eq(profiles::user_id));
    let gone = profiles::user_id.eq_any(user_ids).and(diesel::dsl::not(diesel::dsl::exists(members)));
    diesel::delete(profiles::table.filter(gone)).execute(conn)
}

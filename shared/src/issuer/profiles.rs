//! [`Profile`]: what services may show of users to one another's clients, fetched in batches.
//!
//! A list of members asks once per page, and not once per row.

use serde::{Deserialize, Serialize};

use super::IssuerUnavailable;
use crate::internal::Peer;

/// Where the auth service tells of users, on its management port.
pub const PROFILES_PATH: &str = "/internal/users/";
/// The most users that one call may ask for.
pub const MOST_PROFILES: usize = 100;

/// A user as others may see them.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Profile {
    /// The user id claim.
    pub user_id: String,
    /// The login name.
    pub username: String,
    /// May be empty.
    pub email: String,
    /// Whether the address has been proven to be the user's.
    pub email_verified: bool,
    /// May be empty.
    pub first_name: String,
    /// May be empty.
    pub last_name: String,
    /// Whether the user may act.
    pub is_active: bool,
}

impl std::fmt::Debug for Profile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut shown = f.debug_struct("Profile");
        shown.field("user_id", &self.user_id).field("is_active", &self.is_active).finish_non_exhaustive()
    }
}

/// The body of a call.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ProfilesQuestion {
    /// Values of the user id claim, at most [`MOST_PROFILES`].
    pub user_ids: Vec<String>,
}

/// The body of an answer.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ProfilesAnswer {
    /// In no particular order, without those that nobody is called.
    pub users: Vec<Profile>,
}

/// Asks an auth service elsewhere for at most [`MOST_PROFILES`] users.
pub(super) async fn over_http(
    peer: Peer<'_>,
    user_ids: Vec<String>,
) -> Result<Vec<Profile>, IssuerUnavailable> {
    let answer: Result<ProfilesAnswer, String> =
        peer.ask(PROFILES_PATH, &ProfilesQuestion { user_ids }).await;
    answer.map(|answer| answer.users).map_err(IssuerUnavailable)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_does_not_show() {
        let profile = Profile {
            user_id: "7".into(),
            username: "ada".into(),
            email: "ada@example.org".into(),
            email_verified: true,
            first_name: "Ada".into(),
            last_name: String::new(),
            is_active: true,
        };
        let shown = format!("{profile:?}");
        assert!(shown.contains('7') && !shown.contains("ada") && !shown.contains("Ada"), "{shown}");
    }
}

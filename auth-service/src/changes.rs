//! Changes of memberships, as the organization service tells them: checked, then put into the feed.
//!
//! What is wrong here would stay wrong at every validator for as long as tokens live, so nothing is
//! taken that could not have been meant.

use diesel::QueryResult;
use shared::{
    DbConnection, Timestamp,
    claims::can_name_a_user,
    issuer::{Change, MOST_CHANGES},
    revocation::Kind,
};
use uuid::Uuid;

use crate::store::feed::{self, New};

/// The longest name or id of a role, in bytes.
const LONGEST_ROLE: usize = 100;

/// Says what is wrong with a call's changes, if anything is.
pub fn check(entries: &[Change]) -> Result<(), &'static str> {
    if entries.len() > MOST_CHANGES {
        return Err("More entries than one call may have.");
    }
    entries.iter().try_for_each(check_one)
}

fn check_one(change: &Change) -> Result<(), &'static str> {
    let well_formed = match (change.kind, change.key.split_once('/')) {
        (Kind::Organization, None) => is_canonical_uuid(&change.key),
        (Kind::Member, Some((organization, user))) => {
            is_canonical_uuid(organization) && !user.is_empty() && can_name_a_user(user)
        }
        (Kind::Role, Some((organization, role))) => is_canonical_uuid(organization) && is_role(role),
        (Kind::Organization | Kind::Member | Kind::Role, _) => false,
        _ => return Err("An entry is neither about a member nor a role nor an organization."),
    };
    if !well_formed {
        return Err("An entry's key has not the form of its kind.");
    }
    if change.min_version < 1 { Err("An entry's version is less than 1.") } else { Ok(()) }
}

/// Keys are compared as text, so there must be one text for each id.
fn is_canonical_uuid(text: &str) -> bool {
    Uuid::parse_str(text).is_ok_and(|uuid| uuid.to_string() == text)
}

fn is_role(text: &str) -> bool {
    let fine = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | ':');
    (1..=LONGEST_ROLE).contains(&text.len()) && text.chars().all(fine)
}

/// Puts checked changes into the feed, within the caller's transaction.
pub fn append(conn: &mut DbConnection, entries: &[Change], now: Timestamp) -> QueryResult<()> {
    let new =
        |change: &Change| New { kind: change.kind, key: change.key.clone(), bound: Some(change.min_version) };
    feed::append(conn, now, &entries.iter().map(new).collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ORG: &str = "01890a5d-ac96-774b-bcce-b302099a8057";

    fn change(kind: Kind, key: &str, min_version: i64) -> Change {
        Change { kind, key: key.to_owned(), min_version, permissions: None }
    }

    #[test]
    fn only_what_can_have_been_meant_is_taken() {
        let under = |rest: &str| format!("{ORG}/{rest}");
        for (kind, key, fine) in [
            (Kind::Organization, ORG.to_owned(), true),
            (Kind::Organization, ORG.to_uppercase(), false),
            (Kind::Organization, ORG.replace('-', ""), false),
            (Kind::Organization, "acme".into(), false),
            (Kind::Organization, under("7"), false),
            (Kind::Member, under("7"), true),
            (Kind::Member, under("a/b \u{fc}"), true),
            (Kind::Member, under(""), false),
            (Kind::Member, under("a\0b"), false),
            (Kind::Member, under(&"a".repeat(256)), false),
            (Kind::Member, ORG.to_owned(), false),
            (Kind::Member, "acme/7".into(), false),
            (Kind::Role, under("viewer"), true),
            (Kind::Role, under(ORG), true),
            (Kind::Role, under(""), false),
            (Kind::Role, under("a/b"), false),
            (Kind::Role, under("a b"), false),
            (Kind::Session, ORG.to_owned(), false),
            (Kind::All, String::new(), false),
            (Kind::Key, "k".into(), false),
        ] {
            assert_eq!(check(&[change(kind, &key, 1)]).is_ok(), fine, "{kind} {key}");
        }
    }

    #[test]
    fn versions_begin_with_one_and_calls_are_bounded() {
        for (version, fine) in [(i64::MIN, false), (-1, false), (0, false), (1, true), (i64::MAX, true)] {
            assert_eq!(check(&[change(Kind::Organization, ORG, version)]).is_ok(), fine, "{version}");
        }
        let many = vec![change(Kind::Organization, ORG, 1); MOST_CHANGES + 1];
        assert!(check(&many).is_err() && check(&many[1..]).is_ok() && check(&[]).is_ok());
    }
}

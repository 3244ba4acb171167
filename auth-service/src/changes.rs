//! Changes of memberships, as the organization service tells them: checked, then put into the feed.
//!
//! What is wrong here would stay wrong at every validator for as long as tokens live, so nothing is
//! taken that could not have been meant.

use diesel::QueryResult;
use shared::{
    DbConnection, Timestamp,
    claims::{EVERY_ORGANIZATION, can_name_a_user},
    issuer::{Change, MOST_CHANGES},
    revocation::Kind,
};
use uuid::Uuid;

use crate::store::{
    feed::{self, Appended, New},
    roles::{self, Definition},
};

/// The longest name or id of a role, and the longest permission, in bytes.
const LONGEST_NAME: usize = 100;
/// The most permissions of a role.
const MOST_PERMISSIONS: usize = 1000;

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
        (Kind::Role, Some((organization, role))) => {
            (is_canonical_uuid(organization) || organization == EVERY_ORGANIZATION) && is_name(role)
        }
        (Kind::Organization | Kind::Member | Kind::Role, _) => false,
        _ => return Err("An entry is neither about a member nor a role nor an organization."),
    };
    if !well_formed {
        return Err("An entry's key has not the form of its kind.");
    }
    if change.min_version < 1 {
        return Err("An entry's version is less than 1.");
    }
    let Some(permissions) = &change.permissions else { return Ok(()) };
    let well_formed = permissions.len() <= MOST_PERMISSIONS && permissions.iter().all(|text| is_name(text));
    if change.kind == Kind::Role && well_formed { Ok(()) } else { Err("An entry's permissions are none.") }
}

/// Keys are compared as text, so there must be one text for each id.
#[must_use]
pub fn is_canonical_uuid(text: &str) -> bool {
    Uuid::parse_str(text).is_ok_and(|uuid| uuid.to_string() == text)
}

/// Whether a role or a permission can be called this.
#[must_use]
pub fn is_name(text: &str) -> bool {
    (1..=LONGEST_NAME).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// Puts checked changes into the feed, and keeps what roles permit by them, within the caller's
/// transaction.
pub fn append(conn: &mut DbConnection, entries: &[Change], now: Timestamp) -> QueryResult<()> {
    let new =
        |change: &Change| New { kind: change.kind, key: change.key.clone(), bound: Some(change.min_version) };
    let appended = feed::append(conn, now, &entries.iter().map(new).collect::<Vec<_>>())?;
    for (change, seq) in entries.iter().zip(appended.first..) {
        if let Some(permissions) = &change.permissions {
            roles::define(conn, &definition(change, permissions, seq, appended))?;
        }
    }
    Ok(())
}

fn definition(change: &Change, permissions: &[String], seq: i64, appended: Appended) -> Definition {
    Definition {
        key: change.key.clone(),
        version: change.min_version,
        permissions: serde_json::json!(permissions).to_string(),
        seq,
        // A role that permits nothing any more is forgotten with the last token for it.
        expires_at: permissions.is_empty().then_some(appended.expires_at),
    }
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
            (Kind::Role, "*/owner".into(), true),
            (Kind::Role, "*/".into(), false),
            (Kind::Member, "*/7".into(), false),
            (Kind::Organization, "*".into(), false),
            (Kind::Role, under(""), false),
            (Kind::Role, under(&"r".repeat(101)), false),
            (Kind::Role, under("\u{fc}"), false),
            (Kind::Role, under("a b"), false),
            (Kind::Session, ORG.to_owned(), false),
            (Kind::All, String::new(), false),
            (Kind::Key, "k".into(), false),
        ] {
            assert_eq!(check(&[change(kind, &key, 1)]).is_ok(), fine, "{kind} {key}");
        }
    }

    #[test]
    fn only_roles_permit_and_in_words() {
        let (role, member) = (format!("{ORG}/r"), format!("{ORG}/7"));
        let long = "x".repeat(101);
        for (kind, key, permission, fine) in [
            (Kind::Role, &role, "invoice:write", true),
            (Kind::Role, &role, "", false),
            (Kind::Role, &role, "invoice write", false),
            (Kind::Role, &role, &long, false),
            (Kind::Member, &member, "invoice:write", false),
        ] {
            let permissions = Some(vec![permission.to_owned()]);
            let change = Change { permissions, ..change(kind, key, 1) };
            assert_eq!(check(&[change]).is_ok(), fine, "{kind} {permission}");
        }
        for (count, fine) in [(0, true), (1000, true), (1001, false)] {
            let permissions = Some(vec!["a:read".to_owned(); count]);
            assert_eq!(
                check(&[Change { permissions, ..change(Kind::Role, &role, 1) }]).is_ok(),
                fine,
                "{count}"
            );
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

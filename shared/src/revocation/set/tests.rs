use serde_json::{Value, json};

use super::*;
use crate::claims::ClaimNames;

const NOW: i64 = 1_795_444_848;

fn claims(value: Value) -> Claims {
    let Value::Object(map) = value else { panic!("an object") };
    Claims::take(map, &ClaimNames::default())
}

fn entry(kind: Kind, key: &str, bound: Option<i64>) -> Entry {
    Entry { seq: 1, kind, key: key.to_owned(), bound, expires_at: Timestamp::from_secs(NOW + 600) }
}

fn set(entries: &[Entry]) -> RevocationSet {
    let set = RevocationSet::default();
    for entry in entries {
        set.insert(entry);
    }
    set
}

const SID: &str = "0197f3a0-0000-7000-8000-000000000001";

#[test]
fn each_kind_refuses_what_it_is_about_and_nothing_else() {
    let token = claims(json!({
        "sid": SID, "jti": "j1", "user_id": "7", "iat": NOW, "client_id": "app",
        "org_id": "o1", "org_role": "admin", "mv": 4,
    }));
    let foreign = claims(json!({"jti": "j1", "user_id": "7", "iat": NOW}));
    let cases = [
        (entry(Kind::Session, SID, None), true, false),
        (entry(Kind::Session, &SID.to_uppercase(), None), true, false),
        (entry(Kind::Session, "0197f3a0-0000-7000-8000-000000000002", None), false, false),
        (entry(Kind::Session, &adopted_session_id("j1").to_string(), None), false, true),
        (entry(Kind::Jti, "j1", None), true, true),
        (entry(Kind::Jti, "j2", None), false, false),
        (entry(Kind::Key, "k1", None), true, true),
        (entry(Kind::Key, "k2", None), false, false),
        (entry(Kind::Client, "app", None), true, false),
        (entry(Kind::User, "7", Some(NOW)), false, true),
        (entry(Kind::User, "7", Some(NOW - 1)), false, false),
        (entry(Kind::User, "8", Some(NOW)), false, false),
        (entry(Kind::All, "", Some(NOW)), true, true),
        (entry(Kind::All, "", Some(NOW - 1)), false, false),
        (entry(Kind::Member, "o1/7", Some(5)), true, false),
        (entry(Kind::Member, "o1/7", Some(4)), false, false),
        (entry(Kind::Member, "o1/8", Some(5)), false, false),
        (entry(Kind::Organization, "o1", Some(5)), true, false),
        (entry(Kind::Organization, "o2", Some(5)), false, false),
        (entry(Kind::Role, "o1/admin", Some(5)), true, false),
        (entry(Kind::Role, "o1/owner", Some(5)), false, false),
    ];
    for (entry, own, other) in cases {
        let set = set(std::slice::from_ref(&entry));
        assert_eq!(set.refuses(&token, Some("k1")).is_some(), own, "{entry:?}");
        assert_eq!(set.refuses(&foreign, Some("k1")).is_some(), other, "{entry:?}");
    }
}

#[test]
fn a_token_that_hides_its_age_or_version_is_refused() {
    let silent = claims(json!({"jti": "j", "user_id": "7", "org_id": "o1"}));
    assert_eq!(set(&[entry(Kind::User, "7", Some(0))]).refuses(&silent, None), Some(Kind::User));
    assert_eq!(set(&[entry(Kind::All, "", Some(0))]).refuses(&silent, None), Some(Kind::All));
    let organization = set(&[entry(Kind::Organization, "o1", Some(0))]);
    assert_eq!(organization.refuses(&silent, None), Some(Kind::Organization));
}

#[test]
fn an_entry_without_its_bound_refuses_everything_it_could() {
    let token = claims(json!({"jti": "j", "user_id": "7", "iat": NOW}));
    assert_eq!(set(&[entry(Kind::User, "7", None)]).refuses(&token, None), Some(Kind::User));
}

#[test]
fn the_order_in_which_entries_come_means_nothing() {
    let token = claims(json!({"jti": "j", "user_id": "7", "iat": NOW}));
    let (earlier, later) = (entry(Kind::User, "7", Some(NOW - 9)), entry(Kind::User, "7", Some(NOW)));
    for order in [[&earlier, &later], [&later, &earlier]] {
        let set = RevocationSet::default();
        order.into_iter().chain(order).for_each(|entry| set.insert(entry));
        assert_eq!((set.refuses(&token, None), set.len()), (Some(Kind::User), 1));
    }
}

#[test]
fn entries_go_once_they_can_refuse_nothing() {
    let set = set(&[entry(Kind::Session, SID, None), entry(Kind::Jti, "j1", None)]);
    set.sweep(Timestamp::from_secs(NOW + 599));
    assert_eq!(set.len(), 2);
    set.sweep(Timestamp::from_secs(NOW + 602));
    assert!(set.is_empty());
    assert_eq!(set.refuses(&claims(json!({"sid": SID, "jti": "j1"})), None), None);
}

#[test]
fn a_session_id_that_is_no_uuid_can_be_refused_too() {
    let set = set(&[entry(Kind::Session, "legacy", None)]);
    assert_eq!(set.refuses(&claims(json!({"sid": "legacy"})), None), Some(Kind::Session));
    assert_eq!(set.refuses(&claims(json!({"sid": "other"})), None), None);
}

#[test]
fn room_made_in_advance_changes_nothing_but_the_capacity() {
    let set = set(&[entry(Kind::Session, SID, None)]);
    for expected in [0, 1, 100_000, 10] {
        set.expect(expected);
        assert_eq!(set.len(), 1);
        let room: usize = set.sessions.iter().map(|shard| read(shard).capacity()).sum();
        assert!(room >= expected, "{room} for {expected}");
    }
    assert_eq!(set.refuses(&claims(json!({"sid": SID})), None), Some(Kind::Session));
}

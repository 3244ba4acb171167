//! The schedule with plain times: seconds, and what is planned at each.

use super::*;

const PACE: Pace = Pace {
    rotation: Some(Duration::from_secs(1000)),
    publish_ahead: Duration::from_secs(100),
    verifies_for: Duration::from_secs(300),
};

fn at(secs: i64) -> Timestamp {
    Timestamp::from_secs(secs)
}

fn key(kid: &str, signs_from: i64) -> Entry {
    let kid = kid.to_owned();
    Entry { kid, created_at: at(signs_from), signs_from: at(signs_from), retires_at: None, revoked_at: None }
}

fn retired(kid: &str, signs_from: i64, until: i64) -> Entry {
    Entry { retires_at: Some(at(until)), ..key(kid, signs_from) }
}

fn revoked(kid: &str, signs_from: i64, revoked: i64) -> Entry {
    Entry { revoked_at: Some(at(revoked)), ..key(kid, signs_from) }
}

fn signs(keys: &[Entry], now: i64) -> &str {
    signing(keys, at(now)).map_or("nobody", |entry| &entry.kid)
}

#[test]
fn the_first_key_is_made_at_once_and_signs_at_once() {
    assert_eq!(plan(&[], at(50), &PACE), Plan { make: Some(at(50)), ..Plan::default() });
}

#[test]
fn a_key_that_signs_is_left_alone_until_its_successor_is_due() {
    let keys = [key("a", 0)];
    for now in [0, 1, 899] {
        let idle = Plan { look_again: Some(at(900)), ..Plan::default() };
        assert_eq!(plan(&keys, at(now), &PACE), idle, "{now}");
        assert!(idle.is_idle());
    }
}

#[test]
fn a_successor_is_published_ahead_and_signs_when_the_period_ends() {
    let due = plan(&[key("a", 0)], at(900), &PACE);
    assert_eq!(due, Plan { make: Some(at(1000)), look_again: Some(at(1000)), ..Plan::default() });
    let both = [key("a", 0), key("b", 1000)];
    let waiting = plan(&both, at(950), &PACE);
    assert_eq!(waiting, Plan { look_again: Some(at(1000)), ..Plan::default() });
    assert_eq!([signs(&both, 999), signs(&both, 1000)], ["a", "b"]);
    assert_eq!(both.clone().map(|e| e.state(&both, at(999))), [State::Signing, State::Published]);
}

#[test]
fn after_a_long_stop_the_successor_is_still_published_ahead() {
    let late = plan(&[key("a", 0)], at(5000), &PACE);
    assert_eq!(late.make, Some(at(5100)));
    let barely = plan(&[key("a", 0)], at(950), &PACE);
    assert_eq!(barely.make, Some(at(1050)), "a full lead, though the period is over before");
}

#[test]
fn once_the_successor_signs_the_old_key_verifies_for_the_longest_life_counted_from_now() {
    let both = [key("a", 0), key("b", 1000)];
    let step = plan(&both, at(1007), &PACE);
    assert_eq!(
        step,
        Plan { retire: vec![("a".into(), at(1307))], look_again: Some(at(1307)), ..Plan::default() }
    );
    assert_eq!(both.clone().map(|e| e.state(&both, at(1007))), [State::Retired, State::Signing]);
}

#[test]
fn a_retired_key_verifies_to_its_end_and_is_then_forgotten() {
    let keys = [retired("a", 0, 1300), key("b", 1000)];
    assert_eq!(plan(&keys, at(1299), &PACE).look_again, Some(at(1300)));
    assert!(keys[0].verifies(at(1299)) && !keys[0].verifies(at(1300)));
    assert_eq!([1299, 1300].map(|now| keys[0].state(&keys, at(now))), [State::Retired, State::Gone]);
    assert_eq!(plan(&keys, at(1300), &PACE).forget, ["a"]);
}

#[test]
fn without_a_period_nothing_is_made_but_a_manual_successor_is_followed() {
    let pace = Pace { rotation: None, ..PACE };
    assert_eq!(plan(&[key("a", 0)], at(1_000_000), &pace), Plan::default());
    let both = [key("a", 0), key("b", 1000)];
    assert_eq!(plan(&both, at(1000), &pace).retire, [("a".to_owned(), at(1300))]);
}

#[test]
fn when_the_signing_key_is_revoked_the_published_one_signs_at_once_or_a_new_one_is_made() {
    let with_successor = [revoked("a", 0, 950), key("b", 1000)];
    let step = plan(&with_successor, at(950), &PACE);
    assert_eq!((step.promote.as_deref(), step.make), (Some("b"), None));
    let alone = [revoked("a", 0, 950)];
    let step = plan(&alone, at(950), &PACE);
    assert_eq!((step.promote, step.make), (None, Some(at(950))));
    let beside_retired = [retired("a", 0, 1300), revoked("b", 1000, 1100)];
    let step = plan(&beside_retired, at(1100), &PACE);
    assert_eq!(step.make, Some(at(1100)), "a retired key does not come back");
}

#[test]
fn a_revoked_key_verifies_nothing_and_is_shown_for_a_while() {
    let keys = [revoked("a", 0, 500), key("b", 500)];
    assert!(!keys[0].verifies(at(500)));
    assert_eq!(keys[0].state(&keys, at(500)), State::Revoked);
    assert!(plan(&keys, at(799), &PACE).forget.is_empty());
    assert_eq!(plan(&keys, at(800), &PACE).forget, ["a"]);
}

#[test]
fn a_clock_behind_the_first_key_signs_with_it_all_the_same() {
    assert_eq!(signs(&[key("a", 100)], 98), "a");
    assert_eq!(signs(&[key("a", 100), key("b", 200)], 98), "a");
}

#[test]
fn keys_of_one_moment_have_one_order_on_every_replica() {
    let (one, other) = ([key("a", 5), key("b", 5)], [key("b", 5), key("a", 5)]);
    assert_eq!([signs(&one, 5), signs(&other, 5)], ["b", "b"]);
    assert_eq!(plan(&one, at(5), &PACE).retire, plan(&other, at(5), &PACE).retire);
}

#[test]
fn a_revoked_or_spent_key_never_signs() {
    assert_eq!(signs(&[revoked("a", 0, 5)], 6), "nobody");
    assert_eq!(signs(&[retired("a", 0, 5)], 6), "nobody");
    assert_eq!(signs(&[retired("a", 0, 50), retired("b", 0, 60)], 6), "b", "better than no token");
}

/// Whoever follows the plans, at whatever moments they look, never has a moment without a key that
/// signs, and never loses one that a living token needs.
#[test]
fn following_the_plans_never_leaves_a_token_without_its_key() {
    for pause in [1, 7, 99, 100, 101, 500, 1500] {
        let (mut keys, mut made): (Vec<Entry>, u32) = (Vec::new(), 0);
        let mut tokens: Vec<(i64, String)> = Vec::new();
        for now in (0..6000).step_by(pause) {
            let step = plan(&keys, at(now), &PACE);
            made += u32::from(step.make.is_some());
            keys.extend(step.make.map(|from| key(&format!("{made:03}"), from.as_secs())));
            keys.retain(|entry| !step.forget.contains(&entry.kid));
            for (kid, until) in &step.retire {
                keys.iter_mut().filter(|e| e.kid == *kid).for_each(|e| e.retires_at = Some(*until));
            }
            assert!(plan(&keys, at(now), &PACE).is_idle(), "one step is enough at {now}");
            tokens.push((now + 240, signs(&keys, now).to_owned()));
            tokens.retain(|(expires, _)| now < *expires);
            for (_, kid) in &tokens {
                let known = keys.iter().any(|e| e.kid == *kid && e.verifies(at(now)));
                assert!(known, "{kid} at {now}, looking every {pause} s");
            }
        }
        assert!(made >= 3, "{made} keys, looking every {pause} s");
    }
}

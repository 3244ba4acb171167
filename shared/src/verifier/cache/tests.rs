use serde_json::{Value, json};

use super::*;
use crate::{claims::ClaimNames, keys::VerifyingKey};

const NOW: i64 = 1_795_444_848;

fn known(claims: Value) -> Known {
    let Value::Object(map) = claims else { panic!("an object") };
    let claims = Arc::new(Claims::take(map, &ClaimNames::default()));
    let key = VerifyingKey::hmac("HS256".parse().unwrap(), &[7; 32]).unwrap().fingerprint();
    let (times, session) = (Times::of(claims.as_map()), SessionKey::of_token(&claims));
    Known { kid: None, key, times, session, claims }
}

/// Keeps a token that says its own name, until `over_at`.
fn keep(cache: &TokenCache, token: &str, over_at: i64, now: i64) {
    cache.insert(token, known(json!({"jti": token, "exp": over_at})), over_at, now);
}

fn jti(cache: &TokenCache, token: &str) -> Option<String> {
    cache.find(token, |known| known.claims.jti().to_owned())
}

fn held(cache: &TokenCache) -> usize {
    let filled = cache.sets.iter().flat_map(Set::slots).filter(|slot| slot.entry.load().is_some()).count();
    assert_eq!(cache.held.load(Ordering::Relaxed), filled, "the count is what is there");
    filled
}

/// Tokens of a realistic length that differ at the end, as signatures do.
fn token(number: usize) -> String {
    format!("{}{number:0>86}", "x".repeat(400))
}

#[test]
fn exactly_the_same_text_is_found() {
    let cache = TokenCache::new(10);
    for text in ["", "a", &token(1)] {
        keep(&cache, text, NOW + 60, NOW);
        assert_eq!(jti(&cache, text).as_deref(), Some(text));
    }
    // The same hash, for the end is the same.
    let (good, forged) = (format!("a{}", token(2)), format!("b{}", token(2)));
    keep(&cache, &good, NOW + 60, NOW);
    assert!(jti(&cache, &good).is_some());
    assert_eq!(jti(&cache, &forged), None);
    assert_eq!(jti(&cache, &token(2)), None);
}

#[test]
fn tokens_with_one_hash_are_kept_beside_each_other() {
    let cache = TokenCache::new(100);
    let texts: Vec<_> = ["a", "b", "c"].iter().map(|begin| format!("{begin}{}", token(1))).collect();
    for text in &texts {
        keep(&cache, text, NOW + 60, NOW);
    }
    for text in &texts {
        assert_eq!(jti(&cache, text).as_ref(), Some(text));
    }
}

#[test]
fn as_many_as_the_setting_says_fit_and_no_more() {
    for capacity in [1, 7, 16, 500, 10_000] {
        let cache = TokenCache::new(capacity);
        for number in 0..capacity {
            keep(&cache, &token(number), NOW + 60, NOW);
        }
        let found = (0..capacity).filter(|number| jti(&cache, &token(*number)).is_some()).count();
        // A set that overflows costs a token its place: about one in 1,500.
        assert!(found >= capacity - capacity / 20, "{found} of {capacity}");
        for number in capacity..2 * capacity {
            keep(&cache, &token(number), NOW + 60, NOW);
        }
        assert!(held(&cache) <= capacity);
        assert!(jti(&cache, &token(2 * capacity - 1)).is_some(), "the latest is kept");
    }
}

#[test]
fn a_cache_of_none_keeps_none() {
    let cache = TokenCache::new(0);
    keep(&cache, &token(1), NOW + 60, NOW);
    assert_eq!(jti(&cache, &token(1)), None);
}

#[test]
fn a_token_kept_again_replaces_itself() {
    let cache = TokenCache::new(10);
    keep(&cache, "token", NOW + 60, NOW);
    cache.insert("token", known(json!({"jti": "again", "exp": NOW + 60})), NOW + 60, NOW);
    assert_eq!((jti(&cache, "token").as_deref(), held(&cache)), (Some("again"), 1));
}

#[test]
fn expired_entries_go_before_live_ones() {
    let cache = TokenCache::new(1000);
    for number in 0..900 {
        keep(&cache, &token(number), NOW + 3600, NOW);
    }
    for number in 900..1000 {
        keep(&cache, &token(number), NOW + 10, NOW);
    }
    // One round of the sweep, then there is room for as many as have expired.
    for number in 1000..1100 {
        keep(&cache, &token(number), NOW + 3600, NOW + 10);
    }
    for number in 1000..1100 {
        keep(&cache, &token(number), NOW + 3600, NOW + 10);
    }
    let live = (0..900).filter(|number| jti(&cache, &token(*number)).is_some()).count();
    let over = (900..1000).filter(|number| jti(&cache, &token(*number)).is_some()).count();
    assert!(live >= 800, "{live} live ones are left");
    assert_eq!(over, 0);
}

#[test]
fn a_flood_of_tokens_shown_once_leaves_those_that_come_back() {
    let cache = TokenCache::new(1000);
    let regulars = || (0..100).map(token);
    for token in regulars() {
        keep(&cache, &token, NOW + 3600, NOW);
    }
    let mut lost = 0;
    for number in 100..20_100 {
        keep(&cache, &token(number), NOW + 3600, NOW);
        if number % 200 == 0 {
            lost += regulars().filter(|token| jti(&cache, token).is_none()).count();
        }
    }
    assert_eq!(lost, 0);
}

#[test]
fn a_giant_is_not_kept() {
    let cache = TokenCache::new(10);
    let long = "x".repeat(LARGEST);
    keep(&cache, &long, NOW + 60, NOW);
    // Short in the token, long in memory.
    let list: Vec<Value> = vec![json!(0); LARGEST / size_of::<Value>()];
    cache.insert("list", known(json!({"list": list, "exp": NOW + 60})), NOW + 60, NOW);
    assert_eq!(held(&cache), 0);
}

#[test]
fn an_ordinary_token_is_far_from_the_limit() {
    let claims = json!({
        "token_type": "access", "exp": NOW, "iat": NOW, "jti": "a".repeat(32), "user_id": "b".repeat(36),
        "iss": "https://auth.example.com", "aud": ["api"], "sub": "b".repeat(36), "sid": "c".repeat(36),
        "is_superuser": true, "org_id": "d".repeat(36), "org_role": "admin", "mv": 4,
        "permissions": ["members:read", "members:write", "invitations:write"],
    });
    let size = size::of(&token(1), &known(claims));
    assert!((1500..LARGEST / 2).contains(&size), "{size}");
}

#[test]
fn threads_that_read_and_write_at_once_find_their_own_tokens_or_none() {
    let cache = TokenCache::new(64);
    let ask = |thread: usize, round: usize| {
        let text = token((round * 7 + thread) % 200);
        match jti(&cache, &text) {
            Some(found) => assert_eq!(found, text),
            None => keep(&cache, &text, NOW + 60, NOW),
        }
    };
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let rounds = (0..5_000).map(move |round| (thread, round));
            scope.spawn(|| rounds.for_each(|(thread, round)| ask(thread, round)));
        }
    });
    assert!((1..=64).contains(&held(&cache)));
}

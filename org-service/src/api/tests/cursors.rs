//! Pages by cursor.

use actix_web::http::StatusCode;
use serde_json::{Value, json};

use super::{
    LIST,
    actors::{Actor, Answer, Site},
};

/// Names that differ in ways that one does not see, that are equal but for case, and that mean something
/// in patterns, links and JSON.
const NAMES: [&str; 12] = [
    "Acme",
    "acme",
    "ACME 2",
    "a%b",
    "a_b\\",
    "Straße",
    "STRASSE",
    "é",
    "e\u{301}",
    "\u{202e}emca",
    "名🎉",
    "\"&?#'",
];

async fn with_odd_names(site: &Site) -> Actor<'_> {
    let alice = site.member("1");
    for (place, name) in NAMES.iter().enumerate() {
        let body = json!({"name": name, "is_active": place % 2 == 0});
        assert_eq!(alice.post(LIST, body).await.status, StatusCode::CREATED, "{name}");
        // Every other one is as old as the one before it.
        site.clock.advance(std::time::Duration::from_micros(u64::try_from(place % 2).unwrap()));
    }
    alice
}

pub(super) fn column(answer: &Answer, name: &str) -> Vec<String> {
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    let rows = answer.body["results"].as_array().unwrap();
    rows.iter().map(|row| row[name].as_str().unwrap().to_owned()).collect()
}

/// The path of a link.
pub(super) fn path(link: &Value) -> Option<String> {
    let link = link.as_str()?;
    Some(link[link.find("/api").unwrap()..].to_owned())
}

/// All pages from the first to the last, and back again.
pub(super) async fn walk(actor: &Actor<'_>, first: &str, name: &str) -> Vec<Vec<String>> {
    let mut pages = Vec::new();
    let mut answer = actor.get(first).await;
    assert_eq!(answer.body["previous"], Value::Null);
    assert!(answer.body.get("count").is_none());
    loop {
        pages.push(column(&answer, name));
        let Some(next) = path(&answer.body["next"]) else { break };
        answer = actor.get(&next).await;
    }
    let mut back = vec![column(&answer, name)];
    while let Some(previous) = path(&answer.body["previous"]) {
        answer = actor.get(&previous).await;
        back.insert(0, column(&answer, name));
    }
    let whole = back.concat();
    assert_eq!(whole, pages.concat());
    pages
}

#[actix_web::test]
async fn every_order_reads_the_same_by_cursor_and_by_number_in_both_directions() {
    let site = Site::new(&[]).await;
    let alice = with_odd_names(&site).await;
    let (superuser, all) = (site.superuser("9"), NAMES.len());
    for order in ["", "name", "-name", "created_at", "-created_at", "updated_at", "-updated_at"] {
        let numbered = alice.get(&format!("{LIST}?page_size=100&ordering={order}")).await;
        let expected = column(&numbered, "name");
        assert_eq!(expected.len(), all);
        for (actor, size) in [(&alice, 5), (&superuser, 1), (&superuser, 12), (&alice, 100)] {
            let pages =
                walk(actor, &format!("{LIST}?cursor=&page_size={size}&ordering={order}"), "name").await;
            assert_eq!(pages.concat(), expected, "{order} {size}");
            assert_eq!(pages.len(), all.div_ceil(size));
        }
    }
}

#[actix_web::test]
async fn filters_hold_on_every_page_and_a_search_finds_what_names_begin_with() {
    let site = Site::new(&[]).await;
    let alice = with_odd_names(&site).await;
    let sorted = |mut names: Vec<&'static str>| {
        names.sort_unstable();
        names
    };
    let active = walk(&alice, &format!("{LIST}?cursor=&page_size=2&is_active=true"), "name").await;
    assert_eq!(active.concat(), ["Acme", "ACME 2", "a_b\\", "STRASSE", "e\u{301}", "名🎉"]);
    for (search, expected) in [
        ("AcMe", vec!["Acme", "acme", "ACME 2"]),
        ("cme", vec![]),
        ("a%25", vec!["a%b"]),
        ("a_", vec!["a_b\\"]),
        ("strass", vec!["Straße", "STRASSE"]),
        ("stra%C3%9F", vec!["Straße", "STRASSE"]),
        ("%C3%89", vec!["é"]),
        ("%E5%90%8D", vec!["名🎉"]),
        ("%F4%8F%BF%BF", vec![]),
    ] {
        let found = walk(&alice, &format!("{LIST}?cursor=&page_size=2&search={search}"), "name").await;
        // Of those with the same key and age any may come first.
        let mut found = found.concat();
        found.sort();
        assert_eq!(found, sorted(expected), "{search}");
    }
    let backwards = walk(&alice, &format!("{LIST}?cursor=&search=a&ordering=-name"), "name").await;
    assert_eq!(backwards.concat(), ["acme", "a_b\\", "a%b", "Acme", "ACME 2"]);
    let null = alice.get(&format!("{LIST}?cursor=&search=%00")).await;
    assert_eq!(null.body, json!({"search": ["Null characters are not allowed."]}));
}

#[actix_web::test]
async fn what_comes_and_goes_shifts_no_page() {
    let site = Site::new(&[]).await;
    let alice = site.member("1");
    let mut paths = Vec::new();
    for name in ["B", "C", "D", "E"] {
        paths.push(site.organization(&alice, name).await);
    }
    let first = alice.get(&format!("{LIST}?cursor=&page_size=2&ordering=name")).await;
    assert_eq!(column(&first, "name"), ["B", "C"]);
    site.organization(&alice, "A").await;
    alice.send(actix_web::http::Method::DELETE, &paths[1], None).await;
    let second = alice.get(&path(&first.body["next"]).unwrap()).await;
    assert_eq!(column(&second, "name"), ["D", "E"]);
    let back = alice.get(&path(&second.body["previous"]).unwrap()).await;
    assert_eq!(column(&back, "name"), ["A", "B"]);
}

#[actix_web::test]
async fn a_cursor_is_refused_wherever_it_was_not_made_for() {
    let site = Site::new(&[]).await;
    let alice = with_odd_names(&site).await;
    let first = alice.get(&format!("{LIST}?cursor=&page_size=2&ordering=name")).await;
    let next = path(&first.body["next"]).unwrap();
    assert_eq!(alice.get(&next).await.status, StatusCode::OK);
    let (_, cursor) = next.split_once("cursor=").unwrap();
    let cursor = cursor.split('&').next().unwrap();
    let id = first.body["results"][0]["id"].as_str().unwrap();
    let tampered = format!("{}x", &cursor[..cursor.len() - 1]);
    for (actor, path) in [
        (&alice, format!("{LIST}?cursor={cursor}")),
        (&alice, format!("{LIST}?ordering=-name&cursor={cursor}")),
        (&alice, format!("{LIST}?ordering=name&search=a&cursor={cursor}")),
        (&alice, format!("{LIST}{id}/members/?ordering=name&cursor={cursor}")),
        (&alice, format!("{LIST}?ordering=name&cursor={tampered}")),
        (&alice, format!("{LIST}?ordering=name&cursor=abc")),
        (&alice, format!("{LIST}?ordering=name&cursor=%00")),
        (&site.member("2"), format!("{LIST}?ordering=name&cursor={cursor}")),
        (&site.superuser("1"), format!("{LIST}?ordering=name&cursor={cursor}")),
    ] {
        let answer = actor.get(&path).await;
        assert_eq!(
            (answer.status, answer.body),
            (StatusCode::NOT_FOUND, json!({"detail": "Invalid cursor"})),
            "{path}"
        );
    }
    let sized = format!("{LIST}?ordering=name&page_size=4&page=99&cursor={cursor}");
    assert_eq!(column(&alice.get(&sized).await, "name").len(), 4);
}

use actix_web::http::{Method, StatusCode};
use serde_json::json;

use super::{
    LIST,
    actors::{Actor, Answer, Site},
};

async fn with_twelve(site: &Site) -> Actor<'_> {
    let alice = site.member("1");
    for number in 1..=12 {
        let body = json!({
            "name": format!("Org {number:02}"),
            "email": format!("org{number:02}@example.org"),
            "is_active": number % 3 != 0,
            "description": if number % 2 == 0 { format!("Number {number}") } else { String::new() },
        });
        assert_eq!(alice.post(LIST, body).await.status, StatusCode::CREATED);
        site.clock.advance(std::time::Duration::from_micros(1));
    }
    alice
}

fn names(answer: &Answer) -> Vec<&str> {
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    answer.body["results"].as_array().unwrap().iter().map(|found| found["name"].as_str().unwrap()).collect()
}

#[actix_web::test]
async fn pages_are_linked_from_where_the_client_came() {
    let site = Site::new(&[]).await;
    let alice = with_twelve(&site).await;
    let host = ("host", "api.example:8000");
    let first = alice.get_with(LIST, &[host]).await;
    assert_eq!(names(&first), ["Org 01", "Org 02", "Org 03", "Org 04", "Org 05"]);
    assert_eq!(first.body["count"], 12);
    assert_eq!(first.body["next"], "http://api.example:8000/api/v1/organization/?page=2");
    assert_eq!(first.body["previous"], json!(null));
    let forwarded = [host, ("x-forwarded-proto", "https"), ("x-forwarded-host", "public.example")];
    let last = alice.get_with(&format!("{LIST}?page=last&zzz=1"), &forwarded).await;
    assert_eq!(names(&last), ["Org 11", "Org 12"]);
    assert_eq!(last.body["previous"], "https://public.example/api/v1/organization/?page=2&zzz=1");
    assert_eq!(alice.get_with(LIST, &[("host", "a/b")]).await.status, StatusCode::BAD_REQUEST);
    for page in ["0", "-1", "4", "2.5", "x", "99999999999999999999"] {
        let answer = alice.get(&format!("{LIST}?page={page}")).await;
        assert_eq!((answer.status, answer.body), (StatusCode::NOT_FOUND, json!({"detail": "Invalid page."})));
    }
    let head = alice.send(Method::HEAD, LIST, None).await;
    assert_eq!((head.status, head.header("content-type")), (StatusCode::OK, Some("application/json")));
}

#[actix_web::test]
async fn the_page_size_is_the_clients_choice_within_the_limit() {
    let site = Site::new(&[("ORG_MAX_PAGE_SIZE", "7")]).await;
    let alice = with_twelve(&site).await;
    for (size, rows) in [("2", 2), ("7", 7), ("100", 7), ("0", 5), ("x", 5)] {
        assert_eq!(names(&alice.get(&format!("{LIST}?page_size={size}")).await).len(), rows, "{size}");
    }
    let site = Site::new(&[("ORG_PAGE_SIZE_QUERY_PARAM", "none"), ("ORG_PAGE_SIZE", "3")]).await;
    let alice = with_twelve(&site).await;
    assert_eq!(names(&alice.get(&format!("{LIST}?page_size=2")).await).len(), 3);
}

#[actix_web::test]
async fn filters_search_and_order_combine() {
    let site = Site::new(&[]).await;
    let alice = with_twelve(&site).await;
    for (query, expected) in [
        ("name=Org%2002", vec!["Org 02"]),
        ("name=org%2002", vec![]),
        ("name__icontains=oRG%201&is_active=true", vec!["Org 10", "Org 11"]),
        ("email=org03@example.org", vec!["Org 03"]),
        ("search=number%20ORG%201", vec!["Org 10", "Org 12"]),
        ("search=%25", vec![]),
        ("is_active=false&ordering=-name", vec!["Org 12", "Org 09", "Org 06", "Org 03"]),
        ("ordering=-created_at&page_size=2", vec!["Org 12", "Org 11"]),
        ("ordering=zzz&page_size=1", vec!["Org 01"]),
        ("created_at__lte=2026-11-23T14:40:48.000002Z", vec!["Org 01", "Org 02", "Org 03"]),
        ("created_at__gte=2026-11-23T14:40:48.000010Z", vec!["Org 11", "Org 12"]),
    ] {
        assert_eq!(names(&alice.get(&format!("{LIST}?{query}")).await), expected, "{query}");
    }
    let bad = "created_at__gte=x&created_at__lte=y&name=%00";
    let answer = alice.get(&format!("{LIST}?{bad}")).await;
    let told = json!({
        "name": ["Null characters are not allowed."],
        "created_at__gte": ["Enter a valid date/time."],
        "created_at__lte": ["Enter a valid date/time."],
    });
    assert_eq!((answer.status, answer.body), (StatusCode::BAD_REQUEST, told));
    let long = alice.get(&format!("{LIST}?search={}", "a,".repeat(200))).await;
    let told = json!({"search": ["Ensure this value has at most 255 characters (it has 400)."]});
    assert_eq!((long.status, long.body), (StatusCode::BAD_REQUEST, told));
}

#[actix_web::test]
async fn a_list_holds_what_its_reader_may_see() {
    let site = Site::new(&[]).await;
    with_twelve(&site).await;
    let bob = site.member("2");
    site.organization(&bob, "Bob's").await;
    assert_eq!(names(&bob.get(LIST).await), ["Bob's"]);
    assert_eq!(bob.get(LIST).await.body["count"], 1);
    assert_eq!(site.superuser("3").get(LIST).await.body["count"], 13);
    assert!(names(&bob.get(&format!("{LIST}?search=org")).await).is_empty());
}

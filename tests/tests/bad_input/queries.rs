//! Query strings of the organization list.

use crate::check::{Bad, Stack, Who};

const LIST: &str = "/api/v1/organization/";

#[tokio::test]
async fn queries_that_mean_nothing_are_refused_before_the_database_is_asked() -> anyhow::Result<()> {
    let stack = Stack::start().await?;
    let long = format!("search={}", "x".repeat(2000));
    let bad_requests = [
        "created_at__gte=soon",
        "created_at__lte=2026-13-01",
        "created_at__gte=%00",
        "created_at__gte=9999999999999999",
        "search=%00",
        "search=a%00b",
        "name=%00",
        "name__icontains=a%00",
        "email=%00",
        &long,
    ];
    let pages = ["page=0", "page=-1", "page=x", "page=1.5", "page=%00", "page=1%00"];
    let mut all: Vec<Bad> = bad_requests
        .iter()
        .map(|query| Bad::new(Who::Alice, "GET", format!("{LIST}?{query}"), 400))
        .collect();
    all.extend(pages.iter().map(|query| Bad::new(Who::Alice, "GET", format!("{LIST}?{query}"), 404)));
    for query in ["format=xml", "page=99999999999999999999&format=xml"] {
        all.push(Bad::new(Who::Alice, "GET", format!("{LIST}?{query}"), 404));
    }
    stack.refuse_unseen(&all).await
}

#[tokio::test]
async fn no_query_string_is_a_fault_of_ours() -> anyhow::Result<()> {
    let stack = Stack::start().await?;
    let long = format!("x={}", "y".repeat(7000));
    let many = "a=1&".repeat(1500);
    for query in [
        "",
        "?",
        "&&&",
        "=",
        "%",
        "%zz",
        "%ff=%fe",
        "page=99999999999999999999",
        "page=%2B1",
        "page=last",
        "page_size=0",
        "page_size=-1",
        "page_size=x",
        "page_size=99999999999999999999",
        "ordering=password",
        "ordering=--name",
        "ordering=name;DROP%20TABLE%20organizations",
        "ordering=%00",
        "is_active=perhaps",
        "is_active=%00",
        "search=%25%25%25",
        "search=%5F",
        "search=%5C",
        "search='%20OR%20'1'='1",
        "search=%F0%9F%92%A9",
        "search=%ff",
        "name='",
        "name__icontains=%25",
        "created_at__gte=0001-01-01",
        "created_at__lte=9999-12-31T23:59:59.999999Z",
        "created_at__gte=-1",
        "page=1&page=0",
        "search[]=x",
        &long,
        &many,
    ] {
        let answer = stack.alice.get(&format!("{LIST}?{query}")).await?;
        assert!(matches!(answer.status, 200 | 400 | 404), "{query:.60}: {} {}", answer.status, answer.text);
        assert!(answer.json.is_object(), "{query:.60}: {}", answer.text);
    }
    Stack::nothing_logged();
    stack.goes_on().await
}

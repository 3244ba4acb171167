use super::*;

/// Offset, rows, next and previous link without what all links begin with.
type Expected = (i64, i64, Option<&'static str>, Option<&'static str>);

/// Rows in all, query, and the page, if there is one; checked against DRF 3.18.3.
const PAGES: &[(i64, &str, Option<Expected>)] = &[
    (12, "", Some((0, 5, Some("?page=2"), None))),
    (12, "page=2", Some((5, 5, Some("?page=3"), Some("")))),
    (12, "page=3", Some((10, 2, None, Some("?page=2")))),
    (12, "page=last", Some((10, 2, None, Some("?page=2")))),
    (12, "page=", Some((0, 5, Some("?page=2"), None))),
    (12, "page=0", None),
    (12, "page=-1", None),
    (12, "page=4", None),
    (12, "page=x", None),
    (12, "page=LAST", None),
    (12, "page=%202", Some((5, 5, Some("?page=3"), Some("")))),
    (12, "page=+2", Some((5, 5, Some("?page=3"), Some("")))),
    (12, "page=%2B2", Some((5, 5, Some("?page=3"), Some("")))),
    (12, "page=2_0", None),
    (12, "page=0_2", Some((5, 5, Some("?page=3"), Some("")))),
    (12, "page=1.0", None),
    (12, "page=99999999999999999999", None),
    (0, "", Some((0, 0, None, None))),
    (0, "page=last", Some((0, 0, None, None))),
    (0, "page=2", None),
    (5, "", Some((0, 5, None, None))),
    (6, "", Some((0, 5, Some("?page=2"), None))),
    (12, "page=1&page=3", Some((10, 2, None, Some("?page=2")))),
    (12, "page_size=2", Some((0, 2, Some("?page=2&page_size=2"), None))),
    (12, "page_size=2&page=2", Some((2, 2, Some("?page=3&page_size=2"), Some("?page_size=2")))),
    (12, "page_size=0", Some((0, 5, Some("?page=2&page_size=0"), None))),
    (12, "page_size=-2", Some((0, 5, Some("?page=2&page_size=-2"), None))),
    (12, "page_size=x", Some((0, 5, Some("?page=2&page_size=x"), None))),
    (12, "page_size=", Some((0, 5, Some("?page=2&page_size="), None))),
    (
        120,
        "page_size=99999999999999999999",
        Some((0, 50, Some("?page=2&page_size=99999999999999999999"), None)),
    ),
    (12, "z=1&a=2&a=1&page=2&b=", Some((5, 5, Some("?a=2&a=1&b=&page=3&z=1"), Some("?a=2&a=1&b=&z=1")))),
    (
        12,
        "q=a+b%20c&r=~*-._/:%C3%A9&s=%zz%ff",
        Some((0, 5, Some("?page=2&q=a+b+c&r=~%2A-._%2F%3A%C3%A9&s=%25zz%EF%BF%BD"), None)),
    ),
    (12, "&&x&page=2", Some((5, 5, Some("?page=3&x="), Some("?x=")))),
    (12, "=v&page=2", Some((5, 5, Some("?=v&page=3"), Some("?=v")))),
    (12, "Page=2&page=2", Some((5, 5, Some("?Page=2&page=3"), Some("?Page=2")))),
    (12, "a%26b=c%3Dd", Some((0, 5, Some("?a%26b=c%3Dd&page=2"), None))),
];

const PAGING: Paging = Paging { size: 5, size_param: Some("page_size"), max_size: Some(50) };

fn location(query: &Query) -> Location<'_> {
    Location { scheme: "http", host: "h", path: "/", query }
}

#[test]
fn pages_and_their_links_are_those_of_the_original() {
    for (count, text, expected) in PAGES.iter().copied() {
        let query = Query::parse(text);
        let slice = PageRequest::from_query(&query, &PAGING).and_then(|page| page.within(count));
        let page = slice.map(|slice| {
            let rows = slice.limit().min(count - slice.offset());
            (slice.offset(), rows, slice.page(Vec::<()>::new(), location(&query)))
        });
        let page = page.as_ref().ok().map(|(offset, rows, page)| {
            let strip = |link: &'_ Option<String>| link.as_ref().map(|link| link.replace("http://h/", ""));
            (*offset, *rows, strip(&page.next), strip(&page.previous))
        });
        let expected = expected.map(|(offset, rows, next, previous)| {
            (offset, rows, next.map(str::to_owned), previous.map(str::to_owned))
        });
        assert_eq!(page, expected, "{count} {text}");
    }
}

#[test]
fn a_size_is_a_client_s_choice_only_where_the_paging_says_so() {
    let query = Query::parse("page_size=2");
    let slice =
        PageRequest::from_query(&query, &Paging { size_param: None, ..PAGING }).unwrap().within(12).unwrap();
    assert_eq!(slice.limit(), 5);
    let unbounded = Paging { max_size: None, ..PAGING };
    let query = Query::parse("page_size=99999999999999999999&page=1");
    assert_eq!(PageRequest::from_query(&query, &unbounded).unwrap().within(i64::MAX).unwrap().offset(), 0);
}

#[test]
fn an_empty_list_is_sent_with_null_for_links() {
    let query = Query::default();
    let slice = PageRequest::from_query(&query, &PAGING).unwrap().within(0).unwrap();
    let json = serde_json::to_string(&slice.page(Vec::<()>::new(), location(&query))).unwrap();
    assert_eq!(json, r#"{"count":0,"next":null,"previous":null,"results":[]}"#);
}

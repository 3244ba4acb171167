use std::pin::Pin;

use actix_web::dev;
use actix_web::test::TestRequest;
use futures_util::stream::{self, Stream};

use super::super::Value;
use super::*;

async fn read(content_type: Option<&str>, body: impl Into<Bytes>) -> Result<Input, InputError> {
    let mut request = TestRequest::post().set_payload(body);
    if let Some(content_type) = content_type {
        request = request.insert_header((CONTENT_TYPE, content_type));
    }
    let (request, mut payload) = request.to_http_parts();
    Body::from_request(&request, &mut payload).await.unwrap().read().await
}

/// A body that comes in the given pieces, without a length.
async fn read_chunks(
    limit: usize,
    chunks: Vec<Result<&'static str, PayloadError>>,
) -> Result<Input, InputError> {
    let request = TestRequest::post().insert_header((CONTENT_TYPE, "application/json"));
    let request = request.app_data(BodyLimit(limit)).to_http_request();
    let chunks = chunks.into_iter().map(|chunk| chunk.map(Bytes::from));
    let stream: Pin<Box<dyn Stream<Item = _>>> = Box::pin(stream::iter(chunks));
    let mut payload = dev::Payload::from(stream);
    Body::from_request(&request, &mut payload).await.unwrap().read().await
}

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

const BOUNDARY: Option<&str> = Some("multipart/form-data; boundary=BOUNDARY");

fn part(headers: &str, content: &str) -> String {
    format!("--BOUNDARY\r\nContent-Disposition: form-data; {headers}\r\n\r\n{content}\r\n")
}

#[actix_web::test]
async fn an_empty_body_has_no_fields_whatever_its_type() {
    for content_type in
        [None, Some(""), Some("application/json"), Some("text/plain"), Some("multipart/form-data")]
    {
        let input = read(content_type, "").await.unwrap();
        assert_eq!(input.get("a"), None);
        assert_eq!(input.source() == Source::Form, content_type == Some("multipart/form-data"));
    }
}

#[actix_web::test]
async fn parsers_are_chosen_as_in_the_original() {
    // Checked against DRF 3.18.3.
    for content_type in [
        "application/json",
        "Application/JSON",
        "application/json; charset=utf-8",
        "application/json;charset=nonsense",
        " application/json ;",
        "application/*",
        "*/*",
    ] {
        assert_eq!(read(Some(content_type), r#"{"a": "b"}"#).await.unwrap().get("a"), Some(&text("b")));
    }
    for content_type in
        ["application/x-www-form-urlencoded", "APPLICATION/X-WWW-FORM-URLENCODED; charset=utf-8"]
    {
        assert_eq!(read(Some(content_type), "a=b+c%21&a=d").await.unwrap().get("a"), Some(&text("d")));
    }
    let long = format!("application/json; a={}", "x".repeat(300));
    for content_type in [
        None,
        Some("text/plain"),
        Some("application/vnd.api+json"),
        Some("json"),
        Some("text/json"),
        Some(&*long),
    ] {
        let sent = content_type.unwrap_or_default().to_owned();
        assert_eq!(read(content_type, "{}").await, Err(InputError::UnsupportedMediaType(sent)));
    }
}

#[actix_web::test]
async fn a_body_over_the_limit_is_refused_with_and_without_a_length() {
    let body = || vec![Ok("{\"a\":"), Ok("\"b\"}")];
    assert_eq!(read_chunks(9, body()).await.unwrap().get("a"), Some(&text("b")));
    assert_eq!(read_chunks(8, body()).await, Err(InputError::TooLarge));
    let just = |padding| format!("{{\"a\":\"b\"{}}}", " ".repeat(padding));
    assert!(read(Some("application/json"), just(1024 * 1024 - 9)).await.is_ok());
    assert_eq!(read(Some("application/json"), just(1024 * 1024 - 8)).await, Err(InputError::TooLarge));
    let request = TestRequest::post().insert_header((CONTENT_LENGTH, "1048577")).to_http_request();
    let body = Body::from_request(&request, &mut dev::Payload::None).await.unwrap();
    assert_eq!(body.read().await, Err(InputError::TooLarge), "not even begun");
}

#[actix_web::test]
async fn a_body_that_breaks_off_is_malformed() {
    let outcome = read_chunks(100, vec![Ok("{\"a\":"), Err(PayloadError::Incomplete(None))]).await;
    assert_eq!(outcome, Err(InputError::Malformed("The request body could not be read.".to_owned())));
}

#[actix_web::test]
async fn urlencoded_text_is_decoded_as_in_the_original() {
    // Checked against Django 5.2.19.
    for (body, value) in [
        (&b"a="[..], ""),
        (b"a", ""),
        (b"&&a=b=c&", "b=c"),
        (b"a=%zz%", "%zz%"),
        (b"a=%C3%A9", "é"),
        (b"a=%E9x", "\u{fffd}x"),
        (b"a=\xc3\xa9", "é"),
        (b"a=\xe9%C3%A9", "éé"),
        (b"%61=+b%00", " b\0"),
    ] {
        let input = read(Some("application/x-www-form-urlencoded"), body).await.unwrap();
        assert_eq!(input.get("a"), Some(&text(value)), "{body:?}");
    }
    let many = |fields| "a=b&".repeat(fields);
    assert!(read(Some("application/x-www-form-urlencoded"), many(999)).await.is_ok());
    let refused = read(Some("application/x-www-form-urlencoded"), many(1000)).await;
    assert!(matches!(refused, Err(InputError::Malformed(_))));
}

#[actix_web::test]
async fn parts_become_fields_and_files_become_files() {
    let body = [
        part("name=\"a\"", "one"),
        part("name=\"a\"", "two \r\n--BOUND é"),
        part("name=\"file\"; filename=\"x.txt\"", "content"),
        part("name=\"file\"", "hidden by the file"),
        part("name=\"none\"; filename=\"\"", ""),
        part("name=\"empty\"", ""),
        "--BOUNDARY--\r\n".to_owned(),
    ];
    let input = read(BOUNDARY, body.concat()).await.unwrap();
    assert_eq!(input.source(), Source::Form);
    assert_eq!(input.get("a"), Some(&text("two \r\n--BOUND é")));
    assert_eq!(input.get("file"), Some(&Value::File));
    assert_eq!(input.get("none"), None);
    assert_eq!(input.get("empty"), Some(&text("")));
    let large = format!("{}--BOUNDARY--\r\n", part("name=a", &"x\r\n".repeat(100_000)));
    assert_eq!(read(BOUNDARY, large).await.unwrap().get("a"), Some(&text(&"x\r\n".repeat(100_000))));
}

#[actix_web::test]
async fn broken_multipart_bodies_are_malformed() {
    let prefix = "Multipart form parse error - ";
    for (content_type, boundary) in [
        ("multipart/form-data", "None"),
        ("multipart/form-data; charset=x", "None"),
        ("multipart/form-data; boundary=", ""),
    ] {
        let expected = format!("{prefix}Invalid boundary in multipart: {boundary}");
        assert_eq!(
            read(Some(content_type), "x").await,
            Err(InputError::Malformed(expected)),
            "{content_type}"
        );
    }
    let many = format!("{}--BOUNDARY--\r\n", part("name=a", "").repeat(1001));
    for body in [
        "x".to_owned(),
        part("name=a", "b"),
        "--BOUNDARY\r\nX".to_owned(),
        "--BOUNDARY\r\n\r\nx\r\n".to_owned(),
        many,
    ] {
        let Err(InputError::Malformed(text)) = read(BOUNDARY, body.clone()).await else {
            panic!("{body:.60}")
        };
        assert!(text.starts_with(prefix), "{text}");
    }
}

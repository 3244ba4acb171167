//! Bodies: malformed, of another type, too large.

use serde_json::json;

use crate::check::{Bad, Stack, Who};

const JSON: &str = "application/json";
const FORM: &str = "application/x-www-form-urlencoded";

/// Every path that takes a body without looking anything up before, and who may send one.
const DIRECT: [(&str, Who); 9] = [
    ("/api/v1/user/token/", Who::Anonymous),
    ("/api/v1/user/token/refresh/", Who::Anonymous),
    ("/api/v1/user/token/verify/", Who::Anonymous),
    ("/api/v1/user/token/blacklist/", Who::Anonymous),
    ("/api/v1/user/token/sliding/", Who::Anonymous),
    ("/api/v1/user/token/sliding/refresh/", Who::Anonymous),
    ("/api/token/", Who::Anonymous),
    ("/api/v1/user/token/organization/", Who::Alice),
    ("/api/v1/organization/", Who::Alice),
];

/// `(content type, body, status)`
fn malformed() -> Vec<(String, Vec<u8>, u16)> {
    let mut all = Vec::new();
    let deep = "[".repeat(100_000);
    let texts = [
        "{",
        "}",
        "[",
        "\"",
        "nul",
        "{\"a\":}",
        "{\"a\" 1}",
        "{\"a\":1,}",
        "{'a':1}",
        "{\"a\":NaN}",
        "{}{}",
        "{\"a\":01}",
        "{\"a\":\"\\x\"}",
        "{\"a\":\"\u{1}\"}",
        "\u{feff}{}",
        "{\"a\":1e}",
        "hello",
        &deep,
    ];
    all.extend(texts.map(|text| (JSON.to_owned(), text.as_bytes().to_vec(), 400)));
    all.extend(["null", "[]", "5", "\"text\"", "true"].map(|text| (JSON.to_owned(), text.into(), 400)));
    all.push((JSON.to_owned(), vec![0xff, 0xfe, 0x00], 400));
    all.push((JSON.to_owned(), b"{\"a\":\"\xc3\x28\"}".to_vec(), 400));
    all.push((JSON.to_owned(), vec![0x1f, 0x8b, 0x08, 0x00], 400));
    for form in ["=", "&&&", "%", "%zz=1", "a=%ff", "username", "\0=\0"] {
        all.push((FORM.to_owned(), form.into(), 400));
    }
    let multipart =
        ["multipart/form-data", "multipart/form-data; boundary=", "multipart/form-data; boundary=other"];
    all.extend(multipart.map(|kind| (kind.to_owned(), b"--b\r\n\r\nx\r\n--b--\r\n".to_vec(), 400)));
    let truncated = b"--b\r\nContent-Disposition: form-data; name=\"username\"\r\n\r\nab".to_vec();
    all.push(("multipart/form-data; boundary=b".to_owned(), truncated, 400));
    let long = format!("application/{}", "x".repeat(4000));
    for kind in
        ["text/plain", "application/xml", "application", "/", ";", "application/jsonx", "text/json", &long]
    {
        all.push((kind.to_owned(), b"{}".to_vec(), 415));
    }
    all
}

#[tokio::test]
async fn malformed_bodies_are_refused_before_the_database_is_asked() -> anyhow::Result<()> {
    let stack = Stack::start().await?;
    let mut all = Vec::new();
    for (path, who) in DIRECT {
        for (kind, body, status) in malformed() {
            all.push(Bad::new(who, "POST", path, status).body(&kind, body));
        }
    }
    stack.refuse_unseen(&all).await
}

#[tokio::test]
async fn values_of_other_types_are_refused_before_the_database_is_asked() -> anyhow::Result<()> {
    let stack = Stack::start().await?;
    let long = "x".repeat(2000);
    let odd =
        [json!(null), json!([]), json!(["a"]), json!({}), json!(""), json!("  "), json!("a\0b"), json!(true)];
    let mut all = Vec::new();
    for value in odd {
        for (path, member) in [
            ("/api/v1/user/token/", "username"),
            ("/api/v1/user/token/", "password"),
            ("/api/v1/user/token/refresh/", "refresh"),
            ("/api/v1/user/token/verify/", "token"),
            ("/api/v1/user/token/blacklist/", "refresh"),
            ("/api/v1/user/token/sliding/", "password"),
            ("/api/v1/user/token/sliding/refresh/", "token"),
        ] {
            let mut body = json!({"username": "alice", "password": "x"});
            body.as_object_mut().map(|members| members.insert(member.to_owned(), value.clone()));
            all.push(Bad::new(Who::Anonymous, "POST", path, 400).body(JSON, body.to_string()));
        }
        let name = Bad::new(Who::Alice, "POST", "/api/v1/organization/", 400);
        all.push(name.body(JSON, json!({"name": value}).to_string()));
    }
    for (member, value) in [
        ("name", json!(long)),
        ("email", json!("no address")),
        ("email", json!([])),
        ("website", json!("no url")),
        ("website", json!("javascript:alert(1)")),
        ("is_active", json!("perhaps")),
        ("is_active", json!([])),
        ("description", json!("\0")),
        ("address", json!({})),
    ] {
        let mut body = json!({"name": "Fine"});
        body.as_object_mut().map(|members| members.insert(member.to_owned(), value));
        all.push(Bad::new(Who::Alice, "POST", "/api/v1/organization/", 400).body(JSON, body.to_string()));
    }
    // A lone surrogate, which no JSON library here would write.
    let surrogate = r#"{"username": "\ud800", "password": "x", "refresh": "\udfff", "name": "\ud83d"}"#;
    for (path, who) in DIRECT {
        all.push(Bad::new(who, "POST", path, 400).body(JSON, surrogate));
    }
    stack.refuse_unseen(&all).await
}

#[tokio::test]
async fn a_body_over_a_mebibyte_is_refused() -> anyhow::Result<()> {
    let stack = Stack::start().await?;
    let large = format!("{{\"a\": \"{}\"}}", "x".repeat(1024 * 1024));
    let mut all = Vec::new();
    for (path, who) in DIRECT {
        for kind in [JSON, FORM, "multipart/form-data; boundary=b", "text/plain"] {
            all.push(Bad::new(who, "POST", path, 413).body(kind, &large));
        }
    }
    stack.refuse_unseen(&all).await?;
    // Just below, the size is no reason.
    let fits = large.replacen(&"x".repeat(100), "", 1);
    stack.refuse(&Bad::new(Who::Anonymous, "POST", "/api/v1/user/token/", 400).body(JSON, fits)).await?;
    Ok(())
}

/// These look at the account or the organization first, as the original does: a body is only read
/// for somebody who exists, about something that does.
#[tokio::test]
async fn malformed_changes_are_refused_and_change_nothing() -> anyhow::Result<()> {
    let stack = Stack::start().await?;
    let large = "x".repeat(1024 * 1024 + 1).into_bytes();
    let mut bodies = malformed();
    bodies.retain(|(kind, body, _)| kind != FORM || body != b"%");
    bodies.push((JSON.to_owned(), large.clone(), 413));
    bodies.push((JSON.to_owned(), br#"{"email": "no address", "name": ""}"#.to_vec(), 400));
    bodies.push((JSON.to_owned(), br#"{"email": [], "name": []}"#.to_vec(), 400));
    let paths = ["/api/v1/user/me/".to_owned(), stack.organization.clone()];
    let mut before = Vec::new();
    for path in &paths {
        before.push(stack.alice.get(path).await?.json);
    }
    for (kind, body, status) in &bodies {
        // A form that says nothing of a field changes nothing of it, which is fine by PATCH.
        if kind == FORM {
            continue;
        }
        for path in &paths {
            stack.refuse(&Bad::new(Who::Alice, "PATCH", path, *status).body(kind, body)).await?;
        }
        stack.refuse(&Bad::new(Who::Alice, "PUT", &stack.organization, *status).body(kind, body)).await?;
    }
    for (path, before) in paths.iter().zip(before) {
        assert_eq!(stack.alice.get(path).await?.json, before, "{path}");
    }
    Stack::nothing_logged();
    Ok(())
}

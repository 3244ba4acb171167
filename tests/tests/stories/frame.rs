//! What every answer has, and what holds for every path: slashes, request ids, `HEAD`, `OPTIONS`.

use std::collections::BTreeSet;

use e2e::Site;
use reqwest::Method;
use serde_json::json;

use crate::{CONFIGURATION, JWKS, ME, ORGANIZATIONS, REFRESH, SESSIONS, TOKEN, VERIFY};

#[tokio::test]
async fn a_trailing_slash_makes_no_difference() -> anyhow::Result<()> {
    let site = Site::open().await?;
    let ada = site.member().await?;
    for path in [ME, ORGANIZATIONS, SESSIONS] {
        let (with, without) = (ada.get(path).await?, ada.get(path.trim_end_matches('/')).await?);
        assert_eq!((without.status, &without.text), (200, &with.text), "{path}");
    }
    for path in [TOKEN, REFRESH, VERIFY] {
        let bare = path.trim_end_matches('/');
        let (with, without) = (ada.post(path, &json!({})).await?, ada.post(bare, &json!({})).await?);
        assert_eq!((with.status, without.status, &without.text), (400, 400, &with.text), "{path}");
    }
    for path in [JWKS, CONFIGURATION] {
        assert_eq!(ada.get(&format!("{path}/")).await?.text, ada.get(path).await?.text, "{path}");
    }
    Ok(())
}

#[tokio::test]
async fn every_answer_has_a_request_id_of_its_own_and_the_security_headers() -> anyhow::Result<()> {
    let site = Site::open().await?;
    let (ada, nobody) = (site.member().await?, site.anonymous());
    let mut ids = BTreeSet::new();
    let answers = [
        ada.get(ME).await?,
        ada.get(ORGANIZATIONS).await?,
        nobody.get(ME).await?,
        nobody.get("/nowhere").await?,
        nobody.get("/api/nowhere/").await?,
        nobody.get(JWKS).await?,
        nobody.post(TOKEN, &json!([])).await?,
        nobody.delete(TOKEN).await?,
        nobody.send(nobody.request(Method::OPTIONS, TOKEN)).await?,
    ];
    for answer in &answers {
        let id = answer.header("x-request-id");
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        assert!((8..=128).contains(&id.len()) && id.chars().all(plain), "{answer:?}");
        assert!(ids.insert(id.to_owned()), "{id} twice");
        for (name, value) in [
            ("x-frame-options", "DENY"),
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "same-origin"),
            ("cross-origin-opener-policy", "same-origin"),
        ] {
            assert_eq!(answer.header(name), value, "{answer:?}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn head_is_get_without_its_body() -> anyhow::Result<()> {
    let site = Site::open().await?;
    let ada = site.member().await?;
    for path in [ME, ORGANIZATIONS, SESSIONS, JWKS] {
        let (get, head) = (ada.get(path).await?, ada.send(ada.request(Method::HEAD, path)).await?);
        assert_eq!((head.status, head.text.as_str()), (get.status, ""), "{path}");
        for name in ["content-type", "content-length", "allow", "vary"] {
            assert_eq!(head.header(name), get.header(name), "{path}: {name}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn options_describe_an_endpoint_to_whoever_may_use_it() -> anyhow::Result<()> {
    let site = Site::open().await?;
    let (ada, nobody) = (site.member().await?, site.anonymous());
    for (path, name, fields) in [
        (TOKEN, "Token Obtain Pair", &["username", "password"][..]),
        (REFRESH, "Token Refresh", &["refresh"]),
    ] {
        let answer = nobody.send(nobody.request(Method::OPTIONS, path)).await?;
        assert_eq!((answer.status, answer.json["name"].as_str()), (200, Some(name)), "{answer:?}");
        for field in fields {
            assert_eq!(answer.json["actions"]["POST"][field]["required"], true, "{path}");
        }
    }
    let hidden = nobody.send(nobody.request(Method::OPTIONS, ORGANIZATIONS)).await?;
    assert_eq!(hidden.status, 401, "{hidden:?}");
    let shown = ada.send(ada.request(Method::OPTIONS, ORGANIZATIONS)).await?;
    assert_eq!((shown.status, shown.json["name"].as_str()), (200, Some("Organization Api")));
    assert_eq!(shown.json["actions"]["POST"]["name"]["max_length"], 100);
    Ok(())
}

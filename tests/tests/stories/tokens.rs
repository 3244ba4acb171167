//! Verifying tokens, and sliding ones.

use e2e::{Actor, Site, claims};
use serde_json::json;

use crate::{BOTH, REFRESH, SLIDING, TOKEN, VERIFY, refused};

#[tokio::test]
async fn every_kind_of_token_verifies_until_it_is_changed() -> anyhow::Result<()> {
    let site = Site::open().await?;
    let ada = site.member().await?;
    let nobody = site.anonymous();
    for token in [ada.access.as_deref(), ada.refresh.as_deref()].into_iter().flatten() {
        let good = nobody.post(VERIFY, &json!({ "token": token })).await?;
        assert_eq!((good.status, good.text.as_str()), (200, "{}"), "{good:?}");
        let (head, signature) = token.rsplit_once('.').unwrap_or_default();
        let first = if signature.starts_with('A') { "B" } else { "A" };
        let changed = format!("{head}.{first}{}", signature.get(1..).unwrap_or_default());
        for bad in [changed.as_str(), head, "", "a.b.c"] {
            let answer = nobody.post(VERIFY, &json!({ "token": bad })).await?;
            assert!(matches!(answer.status, 400 | 401), "{bad}: {answer:?}");
        }
        assert_eq!(ada.bearing(&changed).get(crate::ME).await?.status, 401);
    }
    Ok(())
}

#[tokio::test]
async fn a_token_of_one_kind_is_none_of_another() -> anyhow::Result<()> {
    let site = Site::open().await?;
    let ada = site.member().await?;
    let (access, refresh) = (ada.access.clone().unwrap_or_default(), ada.refresh.clone().unwrap_or_default());
    for path in BOTH {
        assert_eq!(ada.bearing(&refresh).get(path).await?.status, 401, "{path}");
    }
    let body = json!({ "refresh": access });
    assert_eq!(site.anonymous().post(REFRESH, &body).await?.status, 401);
    assert_eq!(ada.get(crate::ME).await?.status, 200, "it was refused, and ended nothing");
    Ok(())
}

#[tokio::test]
async fn a_sliding_token_is_prolonged_and_opens_nothing_unless_asked_for() -> anyhow::Result<()> {
    let site = Site::open().await?;
    let (person, nobody) = (site.user().await?, site.anonymous());
    let credentials = json!({"username": person.name, "password": person.password});
    let token = nobody.post(SLIDING, &credentials).await?.text_of("token")?;
    assert_eq!(nobody.post(VERIFY, &json!({ "token": token })).await?.status, 200);
    let renewed = nobody.post(&format!("{SLIDING}refresh/"), &json!({ "token": token })).await?;
    let next = renewed.text_of("token")?;
    let (before, after) = (claims(&token)?, claims(&next)?);
    for name in ["jti", "sid", "refresh_exp", "user_id"] {
        assert_eq!((&before[name], before[name].is_null()), (&after[name], false), "{name}");
    }
    assert!(after["exp"].as_i64() >= before["exp"].as_i64());
    // AUTH_AUTH_TOKEN_CLASSES names access tokens alone.
    for path in BOTH {
        assert_eq!(nobody.bearing(&next).get(path).await?.status, 401, "{path}");
    }
    Ok(())
}

#[tokio::test]
async fn both_roots_of_the_token_endpoints_are_one() -> anyhow::Result<()> {
    let site = Site::open().await?;
    let (person, nobody) = (site.user().await?, site.anonymous());
    let credentials = json!({"username": person.name, "password": person.password});
    for (from, to) in [(TOKEN, "/api/token/"), ("/api/token/", TOKEN)] {
        let pair = nobody.post(from, &credentials).await?;
        let body = json!({"refresh": pair.text_of("refresh")?});
        let refreshed = nobody.post(&format!("{to}refresh/"), &body).await?;
        let actor = Actor::with_pair(site.base(), refreshed.text_of("access")?, String::new());
        assert_eq!(actor.get(crate::ME).await?.status, 200);
        let bad = nobody.post(&format!("{to}verify/"), &json!({"token": "x"})).await?;
        refused(&bad, "Token is invalid");
    }
    Ok(())
}

//! Roles that hold permissions which are registered no more.

use actix_web::http::{Method, StatusCode};
use serde_json::json;
use shared::issuer::Change;

use super::{actors::org_id, people::Inviting};

/// `app:p0` to `app:p59`, too many for a token.
fn many() -> Vec<String> {
    (0..60).map(|n| format!("app:p{n}")).collect()
}

#[actix_web::test]
async fn a_role_that_was_too_large_for_tokens_is_taken_out_of_the_feed_when_it_is_removed() {
    let all = many();
    let Inviting { site, people, path } = Inviting::new(&[("ORG_PERMISSIONS", &all.join(","))]).await;
    let key = format!("{}/clerk", org_id(&path));
    let latest = || -> Change {
        let told = people.told();
        told.into_iter().rfind(|change| change.key == key).unwrap()
    };
    let role = json!({"name": "clerk", "permissions": all});
    let made = site.member("1").post(&format!("{path}roles/"), role).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.body);
    assert_eq!(latest().permissions.unwrap().len(), all.len());

    let site = site.again(&[("ORG_PERMISSIONS", "app:p0")], Some(people.issuer())).await;
    site.app().announcer().passed_on().await;
    assert_eq!(latest().permissions.unwrap(), ["app:p0"]);
    let shown = site.member("1").get(&format!("{path}roles/clerk/")).await;
    assert_eq!(shown.status, StatusCode::OK, "{}", shown.body);
    let removed = site.member("1").send(Method::DELETE, &format!("{path}roles/clerk/"), None).await;
    assert_eq!(removed.status, StatusCode::NO_CONTENT, "{}", removed.body);
    assert_eq!(latest().permissions, Some(Vec::new()), "nothing lingers");
}

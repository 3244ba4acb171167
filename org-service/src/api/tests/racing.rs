//! Inviting, accepting and revoking at the same time.

use actix_web::http::{Method, StatusCode};
use futures_util::future::{join, join_all};
use serde_json::json;

use super::people::Inviting;

const ACCEPT: &str = "/api/v1/organization/invitations/accept/";
const ROUNDS: usize = 30;

#[actix_web::test]
async fn of_invitations_to_one_address_at_once_one_is_made() {
    let world = Inviting::new(&[]).await;
    let owner = world.site.member("1");
    let invitations = format!("{}invitations/", world.path);
    for round in 0..5 {
        let body = json!({"email": format!("{round}@example.org"), "role": "member"});
        let answers = join_all((0..6).map(|_| owner.post(&invitations, body.clone()))).await;
        let made = answers.iter().filter(|answer| answer.status == StatusCode::CREATED).count();
        assert_eq!(made, 1);
        let refused = answers.iter().filter(|answer| answer.status == StatusCode::BAD_REQUEST).count();
        assert_eq!(refused, 5);
    }
    assert_eq!(world.handles().await.len(), 5);
}

#[actix_web::test]
async fn an_invitation_makes_one_member() {
    let world = Inviting::new(&[("ORG_INVITATION_ADDRESS", "any")]).await;
    for round in 0..ROUNDS {
        let handle = world.handle(&format!("{round}@example.org"), "viewer").await;
        let users = [format!("a{round}"), format!("a{round}"), format!("b{round}"), format!("c{round}")];
        let actors: Vec<_> = users.iter().map(|user| world.site.member(user)).collect();
        let racing = actors.iter().map(|actor| actor.post(ACCEPT, json!({"handle": handle})));
        let answers = join_all(racing).await;
        let won = answers.iter().filter(|answer| answer.status == StatusCode::OK).count();
        let lost = answers.iter().filter(|answer| answer.status == StatusCode::NOT_FOUND).count();
        assert_eq!((won, lost), (1, 3));
        let members = world.site.member("1").get(&format!("{}members/", world.path)).await.body;
        assert_eq!(members["count"], round + 2);
    }
}

#[actix_web::test]
async fn what_was_revoked_makes_no_member() {
    let world = Inviting::new(&[]).await;
    let (mut revoked, mut accepted) = (0, 0);
    for round in 0..ROUNDS {
        let user = format!("u{round}");
        world.people.add(&user, &format!("{user}@example.org"), true);
        let path = world.invite(&format!("{user}@example.org"), "member").await;
        let handle = world.handles().await.pop().unwrap();
        let (owner, addressee) = (world.site.member("1"), world.site.member(&user));
        let accepting = addressee.post(ACCEPT, json!({"handle": handle}));
        let revoking = owner.send(Method::DELETE, &path, None);
        let (accepting, revoking) = if round % 2 == 0 {
            join(accepting, revoking).await
        } else {
            let (revoking, accepting) = join(revoking, accepting).await;
            (accepting, revoking)
        };
        let role = world.role_of(&user).await;
        match (accepting.status, revoking.status) {
            (StatusCode::OK, StatusCode::CONFLICT) => {
                accepted += 1;
                assert_eq!(role, Some(json!("member")));
            }
            (StatusCode::NOT_FOUND, StatusCode::NO_CONTENT) => {
                revoked += 1;
                assert_eq!(role, None);
                let later = addressee.post(ACCEPT, json!({"handle": handle})).await;
                assert_eq!(later.status, StatusCode::NOT_FOUND);
                assert_eq!(world.role_of(&user).await, None);
            }
            both => panic!("{both:?}"),
        }
    }
    assert_eq!(revoked + accepted, ROUNDS);
}

#[actix_web::test]
async fn no_invitation_outlives_its_role() {
    let world = Inviting::new(&[]).await;
    let owner = world.site.member("1");
    let invitations = format!("{}invitations/", world.path);
    for round in 0..ROUNDS {
        let name = format!("clerk-{round}");
        let role = json!({"name": name, "permissions": ["member:read"]});
        assert_eq!(owner.post(&format!("{}roles/", world.path), role).await.status, StatusCode::CREATED);
        let body = json!({"email": format!("{round}@example.org"), "role": name});
        let path = format!("{}roles/{name}/", world.path);
        let (invited, removed) =
            join(owner.post(&invitations, body), owner.send(Method::DELETE, &path, None)).await;
        match (invited.status, removed.status) {
            (StatusCode::CREATED, StatusCode::CONFLICT)
            | (StatusCode::BAD_REQUEST, StatusCode::NO_CONTENT) => {}
            both => panic!("{both:?}"),
        }
    }
}

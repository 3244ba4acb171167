//! Invitations as those see them who invite.

use std::time::Duration;

use actix_web::http::{Method, StatusCode};
use diesel::{ExpressionMethods, QueryDsl, RunQueryDsl};
use serde_json::{Value, json};

use super::people::Inviting;
use crate::{handle::Handle, schema::audit, store::handles};

const MINUTE: Duration = Duration::from_secs(60);
const WEEK: Duration = Duration::from_secs(7 * 24 * 3600);

#[actix_web::test]
async fn an_invitation_is_mailed_and_never_shows_its_handle() {
    let world = Inviting::new(&[("ORG_INVITATION_URL", "https://app.example.org/join/{handle}")]).await;
    let owner = world.site.member("1");
    let path = world.invite("Ada@Example.org", "viewer").await;
    let link = world.handles().await.pop().unwrap();
    let handle = link.strip_prefix("https://app.example.org/join/").unwrap().to_owned();
    let shown = owner.get(&path).await.body;
    let expected = json!({
        "id": shown["id"], "email": "Ada@Example.org", "role": "viewer", "status": "pending",
        "invited_by": "1", "accepted_by": null, "created_at": "2026-11-23T14:40:48Z",
        "expires_at": "2026-11-30T14:40:48Z", "closed_at": null, "delivery": "sent",
        "delivery_error": null,
    });
    assert_eq!(shown, expected);
    let list = owner.get(&format!("{}invitations/", world.path)).await.body;
    assert_eq!((&list["count"], &list["results"]), (&json!(1), &json!([shown])));
    let mail = world.site.app().delivery().mailer().kept().pop().unwrap();
    assert_eq!(mail.to, "Ada@example.org");
    assert!(mail.raw.contains("Subject: Invitation to Acme\r\n"), "{}", mail.raw);
    // Stored is the digest, and nothing else.
    let hash = Handle::parse(&handle).unwrap().hash();
    assert!(!hash.windows(8).any(|some| handle.as_bytes().windows(8).any(|other| some == other)));
    let found = world.site.app().db().read(move |conn| handles::find(conn, &hash)).await.unwrap();
    assert_eq!(found.unwrap().to_string(), shown["id"].as_str().unwrap());
}

#[actix_web::test]
async fn nobody_invites_to_a_role_that_they_do_not_command() {
    let world = Inviting::new(&[]).await;
    for (user, role) in [("2", "admin"), ("3", "member")] {
        world.people.add(user, &format!("{user}@example.org"), true);
        let handle = world.handle(&format!("{user}@example.org"), role).await;
        let accepted = world.site.member(user).post(ACCEPT, json!({"handle": handle})).await;
        assert_eq!(accepted.status, StatusCode::OK, "{}", accepted.body);
    }
    let invitations = format!("{}invitations/", world.path);
    for (actor, role, status) in [
        (world.site.member("2"), "admin", StatusCode::CREATED),
        (world.site.member("2"), "owner", StatusCode::FORBIDDEN),
        (world.site.member("3"), "viewer", StatusCode::FORBIDDEN),
        (world.site.member("4"), "viewer", StatusCode::NOT_FOUND),
        (world.site.anonymous(), "viewer", StatusCode::UNAUTHORIZED),
        (world.site.superuser("5"), "owner", StatusCode::CREATED),
    ] {
        let body = json!({"email": format!("{role}@new.example"), "role": role});
        let answer = actor.post(&invitations, body).await;
        assert_eq!(answer.status, status, "{role} {}", answer.body);
    }
    let owners = world.site.member("1").get(&format!("{invitations}?status=pending")).await.body;
    let owners =
        owners["results"].as_array().unwrap().iter().find(|one| one["role"] == "owner").unwrap().clone();
    // Who may not give the role may not mail or take back its invitation either.
    let path = format!("{invitations}{}/", owners["id"].as_str().unwrap());
    world.site.clock.advance(MINUTE);
    let admin = world.site.member("2");
    assert_eq!(admin.post(&format!("{path}resend/"), json!({})).await.status, StatusCode::FORBIDDEN);
    assert_eq!(admin.send(Method::DELETE, &path, None).await.status, StatusCode::FORBIDDEN);
    for method in [Method::GET, Method::DELETE] {
        let outsider = world.site.member("4").send(method, &path, None).await;
        assert_eq!(outsider.status, StatusCode::NOT_FOUND);
    }
}

const ACCEPT: &str = "/api/v1/organization/invitations/accept/";

#[actix_web::test]
async fn an_address_has_one_pending_invitation() {
    let world = Inviting::new(&[]).await;
    world.invite("ada@b\u{fc}cher.example", "member").await;
    let invitations = format!("{}invitations/", world.path);
    let owner = world.site.member("1");
    let again = json!({"email": "ADA@xn--bcher-kva.example", "role": "viewer"});
    let answer = owner.post(&invitations, again).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert_eq!(answer.body, json!({"email": ["This address has a pending invitation."]}));
    // Another organization knows nothing of it.
    let other = world.site.organization(&owner, "Other").await;
    let body = json!({"email": "ada@b\u{fc}cher.example", "role": "viewer"});
    assert_eq!(owner.post(&format!("{other}invitations/"), body).await.status, StatusCode::CREATED);
}

#[actix_web::test]
async fn an_organization_has_only_so_many_pending_invitations() {
    let world = Inviting::new(&[("ORG_MAX_INVITATIONS", "2")]).await;
    let first = world.invite("a@example.org", "member").await;
    world.invite("b@example.org", "member").await;
    let invitations = format!("{}invitations/", world.path);
    let body = json!({"email": "c@example.org", "role": "member"});
    let answer = world.site.member("1").post(&invitations, body).await;
    assert_eq!((answer.status, &answer.body["code"]), (StatusCode::CONFLICT, &json!("too_many_invitations")));
    let revoked = world.site.member("1").send(Method::DELETE, &first, None).await;
    assert_eq!(revoked.status, StatusCode::NO_CONTENT);
    world.invite("c@example.org", "member").await;
    world.site.clock.advance(WEEK);
    world.invite("d@example.org", "member").await;
    world.invite("b@example.org", "member").await;
}

#[actix_web::test]
async fn an_address_gets_a_mail_a_minute_at_most() {
    let world = Inviting::new(&[]).await;
    world.people.add("2", "ada@example.org", true);
    let path = world.invite("ada@example.org", "member").await;
    assert_eq!(world.handles().await.len(), 1);
    let resend = format!("{path}resend/");
    world.site.clock.advance(Duration::from_millis(500));
    let soon = world.site.member("1").post(&resend, json!({})).await;
    assert_eq!((soon.status, soon.header("retry-after")), (StatusCode::TOO_MANY_REQUESTS, Some("60")));
    world.site.clock.advance(MINUTE);
    let again = world.site.member("1").post(&resend, json!({})).await;
    assert_eq!((again.status, &again.body["delivery"]), (StatusCode::OK, &json!("pending")));
    assert_eq!(again.body["expires_at"], "2026-11-30T14:41:48.500000Z");
    let handles = world.handles().await;
    assert_eq!(handles.len(), 2);
    assert_ne!(handles[0], handles[1]);
    // Taking it back and inviting again is no way around.
    let owner = world.site.member("1");
    assert_eq!(owner.send(Method::DELETE, &path, None).await.status, StatusCode::NO_CONTENT);
    let body = json!({"email": "ada@example.org", "role": "member"});
    let invitations = format!("{}invitations/", world.path);
    assert_eq!(owner.post(&invitations, body).await.status, StatusCode::TOO_MANY_REQUESTS);
    world.site.clock.advance(MINUTE);
    let path = world.invite("ada@example.org", "member").await;
    assert_eq!(world.handles().await.len(), 3);
    world.site.clock.advance(MINUTE);
    let again = world.site.member("1").post(&format!("{path}resend/"), json!({})).await;
    assert_eq!(again.status, StatusCode::OK);
    let handles = world.handles().await;
    assert_eq!(handles.len(), 4);
    // The earlier of two mails is as good as the later.
    let accepted = world.site.member("2").post(ACCEPT, json!({"handle": handles[2]})).await;
    assert_eq!(accepted.status, StatusCode::OK, "{}", accepted.body);
}

#[actix_web::test]
async fn what_cannot_be_used_is_refused() {
    let world = Inviting::new(&[]).await;
    let owner = world.site.member("1");
    let invitations = format!("{}invitations/", world.path);
    for (body, field) in [
        (json!({"role": "member"}), "email"),
        (json!({"email": "ada", "role": "member"}), "email"),
        (json!({"email": "ada@example.org\r\nBcc: eve@example.org", "role": "member"}), "email"),
        (json!({"email": "ada@example.org, eve@example.org", "role": "member"}), "email"),
        (json!({"email": format!("{}@example.org", "a".repeat(250)), "role": "member"}), "email"),
        (json!({"email": "ada@example.org"}), "role"),
        (json!({"email": "ada@example.org", "role": "boss"}), "role"),
        (json!({"email": "ada@example.org", "role": "member\0"}), "role"),
        (json!({"email": "ada@example.org", "role": ["member"]}), "role"),
    ] {
        let answer = owner.post(&invitations, body.clone()).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{body}");
        assert!(answer.body[field].is_array(), "{body} {}", answer.body);
    }
    assert!(world.handles().await.is_empty());
    assert_eq!(owner.get(&format!("{invitations}?status=new")).await.status, StatusCode::BAD_REQUEST);
    assert_eq!(owner.get(&format!("{invitations}?page=2")).await.status, StatusCode::NOT_FOUND);
    let path = world.invite("ada@example.org", "member").await;
    let other = world.site.organization(&owner, "Other").await;
    let elsewhere = path.replace(&world.path, &other);
    for path in
        [&elsewhere, &format!("{invitations}7/"), &format!("{invitations}accept/"), &format!("{path}x/")]
    {
        assert_eq!(owner.get(path).await.status, StatusCode::NOT_FOUND, "{path}");
        assert_eq!(owner.send(Method::DELETE, path, None).await.status, StatusCode::NOT_FOUND, "{path}");
    }
    let resent = owner.post(&format!("{elsewhere}resend/"), json!({})).await;
    assert_eq!(resent.status, StatusCode::NOT_FOUND);
}

#[actix_web::test]
async fn an_invitation_ends_and_says_how() {
    let world = Inviting::new(&[]).await;
    world.people.add("2", "two@example.org", true);
    let [expired, revoked, accepted] = [
        world.invite("one@example.org", "member").await,
        world.invite("three@example.org", "member").await,
        {
            let path = world.invite("two@example.org", "member").await;
            let handle = world.handles().await.pop().unwrap();
            let answer = world.site.member("2").post(ACCEPT, json!({"handle": handle})).await;
            assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
            path
        },
    ];
    let owner = world.site.member("1");
    assert_eq!(owner.send(Method::DELETE, &revoked, None).await.status, StatusCode::NO_CONTENT);
    world.site.clock.advance(WEEK);
    let owner = world.site.member("1");
    let invitations = format!("{}invitations/", world.path);
    for (path, status) in [(&expired, "expired"), (&revoked, "revoked"), (&accepted, "accepted")] {
        let shown = owner.get(path).await.body;
        assert_eq!(shown["status"], status);
        let listed = owner.get(&format!("{invitations}?status={status}")).await.body;
        assert_eq!((&listed["count"], &listed["results"][0]), (&json!(1), &shown));
        let resent = owner.post(&format!("{path}resend/"), json!({})).await;
        assert_eq!(
            (resent.status, &resent.body["code"]),
            (StatusCode::CONFLICT, &json!("invitation_closed"))
        );
    }
    assert_eq!(owner.get(&invitations).await.body["count"], 3);
    assert_eq!(owner.get(&format!("{invitations}?status=pending")).await.body["count"], 0);
    assert_eq!(owner.get(&accepted).await.body["accepted_by"], "2");
    for closed in [&revoked, &accepted] {
        assert_eq!(owner.send(Method::DELETE, closed, None).await.status, StatusCode::CONFLICT);
    }
    world.invite("one@example.org", "viewer").await;
    assert_eq!(owner.get(&expired).await.body["status"], "expired");
    assert_eq!(owner.send(Method::DELETE, &expired, None).await.status, StatusCode::CONFLICT);
}

#[actix_web::test]
async fn invitations_are_read_by_cursor_and_found_by_how_their_address_begins() {
    let world = Inviting::new(&[]).await;
    let owner = world.site.member("1");
    for address in ["ada@example.org", "Adam@example.org", "ad_b@example.org", "bob@example.org"] {
        world.invite(address, "member").await;
        world.site.clock.advance(Duration::from_millis(1));
    }
    let invitations = format!("{}invitations/", world.path);
    for (query, expected) in [
        ("", vec!["bob@example.org", "ad_b@example.org", "Adam@example.org", "ada@example.org"]),
        ("&ordering=created_at&search=ADA", vec!["ada@example.org", "Adam@example.org"]),
        ("&search=ad_", vec!["ad_b@example.org"]),
        ("&search=x", vec![]),
        ("&status=revoked", vec![]),
    ] {
        let numbered = owner.get(&format!("{invitations}?page_size=50{query}")).await.body;
        assert_eq!(numbered["count"], expected.len(), "{query}");
        let mut next = Some(format!("{invitations}?cursor=&page_size=2{query}"));
        let mut seen = Vec::new();
        while let Some(path) = next {
            let page = owner.get(&path).await.body;
            let results = page["results"].as_array().unwrap().clone();
            seen.extend(results.iter().map(|one| one["email"].as_str().unwrap().to_owned()));
            next = page["next"].as_str().map(|url| url.split_once("//").unwrap().1.to_owned());
            next = next.map(|rest| rest[rest.find('/').unwrap()..].to_owned());
        }
        assert_eq!(seen, expected, "{query}");
    }
}

#[actix_web::test]
async fn an_invitation_asked_for_again_is_answered_again_and_mailed_once() {
    let world = Inviting::new(&[]).await;
    let owner = world.site.member("1");
    let invitations = format!("{}invitations/", world.path);
    let ask = |email: &str| {
        let body = json!({"email": email, "role": "member"});
        owner.send_with(Method::POST, &invitations, body, ("idempotency-key", "one"))
    };
    let (first, again) = (ask("ada@example.org").await, ask("ada@example.org").await);
    assert_eq!((first.status, again.status), (StatusCode::CREATED, StatusCode::CREATED));
    assert_eq!(first.body, again.body);
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    assert_eq!(ask("bob@example.org").await.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(world.handles().await.len(), 1);
}

#[actix_web::test]
async fn a_role_stays_while_an_invitation_carries_it() {
    let world = Inviting::new(&[]).await;
    let owner = world.site.member("1");
    let role = json!({"name": "clerk", "permissions": ["member:read"]});
    let defined = owner.post(&format!("{}roles/", world.path), role).await;
    assert_eq!(defined.status, StatusCode::CREATED);
    let path = world.invite("ada@example.org", "clerk").await;
    let clerk = format!("{}roles/clerk/", world.path);
    let held = owner.send(Method::DELETE, &clerk, None).await;
    assert_eq!((held.status, &held.body["code"]), (StatusCode::CONFLICT, &json!("role_held")));
    assert_eq!(owner.send(Method::DELETE, &path, None).await.status, StatusCode::NO_CONTENT);
    assert_eq!(owner.send(Method::DELETE, &clerk, None).await.status, StatusCode::NO_CONTENT);
}

/// Actor, action, target, before and after.
type Row = (String, String, String, Option<String>, Option<String>);

#[actix_web::test]
async fn everything_is_on_record() {
    let world = Inviting::new(&[]).await;
    world.people.add("2", "ada@example.org", true);
    let first = world.invite("eve@example.org", "viewer").await;
    let second = world.invite("ada@example.org", "member").await;
    world.site.clock.advance(MINUTE);
    let owner = world.site.member("1");
    assert_eq!(owner.post(&format!("{second}resend/"), json!({})).await.status, StatusCode::OK);
    assert_eq!(owner.send(Method::DELETE, &first, None).await.status, StatusCode::NO_CONTENT);
    let handle = world.handles().await.pop().unwrap();
    let accepted = world.site.member("2").post(ACCEPT, json!({"handle": handle})).await;
    assert_eq!(accepted.status, StatusCode::OK);
    let rows: Vec<Row> = world
        .site
        .app()
        .db()
        .read(|conn| {
            let columns = (audit::actor, audit::action, audit::target, audit::before, audit::after);
            audit::table.filter(audit::seq.gt(1)).order(audit::seq).select(columns).load(conn)
        })
        .await
        .unwrap();
    let id = |path: &str| path.trim_end_matches('/').rsplit('/').next().unwrap().to_owned();
    let heads: Vec<_> =
        rows.iter().map(|(actor, action, target, ..)| (&**actor, &**action, &**target)).collect();
    let (first, second) = (id(&first), id(&second));
    let expected = [
        ("1", "invitation.created", &*first),
        ("1", "invitation.created", &*second),
        ("1", "invitation.resent", &*second),
        ("1", "invitation.revoked", &*first),
        ("2", "invitation.accepted", &*second),
    ];
    assert_eq!(heads, expected);
    for (_, action, _, before, after) in &rows {
        let told = format!("{before:?}{after:?}");
        assert!(told.contains("@example.org") && !told.contains(&handle), "{action} {told}");
    }
    let last: Value = serde_json::from_str(rows[4].4.as_ref().unwrap()).unwrap();
    assert_eq!(last, json!({"user_id": "2", "email": "ada@example.org", "role": "member"}));
}

//! Mails that had not been sent when their organization was deleted.

use std::time::Duration;

use actix_web::http::{Method, StatusCode};
use diesel::prelude::*;
use serde_json::{Value, json};

use super::{
    mailing::{FROM, handle_of, progress, sent},
    people::Inviting,
    smtp::{MailServer, Trouble},
};
use crate::{
    schema::{invitation_handles, invitations, mails},
    store::mails::{self as outbox, Mail},
};

const ACCEPT: &str = "/api/v1/organization/invitations/accept/";
const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);

/// A world whose mail server refuses for now as many mails.
async fn world(refused: usize) -> (Inviting, MailServer) {
    let server = MailServer::start().await;
    server.have(&vec![Trouble::Recipient(450); refused]);
    let url = format!("smtp://ada:pass%20word@{}", server.address);
    (Inviting::new(&[("ORG_MAIL_URL", &url), FROM]).await, server)
}

/// Everything that is due is tried.
async fn tried(world: &Inviting) {
    world.site.app().delivery().tried().await;
}

async fn delete(world: &Inviting) {
    let deleted = world.site.member("1").send(Method::DELETE, &world.path, None).await;
    assert_eq!(deleted.status, StatusCode::NO_CONTENT, "{}", deleted.body);
}

async fn restore(world: &Inviting) {
    let restored = world.site.member("1").post(&format!("{}restore/", world.path), json!({})).await;
    assert_eq!(restored.status, StatusCode::OK, "{}", restored.body);
}

/// The outbox, and how many handles there are.
async fn rows(world: &Inviting) -> (Vec<Mail>, i64) {
    let read = world.site.app().db().read(|conn| {
        Ok((
            mails::table.select(Mail::as_select()).load(conn)?,
            invitation_handles::table.count().get_result(conn)?,
        ))
    });
    read.await.unwrap()
}

#[actix_web::test]
async fn a_mail_waits_while_its_organization_is_deleted_and_is_sent_when_it_is_restored() {
    let (world, server) = world(1).await;
    world.people.add("2", "ada@example.org", true);
    let path = world.invite("ada@example.org", "member").await;
    let (delivery, _) = progress(&world, &path).await;
    assert_eq!(delivery, json!("pending"));
    delete(&world).await;
    for pause in [HOUR, DAY, 3 * DAY] {
        world.site.clock.advance(pause);
        tried(&world).await;
        assert!(server.taken().is_empty());
    }
    let (waiting, handles) = rows(&world).await;
    assert_eq!((waiting[0].attempts, handles), (1, 1), "what was left was not tried");
    assert_eq!(waiting[0].next_attempt_at, None, "nobody looks at it again and again");
    restore(&world).await;
    assert_eq!(progress(&world, &path).await, sent());
    let [mail] = server.taken().try_into().unwrap();
    let accepted = world.site.member("2").post(ACCEPT, json!({"handle": handle_of(&mail)})).await;
    assert_eq!(accepted.status, StatusCode::OK, "{}", accepted.body);
}

#[actix_web::test]
async fn what_was_sent_or_given_up_or_closed_is_not_sent_after_a_restore() {
    let server = MailServer::start().await;
    let url = format!("smtp://ada:pass%20word@{}", server.address);
    let world = Inviting::new(&[("ORG_MAIL_URL", &url), FROM]).await;
    let was_sent = world.invite("sent@example.org", "member").await;
    assert_eq!(progress(&world, &was_sent).await, sent());
    server.have(&[Trouble::Recipient(550)]);
    let given_up = world.invite("failed@example.org", "member").await;
    assert_eq!(progress(&world, &given_up).await.0, json!("failed"));
    server.have(&[Trouble::Recipient(450), Trouble::Recipient(450)]);
    let revoked = world.invite("revoked@example.org", "member").await;
    assert_eq!(progress(&world, &revoked).await.0, json!("pending"));
    let answer = world.site.member("1").send(Method::DELETE, &revoked, None).await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT);
    let expired = world.invite("expired@example.org", "member").await;
    assert_eq!(progress(&world, &expired).await.0, json!("pending"));
    delete(&world).await;
    world.site.clock.advance(DAY);
    tried(&world).await;
    // Past its invitation's end.
    world.site.clock.advance(7 * DAY);
    restore(&world).await;
    for (path, fate) in [
        (&was_sent, json!("sent")),
        (&given_up, json!("failed")),
        (&revoked, Value::Null),
        (&expired, Value::Null),
    ] {
        assert_eq!(progress(&world, path).await.0, fate, "{path}");
    }
    assert_eq!(server.taken().len(), 1);
}

#[actix_web::test]
async fn mails_of_an_organization_that_is_purged_go_with_it() {
    let (world, server) = world(1).await;
    let path = world.invite("ada@example.org", "member").await;
    assert_eq!(progress(&world, &path).await.0, json!("pending"));
    delete(&world).await;
    world.site.clock.advance(DAY);
    tried(&world).await;
    world.site.clock.advance(31 * DAY);
    world.site.app().chores().step().await.unwrap();
    let left = world.site.app().db().read(|conn| invitations::table.count().get_result::<i64>(conn));
    assert_eq!((rows(&world).await, left.await.unwrap()), ((Vec::new(), 0), 0));
    tried(&world).await;
    assert!(server.taken().is_empty());
}

#[actix_web::test]
async fn a_restore_that_meets_the_sender_loses_no_mail() {
    let (world, server) = world(0).await;
    for round in 0..10 {
        server.have(&[Trouble::Recipient(450)]);
        let path = world.invite(&format!("{round}@example.org"), "member").await;
        assert_eq!(progress(&world, &path).await.0, json!("pending"));
        delete(&world).await;
        world.site.clock.advance(HOUR);
        futures_util::future::join(tried(&world), restore(&world)).await;
        // Past the lease of a sender that met a deleted organization.
        world.site.clock.advance(HOUR);
        assert_eq!(progress(&world, &path).await, sent(), "round {round}");
        assert_eq!(server.taken().len(), round + 1);
    }
}

#[actix_web::test]
async fn what_somebody_else_has_by_now_is_not_held() {
    let (world, _server) = world(1).await;
    let path = world.invite("ada@example.org", "member").await;
    assert_eq!(progress(&world, &path).await.0, json!("pending"));
    let (before, _) = rows(&world).await;
    let (id, stale) = (before[0].invitation_id, before[0].version - 1);
    let held = world.site.app().db().write(move |conn| outbox::hold(conn, id, stale));
    assert!(!held.await.unwrap());
    assert_eq!(rows(&world).await.0, before);
}

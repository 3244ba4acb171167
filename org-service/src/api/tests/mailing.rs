//! Mails on their way through a real connection to a mail server, and when that fails.

use std::{net::SocketAddr, time::Duration};

use actix_web::http::{Method, StatusCode};
use serde_json::{Value, json};

use super::{
    people::{Inviting, handle_in},
    smtp::{MailServer, Taken, Trouble},
};
use crate::{
    delivery::{Delivery, TRIES},
    store::mails::{self, Fate},
};

const ACCEPT: &str = "/api/v1/organization/invitations/accept/";
pub(super) const FROM: (&str, &str) = ("ORG_MAIL_FROM", "Acme <no-reply@acme.example>");
const SOON: Duration = Duration::from_secs(10);
const MINUTE: Duration = Duration::from_secs(60);

async fn world(address: SocketAddr) -> Inviting {
    let url = format!("smtp://ada:pass%20word@{address}");
    Inviting::new(&[("ORG_MAIL_URL", &url), FROM]).await
}

/// What has become of an invitation's mail: `delivery` and `delivery_error`.
pub(super) async fn progress(world: &Inviting, path: &str) -> (Value, Value) {
    world.site.app().delivery().tried().await;
    let shown = world.site.member("1").get(path).await.body;
    (shown["delivery"].clone(), shown["delivery_error"].clone())
}

fn answered(code: u16) -> (Value, Value) {
    (json!("pending"), json!(format!("the mail server answered {code}")))
}

pub(super) fn sent() -> (Value, Value) {
    (json!("sent"), Value::Null)
}

/// The handle in a mail as it went over the wire.
pub(super) fn handle_of(taken: &Taken) -> String {
    let (_, body) = taken.data.split_once("\r\n\r\n").unwrap();
    handle_in(&body.replace("\r\n", "\n"))
}

#[actix_web::test]
async fn a_mail_reaches_a_mail_server() {
    let server = MailServer::start().await;
    let world = world(server.address).await;
    world.people.add("2", "ada@example.org", true);
    let path = world.invite("Ada@example.org", "member").await;
    assert_eq!(progress(&world, &path).await, sent());
    let [mail] = server.taken().try_into().unwrap();
    assert_eq!((&*mail.from, &*mail.to), ("no-reply@acme.example", &["Ada@example.org".to_owned()][..]));
    assert_eq!(mail.login.as_deref(), Some("ada"));
    for part in [
        "From: Acme <no-reply@acme.example>\r\n",
        "To: Ada@example.org\r\n",
        "Subject: Invitation to Acme\r\n",
    ] {
        assert!(mail.data.contains(part), "{}", mail.data);
    }
    let accepted = world.site.member("2").post(ACCEPT, json!({"handle": handle_of(&mail)})).await;
    assert_eq!(accepted.status, StatusCode::OK, "{}", accepted.body);
    world.site.clock.advance(MINUTE);
    world.site.app().delivery().tried().await;
    assert_eq!(server.taken().len(), 1);
}

#[actix_web::test]
async fn what_a_server_refuses_for_now_is_tried_again_with_another_handle() {
    let server = MailServer::start().await;
    server.have(&[
        Trouble::Greeting(421),
        Trouble::Sender(451),
        Trouble::Recipient(450),
        Trouble::Mail(452),
        Trouble::HangUp,
    ]);
    let world = world(server.address).await;
    world.people.add("2", "ada@example.org", true);
    let path = world.invite("ada@example.org", "member").await;
    let mut pause = SOON;
    for code in [421, 451, 450, 452] {
        assert_eq!(progress(&world, &path).await, answered(code));
        world.site.clock.advance(pause.saturating_sub(Duration::from_micros(1)));
        // Not yet: nobody asks the server again.
        assert_eq!(progress(&world, &path).await, answered(code));
        world.site.clock.advance(Duration::from_micros(1));
        pause *= 2;
    }
    let (delivery, error) = progress(&world, &path).await;
    assert_eq!((delivery, error), (json!("pending"), json!("the mail server's answer cannot be read")));
    assert!(server.taken().is_empty());
    world.site.clock.advance(pause);
    assert_eq!(progress(&world, &path).await, sent());
    let [mail] = server.taken().try_into().unwrap();
    let accepted = world.site.member("2").post(ACCEPT, json!({"handle": handle_of(&mail)})).await;
    assert_eq!(accepted.status, StatusCode::OK, "{}", accepted.body);
}

#[actix_web::test]
async fn what_a_server_refuses_for_good_is_given_up_and_can_be_asked_for_again() {
    let server = MailServer::start().await;
    server.have(&[Trouble::Recipient(550)]);
    let world = world(server.address).await;
    let path = world.invite("ada@example.org", "member").await;
    // The server's own words name the address, ours do not.
    let given_up = (json!("failed"), json!("the mail server answered 550"));
    assert_eq!(progress(&world, &path).await, given_up);
    world.site.clock.advance(24 * 60 * MINUTE);
    assert_eq!(progress(&world, &path).await, given_up);
    let again = world.site.member("1").post(&format!("{path}resend/"), json!({})).await;
    assert_eq!((again.status, &again.body["delivery"]), (StatusCode::OK, &json!("pending")));
    assert_eq!(progress(&world, &path).await, sent());
    assert_eq!(server.taken().len(), 1);
}

#[actix_web::test]
async fn mails_wait_for_a_server_that_is_away() {
    let gone = MailServer::start().await;
    let address = gone.address;
    drop(gone);
    let world = world(address).await;
    let first = world.invite("a@example.org", "member").await;
    let away = (json!("pending"), json!("the mail server cannot be reached"));
    while progress(&world, &first).await != away {
        // The listener may still be going.
        world.site.clock.advance(MINUTE);
    }
    let second = world.invite("b@example.org", "member").await;
    assert_eq!(progress(&world, &second).await, away);
    let server = MailServer::start_at(address).await;
    world.site.clock.advance(60 * MINUTE);
    assert_eq!((progress(&world, &first).await, progress(&world, &second).await), (sent(), sent()));
    let mut to: Vec<_> = server.taken().into_iter().flat_map(|mail| mail.to).collect();
    to.sort();
    assert_eq!(to, ["a@example.org", "b@example.org"]);
}

#[actix_web::test]
async fn a_wrong_password_is_not_the_addressees_fault() {
    let server = MailServer::start().await;
    let url = format!("smtp://ada:wrong@{}", server.address);
    let world = Inviting::new(&[("ORG_MAIL_URL", &url), FROM]).await;
    let path = world.invite("ada@example.org", "member").await;
    assert_eq!(progress(&world, &path).await, answered(535));
    assert!(server.taken().is_empty());
}

#[actix_web::test]
async fn after_a_day_of_failures_a_mail_is_given_up() {
    let server = MailServer::start().await;
    let tries = usize::try_from(TRIES).unwrap();
    server.have(&vec![Trouble::Greeting(421); tries]);
    let world = world(server.address).await;
    let path = world.invite("ada@example.org", "member").await;
    for _ in 1..TRIES {
        assert_eq!(progress(&world, &path).await, answered(421));
        world.site.clock.advance(120 * MINUTE);
    }
    let given_up = (json!("failed"), json!("the mail server answered 421"));
    assert_eq!(progress(&world, &path).await, given_up);
    world.site.clock.advance(120 * MINUTE);
    assert_eq!(progress(&world, &path).await, given_up);
    assert!(server.taken().is_empty());
}

#[actix_web::test]
async fn of_two_processes_one_sends() {
    let server = MailServer::start().await;
    let world = world(server.address).await;
    let app = world.site.app();
    let other = Delivery::start(app.db().clone(), world.site.clock.clone(), app.delivery().mailer().clone());
    for round in 0..10 {
        for place in 0..3 {
            world.invite(&format!("{round}.{place}@example.org"), "member").await;
            other.nudge();
        }
        futures_util::future::join(app.delivery().tried(), other.tried()).await;
    }
    let mut to: Vec<_> = server.taken().into_iter().flat_map(|mail| mail.to).collect();
    assert_eq!(to.len(), 30);
    to.sort();
    to.dedup();
    assert_eq!(to.len(), 30);
}

#[actix_web::test]
async fn a_mail_whose_sender_died_is_sent_by_another() {
    let server = MailServer::start().await;
    server.have(&[Trouble::Recipient(450)]);
    let world = world(server.address).await;
    let path = world.invite("ada@example.org", "member").await;
    assert_eq!(progress(&world, &path).await, answered(450));
    // Somebody takes it when it is due, and is heard of no more.
    let later = world.site.clock.now().after(SOON);
    let db = world.site.app().db();
    let taken = db.transaction(move |conn| {
        let mail = mails::list_due(conn, later, 1)?.remove(0);
        assert!(mails::take(conn, &mail, later.after(MINUTE))?);
        assert!(!mails::take(conn, &mail, later.after(MINUTE))?, "it is somebody's");
        Ok(mail)
    });
    let taken = taken.await.unwrap();
    world.site.clock.advance(SOON);
    assert_eq!(progress(&world, &path).await, answered(450));
    assert!(server.taken().is_empty());
    world.site.clock.advance(MINUTE);
    assert_eq!(progress(&world, &path).await, sent());
    // What the dead one says after all changes nothing.
    let (fate, at) = (Fate::GivenUp("late".to_owned()), world.site.clock.now());
    let late = db.write(move |conn| mails::settle(conn, taken.invitation_id, taken.version + 1, fate, at));
    assert!(!late.await.unwrap());
    assert_eq!(progress(&world, &path).await, sent());
}

#[actix_web::test]
async fn of_a_closed_invitation_nothing_is_mailed_any_more() {
    let server = MailServer::start().await;
    server.have(&[Trouble::Recipient(450), Trouble::Recipient(450)]);
    let world = world(server.address).await;
    let revoked = world.invite("a@example.org", "member").await;
    let expired = world.invite("b@example.org", "member").await;
    assert_eq!(progress(&world, &expired).await, answered(450));
    assert_eq!(progress(&world, &revoked).await, answered(450));
    let answer = world.site.member("1").send(Method::DELETE, &revoked, None).await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT);
    world.site.clock.advance(7 * 24 * 60 * MINUTE);
    for path in [&revoked, &expired] {
        assert_eq!(progress(&world, path).await, (Value::Null, Value::Null));
    }
    assert!(server.taken().is_empty());
}

//! Mails through TLS: from the first byte or after STARTTLS, and never in the clear where TLS is demanded.

use actix_web::http::StatusCode;
use serde_json::json;

use super::{
    mailing::{FROM, handle_of, progress, sent},
    people::Inviting,
    smtp::{Authority, MailServer, Tls, Trouble},
};

const ACCEPT: &str = "/api/v1/organization/invitations/accept/";
const UNSAFE: &str = "there is no safe connection to the mail server";
const NOT_OFFERED: &str = "the mail server does not offer what is needed";

/// The two ways to demand TLS of a server on this machine, whose name is `localhost`.
fn smtps(server: &MailServer) -> String {
    format!("smtps://ada:pass%20word@localhost:{}", server.address.port())
}

fn starttls(server: &MailServer) -> String {
    format!("smtp://ada:pass%20word@localhost:{}?tls=required", server.address.port())
}

/// A site that sends its mails there, and trusts this authority or the system's.
async fn world(url: &str, ca: Option<&str>) -> Inviting {
    let mut settings = vec![("ORG_MAIL_URL", url), FROM];
    settings.extend(ca.map(|ca| ("ORG_MAIL_CA", ca)));
    Inviting::new(&settings).await
}

/// Nothing of a mail or a password reaches this server, and the inviter is told why.
async fn assert_unsent(server: &MailServer, url: &str, ca: Option<&str>, why: &str) {
    let world = world(url, ca).await;
    let path = world.invite("ada@example.org", "member").await;
    assert_eq!(progress(&world, &path).await, (json!("pending"), json!(why)), "{url}");
    assert!(server.heard_nothing(), "{url}");
}

#[actix_web::test]
async fn a_mail_goes_through_tls_where_the_authority_is_trusted() {
    let authority = Authority::new();
    let (at_once, asked) = (authority.vouch_for("localhost"), authority.vouch_for("localhost"));
    let at_once = MailServer::start_with(Tls::AtOnce(at_once)).await;
    let asked = MailServer::start_with(Tls::Asked(asked)).await;
    for (server, url) in [(&at_once, smtps(&at_once)), (&asked, starttls(&asked))] {
        let world = world(&url, Some(&authority.pem())).await;
        world.people.add("2", "ada@example.org", true);
        let path = world.invite("ada@example.org", "member").await;
        assert_eq!(progress(&world, &path).await, sent(), "{url}");
        let [mail] = server.taken().try_into().unwrap();
        assert!(mail.encrypted && mail.login.as_deref() == Some("ada"), "{url}");
        let accepted = world.site.member("2").post(ACCEPT, json!({"handle": handle_of(&mail)})).await;
        assert_eq!(accepted.status, StatusCode::OK, "{}", accepted.body);
    }
}

#[actix_web::test]
async fn of_several_authorities_any_vouches() {
    let (old, new) = (Authority::new(), Authority::new());
    let server = MailServer::start_with(Tls::AtOnce(new.vouch_for("localhost"))).await;
    let both = format!("{}{}", old.pem(), new.pem());
    let world = world(&smtps(&server), Some(&both)).await;
    let path = world.invite("ada@example.org", "member").await;
    assert_eq!(progress(&world, &path).await, sent());
}

#[actix_web::test]
async fn a_server_that_nobody_trusted_vouches_for_gets_nothing() {
    let (ours, other) = (Authority::new(), Authority::new());
    let trusted = ours.pem();
    // Of another authority, and of another name.
    for (acceptor, ca) in [
        (other.vouch_for("localhost"), None),
        (other.vouch_for("localhost"), Some(&*trusted)),
        (ours.vouch_for("mail.example"), Some(&*trusted)),
    ] {
        let server = MailServer::start_with(Tls::AtOnce(acceptor.clone())).await;
        assert_unsent(&server, &smtps(&server), ca, UNSAFE).await;
        let server = MailServer::start_with(Tls::Asked(acceptor)).await;
        assert_unsent(&server, &starttls(&server), ca, UNSAFE).await;
    }
}

#[actix_web::test]
async fn where_there_is_no_tls_nothing_goes_in_the_clear() {
    let pem = Authority::new().pem();
    let server = MailServer::start().await;
    for ca in [None, Some(&*pem)] {
        // As if somebody on the way had taken the offer out.
        assert_unsent(&server, &starttls(&server), ca, NOT_OFFERED).await;
        assert_unsent(&server, &smtps(&server), ca, UNSAFE).await;
    }
}

#[actix_web::test]
async fn what_is_offered_and_then_refused_is_not_done_without() {
    let authority = Authority::new();
    let server = MailServer::start_with(Tls::Asked(authority.vouch_for("localhost"))).await;
    server.have(&[Trouble::StartTls(454)]);
    assert_unsent(&server, &starttls(&server), Some(&authority.pem()), "the mail server answered 454").await;
    // A refusal is no reason to speak TLS from the first byte either, where it begins later.
    assert_unsent(&server, &smtps(&server), Some(&authority.pem()), UNSAFE).await;
}

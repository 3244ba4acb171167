use shared::config::Variables;

use super::Config;

fn read(pairs: &[(&str, &str)]) -> Result<Config, String> {
    let given = [("ORG_DATABASE_URL", "sqlite:///tmp/org.db")].iter().chain(pairs);
    let given = given.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Config::read(&Variables::from_pairs(given)).map_err(|error| error.to_string())
}

#[test]
fn what_cannot_be_used_is_told_with_its_variable() {
    for (name, bad) in [
        ("ORG_DATABASE_URL", "mysql://localhost/org"),
        ("ORG_LISTEN", "8002"),
        ("ORG_VISIBILITY", "some"),
        ("ORG_USER_STATE", "maybe"),
        ("ORG_AUTH_URL", "auth:9001"),
        ("ORG_PAGE_SIZE", "0"),
        ("ORG_MAX_PAGE_SIZE", "4"),
        ("ORG_PAGE_SIE", "5"),
        ("ORG_INVITATION_LIFETIME", "0"),
        ("ORG_INVITATION_LIFETIME", "soon"),
        ("ORG_INVITATION_ADDRESS", "some"),
        ("ORG_INVITATION_URL", "https://app.example.org/"),
        ("ORG_MAX_INVITATIONS", "-1"),
        ("ORG_MAIL_URL", "mail.example"),
        ("ORG_MAIL_URL", "smtp://ada:pass@mail.example"),
        ("ORG_MAIL_CA", "/etc/ssl/ca.pem"),
        ("ORG_MAIL_FROM", "Acme"),
        ("ORG_MAIL_FROM", "acme@example.org\r\nBcc: eve@example.org"),
        ("ORG_AUDIT_KEY", "short"),
        ("ORG_RESTORE_WINDOW", "soon"),
        ("REVOCATION", "on"),
        ("SERVICE_SECRET", "short"),
        ("TRUSTED_PROXIES", "gateway"),
    ] {
        let error = read(&[(name, bad)]).unwrap_err();
        assert!(error.starts_with(&format!("{name}: ")) && error.lines().count() == 1, "{error}");
    }
}

#[test]
fn there_is_no_service_without_a_database() {
    let error = Config::read(&Variables::default()).unwrap_err();
    assert_eq!(error.to_string(), "ORG_DATABASE_URL: must be set");
}

#[test]
fn a_service_alone_needs_somebody_who_gives_keys_and_revocations() {
    let secret = "s".repeat(32);
    let issuer = |pairs: &[(&str, &str)]| read(pairs).unwrap().http_issuer().map_err(|e| e.to_string());
    let (url, secret) = (("ORG_AUTH_URL", "http://auth:9001"), ("SERVICE_SECRET", secret.as_str()));
    assert!(issuer(&[]).unwrap_err().starts_with("ORG_AUTH_URL: must be set"));
    assert!(issuer(&[url]).unwrap_err().starts_with("SERVICE_SECRET: must be set"));
    assert!(issuer(&[url, secret]).is_ok());
    let off = ("REVOCATION", "off");
    assert!(issuer(&[url, off]).is_ok());
    let fixed = [("AUTH_ALGORITHM", "HS256"), ("AUTH_SIGNING_KEY", secret.1)];
    assert!(issuer(&fixed).unwrap_err().starts_with("ORG_AUTH_URL"));
    assert!(issuer(&[fixed[0], fixed[1], off]).is_ok());
    let asks = ("ORG_USER_STATE", "ask");
    assert!(issuer(&[fixed[0], fixed[1], off, asks]).unwrap_err().starts_with("ORG_AUTH_URL"));
    assert!(issuer(&[url, off, asks]).unwrap_err().starts_with("SERVICE_SECRET"));
}

#[test]
fn a_mail_server_is_told_who_sends() {
    let server = ("ORG_MAIL_URL", "smtps://ada:s3cret@mail.example");
    assert!(read(&[server]).unwrap_err().starts_with("ORG_MAIL_FROM: must be set"));
    assert!(read(&[server, ("ORG_MAIL_FROM", "Acme <no-reply@example.org>")]).is_ok());
    let refused = read(&[("ORG_MAIL_URL", "smtp://ada:s3cret@mail.example")]).unwrap_err();
    assert!(!refused.contains("s3cret"), "{refused}");
}

#[test]
fn an_authority_for_mail_is_told_where_nobody_asks_for_one() {
    let from = ("ORG_MAIL_FROM", "no-reply@example.org");
    let pem = rcgen::generate_simple_self_signed(["mail.example".to_owned()]).unwrap().cert.pem();
    let ca = ("ORG_MAIL_CA", pem.as_str());
    for (url, is_fine) in [
        ("smtps://mail.example", true),
        ("smtp://mail.example?tls=required", true),
        ("smtp://mail.example?tls=none", false),
        ("smtp://mail.example", false),
        ("log:", false),
    ] {
        let config = read(&[("ORG_MAIL_URL", url), from, ca]);
        assert_eq!(
            config.as_ref().err().map(|error| error.starts_with("ORG_MAIL_CA: contradicts")),
            (!is_fine).then_some(true),
            "{url}"
        );
        if let Ok(config) = config {
            let listed = serde_json::to_string(&config.listings().iter().map(|l| &l.0).collect::<Vec<_>>());
            assert!(listed.unwrap().contains("1 certificate"));
        }
    }
}

#[test]
fn secrets_are_not_listed() {
    let secret = "s3cret".repeat(8);
    let config = read(&[
        ("ORG_DATABASE_URL", "postgres://org:s3cret@localhost/org"),
        ("SERVICE_SECRET", &secret),
        // 32 bytes, in which the word appears.
        ("ORG_AUDIT_KEY", "s3crets3crets3crets3crets3crets3crets3cret0="),
        ("AUTH_SIGNING_KEY", &secret),
        ("ORG_MAIL_URL", "smtps://ada:s3cret@mail.example"),
        ("ORG_MAIL_FROM", "no-reply@example.org"),
        ("AUTH_ALGORITHM", "HS256"),
    ]);
    let shown = serde_json::to_string(&config.unwrap().listings().iter().map(|l| &l.0).collect::<Vec<_>>());
    let shown = shown.unwrap();
    assert!(!shown.contains("s3cret") && shown.contains("postgres://org:***@localhost/org"), "{shown}");
}

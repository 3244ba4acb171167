//! Keys come from the issuer alone: nothing in a token says which to trust, or where to get one.

use std::{
    io::ErrorKind,
    net::{TcpListener, TcpStream},
};

use auth_service::keyring::Purpose;
use jsonwebtoken::Algorithm;
use serde_json::{Value, json};

use crate::{
    forge::{FOREIGN, Forged, GENUINE, Key, MARK, Parts},
    world::{ACCESS, BEARER, Door, World},
};

#[tokio::test]
async fn a_foreign_key_under_the_right_kid_is_refused() -> anyhow::Result<()> {
    let forge = |token: &str| -> anyhow::Result<Vec<Forged>> {
        let foreign = Key::ed25519(FOREIGN)?;
        let parts = Parts::of(token)?;
        let alg = |parts: Parts| parts.header("alg", "EdDSA");
        Ok(vec![
            ("alg and kid kept".into(), parts.signed_by(&foreign)?),
            ("its own alg".into(), alg(parts.clone()).signed_by(&foreign)?),
            ("no kid".into(), alg(parts.without_header("kid")).signed_by(&foreign)?),
        ])
    };
    World::managed().await?.refuse_made_of_pair(forge).await?;
    World::with_known_key().await?.refuse_made_of_pair(forge).await
}

/// An attacker's web server that only notes whether anybody came: a connection waits in its queue.
struct Trap(TcpListener);

impl Trap {
    fn set() -> anyhow::Result<(Self, String)> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        listener.set_nonblocking(true)?;
        let url = format!("http://{}/{MARK}/jwks.json", listener.local_addr()?);
        Ok((Self(listener), url))
    }

    fn nobody_came(&self) {
        let came = self.0.accept().map(|(_, from)| from);
        assert!(matches!(&came, Err(e) if e.kind() == ErrorKind::WouldBlock), "{came:?} came");
    }

    fn catches_whoever_comes(&self) -> anyhow::Result<()> {
        let _caller = TcpStream::connect(self.0.local_addr()?)?;
        assert!(self.0.accept().is_ok(), "the trap does not work");
        Ok(())
    }
}

/// The public half of [`FOREIGN`], under the attacker's own id.
fn foreign_jwk() -> anyhow::Result<Value> {
    let key = shared::keys::SigningKey::from_pem(shared::keys::Alg::EDDSA, FOREIGN.as_bytes())?;
    Ok(serde_json::to_value(key.public())?)
}

fn key_headers(url: &str) -> anyhow::Result<Vec<(&'static str, Value)>> {
    let jwk = foreign_jwk()?;
    let certificate = json!(["MIIBFDCBx6ADAgECAgEBMAUGAytlcDAPMQ0wCwYDVQQDDARldmls"]);
    Ok(vec![("jwk", jwk), ("jku", json!(url)), ("x5u", json!(url)), ("x5c", certificate)])
}

/// The token under a foreign key that its own header brings or points to.
fn bringing(token: &str, url: &str, their_kid: &Value) -> anyhow::Result<Vec<Forged>> {
    let foreign = Key::ed25519(FOREIGN)?;
    let parts = Parts::of(token)?.header("alg", "EdDSA").claim("is_superuser", true);
    let (mut forged, mut all) = (Vec::new(), parts.clone());
    for (name, value) in key_headers(url)? {
        all = all.header(name, value.clone());
        let right = parts.clone().header(name, value);
        let theirs = right.clone().header("kid", their_kid.clone());
        let none = right.clone().without_header("kid");
        for (kid, parts) in [("the right", right), ("their", theirs), ("no", none)] {
            forged.push((format!("{name} with {kid} kid"), parts.signed_by(&foreign)?));
        }
    }
    forged.push(("all of them".into(), all.signed_by(&foreign)?));
    forged.push(("their address as kid".into(), all.header("kid", url).signed_by(&foreign)?));
    Ok(forged)
}

#[tokio::test]
async fn a_key_that_the_token_brings_or_points_to_is_never_used() -> anyhow::Result<()> {
    let (trap, url) = Trap::set()?;
    let their_kid = foreign_jwk()?["kid"].clone();
    for world in [World::managed().await?, World::with_known_key().await?] {
        world.refuse_made_of_pair(|token| bringing(token, &url, &their_kid)).await?;
    }
    trap.nobody_came();
    trap.catches_whoever_comes()
}

#[tokio::test]
async fn a_good_token_may_name_other_keys_and_nobody_looks() -> anyhow::Result<()> {
    let (trap, url) = Trap::set()?;
    let world = World::with_known_key().await?;
    let genuine = Key::ed25519(GENUINE)?;
    for (name, value) in key_headers(&url)? {
        let token = Parts::of(world.access())?.header(name, value).signed_by(&genuine)?;
        world.accept(&ACCESS, &token).await?;
    }
    trap.nobody_came();
    Ok(())
}

/// Ids that something might be looked up with.
fn odd_kids(kid: &str) -> Vec<Value> {
    let mut kids =
        vec![json!(""), json!(" "), json!("a".repeat(8000)), json!(kid.to_ascii_uppercase() + "A")];
    kids.extend(
        ["../../../../../../dev/null", "/dev/null", "file:///etc/passwd", "' OR '1'='1"].map(Value::from),
    );
    kids.extend(
        ["x' UNION SELECT 'secret' --", "\0", "${jndi:ldap://127.0.0.1/}", "\u{202e}\u{feff}"]
            .map(Value::from),
    );
    kids.extend(
        [format!("{kid}\0"), format!("{kid} "), format!("{MARK}|id"), format!("./{kid}")].map(Value::from),
    );
    kids
}

fn untyped_kids(kid: &str) -> [Value; 7] {
    [json!(0), json!(1.5), json!(true), json!(null), json!([kid]), json!({"kid": kid}), json!(-1)]
}

/// The token with another kid, under the signature it had and under what a look-up of the kid might
/// give for a secret: an empty file, a row that is not there.
fn misnamed(token: &str) -> anyhow::Result<Vec<Forged>> {
    let parts = Parts::of(token)?;
    let kid = parts.header.get("kid").and_then(Value::as_str).unwrap_or_default();
    let mut forged = Vec::new();
    for odd in odd_kids(kid).into_iter().chain(untyped_kids(kid)) {
        let label = format!("kid {:.40}", odd.to_string());
        let parts = parts.clone().header("kid", odd);
        forged.push((format!("{label}, signature kept"), parts.with_signature(&parts.signature)));
        let parts = parts.header("alg", "HS256");
        for secret in ["", "secret", "null"] {
            let key = Key::hmac(Algorithm::HS256, secret.as_bytes());
            forged.push((format!("{label}, MAC with {secret:?}"), parts.signed_by(&key)?));
        }
    }
    Ok(forged)
}

#[tokio::test]
async fn a_kid_that_means_something_elsewhere_finds_no_key() -> anyhow::Result<()> {
    World::managed().await?.refuse_made_of_pair(misnamed).await
}

#[tokio::test]
async fn a_good_signature_does_not_excuse_an_unknown_kid() -> anyhow::Result<()> {
    let world = World::with_known_key().await?;
    let genuine = Key::ed25519(GENUINE)?;
    let parts = Parts::of(world.access())?;
    let kid = parts.header["kid"].as_str().unwrap_or_default().to_owned();
    let forge = |kids: &[Value]| -> anyhow::Result<Vec<Forged>> {
        let sign = |odd: &Value| {
            Ok((format!("{odd:.40}"), parts.clone().header("kid", odd.clone()).signed_by(&genuine)?))
        };
        kids.iter().map(sign).collect()
    };
    world.accept(&ACCESS, &parts.signed_by(&genuine)?).await?;
    world.refuse(&ACCESS, &forge(&untyped_kids(&kid))?).await?;
    // A key from the settings is the only one there is, and its service does not ask for the id;
    // the example has a set of keys, and does.
    world.refuse(&[Door::Example], &forge(&odd_kids(&kid))?).await
}

#[tokio::test]
async fn the_key_of_one_purpose_does_not_sign_for_the_other() -> anyhow::Result<()> {
    let world = World::managed().await?;
    let keyring = world.server.stack.auth.keyring();
    let (access, refresh) = (Parts::of(world.access())?, Parts::of(world.refresh())?);
    let signed =
        |parts: &Parts, purpose| Ok::<_, anyhow::Error>(keyring.signer(purpose, None)?.sign(&parts.claims)?);
    world.accept(&ACCESS, &signed(&access, Purpose::Signing)?).await?;
    world.accept(&[Door::Refresh], &signed(&refresh, Purpose::Refresh)?).await?;

    let kid = |parts: &Parts| parts.header["kid"].clone();
    let forged = [
        ("access claims under the refresh key".to_owned(), signed(&access, Purpose::Refresh)?),
        (
            "kid of the refresh key".to_owned(),
            access.clone().header("kid", kid(&refresh)).with_signature(&access.signature),
        ),
    ];
    world.refuse(&BEARER, &forged).await?;
    let forged = [
        ("refresh claims under the signing key".to_owned(), signed(&refresh, Purpose::Signing)?),
        (
            "kid of the signing key".to_owned(),
            refresh.clone().header("kid", kid(&access)).with_signature(&refresh.signature),
        ),
    ];
    world.refuse(&[Door::Refresh], &forged).await
}

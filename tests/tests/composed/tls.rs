//! A certificate in the gateway's folder makes its port speak TLS.

use std::{fs, os::unix::fs::PermissionsExt};

use anyhow::ensure;
use e2e::PASSWORD;
use serde_json::json;

use crate::{Composed, ORGANIZATIONS, system::PATIENCE};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a Docker engine"]
async fn with_a_certificate_the_port_speaks_tls_and_the_services_know() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755))?;
    let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()])?;
    let pem = format!("{}{}", made.cert.pem(), made.signing_key.serialize_pem());
    let file = folder.path().join("gateway.pem");
    fs::write(&file, pem)?;
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644))?;

    let folder = folder.path().to_string_lossy();
    let composed = Composed::new(&[("GATEWAY_CERTIFICATES", &folder)]).await?;
    composed.compose(&["up", "-d"]).await?;
    let base = composed.base.replace("http://", "https://");
    let root = reqwest::Certificate::from_der(made.cert.der())?;
    let client = reqwest::Client::builder().no_proxy().tls_certs_only([root]).build()?;
    let organizations = format!("{base}{ORGANIZATIONS}");
    let answers =
        async || Ok(client.get(&organizations).send().await.is_ok_and(|it| it.status().as_u16() == 401));
    e2e::until("the gateway speaks TLS", PATIENCE, answers).await?;
    ensure!(reqwest::get(&organizations).await.is_err(), "a certificate that nobody vouches for is believed");

    // Cookies that only travel encrypted are set on the word of the gateway alone.
    composed.user("ada").await?;
    let session = format!("{base}/api/v1/user/session/");
    let form = client.get(&session).send().await?;
    let cookie = form.headers()["set-cookie"].to_str()?.split(';').next().unwrap_or_default().to_owned();
    let Some((name, csrf)) = cookie.split_once('=') else { anyhow::bail!("no cookie: {cookie}") };
    ensure!(name == "__Host-csrf", "{name}");
    let login = client.post(&session).json(&json!({"username": "ada", "password": PASSWORD}));
    let login = login.header("Cookie", &cookie).header("X-CSRFToken", csrf).header("Origin", &base);
    let answer = login.send().await?;
    let set: Vec<_> =
        answer.headers().get_all("set-cookie").iter().filter_map(|value| value.to_str().ok()).collect();
    ensure!(answer.status().as_u16() == 200, "{answer:?}");
    ensure!(
        set.iter().any(|cookie| cookie.starts_with("__Host-access=") && cookie.contains("Secure")),
        "{set:?}"
    );
    Ok(())
}

/// Plain HTTP in its place would carry passwords.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a Docker engine"]
async fn without_the_certificate_that_it_was_promised_the_gateway_does_not_start() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    for (mode, complaint) in
        [(0o755, "holds no .pem file"), (0o700, "cannot read the folder of certificates")]
    {
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(mode))?;
        let place = folder.path().to_string_lossy();
        let composed = Composed::new(&[("GATEWAY_CERTIFICATES", &place)]).await?;
        let said = composed.say(&["run", "--rm", "--no-deps", "-T", "gateway"], "").await?;
        ensure!(said.code == Some(1) && said.err.contains(complaint), "{said:?}");
    }
    Ok(())
}

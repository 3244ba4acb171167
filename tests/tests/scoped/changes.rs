//! Who may tell the auth service of changes, and in which form.

use serde_json::{Value, json};
use shared::{
    Secret,
    issuer::{Change, Issuer},
    revocation::wire::PATH,
};

use crate::world::{ACME, World, reader};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_without_the_secret_is_listened_to() -> anyhow::Result<()> {
    let world = World::start(&[]).await?;
    let ada = world.login().await?;
    let token = world.switch(&ada, "acme").await?;
    let body = json!({"entries": [Change::organization(ACME, 99)]});
    for secret in ["", "wrong: a secret of thirty-two bytes or more"] {
        let answer = world.internal(PATH, secret, &body).await?;
        assert_eq!(answer.status, 403, "{answer:?}");
    }
    let public = ada.post(PATH, &body).await?;
    assert_eq!(public.status, 404, "the public port has no such path: {public:?}");
    // What comes after it in the feed has arrived: so would it have.
    world.tell(&[Change::member(ACME, "marker", 1)]).await?;
    assert_eq!(world.status(&token).await?, 200);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_entry_that_cannot_have_been_meant_spoils_the_whole_call() -> anyhow::Result<()> {
    let world = World::start(&[]).await?;
    let ada = world.login().await?;
    let token = world.switch(&ada, "acme").await?;
    let good = json!(Change::organization(ACME, 99));
    let with = |changes: Value| {
        let mut entry = json!({"kind": "member", "key": format!("{ACME}/7"), "min_version": 7});
        entry
            .as_object_mut()
            .into_iter()
            .for_each(|entry| entry.extend(changes.as_object().cloned().unwrap_or_default()));
        json!({"entries": [good, entry]})
    };
    let many = vec![good.clone(); 1001];
    for body in [
        with(json!({"kind": "session"})),
        with(json!({"kind": "all"})),
        with(json!({"kind": "tenant"})),
        with(json!({"kind": null})),
        with(json!({"key": ACME})),
        with(json!({"key": "acme/7"})),
        with(json!({"key": format!("{ACME}/")})),
        with(json!({"key": format!("{ACME}/a\0b")})),
        with(json!({"key": 7})),
        with(json!({"kind": "organization"})),
        with(json!({"kind": "role", "key": format!("{ACME}/a b")})),
        with(json!({"min_version": 0})),
        with(json!({"min_version": -1})),
        with(json!({"min_version": "7"})),
        with(json!({"min_version": 1.5})),
        with(json!({"permissions": ["a:read"]})),
        with(json!({"kind": "role", "key": format!("{ACME}/r"), "permissions": [""]})),
        with(json!({"kind": "role", "key": format!("{ACME}/r"), "permissions": "a:read"})),
        with(json!({"expires_at": 1})),
        json!({"entries": many}),
        json!({"entries": good}),
        json!({}),
        json!([good]),
        json!(null),
    ] {
        let answer = world.internal(PATH, world.cluster.secret(), &body).await?;
        assert_eq!(answer.status, 400, "{body}: {answer:?}");
    }
    world.tell(&[]).await?;
    world.tell(&[Change::member(ACME, "marker", 1)]).await?;
    assert_eq!(world.status(&token).await?, 200, "none of it was done");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_tells_of_any_number_of_changes() -> anyhow::Result<()> {
    let world = World::start(&[]).await?;
    let ada = world.login().await?;
    let token = world.switch(&ada, "acme").await?;
    let issuer = |secret: &str| {
        Issuer::http(world.auth.management.parse()?, Some(Secret::new(secret.to_owned())))
            .map_err(anyhow::Error::from)
    };
    let mut changes: Vec<Change> = (0..2500).map(|n| Change::member(ACME, &n.to_string(), 9)).collect();
    changes.push(Change::member(ACME, &world.ada, 6));
    let refused = issuer("wrong: a secret of thirty-two bytes or more")?.revoke(changes.clone()).await;
    assert!(refused.is_err_and(|error| error.to_string().contains("403")));
    issuer(world.cluster.secret())?.revoke(changes).await?;
    world.becomes(&token, 401).await?;
    world.admit(&["acme"], &reader(ACME, 6));
    assert_eq!(world.status(&world.switch(&ada, "acme").await?).await?, 200);
    Ok(())
}

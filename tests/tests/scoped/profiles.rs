//! Users as services may see them, in batches.

use e2e::{Actor, PASSWORD, new_user};
use serde_json::json;
use shared::{
    Clock, Secret,
    issuer::{Issuer, PROFILES_PATH},
};

use crate::world::World;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn users_are_told_of_in_a_batch_and_whom_nobody_knows_is_left_out() -> anyhow::Result<()> {
    let world = World::start(&[]).await?;
    let body = json!({"user_ids": ["nobody", world.ada, "", "a\0b"]});
    let answer = world
        .internal(PROFILES_PATH, world.cluster.secret(), &json!({"user_ids": ["nobody", world.ada, ""]}))
        .await?;
    assert_eq!(answer.status, 200, "{answer:?}");
    let ada = json!({"user_id": world.ada, "username": "ada", "email": "ada@example.org",
        "email_verified": true, "first_name": "", "last_name": "", "is_active": true});
    assert_eq!(answer.json, json!({"users": [ada]}));
    let odd = world.internal(PROFILES_PATH, world.cluster.secret(), &body).await?;
    assert_eq!(odd.json, json!({"users": [ada]}), "{odd:?}");
    for (body, status) in [
        (json!({"user_ids": []}), 200),
        (json!({"user_ids": vec!["x"; 100]}), 200),
        (json!({"user_ids": vec!["x"; 101]}), 400),
        (json!({"user_ids": [7]}), 400),
        (json!({"user_ids": null}), 400),
        (json!({}), 400),
    ] {
        let answer = world.internal(PROFILES_PATH, world.cluster.secret(), &body).await?;
        assert_eq!(answer.status, status, "{body}: {answer:?}");
    }
    for secret in ["", "wrong: a secret of thirty-two bytes or more"] {
        assert_eq!(world.internal(PROFILES_PATH, secret, &body).await?.status, 403);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn any_number_of_users_is_asked_for_in_as_many_calls_as_needed() -> anyhow::Result<()> {
    let world = World::start(&[]).await?;
    let mut ids = Vec::new();
    for n in 0..230 {
        let user = new_user(&format!("user-{n}"), false, Clock::System.now())?;
        ids.push(user.subject.clone());
        world.cluster.auth_db.db.write(move |conn| auth_service::store::users::insert(conn, &user)).await?;
    }
    let secret = Some(Secret::new(world.cluster.secret().to_owned()));
    let issuer = Issuer::http(world.auth.management.parse()?, secret)?;
    let mut found: Vec<String> =
        issuer.profiles(ids.clone()).await?.into_iter().map(|profile| profile.user_id).collect();
    found.sort();
    ids.sort();
    assert_eq!(found, ids);
    let without = Issuer::http(world.auth.management.parse()?, None)?;
    assert!(without.profiles(ids).await.is_err());
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operators_word_verifies_an_address_until_its_user_changes_it() -> anyhow::Result<()> {
    let world = World::start(&[]).await?;
    let create = async |name: &str, more: &[&str]| {
        let email = format!("{name}@example.org");
        let own = ["user", "create", "--username", name, "--email", &email, "--password-stdin"];
        world.cluster.command(&[&own, more].concat(), PASSWORD).await
    };
    create("eve", &[]).await?;
    create("mallory", &["--email-unverified"]).await?;
    let verified = async |actor: &Actor| {
        let me = actor.get("/api/v1/user/me/").await?;
        let body = json!({"user_ids": [me.json["id"]]});
        let answer = world.internal(PROFILES_PATH, world.cluster.secret(), &body).await?;
        anyhow::Ok(answer.json["users"][0]["email_verified"] == true)
    };
    let (eve, mallory) =
        (world.cluster.login(&world.auth, "eve").await?, world.cluster.login(&world.auth, "mallory").await?);
    assert!(verified(&eve).await? && !verified(&mallory).await?);
    for (change, stays) in [
        (json!({"first_name": "Eve"}), true),
        (json!({"email": "eve@example.org"}), true),
        (json!({"email": "Eve@example.org"}), false),
        (json!({"email": "eve@example.org"}), false),
    ] {
        assert_eq!(eve.patch("/api/v1/user/me/", &change).await?.status, 200);
        assert_eq!(verified(&eve).await?, stays, "{change}");
    }
    Ok(())
}

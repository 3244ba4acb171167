//! What operators do to users with the service's own command line, and what clients notice of it.

use e2e::{Actor, PASSWORD, Person, Site};
use serde_json::json;

use crate::{BOTH, TOKEN, VERIFY, accepted, refresh, refused};

const INACTIVE: &str = "No active account found for the given token.";

/// A user with two sessions.
async fn twice(site: &Site) -> anyhow::Result<(Person, [Actor; 2])> {
    let person = site.user().await?;
    let both = [site.login(&person).await?, site.login(&person).await?];
    for actor in &both {
        accepted(actor).await?;
    }
    Ok((person, both))
}

/// Demands that nothing of these sessions works any more, in these words.
async fn ended(sessions: &[Actor], words: &str) -> anyhow::Result<()> {
    for actor in sessions {
        actor.refused_soon(&BOTH).await?;
        refused(&refresh(actor).await?, words);
        let verified = actor.post(VERIFY, &json!({"token": actor.access})).await?;
        assert_eq!(verified.status, 401, "{verified:?}");
    }
    Ok(())
}

#[tokio::test]
async fn a_changed_password_ends_every_session() -> anyhow::Result<()> {
    let site = Site::open().await?;
    let (mut person, sessions) = twice(&site).await?;
    let before = person.clone();
    site.change_password(&mut person).await?;
    ended(&sessions, "Token is blacklisted").await?;
    refused(&site.try_login(&before).await?, "No active account found with the given credentials");
    accepted(&site.login(&person).await?).await
}

#[tokio::test]
async fn a_deactivated_user_is_refused_everywhere_until_activated_and_logged_in_anew() -> anyhow::Result<()> {
    let site = Site::open().await?;
    let (person, sessions) = twice(&site).await?;
    site.set_active(&person, false).await?;
    ended(&sessions, INACTIVE).await?;
    refused(&site.try_login(&person).await?, "No active account found with the given credentials");
    site.set_active(&person, true).await?;
    ended(&sessions, INACTIVE).await?;
    accepted(&site.login(&person).await?).await
}

#[tokio::test]
async fn a_deleted_user_is_refused_everywhere() -> anyhow::Result<()> {
    let site = Site::open().await?;
    let (person, sessions) = twice(&site).await?;
    let bystander = site.member().await?;
    site.delete(&person).await?;
    ended(&sessions, INACTIVE).await?;
    refused(&site.try_login(&person).await?, "No active account found with the given credentials");
    accepted(&bystander).await
}

#[tokio::test]
async fn a_refused_login_does_not_say_why() -> anyhow::Result<()> {
    let site = Site::open().await?;
    let (ada, ivan) = (site.user().await?, site.user().await?);
    site.set_active(&ivan, false).await?;
    let mut answers = Vec::new();
    for (name, password) in
        [(&*ada.name, "wrong"), ("e2e-nobody", PASSWORD), (&*ivan.name, PASSWORD), (&*ivan.name, "wrong")]
    {
        let answer = site.anonymous().post(TOKEN, &json!({"username": name, "password": password})).await?;
        refused(&answer, "No active account found with the given credentials");
        answers.push(answer.text);
    }
    answers.dedup();
    assert_eq!(answers, [r#"{"detail":"No active account found with the given credentials"}"#]);
    Ok(())
}

#[tokio::test]
async fn removing_what_has_expired_leaves_live_sessions_alone() -> anyhow::Result<()> {
    let site = Site::open().await?;
    let ada = site.member().await?;
    site.flush_expired().await?;
    accepted(&ada).await?;
    assert_eq!(refresh(&ada).await?.status, 200);
    Ok(())
}

//! Who is refused, and in which words.

use e2e::PASSWORD;
use reqwest::Method;

use crate::world::{ORGANIZATIONS, WRONG, World, clock, refused};

#[tokio::test]
async fn a_wrong_password_is_asked_about_each_time() -> anyhow::Result<()> {
    let world = World::start(&clock()).await?;
    for exchanges in 1..=3 {
        refused(&world.list("ada", "wrong").await?, WRONG);
        assert_eq!(world.proxy.asked(), exchanges);
    }
    assert_eq!(world.list("ada", PASSWORD).await?.status, 200);
    assert_eq!(world.proxy.asked(), 4);
    Ok(())
}

#[tokio::test]
async fn a_held_token_opens_to_its_own_credentials_alone() -> anyhow::Result<()> {
    let world = World::start(&clock()).await?;
    world.server.user("eve").await?;
    assert_eq!(world.list("ada", PASSWORD).await?.status, 200);
    let near =
        [("ada", "correct-pa55word"), ("ada", ""), ("eve", "guess"), ("Ada", PASSWORD), ("", PASSWORD)];
    for (name, password) in near {
        refused(&world.list(name, password).await?, WRONG);
    }
    assert_eq!(world.proxy.asked(), 1 + near.len());
    Ok(())
}

#[tokio::test]
async fn an_unknown_and_an_inactive_user_are_refused_alike() -> anyhow::Result<()> {
    let clock = clock();
    let world = World::start(&clock).await?;
    world.server.stack.auth.accounts().set_active("ada", false).await?;
    let (unknown, inactive) = (world.list("nobody", PASSWORD).await?, world.list("ada", PASSWORD).await?);
    refused(&unknown, WRONG);
    assert_eq!((unknown.status, unknown.text), (inactive.status, inactive.text));
    Ok(())
}

#[tokio::test]
async fn an_inactive_user_who_may_log_in_is_told_so_only_with_the_right_password() -> anyhow::Result<()> {
    let clock = clock();
    let settings = [
        ("AUTH_CHECK_USER_IS_ACTIVE", "false"),
        ("AUTH_AUTHENTICATION_BACKENDS", "django.contrib.auth.backends.AllowAllUsersModelBackend"),
    ];
    let world = World::with(&settings, &[], [&clock, &clock]).await?;
    world.server.stack.auth.accounts().set_active("ada", false).await?;
    refused(&world.list("ada", "wrong").await?, WRONG);
    refused(&world.list("ada", PASSWORD).await?, "User inactive or deleted.");
    Ok(())
}

#[tokio::test]
async fn a_name_that_no_database_takes_is_nobodys() -> anyhow::Result<()> {
    let world = World::start(&clock()).await?;
    for (name, password) in [("ada\0", PASSWORD), ("\0", ""), ("ada", "\0"), ("\u{fffd}\u{1f600}", "x")] {
        refused(&world.list(name, password).await?, WRONG);
    }
    Ok(())
}

#[tokio::test]
async fn a_malformed_header_is_refused_without_asking_anybody() -> anyhow::Result<()> {
    let world = World::start(&clock()).await?;
    for (header, detail) in [
        ("Basic", "Invalid basic header. No credentials provided."),
        ("Basic YTpi YTpi", "Invalid basic header. Credentials string should not contain spaces."),
        ("Basic YTpiYw", "Invalid basic header. Credentials not correctly base64 encoded."),
    ] {
        let request = world.anonymous.request(Method::GET, ORGANIZATIONS).header("Authorization", header);
        refused(&world.anonymous.send(request).await?, detail);
    }
    assert_eq!(world.proxy.asked(), 0);
    Ok(())
}

#[tokio::test]
async fn where_basic_is_the_first_class_its_challenge_is_given() -> anyhow::Result<()> {
    let clock = clock();
    let classes = [("AUTHENTICATION_CLASSES", "basic,jwt")];
    let world = World::with(&[], &classes, [&clock, &clock]).await?;
    let wrong = world.list("ada", "wrong").await?;
    assert_eq!((wrong.status, wrong.header("www-authenticate")), (401, "Basic realm=\"api\""));
    assert_eq!(world.list("ada", PASSWORD).await?.status, 200);
    Ok(())
}

#[tokio::test]
async fn where_basic_is_no_class_credentials_say_nothing() -> anyhow::Result<()> {
    let clock = clock();
    let classes = [("AUTHENTICATION_CLASSES", "JWTAuthentication")];
    let world = World::with(&[], &classes, [&clock, &clock]).await?;
    refused(&world.list("ada", PASSWORD).await?, "Authentication credentials were not provided.");
    assert_eq!(world.proxy.asked(), 0);
    Ok(())
}

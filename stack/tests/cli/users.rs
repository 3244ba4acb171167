//! Users, managed beside a running server: each command with its effect on sessions.

use e2e::{Actor, Answer, PASSWORD};
use serde_json::{Value, json};

use crate::process::{Folder, Running};

async fn refresh(actor: &Actor) -> anyhow::Result<Answer> {
    actor.refresh_with(actor.refresh.as_deref().unwrap_or_default()).await
}

async fn log_in(server: &Running, name: &str, password: &str) -> anyhow::Result<u16> {
    let body = json!({"username": name, "password": password});
    Ok(server.anonymous().post("/api/v1/user/token/", &body).await?.status)
}

#[tokio::test]
async fn a_superuser_made_beside_the_server_can_log_in_at_once() -> anyhow::Result<()> {
    let folder = Folder::new()?;
    let server = folder.serve(&[])?;
    let args = ["createsuperuser", "--username", "root", "--email", "root@example.org", "--password-stdin"];
    let out = folder.run_with(&args, &[], &format!("{PASSWORD}\n"))?.ok()?;
    assert_eq!(out, "Superuser root created successfully.\n");
    let me = server.login("root").await?.get("/api/v1/user/me/").await?;
    assert_eq!(me.json["is_superuser"], true, "{}", me.text);
    assert_eq!(me.json["email"], "root@example.org");
    folder.user("alice")?;
    assert_eq!(server.login("alice").await?.get("/api/v1/user/me/").await?.json["is_superuser"], false);
    Ok(())
}

#[tokio::test]
async fn the_first_user_may_come_before_the_first_start() -> anyhow::Result<()> {
    let folder = Folder::new()?;
    let args = ["createsuperuser", "--username", "root", "--password-stdin"];
    folder.run_with(&args, &[], PASSWORD)?.ok()?;
    let server = folder.serve(&[])?;
    server.login("root").await.map(drop)
}

#[tokio::test]
async fn users_are_listed_without_their_passwords() -> anyhow::Result<()> {
    let folder = Folder::new()?;
    folder.run(&["migrate"])?.ok()?;
    assert_eq!(folder.run(&["user", "list"])?.ok()?, "");
    folder.user("alice")?;
    folder.user("bob")?;
    folder.run(&["user", "set-active", "bob", "false"])?.ok()?;
    let out = folder.run(&["user", "list"])?.ok()?;
    let lines: Vec<Vec<&str>> = out.lines().map(|line| line.split('\t').skip(1).collect()).collect();
    assert_eq!(lines, [["alice", "", "active", "user"], ["bob", "", "inactive", "user"]]);
    let json = folder.run(&["user", "list", "--json"])?.ok()?;
    let users: Vec<Value> = json.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    assert_eq!(users.len(), 2);
    assert!(
        users.iter().all(|user| user["username"].is_string() && user.get("password").is_none()),
        "{json}"
    );
    assert!(!json.contains("argon2") && !out.contains("argon2"));
    Ok(())
}

#[tokio::test]
async fn deactivating_a_user_ends_their_sessions_for_good() -> anyhow::Result<()> {
    let folder = Folder::new()?;
    let server = folder.serve(&[])?;
    folder.user("alice")?;
    let alice = server.login("alice").await?;
    let out = folder.run(&["user", "set-active", "alice", "false"])?.ok()?;
    assert_eq!(out, "User alice is inactive; every session has ended.\n");
    let answer = refresh(&alice).await?;
    assert_eq!((answer.status, answer.detail()), (401, "No active account found for the given token."));
    let refused = alice.get("/api/v1/user/me/").await?;
    // The database knows at once, the feed of the running server within milliseconds: either may speak.
    assert!(["user_inactive", "token_not_valid"].contains(&refused.code()), "{refused:?}");
    assert_eq!(log_in(&server, "alice", PASSWORD).await?, 401);
    assert_eq!(folder.run(&["user", "set-active", "alice", "true"])?.ok()?, "User alice is active.\n");
    assert_eq!(refresh(&alice).await?.status, 401, "an ended session does not come back");
    let again = server.login("alice").await?;
    assert_eq!(refresh(&again).await?.status, 200);
    Ok(())
}

#[tokio::test]
async fn an_operator_says_whether_an_address_is_verified_and_sessions_go_on() -> anyhow::Result<()> {
    let folder = Folder::new()?;
    let server = folder.serve(&[])?;
    let create =
        ["user", "create", "--username", "alice", "--email", "alice@example.org", "--password-stdin"];
    folder.run_with(&create, &[], PASSWORD)?.ok()?;
    folder.user("bob")?;
    let nothing = folder.run(&["user", "set-email-verified", "bob", "true"])?;
    assert_eq!(nothing.complaint()?, "user bob has no e-mail address");
    let alice = server.login("alice").await?;
    for (verified, outcome) in [("false", "has yet to be verified"), ("true", "is verified")] {
        let out = folder.run(&["user", "set-email-verified", "alice", verified])?.ok()?;
        assert_eq!(out, format!("The address of alice {outcome}.\n"));
    }
    assert_eq!(refresh(&alice).await?.status, 200);
    Ok(())
}

#[tokio::test]
async fn a_new_password_ends_every_session() -> anyhow::Result<()> {
    let folder = Folder::new()?;
    let server = folder.serve(&[])?;
    folder.user("alice")?;
    let (first, second) = (server.login("alice").await?, server.login("alice").await?);
    let args = ["user", "set-password", "alice", "--password-stdin"];
    let out = folder.run_with(&args, &[], "another-Pa55word\r\n")?.ok()?;
    assert_eq!(out, "The password of alice is set; every session has ended.\n");
    for session in [first, second] {
        let answer = refresh(&session).await?;
        assert_eq!((answer.status, answer.code()), (401, "token_not_valid"), "{}", answer.text);
    }
    assert_eq!(log_in(&server, "alice", PASSWORD).await?, 401);
    assert_eq!(log_in(&server, "alice", "another-Pa55word").await?, 200);
    Ok(())
}

#[tokio::test]
async fn deleting_a_user_ends_every_session() -> anyhow::Result<()> {
    let folder = Folder::new()?;
    let server = folder.serve(&[])?;
    folder.user("alice")?;
    let alice = server.login("alice").await?;
    let out = folder.run(&["user", "delete", "alice"])?.ok()?;
    assert_eq!(out, "User alice is deleted; every session has ended.\n");
    assert_eq!(refresh(&alice).await?.status, 401);
    let refused = alice.get("/api/v1/user/me/").await?;
    assert!(["user_not_found", "token_not_valid"].contains(&refused.code()), "{refused:?}");
    assert_eq!(log_in(&server, "alice", PASSWORD).await?, 401);
    assert_eq!(folder.run(&["user", "list"])?.ok()?, "");
    Ok(())
}

#[test]
fn what_cannot_be_done_to_users_is_refused_in_one_line() -> anyhow::Result<()> {
    let folder = Folder::new()?;
    folder.run(&["migrate"])?.ok()?;
    folder.user("alice")?;
    let create = |name: &'static str| ["user", "create", "--username", name, "--password-stdin"];
    for (args, input, complaint) in [
        (create("alice").as_slice(), "x-Pa55word", "that username is already taken"),
        (&create("a b"), "x-Pa55word", "the user name may have"),
        (&create(""), "x-Pa55word", "the user name may have"),
        (&create("bob"), "", "the password is empty"),
        (&create("bob"), " x ", "the password begins or ends with white space"),
        (
            &["user", "create", "--username", "bob", "--email", "bob", "--password-stdin"],
            "x",
            "the e-mail address",
        ),
        (
            &["user", "create", "--username", "bob"],
            "",
            "--username, --email, --password-stdin: must be given",
        ),
        (&["createsuperuser"], "", "--username, --email, --password-stdin: must be given"),
        (&["createsuperuser", "--username", "x", "--email", ""], "", "--password-stdin: must be given"),
        (&["user", "set-password", "alice"], "x", "--password-stdin: must be given"),
        (&["user", "set-password", "bob", "--password-stdin"], "x", "no user has the name `bob`"),
        (&["user", "set-active", "bob", "true"], "", "no user has the name `bob`"),
        (&["user", "delete", "Alice"], "", "no user has the name `Alice`"),
    ] {
        let done = folder.run_with(args, &[], input)?.complaint()?;
        assert!(done.starts_with(complaint), "{args:?}: {done}");
    }
    assert_eq!(folder.run(&["user", "list"])?.ok()?.lines().count(), 1);
    Ok(())
}

#[test]
fn flags_that_do_not_exist_are_refused_before_anything_is_made() -> anyhow::Result<()> {
    let folder = Folder::new()?;
    for args in [
        ["serve", "--prot=1"].as_slice(),
        &["serve", "--port", "70000"],
        &["serve", "--port", "-1"],
        &["serve", "--host", "somewhere"],
        &["sevre"],
        &["user"],
        &["user", "set-active", "alice"],
        &["user", "set-active", "alice", "perhaps"],
        &["user", "delete"],
        &["token", "verify"],
    ] {
        let done = folder.run(args)?;
        assert_eq!((done.code, done.out.as_str()), (Some(2), ""), "{args:?}: {done:?}");
        assert!(!folder.path.exists(), "{args:?}");
    }
    for args in [["user", "list"], ["user", "delete"], ["flush-expired", ""]] {
        let args: Vec<&str> = args.into_iter().filter(|arg| !arg.is_empty()).collect();
        let args = if args.contains(&"delete") { [args, vec!["alice"]].concat() } else { args };
        let complaint = folder.run(&args)?.complaint()?;
        assert!(complaint.starts_with("there is no data folder at"), "{complaint}");
        assert!(!folder.path.exists(), "{args:?}");
    }
    Ok(())
}

//! Every change of what somebody may do: the token that speaks for the organization is refused by every
//! service within [`PROMPT`] of the answer, and for good; nobody else notices, and a new token has what
//! holds now.

use std::time::Instant;

use anyhow::ensure;
use e2e::{Actor, Node};
use futures_util::future::BoxFuture;
use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    PROMPT,
    world::{ORGANIZATIONS, Person, SWITCH, World, becomes, shown},
};

/// Changes what Bob may do; says whether he is a member afterwards, and with which role.
type Change = for<'a> fn(&'a Scene) -> BoxFuture<'a, anyhow::Result<Option<&'static str>>>;

const CHANGES: [(&str, Change); 9] = [
    ("role-changed", |scene| {
        Box::pin(scene.ask(Method::PATCH, "members/BOB/", json!({"role": "viewer"}), Some("viewer")))
    }),
    ("removed", |scene| Box::pin(scene.ask(Method::DELETE, "members/BOB/", Value::Null, None))),
    ("left", |scene| Box::pin(scene.leave())),
    ("transferred", |scene| {
        Box::pin(scene.ask(Method::POST, "transfer/", json!({"user_id": "BOB"}), Some("owner")))
    }),
    ("role-edited", |scene| {
        Box::pin(scene.ask(
            Method::PATCH,
            "roles/clerk/",
            json!({"permissions": ["member:read"]}),
            Some("clerk"),
        ))
    }),
    ("deactivated", |scene| Box::pin(scene.ask(Method::PATCH, "", json!({"is_active": false}), None))),
    ("deleted", |scene| Box::pin(scene.ask(Method::DELETE, "", Value::Null, None))),
    ("by-a-superuser", |scene| Box::pin(scene.by_a_superuser())),
    ("removed-and-back", |scene| Box::pin(scene.removed_and_back())),
];

/// Ada's organization, in which Bob is a clerk and Eve too sees things.
struct Scene {
    world: World,
    ada: Person,
    bob: Person,
    eve: Person,
    root: Person,
    org_id: String,
}

impl Scene {
    async fn ask(
        &self,
        method: Method,
        path: &str,
        body: Value,
        role: Option<&'static str>,
    ) -> anyhow::Result<Option<&'static str>> {
        self.ask_as(&self.ada, method, path, body).await?;
        Ok(role)
    }

    async fn ask_as(&self, who: &Person, method: Method, path: &str, body: Value) -> anyhow::Result<()> {
        let actor = self.world.at_org(who);
        let bob = self.bob.user_id.as_str();
        let path = format!("{ORGANIZATIONS}{}/{}", self.org_id, path.replace("BOB", bob));
        let request = actor.request(method, &path);
        let body: Value = serde_json::from_str(&body.to_string().replace("BOB", bob))?;
        let answer = actor.send(if body.is_null() { request } else { request.json(&body) }).await?;
        ensure!((200..300).contains(&answer.status), "{path}: {answer:?}");
        Ok(())
    }

    async fn leave(&self) -> anyhow::Result<Option<&'static str>> {
        self.ask_as(&self.bob, Method::DELETE, "membership/", Value::Null).await?;
        Ok(None)
    }

    async fn by_a_superuser(&self) -> anyhow::Result<Option<&'static str>> {
        self.ask_as(&self.root, Method::DELETE, "members/BOB/", Value::Null).await?;
        Ok(None)
    }

    async fn removed_and_back(&self) -> anyhow::Result<Option<&'static str>> {
        self.ask_as(&self.ada, Method::DELETE, "members/BOB/", Value::Null).await?;
        self.world.join(&self.org_id, &self.bob, "clerk").await?;
        Ok(Some("clerk"))
    }
}

async fn scene() -> anyhow::Result<Scene> {
    let world = World::start(&[("ORG_PERMISSIONS", "invoice:read")]).await?;
    let (ada, bob, eve) = tokio::try_join!(world.person("ada"), world.person("bob"), world.person("eve"))?;
    world.cluster.user("root").await?;
    world.cluster.command(&["user", "set-superuser", "root", "true"], "").await?;
    let root = world.cluster.login(&world.auth, "root").await?;
    let me = root.get("/api/v1/user/me/").await?;
    let user_id = me.json["id"].as_str().unwrap_or_default().to_owned();
    let root = Person { user_id, actor: root };
    Ok(Scene { world, ada, bob, eve, root, org_id: String::new() })
}

/// A fresh organization for the next change.
async fn stage(scene: &mut Scene, name: &str) -> anyhow::Result<()> {
    scene.org_id = scene.world.organization(&scene.ada, name).await?;
    let clerk = json!({"name": "clerk", "permissions": ["member:read", "invoice:read"]});
    scene.ask_as(&scene.ada, Method::POST, "roles/", clerk).await?;
    scene.world.join(&scene.org_id, &scene.bob, "clerk").await?;
    scene.world.join(&scene.org_id, &scene.eve, "admin").await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_changes_outdates_exactly_the_tokens_that_it_is_about() -> anyhow::Result<()> {
    let mut scene = scene().await?;
    let protected = scene.world.cluster.protected(&scene.world.auth).await?;
    for (name, change) in CHANGES {
        stage(&mut scene, name).await?;
        let bob = scene.world.scoped(&scene.bob, &scene.org_id).await?;
        let eve = scene.world.scoped(&scene.eve, &scene.org_id).await?;
        let claims = e2e::claims(&bob)?;
        assert_eq!((&claims["org_id"], &claims["org_role"]), (&json!(scene.org_id), &json!("clerk")));
        assert_eq!(claims["permissions"], json!(["invoice:read", "member:read"]));
        let services = services(&scene.world, &protected);
        for (base, path) in services {
            assert_eq!(shown(base, path, &bob).await?, 200, "{name}: {path}");
        }

        let role = change(&scene).await?;

        let answered = Instant::now();
        for (base, path) in services {
            let status = shown(base, path, &bob).await?;
            assert_eq!(status, 401, "{name}: {path} after {:?}", answered.elapsed());
        }
        assert!(answered.elapsed() < PROMPT, "{name}: {:?}", answered.elapsed());
        // Bob's session, and what he is elsewhere, goes on; so does Eve, unless all were called in.
        for (base, path) in services {
            assert_eq!(shown(base, path, scene.bob.access()).await?, 200, "{name}: {path}");
        }
        let all = matches!(name, "deactivated" | "deleted");
        let expected = if all { 401 } else { 200 };
        assert_eq!(shown(&protected.base, "/protected", &eve).await?, expected, "{name}");
        anew(&scene, name, role).await?;
    }
    Ok(())
}

/// What a new token says.
async fn anew(scene: &Scene, name: &str, role: Option<&str>) -> anyhow::Result<()> {
    let answer = scene.bob.actor.post(SWITCH, &json!({"organization": scene.org_id})).await?;
    let Some(role) = role else {
        assert_eq!(answer.status, 404, "{name}: {answer:?}");
        return Ok(());
    };
    assert_eq!(answer.status, 200, "{name}: {answer:?}");
    let token = answer.text_of("access")?;
    assert_eq!(e2e::claims(&token)?["org_role"], json!(role), "{name}");
    assert_eq!(shown(&scene.world.org.base, ORGANIZATIONS, &token).await?, 200, "{name}");
    Ok(())
}

/// Where tokens are shown: every service.
fn services<'a>(world: &'a World, protected: &'a Node) -> [(&'a str, &'a str); 3] {
    [
        (&world.org.base, ORGANIZATIONS),
        (&protected.base, "/protected"),
        (&world.auth.base, "/api/v1/user/me/"),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_for_an_organization_costs_nothing_where_it_cannot_be_had() -> anyhow::Result<()> {
    let mut world = World::start(&[]).await?;
    let ada = world.person("ada").await?;
    let org_id = world.organization(&ada, "Acme").await?;
    let switch = json!({ "organization": org_id });
    let refresh = |organization: &str| json!({"refresh": ada.actor.refresh, "organization": organization});
    let path = "/api/v1/user/token/refresh/";
    world.org.kill().await?;
    let away = Actor::new(&world.auth.base);
    for answer in [ada.actor.post(SWITCH, &switch).await?, away.post(path, &refresh(&org_id)).await?] {
        assert_eq!((answer.status, answer.code()), (503, "unavailable"), "{answer:?}");
        assert!(!answer.header("retry-after").is_empty(), "{answer:?}");
    }
    world.restart_org().await?;
    let unknown = away.post(path, &refresh(&uuid::Uuid::nil().to_string())).await?;
    assert_eq!(unknown.status, 404, "{unknown:?}");
    // The same token, the first generation: nothing was spent.
    let refreshed = away.post(path, &refresh(&org_id)).await?;
    assert_eq!(refreshed.status, 200, "{refreshed:?}");
    assert_eq!(e2e::claims(&refreshed.text_of("access")?)?["org_role"], json!("owner"));
    assert!(e2e::claims(&refreshed.text_of("refresh")?)?.get("org_id").is_none());
    let again = away.post(path, &refresh(&org_id)).await?;
    assert_eq!(again.text, refreshed.text, "a retry gets the same bytes");
    Ok(())
}

/// More permissions than a token carries: it names the role, and the feed says what that permits.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_role_that_tokens_are_too_small_for_permits_by_its_definition() -> anyhow::Result<()> {
    let many: Vec<String> = (0..60).map(|number| format!("thing{number}:read")).collect();
    let all = format!("invoice:read,{}", many.join(","));
    let world = World::start(&[("ORG_PERMISSIONS", &all)]).await?;
    let protected = world.cluster.protected(&world.auth).await?;
    let (ada, bob) = tokio::try_join!(world.person("ada"), world.person("bob"))?;
    let org_id = world.organization(&ada, "Acme").await?;
    let admin = world.at_org(&ada);
    let (roles, clerk) =
        (format!("{ORGANIZATIONS}{org_id}/roles/"), format!("{ORGANIZATIONS}{org_id}/roles/clerk/"));
    let with: Vec<_> = many.iter().cloned().chain(["invoice:read".to_owned()]).collect();
    let made = admin.post(&roles, &json!({"name": "clerk", "permissions": with})).await?;
    ensure!(made.status == 201, "{made:?}");
    world.join(&org_id, &bob, "clerk").await?;

    let owner = world.scoped(&ada, &org_id).await?;
    let member = world.scoped(&bob, &org_id).await?;
    for token in [&owner, &member] {
        assert!(token.len() < 2000 && e2e::claims(token)?.get("permissions").is_none(), "{token}");
        becomes(&protected.base, "/invoices", token, 200).await?;
    }
    let changed = admin.patch(&clerk, &json!({"permissions": many})).await?;
    ensure!(changed.status == 200, "{changed:?}");
    assert_eq!(shown(&protected.base, "/invoices", &member).await?, 401);
    let member = world.scoped(&bob, &org_id).await?;
    assert_eq!(shown(&protected.base, "/invoices", &member).await?, 403);
    assert_eq!(shown(&protected.base, "/invoices", &owner).await?, 200);
    // Whoever starts now has it from the snapshot.
    let later = world.cluster.protected(&world.auth).await?;
    assert_eq!(shown(&later.base, "/invoices", &owner).await?, 200);
    assert_eq!(shown(&later.base, "/invoices", &member).await?, 403);
    Ok(())
}

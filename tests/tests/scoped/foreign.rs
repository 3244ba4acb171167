//! Tokens that the original minted: they have no session, so there is nothing to give another token of.

use e2e::{Cluster, Node};
use serde_json::{Value, json};
use shared::{
    Clock,
    keys::{Alg, SigningKey},
};

use crate::{
    NODE,
    fake::Fake,
    world::{ACME, REFRESH, SWITCH, reader, speaks_for},
};

const SECRET: &str = "a-secret-of-the-original-0123456789abcdef";

struct Moved {
    cluster: Cluster,
    organizations: Fake,
    auth: Node,
}

impl Moved {
    async fn start() -> anyhow::Result<Self> {
        let key = [("AUTH_ALGORITHM", "HS256"), ("AUTH_SIGNING_KEY", SECRET), ("AUTH_ISSUER", "none")];
        let cluster = Cluster::with(NODE, &key)?;
        let organizations = Fake::start(cluster.secret())?;
        let auth = cluster.auth_with(&[("AUTH_ORG_URL", &organizations.url)]).await?;
        Ok(Self { cluster, organizations, auth })
    }
}

fn minted_by_the_original(kind: &str, user_id: &str) -> anyhow::Result<String> {
    let now = Clock::System.now().as_secs();
    let claims = json!({"token_type": kind, "exp": now + 3600, "iat": now - 60, "user_id": user_id,
        "jti": "0123456789abcdef0123456789abcdef", "org_id": ACME, "org_role": "owner", "mv": 99,
        "permissions": ["invoice:read"]});
    let claims = claims.as_object().cloned().unwrap_or_default();
    Ok(SigningKey::hmac(Alg::HS256, SECRET.as_bytes(), None)?.sign(&claims)?)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_without_a_session_gets_no_other_and_speaks_for_no_organization() -> anyhow::Result<()> {
    let moved = Moved::start().await?;
    let ada = moved.cluster.user("ada").await?.subject;
    let token = minted_by_the_original("access", &ada)?;
    let answer =
        moved.auth.anonymous().bearing(&token).post(SWITCH, &json!({"organization": "acme"})).await?;
    assert_eq!((answer.status, answer.code()), (403, "session_required"), "{answer:?}");
    assert_eq!(moved.organizations.asked(), 0);
    let validator = moved.cluster.protected(&moved.auth).await?;
    let said = validator.anonymous().bearing(&token).get("/invoices").await?;
    assert_eq!((said.status, said.code()), (403, "organization_required"), "{said:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refresh_token_of_the_original_is_adopted_for_an_organization() -> anyhow::Result<()> {
    let moved = Moved::start().await?;
    let ada = moved.cluster.user("ada").await?.subject;
    moved.organizations.admit(&["acme"], &ada, &reader(ACME, 5));
    let foreign = minted_by_the_original("refresh", &ada)?;
    let ask = async |organization: &Value| {
        let body = json!({"refresh": foreign, "organization": organization});
        moved.auth.anonymous().post(REFRESH, &body).await
    };
    assert_eq!(ask(&json!("nowhere")).await?.status, 404);
    let answer = ask(&json!("acme")).await?;
    assert_eq!(answer.status, 200, "{answer:?}");
    speaks_for(&answer.text_of("access")?, &reader(ACME, 5))?;
    Ok(())
}

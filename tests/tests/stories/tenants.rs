//! Two people, an organization, and a token that speaks for it: the second half of the README's tour.

use anyhow::Context as _;
use e2e::{Site, unique};
use reqwest::Method;
use serde_json::{Value, json};

use crate::{BOTH, ME, ORGANIZATIONS, accepted, path_of};

const SWITCH: &str = "/api/v1/user/token/organization/";

#[tokio::test]
async fn somebody_is_invited_works_in_the_organization_and_is_removed() -> anyhow::Result<()> {
    let site = Site::open().await?;
    let ada = site.member().await?;
    let person = site.user().await?;
    let bob = site.login(&person).await?;
    // 63 characters at most.
    let slug = format!("acme-{}", &unique("x")[2..]);
    let made = ada.post(ORGANIZATIONS, &json!({"name": unique("Acme"), "slug": slug})).await?;
    let acme = path_of(&made)?;
    assert_eq!(bob.get(&acme).await?.status, 404, "nobody's business yet");

    let address = format!("{}@example.org", person.name);
    let invite = [("email", address.as_str()), ("role", "viewer")];
    let invited = ada.send(ada.request(Method::POST, &format!("{acme}invitations/")).form(&invite)).await?;
    assert_eq!((invited.status, &invited.json["status"]), (201, &json!("pending")), "{invited:?}");
    let mine = bob.get(&format!("{ORGANIZATIONS}invitations/")).await?;
    assert_eq!((mine.status, &mine.json["count"]), (200, &json!(1)), "{mine:?}");
    // The README cuts the id out at the quotes.
    let id = *mine.text.split('"').collect::<Vec<_>>().get(11).context("field 12")?;
    assert_eq!(mine.json["results"][0]["id"], json!(id));
    let accept = format!("{ORGANIZATIONS}invitations/accept/");
    let accepting = || bob.send(bob.request(Method::POST, &accept).form(&[("invitation", id)]));
    let accepted_at = accepting().await?;
    assert_eq!((accepted_at.status, &accepted_at.json["membership"]["role"]), (200, &json!("viewer")));
    assert_eq!(accepting().await?.status, 404, "once");

    let switched = bob.post(SWITCH, &json!({"organization": slug})).await?;
    assert_eq!(switched.status, 200, "{switched:?}");
    let scoped = bob.bearing(&switched.text_of("access")?);
    let own = scoped.get(&format!("{acme}membership/")).await?;
    assert_eq!((&own.json["role"], scoped.get(&acme).await?.status), (&json!("viewer"), 200));
    assert_eq!(scoped.patch(&acme, &json!({"description": "x"})).await?.status, 403);
    let members = scoped.get(&format!("{acme}members/")).await?;
    let names: Vec<_> = members.json["results"].as_array().context("members")?.iter().collect();
    assert_eq!((names.len(), &names[1]["user"]["username"]), (2, &json!(person.name)), "{members:?}");

    let me = bob.get(ME).await?;
    let removed = ada.delete(&format!("{acme}members/{}/", me.text_of("id")?)).await?;
    assert_eq!(removed.status, 204, "{removed:?}");
    scoped.refused_soon(&BOTH).await?;
    accepted(&bob).await?;
    assert_eq!(bob.post(SWITCH, &json!({"organization": slug})).await?.status, 404);

    let audit = ada.get(&format!("{acme}audit/")).await?;
    let actions: Vec<_> = audit.json["results"].as_array().context("records")?.iter().collect();
    let actions: Vec<_> = actions.iter().filter_map(|record| record["action"].as_str()).collect();
    let expected = ["member.removed", "invitation.accepted", "invitation.created", "organization.created"];
    assert_eq!(actions, expected, "{audit:?}");
    assert_eq!(ada.delete(&acme).await?.status, 204);
    assert_eq!(ada.get(&acme).await?.json["detail"], Value::from("No Organization matches the given query."));
    Ok(())
}

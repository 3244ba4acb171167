//! Organizations: made, listed, changed, removed, and shown to nobody else.

use anyhow::Context as _;
use e2e::{Actor, Site, unique};
use serde_json::{Value, json};

use crate::{ME, ORGANIZATIONS, path_of};

#[tokio::test]
async fn an_organization_is_made_read_changed_and_removed() -> anyhow::Result<()> {
    let site = Site::open().await?;
    let person = site.user().await?;
    let ada = site.login(&person).await?;
    let me = ada.get(ME).await?;
    assert_eq!((me.status, me.json["username"].as_str()), (200, Some(&*person.name)));
    assert_eq!((&me.json["is_active"], &me.json["is_superuser"]), (&json!(true), &json!(false)));

    let (name, other) = (unique("Acme"), unique("Emca"));
    let body = json!({"name": name, "email": "office@example.org", "website": "https://example.org"});
    let made = ada.post(ORGANIZATIONS, &body).await?;
    assert_eq!((made.status, &made.json["status"]), (201, &json!(true)), "{made:?}");
    let path = path_of(&made)?;
    assert_eq!(ada.get(&path).await?.json, made.json["data"]);

    let put = ada.put(&path, &json!({"name": other, "description": "moved"})).await?;
    assert_eq!((put.status, put.json["name"].as_str()), (200, Some(&*other)), "{put:?}");
    let patched =
        ada.patch(&path, &json!({"is_active": false, "id": "x", "created_at": "2001-01-01"})).await?;
    let mut expected = put.json.clone();
    expected["is_active"] = json!(false);
    expected["updated_at"] = patched.json["updated_at"].clone();
    assert_eq!((patched.status, &patched.json), (200, &expected), "only what may change, and nothing else");
    assert_eq!(ada.get(&path).await?.json, expected);

    let gone = ada.delete(&path).await?;
    assert_eq!((gone.status, gone.text.as_str()), (204, ""));
    for answer in [ada.get(&path).await?, ada.patch(&path, &json!({})).await?, ada.delete(&path).await?] {
        assert_eq!(answer.status, 404, "{answer:?}");
    }
    Ok(())
}

/// Seven organizations with this word in their descriptions; every third is not active.
async fn seven(ada: &Actor, word: &str) -> anyhow::Result<Vec<String>> {
    let mut names = Vec::new();
    for number in 1..=7 {
        let name = format!("{word} {number}");
        let body = json!({
            "name": name,
            "description": format!("of {word}"),
            "email": format!("{word}-{number}@example.org"),
            "is_active": number % 3 != 0,
        });
        let made = ada.post(ORGANIZATIONS, &body).await?;
        anyhow::ensure!(made.status == 201, "{made:?}");
        names.push(name);
    }
    Ok(names)
}

fn names(page: &Value) -> Vec<String> {
    let rows = page["results"].as_array().into_iter().flatten();
    rows.filter_map(|row| row["name"].as_str().map(str::to_owned)).collect()
}

#[tokio::test]
async fn pages_lead_through_the_whole_list_and_back() -> anyhow::Result<()> {
    let site = Site::open().await?;
    let (ada, word) = (site.member().await?, unique("page"));
    let all = seven(&ada, &word).await?;
    let (mut seen, mut path) =
        (Vec::new(), format!("{ORGANIZATIONS}?search={word}&page_size=3&ordering=name"));
    let mut previous = Value::Null;
    loop {
        let page = ada.get(&path).await?;
        assert_eq!((page.status, &page.json["count"]), (200, &json!(7)), "{page:?}");
        assert_eq!(page.json["previous"].is_null(), previous.is_null());
        seen.extend(names(&page.json));
        previous = json!(path);
        let Some(next) = page.json["next"].as_str() else { break };
        let Some(rest) = next.strip_prefix(site.base()) else {
            panic!("{next} leads away from {}", site.base());
        };
        path = rest.to_owned();
    }
    assert_eq!(seen, all);
    for (query, status) in
        [("page=last&page_size=3", 200), ("page=0", 404), ("page=99", 404), ("page=x", 404)]
    {
        let page = ada.get(&format!("{ORGANIZATIONS}?{query}&search={word}")).await?;
        assert_eq!(page.status, status, "{query}: {page:?}");
    }
    Ok(())
}

#[tokio::test]
async fn lists_are_filtered_searched_and_ordered() -> anyhow::Result<()> {
    let site = Site::open().await?;
    let (ada, word) = (site.member().await?, unique("filter"));
    let all = seven(&ada, &word).await?;
    let numbers = |wanted: &[usize]| -> Vec<String> {
        wanted.iter().filter_map(|number| all.get(number - 1).cloned()).collect()
    };
    let upper = word.to_uppercase();
    for (query, wanted) in [
        (format!("name={word}%203"), vec![3]),
        (format!("name__icontains={upper}&ordering=name"), vec![1, 2, 3, 4, 5, 6, 7]),
        (format!("name__icontains={upper}&is_active=false&ordering=-name"), vec![6, 3]),
        (format!("email={word}-5@example.org"), vec![5]),
        (format!("search=OF%20{upper}&ordering=-created_at"), vec![7, 6, 5, 4, 3, 2, 1]),
        (format!("search={word}&created_at__lte=2001-01-01"), vec![]),
        (format!("search={word}&created_at__gte=2001-01-01&is_active=false&ordering=name"), vec![3, 6]),
        (format!("search={word}x"), vec![]),
    ] {
        let page = ada.get(&format!("{ORGANIZATIONS}?{query}&page_size=10")).await?;
        assert_eq!(names(&page.json), numbers(&wanted), "{query}: {page:?}");
    }
    let odd = ada.get(&format!("{ORGANIZATIONS}?created_at__gte=soon")).await?;
    assert_eq!((odd.status, odd.json["created_at__gte"].is_array()), (400, true), "{odd:?}");
    Ok(())
}

#[tokio::test]
async fn organizations_of_ones_own_are_not_shown_to_a_stranger() -> anyhow::Result<()> {
    let site = Site::open().await?;
    let (ada, eve) = (site.member().await?, site.member().await?);
    let admin = site.login(&site.superuser().await?).await?;
    let name = unique("Secret");
    let made = ada.post(ORGANIZATIONS, &json!({ "name": name })).await?;
    let (path, body) = (path_of(&made)?, json!({"name": unique("Mine now")}));
    for query in [format!("?name={name}"), format!("?search={name}")] {
        let list = format!("{ORGANIZATIONS}{query}");
        assert_eq!(eve.get(&list).await?.json["count"], 0, "{query}");
        assert_eq!(ada.get(&list).await?.json["count"], 1, "{query}");
        assert_eq!(admin.get(&list).await?.json["count"], 1, "{query}");
    }
    let unknown = eve.get(&format!("{ORGANIZATIONS}{}/", uuid::Uuid::nil())).await?;
    for answer in [
        eve.get(&path).await?,
        eve.put(&path, &body).await?,
        eve.patch(&path, &body).await?,
        eve.delete(&path).await?,
    ] {
        assert_eq!((answer.status, &answer.text), (404, &unknown.text), "as if there were none");
    }
    for answer in [site.anonymous().get(&path).await?, site.anonymous().delete(&path).await?] {
        assert_eq!(answer.status, 401, "{answer:?}");
    }
    assert_eq!(ada.get(&path).await?.json, made.json["data"], "nothing has changed");
    Ok(())
}

#[tokio::test]
async fn what_an_organization_cannot_be_is_told_field_by_field() -> anyhow::Result<()> {
    let site = Site::open().await?;
    let ada = site.member().await?;
    let name = unique("Taken");
    assert_eq!(ada.post(ORGANIZATIONS, &json!({ "name": name })).await?.status, 201);
    let long = "x".repeat(101);
    for (body, fields) in [
        (json!({}), vec!["name"]),
        (json!({"name": ""}), vec!["name"]),
        (json!({ "name": name }), vec!["name"]),
        (json!({ "name": long }), vec!["name"]),
        (json!({"name": unique("Fine"), "email": "nobody", "website": "nowhere"}), vec!["email", "website"]),
        (json!({"name": unique("Fine"), "is_active": "perhaps"}), vec!["is_active"]),
    ] {
        let answer = ada.post(ORGANIZATIONS, &body).await?;
        assert_eq!(answer.status, 400, "{body}: {answer:?}");
        let mut told: Vec<_> = answer.json.as_object().context("fields")?.keys().collect();
        told.sort();
        assert_eq!(told, fields, "{body}");
    }
    Ok(())
}

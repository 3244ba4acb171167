//! Running a fixture's steps.

use std::time::Duration;

use anyhow::{Context as _, bail};
use e2e::Patience;
use serde_json::{Value, json};

use crate::{
    craft::{alter, craft},
    fixture::{Fixture, Request, Step},
    json,
    settings::{CSRF_COOKIE, CSRF_HEADER, Keys, SESSION_COOKIE, Variant},
    system::{Organization, System},
    wire::{Answer, send},
    world::{World, now, outgoing},
};

/// How far the setup came.
#[derive(Debug)]
pub(crate) enum Progress {
    Done,
    /// A real request of the setup was not answered as recorded: the index of the step, the request as
    /// it was sent and its answer.
    Differs {
        step: usize,
        sent: Box<Request>,
        answer: Answer,
    },
}

/// What every fixture of a variant needs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stage<'a> {
    pub(crate) variant: &'a Variant,
    pub(crate) keys: &'a Keys,
}

/// Runs the steps from `from` on.
pub(crate) async fn run<S: System>(
    stage: Stage<'_>,
    system: &mut S,
    world: &mut World,
    fixture: &Fixture,
    from: usize,
) -> anyhow::Result<Progress> {
    for (index, step) in fixture.setup.iter().enumerate().skip(from) {
        if let Step::Http { request, expect, save } = step {
            let sent = world.fill_request(request)?;
            let answer = exchange(world, &sent).await?;
            if answer.status != *expect {
                return Ok(Progress::Differs { step: index, sent: Box::new(sent), answer });
            }
            keep(world, &answer, save.iter().map(|(field, name)| (field.as_str(), name.as_str())))?;
        } else {
            run_step(stage, system, world, step)
                .await
                .with_context(|| format!("setup step {}", index + 1))?;
        }
    }
    Ok(Progress::Done)
}

async fn run_step<S: System>(
    stage: Stage<'_>,
    system: &mut S,
    world: &mut World,
    step: &Step,
) -> anyhow::Result<()> {
    match step {
        Step::MintPair { user, refresh, access } => {
            mint(system, world, user, "/api/v1/user/token/", &[("refresh", refresh), ("access", access)])
                .await?;
        }
        Step::MintSliding { user, token } => {
            mint(system, world, user, "/api/v1/user/token/sliding/", &[("token", token)]).await?;
        }
        Step::Craft(step) => {
            let token = craft(step, stage.variant, stage.keys, world)?;
            world.saved.insert(step.save.clone(), token);
        }
        Step::Alter { from, how, save } => {
            let token = alter(world.saved.get(from).context("no such token")?, how)?;
            world.saved.insert(save.clone(), token);
        }
        Step::SetActive { user, value } => system.set_active(user, *value).await?,
        Step::DeleteUser { user } => system.delete_user(user).await?,
        Step::ChangePassword { user } => {
            let password = format!("{user}-New-Pa55word");
            system.change_password(user, &password).await?;
            world.passwords.insert(user.clone(), password);
        }
        Step::Organizations { count } => insert_organizations(stage, system, world, *count).await?,
        Step::Sleep { seconds } => tokio::time::sleep(Duration::from_secs_f64(*seconds)).await,
        Step::ExpireOutstanding => system.expire_outstanding().await?,
        Step::FlushExpiredTokens => system.flush_expired_tokens().await?,
        Step::Http { .. } => bail!("requests are run elsewhere"),
        Step::Session { user } => log_in(world, user).await?,
        Step::Unknown => bail!("this runner has no such step"),
    }
    Ok(())
}

/// Sends a filled request and notes the time on both sides of it. A gateway that lets an address in only
/// so often is waited for; no recording holds a 429.
pub(crate) async fn exchange(world: &mut World, request: &Request) -> anyhow::Result<Answer> {
    let mut patience = Patience::default();
    loop {
        world.sent = now();
        let answer = send(world.host(), &outgoing(request)?).await;
        world.answered = now();
        let answer = answer?;
        if answer.status != 429 {
            return Ok(answer);
        }
        patience.wait(&answer.header("Retry-After").unwrap_or_default()).await?;
    }
}

/// Logs a user in by a real request. The original can issue to inactive users; there the user is
/// activated for the length of the login.
async fn mint<S: System>(
    system: &mut S,
    world: &mut World,
    user: &str,
    path: &str,
    save: &[(&str, &String)],
) -> anyhow::Result<()> {
    let password = world.passwords.get(user).with_context(|| format!("no user {user}"))?;
    let request = post(path, &json!({ "username": user, "password": password }));
    let mut answer = exchange(world, &request).await?;
    if answer.status == 401 {
        system.set_active(user, true).await?;
        answer = exchange(world, &request).await?;
        system.set_active(user, false).await?;
    }
    if answer.status != 200 {
        bail!("{user} could not log in: {} {}", answer.status, answer.text());
    }
    keep(world, &answer, save.iter().map(|(field, name)| (*field, name.as_str())))
}

/// Logs a user in by cookies, as a page does: first for the CSRF cookie, then with it.
async fn log_in(world: &mut World, user: &str) -> anyhow::Result<()> {
    const PATH: &str = "/api/v1/user/session/";
    let mut form = post(PATH, &Value::Null);
    (form.method, form.json) = ("GET".to_owned(), None);
    let answer = exchange(world, &form).await?;
    let csrf = cookie(&answer, CSRF_COOKIE)?;
    let password = world.passwords.get(user).with_context(|| format!("no user {user}"))?;
    let mut request = post(PATH, &json!({ "username": user, "password": password }));
    request.headers.push(("Cookie".to_owned(), format!("{CSRF_COOKIE}={csrf}")));
    request.headers.push((CSRF_HEADER.to_owned(), csrf));
    let answer = exchange(world, &request).await?;
    if answer.status != 200 {
        bail!("{user} could not log in: {} {}", answer.status, answer.text());
    }
    for name in [SESSION_COOKIE, CSRF_COOKIE] {
        world.saved.insert(name.to_owned(), cookie(&answer, name)?);
    }
    Ok(())
}

/// The value that an answer gives to a cookie.
fn cookie(answer: &Answer, name: &str) -> anyhow::Result<String> {
    let set = answer.headers.iter().filter(|(header, _)| header.eq_ignore_ascii_case("Set-Cookie"));
    let mut pairs = set.filter_map(|(_, value)| value.split(';').next()?.split_once('='));
    let found = pairs.find(|(found, _)| *found == name).map(|(_, value)| value.to_owned());
    found.with_context(|| format!("no cookie {name}: {} {}", answer.status, answer.text()))
}

fn keep<'a>(
    world: &mut World,
    answer: &Answer,
    save: impl Iterator<Item = (&'a str, &'a str)>,
) -> anyhow::Result<()> {
    for (field, name) in save {
        let body = json::parse(&answer.text())?;
        let value = body.get(field).with_context(|| format!("no {field} in {}", answer.text()))?;
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        world.saved.insert(name.to_owned(), text);
    }
    Ok(())
}

/// Makes the organizations over HTTP with a login of alice's; directly where her token opens nothing.
async fn insert_organizations<S: System>(
    stage: Stage<'_>,
    system: &mut S,
    world: &mut World,
    count: usize,
) -> anyhow::Result<()> {
    let organizations: Vec<Organization> = (1..=count).map(organization).collect();
    let ids = match post_organizations(stage.variant, world, &organizations).await? {
        Some(ids) => ids,
        None => system.insert_organizations(&organizations).await?,
    };
    for (index, id) in ids.into_iter().enumerate() {
        world.saved.insert(format!("org{}", index + 1), id);
    }
    Ok(())
}

/// `None` if the first is refused.
async fn post_organizations(
    variant: &Variant,
    world: &mut World,
    organizations: &[Organization],
) -> anyhow::Result<Option<Vec<String>>> {
    let login = json!({ "username": "alice", "password": world.passwords.get("alice") });
    let answer = exchange(world, &post("/api/v1/user/token/", &login)).await?;
    let access = json::parse(&answer.text()).ok();
    let Some(access) = access.as_ref().and_then(|body| body.get("access")?.as_str()) else { return Ok(None) };
    let scheme = variant.header_types().first().copied().unwrap_or("Bearer").to_owned();
    let mut ids = Vec::new();
    for organization in organizations {
        let mut request = post(
            "/api/v1/organization/",
            &json!({
                "name": organization.name,
                "email": organization.email,
                "description": organization.description,
                "is_active": organization.is_active,
            }),
        );
        request.headers.push((variant.header_name(), format!("{scheme} {access}")));
        let answer = exchange(world, &request).await?;
        match answer.status {
            201 => {}
            401 | 403 if ids.is_empty() => return Ok(None),
            other => bail!("an organization was answered {other}: {}", answer.text()),
        }
        let body = json::parse(&answer.text())?;
        let id = body.pointer("/data/id").context("a created organization without id")?;
        ids.push(id.as_str().map_or_else(|| id.to_string(), str::to_owned));
    }
    Ok(Some(ids))
}

fn organization(number: usize) -> Organization {
    Organization {
        name: format!("Org {number:02}"),
        email: format!("org{number:02}@example.org"),
        description: if number.is_multiple_of(2) { format!("Number {number}") } else { String::new() },
        is_active: !number.is_multiple_of(3),
    }
}

fn post(path: &str, body: &Value) -> Request {
    Request {
        method: "POST".to_owned(),
        path: path.to_owned(),
        headers: vec![("Content-Type".to_owned(), "application/json".to_owned())],
        json: Some(body.clone()),
        raw: None,
        raw_base64: None,
        raw_repeat: None,
        form: None,
        multipart: None,
        chunked: false,
    }
}

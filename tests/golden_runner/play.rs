//! One fixture from the empty database to its verdict.

use std::collections::BTreeMap;

use anyhow::Context as _;
use serde_json::Value;

use crate::{
    compare::{COMPARED, Difference, Findings, compare, is_datetime, is_uuid, names_cookie},
    deviations::{Case, Permits, RULES},
    extra::Extra,
    fixture::{Fixture, Recorded, Request, Step},
    history::History,
    json,
    setup::{Progress, Stage, exchange, run},
    system::System,
    wire::Answer,
    world::World,
};

/// How a fixture came out.
#[derive(Debug)]
pub(crate) enum Verdict {
    Passed,
    /// Permitted by these rules.
    Deviates(Vec<String>),
    Failed(Vec<Difference>),
}

/// Plays one fixture against a running system.
pub(crate) async fn play<S: System>(
    stage: Stage<'_>,
    system: &mut S,
    fixture: &Fixture,
    extras: &[Extra],
) -> anyhow::Result<Verdict> {
    let mut rules = Vec::new();
    let users = system.reset().await?;
    let mut world = World::new(system.base_url(), users);
    let mut from = 0;
    while let Progress::Differs { step, sent, answer } = run(stage, system, &mut world, fixture, from).await?
    {
        let Some(Step::Http { request, expect, save }) = fixture.setup.get(step) else {
            anyhow::bail!("a difference in no request");
        };
        let recorded = assumed(*expect);
        let history = History {
            variant: stage.variant,
            steps: fixture.setup.get(..step).unwrap_or_default(),
            world: &world,
        };
        let (request, tokens) = (&**request, &BTreeMap::new());
        let case = Case { history, request, sent: &sent, recorded: &recorded, tokens, answer: &answer };
        let Some(rule) = permitted_outright(&case) else {
            let mut findings = Findings::default();
            findings.differ(&format!("setup step {}", step + 1), expect, show(&answer));
            return Ok(Verdict::Failed(findings.differences));
        };
        rules.push(rule);
        if !save.is_empty() {
            // What the rest needs does not exist here; the rule says why.
            return Ok(Verdict::Deviates(rules));
        }
        from = step + 1;
    }
    let sent = world.fill_request(&fixture.request)?;
    let answer = exchange(&mut world, &sent).await?;
    let findings = compare(&fixture.response, &fixture.tokens, &answer, &world);
    if findings.uuids > 0 {
        rules.push("D3".to_owned());
    }
    if !findings.is_match() {
        let history = History { variant: stage.variant, steps: &fixture.setup, world: &world };
        let case = Case {
            history,
            request: &fixture.request,
            sent: &sent,
            recorded: &fixture.response,
            tokens: &fixture.tokens,
            answer: &answer,
        };
        let rule = match permitted(stage, system, fixture, &case).await? {
            Some(rule) => Some(rule),
            None => extras.iter().find(|extra| extra.permits(&case, &fixture.id())).map(|e| e.rule.clone()),
        };
        let Some(rule) = rule else { return Ok(Verdict::Failed(findings.differences)) };
        rules.push(rule);
    }
    rules.dedup();
    Ok(if rules.is_empty() { Verdict::Passed } else { Verdict::Deviates(rules) })
}

/// The first rule that permits the answer as it is.
fn permitted_outright(case: &Case) -> Option<String> {
    let permits = |permits: &Permits| matches!(permits, Permits::Answer(accepts) if accepts(case));
    RULES.iter().find(|rule| permits(&rule.permits)).map(|rule| rule.name.to_owned())
}

/// The first rule that permits the answer, by itself or by what another request is answered.
async fn permitted<S: System>(
    stage: Stage<'_>,
    system: &mut S,
    fixture: &Fixture,
    case: &Case<'_>,
) -> anyhow::Result<Option<String>> {
    for rule in RULES {
        let permits = match rule.permits {
            Permits::Answer(accepts) => accepts(case),
            Permits::SameAs(other) => match other(case) {
                None => false,
                Some(request) => {
                    let other = replay(stage, system, fixture, &request).await?;
                    is_equivalent(&other, case.answer)
                }
            },
        };
        if permits {
            return Ok(Some(rule.name.to_owned()));
        }
    }
    Ok(None)
}

/// The same setup on an empty database, then another request.
async fn replay<S: System>(
    stage: Stage<'_>,
    system: &mut S,
    fixture: &Fixture,
    request: &Request,
) -> anyhow::Result<Answer> {
    let users = system.reset().await?;
    let mut world = World::new(system.base_url(), users);
    match run(stage, system, &mut world, fixture, 0).await? {
        Progress::Done => {}
        Progress::Differs { step, .. } => anyhow::bail!("setup step {} differs when repeated", step + 1),
    }
    let sent = world.fill_request(request)?;
    exchange(&mut world, &sent).await.context("the request to compare with")
}

/// Whether two answers say the same, whatever tokens, times and ids they name.
pub(crate) fn is_equivalent(one: &Answer, other: &Answer) -> bool {
    let body = |answer: &Answer| json::parse(&answer.text()).map(|body| neutral(&body)).ok();
    one.status == other.status
        && COMPARED.iter().all(|name| one.header(name) == other.header(name))
        && names_cookie(one.header("Vary").as_deref()) == names_cookie(other.header("Vary").as_deref())
        && body(one) == body(other)
        && (body(one).is_some() || one.body == other.body)
}

fn neutral(value: &Value) -> Value {
    match value {
        Value::String(text) if is_uuid(text) => "<uuid>".into(),
        Value::String(text) if is_datetime(text) => "<datetime>".into(),
        Value::String(text) if text.starts_with("ey") && text.split('.').count() == 3 => "<jwt>".into(),
        Value::Array(items) => items.iter().map(neutral).collect(),
        Value::Object(members) => members.iter().map(|(name, item)| (name.clone(), neutral(item))).collect(),
        other => other.clone(),
    }
}

/// All that is recorded of a request in the setup: its status.
fn assumed(status: u16) -> Recorded {
    Recorded { status, headers: BTreeMap::new(), body: None, text: None, empty: false }
}

fn show(answer: &Answer) -> String {
    format!("{} {}", answer.status, answer.text())
}

//! The golden runner: plays recorded exchanges of the original against our stack, on every engine.
//!
//!     cargo test -p e2e --test golden
//!
//! `GOLDEN_DIR` names another folder of recordings, `GOLDEN_FILTER` selects by a part of
//! `variant__group__case`, `GOLDEN_SHOW` caps the failures printed (40), and `TEST_POSTGRES_URL` adds
//! PostgreSQL to SQLite.
//!
//! With `E2E_BASE_URL` it plays one variant (`E2E_VARIANT`, `tutorial` by default) against the deployment
//! there, see [`remote`] and [`aspects`]; the variant's settings for it are printed by
//!
//!     cargo test -p e2e --test golden -- --settings tutorial

use std::{path::PathBuf, process::ExitCode};

use anyhow::Context as _;
use e2e::Deployment;

use crate::{
    compare::Findings,
    extra::Extra,
    fixture::Fixture,
    play::{Verdict, play},
    report::{LeftOut, Tally, failure, say},
    settings::{Keys, Variant, wants_jwks},
    setup::Stage,
    stack::start,
    system::{Engine, System},
};

mod aspects;
mod compare;
mod craft;
mod deviations;
mod extra;
mod fixture;
mod history;
mod json;
mod jwks;
mod play;
mod remote;
mod report;
mod settings;
mod setup;
mod stack;
mod system;
mod tokens;
mod wire;
mod world;

/// What a run reads before it begins.
struct Run {
    variants: Vec<Vec<Fixture>>,
    keys: Keys,
    extras: Vec<Extra>,
    show: usize,
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> anyhow::Result<ExitCode> {
    let run = read()?;
    if let Some(name) = asked_for_settings() {
        variant_named(&run, &name)?.0.env_lines()?.iter().for_each(|line| say(line));
        return Ok(ExitCode::SUCCESS);
    }
    if let Some(deployment) = Deployment::from_env()? {
        return play_deployment(&run, deployment).await;
    }
    let mut engines = vec![("sqlite", Engine::Sqlite)];
    engines.extend(setting("TEST_POSTGRES_URL").map(|url| ("postgres", Engine::Postgres(url))));
    let mut total = Tally::default();
    for (name, engine) in &engines {
        let mut tally = Tally::default();
        for fixtures in &run.variants {
            play_variant(&run, (name, engine), fixtures, &mut tally).await?;
        }
        say(&tally.line(&format!("golden on {name}")));
        let extra =
            tally.rules.iter().filter(|(rule, _)| run.extras.iter().any(|extra| extra.rule == **rule));
        let extra: usize = extra.map(|(_, count)| count).sum();
        anyhow::ensure!(
            extra <= extra::LIMIT,
            "{extra} fixtures under DEVIATIONS.md, at most 10 are allowed"
        );
        total += &tally;
    }
    total.rule_lines().iter().for_each(|line| say(line));
    say(&total.line("golden"));
    let ran = total.passed + total.deviations + total.failed;
    Ok(if total.failed > 0 || ran == 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn read() -> anyhow::Result<Run> {
    let own = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("golden");
    let folder = setting("GOLDEN_DIR").map_or_else(|| own.clone(), PathBuf::from);
    let filter = setting("GOLDEN_FILTER").unwrap_or_default();
    let mut variants = fixture::load(&folder)?;
    for fixtures in &mut variants {
        fixtures.retain(|fixture| fixture.is_selected(&filter));
    }
    variants.retain(|fixtures| !fixtures.is_empty());
    let keys = Keys(vec![folder.join("keys"), own.join("keys")]);
    let extras = extra::load(&own.join("DEVIATIONS.md"))?;
    let show = setting("GOLDEN_SHOW").and_then(|text| text.parse().ok()).unwrap_or(40);
    Ok(Run { variants, keys, extras, show })
}

async fn play_variant(
    run: &Run,
    engine: (&str, &Engine),
    fixtures: &[Fixture],
    tally: &mut Tally,
) -> anyhow::Result<()> {
    let Some(first) = fixtures.first() else { return Ok(()) };
    let jwks = if wants_jwks(&first.settings) && !first.variant.ends_with("_down") {
        jwks::serve(&run.keys).await?
    } else {
        jwks::nowhere().await?
    };
    let mut fail_all = |why: &str| {
        say(&format!("FAILED {} ({} fixtures) on {}: {why}", first.variant, fixtures.len(), engine.0));
        tally.failed += fixtures.len();
    };
    let variant = match Variant::new(&first.settings, &run.keys, &jwks.url) {
        Ok(variant) => variant,
        Err(error) => {
            fail_all(&format!("{error:#}"));
            return Ok(());
        }
    };
    let mut system = match start(engine.1, &variant.settings).await {
        Ok(system) => system,
        Err(refused) if variant.may_be_refused() && refused.is_one_line() => {
            tally.deviates(&["D13".to_owned()]);
            return Ok(());
        }
        Err(refused) => {
            fail_all(&refused.to_string());
            return Ok(());
        }
    };
    let stage = Stage { variant: &variant, keys: &run.keys };
    for fixture in fixtures {
        play_fixture(run, stage, &mut system, (engine.0, fixture), tally).await;
    }
    system.stop().await
}

async fn play_fixture<S: System>(
    run: &Run,
    stage: Stage<'_>,
    system: &mut S,
    (engine, fixture): (&str, &Fixture),
    tally: &mut Tally,
) {
    let verdict = play(stage, system, fixture, &run.extras).await.unwrap_or_else(|error| {
        let mut findings = Findings::default();
        findings.differ("run", "an answer", format!("{error:#}"));
        Verdict::Failed(findings.differences)
    });
    count(run, engine, fixture, &verdict, tally);
}

/// Plays what can be played against a deployment, and says what cannot.
async fn play_deployment(run: &Run, deployment: Deployment) -> anyhow::Result<ExitCode> {
    let name = setting("E2E_VARIANT").unwrap_or_else(|| "tutorial".to_owned());
    let (variant, fixtures) = variant_named(run, &name)?;
    let place = deployment.base.clone();
    let mut remote = remote::attach(deployment, &variant).await?;
    let missing = aspects::missing(&remote, &variant, &run.keys).await?;
    let (mut tally, mut left_out) = (Tally::default(), LeftOut::default());
    let others = run.variants.iter().flatten().filter(|fixture| fixture.variant != name);
    others.for_each(|fixture| left_out.of_another_variant(&fixture.variant));
    let stage = Stage { variant: &variant, keys: &run.keys };
    for fixture in fixtures {
        let lacking: Vec<_> = aspects::needs(fixture).intersection(&missing).copied().collect();
        if lacking.is_empty() {
            play_fixture(run, stage, &mut remote, (&place, fixture), &mut tally).await;
        } else {
            left_out.lacking(fixture, &lacking);
        }
    }
    remote.stop().await?;
    tally.rule_lines().iter().for_each(|line| say(line));
    left_out.lines().iter().for_each(|line| say(line));
    say(&tally.line(&format!("golden, {name} at {place}")));
    say(&tally.line("golden"));
    let ran = tally.passed + tally.deviations + tally.failed;
    Ok(if tally.failed > 0 || ran == 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// A variant and the fixtures of it that are selected.
fn variant_named<'a>(run: &'a Run, name: &str) -> anyhow::Result<(Variant, &'a [Fixture])> {
    let of = |fixtures: &&Vec<Fixture>| fixtures.first().is_some_and(|first| first.variant == name);
    let fixtures = run.variants.iter().find(of).with_context(|| format!("no fixture of a variant {name}"))?;
    let own = fixtures.first().map(|first| first.settings.clone()).unwrap_or_default();
    anyhow::ensure!(!wants_jwks(&own), "{name} needs a key set that only this runner serves");
    Ok((Variant::new(&own, &run.keys, "")?, fixtures))
}

/// `--settings VARIANT`
fn asked_for_settings() -> Option<String> {
    let mut arguments = std::env::args().skip_while(|argument| argument != "--settings");
    arguments.next().and_then(|_| arguments.next())
}

fn count(run: &Run, engine: &str, fixture: &Fixture, verdict: &Verdict, tally: &mut Tally) {
    match verdict {
        Verdict::Passed => tally.passed += 1,
        Verdict::Deviates(rules) => tally.deviates(rules),
        Verdict::Failed(differences) => {
            tally.failed += 1;
            if tally.failed <= run.show {
                say(&failure(engine, fixture, differences));
            }
        }
    }
}

/// An environment variable, unless it is unset or empty.
#[expect(clippy::disallowed_methods, reason = "a test program has no configuration to read them in")]
fn setting(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

//! What a developer waits for: a cold build, and a rebuild after a line has changed. Of a copy, so that
//! nobody's files and nobody's build are touched.

use std::{
    path::Path,
    process::Stdio,
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use tokio::process::Command;

use crate::{
    programs::repository,
    row::{Measured, Row, Spec, Target, Unit},
    stage::Stage,
};

/// Where the line is put: in the crate that most others are built on.
const CHANGED: &str = "shared/src/verifier.rs";

const COLD: Spec = Spec {
    name: "builds/cold",
    what: "`cargo build` with nothing built before",
    against: "–",
    target: Target::Recorded,
    unit: Unit::Seconds,
};
const WARM: Spec =
    Spec { name: "builds/warm", what: "the same after a line in `shared` has changed", ..COLD };

pub(super) async fn measure(stage: &Stage) -> anyhow::Result<Vec<Row>> {
    let copy = stage.folder().join("copy");
    std::fs::create_dir(&copy)?;
    let archive = format!("git archive HEAD | tar --extract --directory '{}'", copy.display());
    run(Command::new("sh").args(["-c", &archive]).current_dir(repository())).await?;
    let cold = build(&copy).await?;
    let file = copy.join(CHANGED);
    let text = std::fs::read_to_string(&file)?;
    std::fs::write(&file, format!("{text}\n/// A line.\npub const LINE: u8 = 1;\n"))?;
    let warm = build(&copy).await?;
    let row = |spec: &Spec, took: Duration| spec.measured(Measured::once(took.as_secs_f64()));
    Ok(vec![row(&COLD, cold), row(&WARM, warm)])
}

async fn build(copy: &Path) -> anyhow::Result<Duration> {
    let began = Instant::now();
    let mut cargo = Command::new("cargo");
    cargo.args(["build", "--locked", "--quiet"]).current_dir(copy);
    run(cargo.env("CARGO_TARGET_DIR", copy.join("target")).env_remove("CARGO_INCREMENTAL")).await?;
    Ok(began.elapsed())
}

async fn run(command: &mut Command) -> anyhow::Result<()> {
    let status = command.stdin(Stdio::null()).kill_on_drop(true).status().await;
    ensure!(status.with_context(|| format!("{command:?}"))?.success(), "{command:?} failed");
    Ok(())
}

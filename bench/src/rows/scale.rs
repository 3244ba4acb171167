//! First pages and look-ups among many rows, beside a thousand: the organization service's own test of its
//! statements.

use std::process::Stdio;

use anyhow::{Context as _, ensure};
use tokio::process::Command;

use crate::{
    machine::Machine,
    postgres::{Postgres, on_one_core},
    programs,
    row::{Measured, Row, Spec, Target, Unit},
    stage::Stage,
};

const FIRST: Spec = Spec {
    name: "scale/first-page",
    what: "time of the slowest first page among many rows, beside that among 10³",
    against: "among 10³",
    target: Target::AtMost(1.3),
    unit: Unit::Times,
};
const LOOK_UP: Spec = Spec { name: "scale/look-up", what: "the same of the slowest look-up", ..FIRST };

pub(super) async fn measure(stage: &Stage) -> anyhow::Result<Vec<Row>> {
    // Both on one core: for one to wake the other on another core takes longer than most of the statements.
    let server = Postgres::on_one_core(Machine::memory())?;
    let mut command = Command::from(on_one_core("cargo"));
    command.args(programs::tests(&["scale", "--", "--nocapture"]));
    command.current_dir(programs::repository()).kill_on_drop(true);
    command.stdin(Stdio::null()).stderr(Stdio::inherit());
    command.env("ORG_SCALE", stage.plan.scale.to_string()).env("TEST_POSTGRES_URL", server.url.secret_text());
    let output = command.output().await.context("taskset")?;
    let operations = read(&String::from_utf8_lossy(&output.stdout));
    // It fails where a bound is exceeded, which is for the row to say.
    ensure!(!operations.is_empty(), "the test printed no figures");
    let row = |spec: &Spec, of: &[&str]| {
        let kind = |name: &str| of.iter().any(|word| name.contains(word));
        let some: Vec<_> = operations.iter().filter(|(_, name)| kind(name)).collect();
        let worst = some.iter().copied().max_by(|one, other| one.0.total_cmp(&other.0));
        let (figure, name) = worst.with_context(|| format!("no {of:?}"))?;
        let note = format!("{} rows; the slowest of {}: {name}", stage.plan.scale, some.len());
        anyhow::Ok(spec.measured(Measured::once(*figure).noting(note)))
    };
    Ok(vec![row(&FIRST, &["first page"])?, row(&LOOK_UP, &["looked up", "checked", "found by"])?])
}

/// Lines such as ` 1.02     80.1µs     82.0µs  first page of members`.
fn read(text: &str) -> Vec<(f64, String)> {
    let line = |line: &str| {
        let (times, name) = line.rsplit_once("  ")?;
        let ratio = times.split_whitespace().next()?.parse().ok()?;
        Some((ratio, name.to_owned()))
    };
    text.lines().filter_map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_read_out_of_what_the_test_prints() {
        let said = "\nrunning 1 test\n20000 rows against 1000\n \
            1.02    80.1µs    82.0µs  first page of members\n12.50     1.2ms    15.0ms  an organization looked up\n\
            test result: ok. 1 passed; 0 failed\n";
        let read = read(said);
        let names: Vec<_> = read.iter().map(|(_, name)| name.as_str()).collect();
        assert_eq!(names, ["first page of members", "an organization looked up"]);
        assert!(read.iter().zip([1.02, 12.5]).all(|((ratio, _), wanted)| (ratio - wanted).abs() < 1e-9));
    }
}

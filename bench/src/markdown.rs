//! The results as Markdown.

use std::fmt::Write as _;

use crate::{
    results::Results,
    row::{Measured, Outcome, Row, Side, Target, Unit},
};

/// A row in one line, for whoever waits.
pub(crate) fn line(row: &Row) -> String {
    let figure = figure(row);
    format!("{:28} {figure:>28}  target {:10} {}", row.name, target(row), row.verdict().word())
}

/// The whole document.
pub(crate) fn document(results: &Results) -> String {
    let machine = &results.machine;
    let size = if results.quick { "quick" } else { "full" };
    let mut text = format!(
        "{}, {}, commit {}, {size}, {} s\n\n{}\n\n",
        machine.summary(),
        machine.date,
        machine.commit,
        results.seconds,
        machine.versions.join(" · "),
    );
    text += "| row | what | against | figure | spread | target | |\n|---|---|---|---|---|---|---|\n";
    for row in &results.rows {
        text += &table_row(row);
    }
    text += "\n| row | side | per second | p50 ms | p99 ms | CPU µs each |\n|---|---|---:|---:|---:|---:|\n";
    for (row, measured) in measured(&results.rows) {
        for side in &measured.sides {
            text += &side_row(row, side);
        }
    }
    let noted: Vec<_> = results.rows.iter().filter_map(|row| Some((row, note(row)?))).collect();
    if !noted.is_empty() {
        text += "\n";
    }
    for (row, note) in noted {
        // Writing to a string does not fail.
        writeln!(text, "- `{}`: {note}", row.name).ok();
    }
    text
}

fn measured(rows: &[Row]) -> impl Iterator<Item = (&Row, &Measured)> {
    rows.iter().filter_map(|row| match &row.outcome {
        Outcome::Measured(measured) => Some((row, measured)),
        _ => None,
    })
}

fn table_row(row: &Row) -> String {
    let spread = match &row.outcome {
        Outcome::Measured(Measured { spread: [low, high], .. }) if low < high => {
            format!("{}–{}", number(*low), number(*high))
        }
        _ => String::new(),
    };
    let (figure, target, word) = (figure(row), target(row), row.verdict().word());
    format!("| `{}` | {} | {} | {figure} | {spread} | {target} | {word} |\n", row.name, row.what, row.against)
}

fn side_row(row: &Row, side: &Side) -> String {
    let cell = |value: Option<f64>| value.map(number).unwrap_or_default();
    let [p50, p99, cpu] = [side.p50_ms, side.p99_ms, side.cpu_us].map(cell);
    format!("| `{}` | {} | {} | {p50} | {p99} | {cpu} |\n", row.name, side.name, number(side.rate))
}

fn note(row: &Row) -> Option<&str> {
    match &row.outcome {
        Outcome::Measured(measured) => Some(measured.note.as_str()).filter(|note| !note.is_empty()),
        Outcome::Skipped(reason) | Outcome::Failed(reason) => Some(reason),
    }
}

fn figure(row: &Row) -> String {
    match &row.outcome {
        Outcome::Measured(measured) => with_unit(measured.figure, row.unit),
        _ => "–".to_owned(),
    }
}

fn target(row: &Row) -> String {
    match row.target {
        Target::AtLeast(bound) => format!("≥ {}", with_unit(bound, row.unit)),
        Target::AtMost(bound) => format!("≤ {}", with_unit(bound, row.unit)),
        Target::Recorded => "–".to_owned(),
    }
}

fn with_unit(value: f64, unit: Unit) -> String {
    format!("{}{}", number(value), unit.sign())
}

/// Three digits that count, and no more behind the point than those.
pub(crate) fn number(value: f64) -> String {
    match value.abs() {
        large if large >= 100.0 => format!("{value:.0}"),
        medium if medium >= 10.0 => format!("{value:.1}"),
        small if small >= 1.0 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{machine::Machine, row::Run};

    fn results() -> Results {
        let machine = Machine {
            model: "A Processor".to_owned(),
            cores: 2,
            memory_gb: 8.0,
            load: 0.1,
            date: "2026-01-02T03:04:05Z".to_owned(),
            commit: "abc+".to_owned(),
            versions: vec!["wrk 4".to_owned()],
        };
        let run = Run { rate: 1234.5, p50_ms: Some(1.25), p99_ms: None, cpu_us: Some(45.67) };
        let side = Side::of("ours", &[run]);
        let row = |name: &str, outcome| Row {
            name: name.to_owned(),
            what: "what".to_owned(),
            against: "a limit".to_owned(),
            target: Target::AtLeast(0.65),
            unit: Unit::Times,
            outcome,
        };
        let measured = Measured::of(vec![0.7, 0.6, 0.8], vec![side]).noting("a remark");
        let rows = vec![
            row("one", Outcome::Measured(measured)),
            row("two", Outcome::Skipped("peer absent".to_owned())),
        ];
        Results { machine, quick: true, seconds: 7, rows }
    }

    #[test]
    fn a_document_has_verdicts_sides_and_remarks() {
        let text = document(&results());
        let has = |part: &str| assert!(text.contains(part), "no {part} in\n{text}");
        has("A Processor, 2 cores, 8 GB, load 0.10, 2026-01-02T03:04:05Z, commit abc+, quick");
        has("| `one` | what | a limit | 0.700× | 0.600–0.800 | ≥ 0.650× | pass |");
        has("| `two` | what | a limit | – |  | ≥ 0.650× | skip |");
        has("| `one` | ours | 1234 | 1.25 |  | 45.7 |");
        has("- `one`: a remark");
        has("- `two`: peer absent");
    }

    #[test]
    fn results_survive_their_json() {
        let results = results();
        let json = serde_json::to_string(&results).unwrap();
        assert_eq!(serde_json::from_str::<Results>(&json).unwrap(), results);
    }
}

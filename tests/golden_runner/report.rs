//! The counts and what is printed of them.

use std::{collections::BTreeMap, ops::AddAssign};

use crate::{aspects::Aspect, compare::Difference, deviations::RULES, fixture::Fixture, json};

/// Counts of one engine, or of all.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) passed: usize,
    pub(crate) deviations: usize,
    pub(crate) failed: usize,
    /// Fixtures by rule; one that needed two rules counts under both.
    pub(crate) rules: BTreeMap<String, usize>,
}

impl Tally {
    pub(crate) fn deviates(&mut self, rules: &[String]) {
        self.deviations += 1;
        for rule in rules {
            *self.rules.entry(rule.clone()).or_default() += 1;
        }
    }

    /// Scripts read all four counts, the last of which was for fixtures of later releases.
    pub(crate) fn line(&self, title: &str) -> String {
        let Self { passed, deviations, failed, .. } = self;
        format!("{title}: {passed} passed, {deviations} deviations, {failed} failed, 0 waiting")
    }

    /// One line per rule that was needed, in the order of their numbers.
    pub(crate) fn rule_lines(&self) -> Vec<String> {
        let number = |rule: &str| rule.trim_start_matches(|c: char| !c.is_ascii_digit()).parse::<u32>().ok();
        let mut rules: Vec<_> = self.rules.iter().collect();
        rules.sort_by_key(|(rule, _)| (!rule.starts_with('D'), number(rule)));
        rules.into_iter().map(|(rule, count)| format!("  {rule}: {count}{}", meaning(rule))).collect()
    }
}

impl AddAssign<&Self> for Tally {
    fn add_assign(&mut self, other: &Self) {
        self.passed += other.passed;
        self.deviations += other.deviations;
        self.failed += other.failed;
        for (rule, count) in &other.rules {
            *self.rules.entry(rule.clone()).or_default() += count;
        }
    }
}

/// Fixtures that were not played, by reason.
#[derive(Clone, Debug, Default)]
pub(crate) struct LeftOut {
    lacking: BTreeMap<String, Vec<String>>,
    variants: BTreeMap<String, usize>,
}

impl LeftOut {
    /// The deployment lacks what the fixture needs.
    pub(crate) fn lacking(&mut self, fixture: &Fixture, lacking: &[Aspect]) {
        let reason: Vec<_> = lacking.iter().map(Aspect::to_string).collect();
        self.lacking.entry(reason.join(", ")).or_default().push(fixture.name.clone());
    }

    /// The deployment was started with other settings.
    pub(crate) fn of_another_variant(&mut self, variant: &str) {
        *self.variants.entry(variant.to_owned()).or_default() += 1;
    }

    /// One line per reason, with the names, then the sum.
    pub(crate) fn lines(&self) -> Vec<String> {
        let mut lines: Vec<_> = self
            .lacking
            .iter()
            .map(|(reason, names)| format!("  {} without {reason}: {}", names.len(), names.join(" ")))
            .collect();
        let (here, others) =
            (self.lacking.values().map(Vec::len).sum::<usize>(), self.variants.values().sum::<usize>());
        lines.push(format!("left out: {here} fixtures that need what is not there"));
        lines.push(format!("left out: {others} fixtures of {} other variants", self.variants.len()));
        lines
    }
}

/// A failure, readable: the name, what went before, what was sent, what differs.
pub(crate) fn failure(engine: &str, fixture: &Fixture, differences: &[Difference]) -> String {
    let request = &fixture.request;
    let mut lines = vec![
        format!("FAILED {} on {engine}", fixture.id()),
        format!("  setup: {}", json::clip(&fixture.setup_text, 700)),
        format!("  request: {} {} {}", request.method, json::clip(&request.path, 200), sent(fixture)),
    ];
    lines.extend(differences.iter().map(|difference| format!("  {difference}")));
    lines.join("\n")
}

/// The one place that writes to standard output.
#[expect(clippy::print_stdout, reason = "the report is what this program is for")]
pub(crate) fn say(line: &str) {
    println!("{line}");
}

fn sent(fixture: &Fixture) -> String {
    let request = &fixture.request;
    let headers = request.headers.iter().map(|(name, value)| format!("{name}: {value}"));
    let body = request.json.as_ref().map(json::write).or_else(|| request.raw.clone());
    let body = body.or_else(|| request.form.as_ref().map(|form| format!("form {form:?}")));
    let body = body.or_else(|| request.multipart.as_ref().map(|parts| format!("multipart {parts:?}")));
    let body = json::clip(&body.unwrap_or_default(), 300);
    format!("[{}] {body}", headers.collect::<Vec<_>>().join(", "))
}

fn meaning(rule: &str) -> String {
    if rule == "D13" {
        return " (a variant that cannot be safe or cannot work -> the start is refused)".to_owned();
    }
    let rule = RULES.iter().find(|known| known.name == rule);
    rule.map(|rule| format!(" ({} -> {})", rule.original, rule.ours)).unwrap_or_default()
}

//! [`Row`]: one line of the result, and whether it says what it should.

mod side;

use serde::{Deserialize, Serialize};

pub(crate) use side::{Run, Side};

use crate::stats::{median, spread};

/// What a figure counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Unit {
    /// Ours as a multiple of the other side's.
    Times,
    /// Per cent.
    Percent,
    /// Milliseconds.
    Milliseconds,
    /// Seconds.
    Seconds,
    /// 10⁶ bytes.
    Megabytes,
}

impl Unit {
    /// As it stands behind a number.
    pub(crate) const fn sign(self) -> &'static str {
        match self {
            Self::Times => "×",
            Self::Percent => " %",
            Self::Milliseconds => " ms",
            Self::Seconds => " s",
            Self::Megabytes => " MB",
        }
    }
}

/// What the figure should be.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Target {
    /// So much or more.
    AtLeast(f64),
    /// So much or less.
    AtMost(f64),
    /// Nothing was promised.
    Recorded,
}

/// A figure with what it came from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Measured {
    /// The median.
    pub(crate) figure: f64,
    /// The least and the greatest of the rounds.
    pub(crate) spread: [f64; 2],
    /// Ours first.
    pub(crate) sides: Vec<Side>,
    /// What else was seen.
    pub(crate) note: String,
}

impl Measured {
    /// The median of these, one of each round.
    pub(crate) fn of(figures: Vec<f64>, sides: Vec<Side>) -> Self {
        let spread = spread(&figures).unwrap_or_default();
        Self { figure: median(figures), spread, sides, note: String::new() }
    }

    /// A figure that was taken once.
    pub(crate) fn once(figure: f64) -> Self {
        Self::of(vec![figure], Vec::new())
    }

    /// The same with a remark.
    pub(crate) fn noting(self, note: impl Into<String>) -> Self {
        Self { note: note.into(), ..self }
    }
}

/// What came of a row.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Outcome {
    /// It was measured.
    Measured(Measured),
    /// Something is not there that it needs.
    Skipped(String),
    /// It could not be measured, for this reason.
    Failed(String),
}

/// One line of the result.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Row {
    /// Unique: the family's name, and behind a slash what it is about.
    pub(crate) name: String,
    /// What is measured.
    pub(crate) what: String,
    /// The limit or peer beside it.
    pub(crate) against: String,
    /// What the figure should be.
    pub(crate) target: Target,
    /// What figure and target count.
    pub(crate) unit: Unit,
    /// What came of it.
    pub(crate) outcome: Outcome,
}

/// A row before it is measured.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Spec {
    /// See [`Row::name`].
    pub(crate) name: &'static str,
    /// See [`Row::what`].
    pub(crate) what: &'static str,
    /// See [`Row::against`].
    pub(crate) against: &'static str,
    /// See [`Row::target`].
    pub(crate) target: Target,
    /// See [`Row::unit`].
    pub(crate) unit: Unit,
}

impl Spec {
    /// The row with what came of it.
    pub(crate) fn with(&self, outcome: Outcome) -> Row {
        let Self { name, what, against, target, unit } = *self;
        let (name, what, against) = (name.to_owned(), what.to_owned(), against.to_owned());
        Row { name, what, against, target, unit, outcome }
    }

    /// The row, or the same that says why it could not be measured.
    pub(crate) fn or_failed(&self, row: anyhow::Result<Row>) -> Row {
        row.unwrap_or_else(|error| self.with(Outcome::Failed(format!("{error:#}"))))
    }

    /// The row with its figure.
    pub(crate) fn measured(&self, measured: Measured) -> Row {
        self.with(Outcome::Measured(measured))
    }
}

/// Whether a row says what it should.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The target is met.
    Pass,
    /// It is not.
    Miss,
    /// There is none.
    Recorded,
    /// It was left out.
    Skip,
    /// It could not be measured.
    Error,
}

impl Verdict {
    /// As it stands in the table.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Miss => "**miss**",
            Self::Recorded => "recorded",
            Self::Skip => "skip",
            Self::Error => "**error**",
        }
    }
}

impl Row {
    /// Whether the figure is what it should be.
    pub(crate) fn verdict(&self) -> Verdict {
        let measured = match &self.outcome {
            Outcome::Measured(measured) => measured,
            Outcome::Skipped(_) => return Verdict::Skip,
            Outcome::Failed(_) => return Verdict::Error,
        };
        let met = match self.target {
            Target::AtLeast(bound) => measured.figure >= bound,
            Target::AtMost(bound) => measured.figure <= bound,
            Target::Recorded => return Verdict::Recorded,
        };
        if met { Verdict::Pass } else { Verdict::Miss }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(target: Target, outcome: Outcome) -> Row {
        let (name, what, against) = ("name".to_owned(), "what".to_owned(), "against".to_owned());
        Row { name, what, against, target, unit: Unit::Times, outcome }
    }

    #[test]
    fn a_verdict_compares_the_median_with_the_target() {
        let figures = |target| row(target, Outcome::Measured(Measured::of(vec![0.9, 0.7, 0.5], vec![])));
        assert_eq!(figures(Target::AtLeast(0.7)).verdict(), Verdict::Pass);
        assert_eq!(figures(Target::AtLeast(0.71)).verdict(), Verdict::Miss);
        assert_eq!(figures(Target::AtMost(0.7)).verdict(), Verdict::Pass);
        assert_eq!(figures(Target::AtMost(0.69)).verdict(), Verdict::Miss);
        assert_eq!(figures(Target::Recorded).verdict(), Verdict::Recorded);
    }

    #[test]
    fn what_was_not_measured_meets_no_target() {
        let target = Target::AtMost(1.0);
        assert_eq!(row(target, Outcome::Skipped("absent".to_owned())).verdict(), Verdict::Skip);
        assert_eq!(row(target, Outcome::Failed("refused".to_owned())).verdict(), Verdict::Error);
        let nothing = Measured::once(f64::NAN);
        assert_eq!(row(target, Outcome::Measured(nothing)).verdict(), Verdict::Miss);
    }
}

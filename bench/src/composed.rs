//! Comparing with the composed limit: what nobody can avoid, each part measured alone at the same
//! concurrency on the same cores, and their times added up.

use crate::{
    row::{Measured, Run, Side},
    stats::{composed, ratios},
};

/// A part of a limit: its name and its runs.
pub(crate) type Part<'a> = (&'a str, &'a [Run]);

fn rates(runs: &[Run]) -> Vec<f64> {
    runs.iter().map(|run| run.rate).collect()
}

/// Ours as a part of what these parts come to, round by round.
pub(crate) fn beside(name: &str, ours: &[Run], parts: &[Part<'_>]) -> Measured {
    let limit =
        |round: usize| composed(parts.iter().filter_map(|(_, runs)| runs.get(round)).map(|run| run.rate));
    let limits: Vec<Run> =
        (0..ours.len()).map(|round| Run { rate: limit(round), ..Run::default() }).collect();
    let mut sides = vec![Side::of(name, ours), Side::of("composed limit", &limits)];
    sides.extend(parts.iter().map(|(name, runs)| Side::of(&format!("of it: {name}"), runs)));
    Measured::of(ratios(&rates(ours), &rates(&limits)), sides)
}

/// Ours as a multiple of one other side.
pub(crate) fn ratio((name, ours): Part<'_>, (other, theirs): Part<'_>) -> Measured {
    let sides = vec![Side::of(name, ours), Side::of(other, theirs)];
    Measured::of(ratios(&rates(ours), &rates(theirs)), sides)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn runs(rates: &[f64]) -> Vec<Run> {
        rates.iter().map(|rate| Run { rate: *rate, ..Run::default() }).collect()
    }

    #[test]
    fn a_limit_is_composed_in_every_round() {
        let (bare, statement) = (runs(&[100.0, 200.0]), runs(&[100.0, 200.0]));
        let measured = beside("ours", &runs(&[25.0, 80.0]), &[("bare", &bare), ("statement", &statement)]);
        let close = |one: f64, other: f64| (one - other).abs() < 1e-9;
        let [low, high] = measured.spread;
        assert!(close(low, 0.5) && close(high, 0.8), "{measured:?}");
        let names: Vec<_> = measured.sides.iter().map(|side| side.name.as_str()).collect();
        assert_eq!(names, ["ours", "composed limit", "of it: bare", "of it: statement"]);
    }

    #[test]
    fn a_ratio_is_of_neighbours() {
        let measured = ratio(("ours", &runs(&[1.0, 4.0])), ("theirs", &runs(&[2.0, 2.0])));
        assert!((measured.figure - 1.25).abs() < 1e-9 && measured.sides.len() == 2, "{measured:?}");
    }
}

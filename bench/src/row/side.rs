//! [`Run`] and [`Side`]: one turn of a load, and all turns of one side.

use serde::{Deserialize, Serialize};

use crate::stats::median;

/// One of the sides of a comparison, as medians over the rounds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Side {
    /// What it is.
    pub(crate) name: String,
    /// Per second.
    pub(crate) rate: f64,
    /// Half of the requests took no longer, in milliseconds.
    pub(crate) p50_ms: Option<f64>,
    /// 99 of 100 took no longer, in milliseconds.
    pub(crate) p99_ms: Option<f64>,
    /// The server's processor time per request, in microseconds.
    pub(crate) cpu_us: Option<f64>,
}

/// One run of a load.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Run {
    /// Per second.
    pub(crate) rate: f64,
    /// Half of the requests took no longer, in milliseconds.
    pub(crate) p50_ms: Option<f64>,
    /// 99 of 100 took no longer, in milliseconds.
    pub(crate) p99_ms: Option<f64>,
    /// The server's processor time per request, in microseconds.
    pub(crate) cpu_us: Option<f64>,
}

impl Side {
    /// The medians of these runs.
    pub(crate) fn of(name: &str, runs: &[Run]) -> Self {
        let all = |of: fn(&Run) -> Option<f64>| -> Option<f64> {
            runs.iter().map(of).collect::<Option<Vec<_>>>().filter(|all| !all.is_empty()).map(median)
        };
        Self {
            name: name.to_owned(),
            rate: all(|run| Some(run.rate)).unwrap_or_default(),
            p50_ms: all(|run| run.p50_ms),
            p99_ms: all(|run| run.p99_ms),
            cpu_us: all(|run| run.cpu_us),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_side_is_the_medians_of_its_runs() {
        let run = |rate, cpu_us| Run { rate, p50_ms: Some(2.0), p99_ms: None, cpu_us };
        let side = Side::of("ours", &[run(10.0, Some(5.0)), run(30.0, None), run(20.0, Some(5.0))]);
        assert!((side.rate - 20.0).abs() < 1e-9);
        // A column that a run lacks says nothing.
        assert_eq!((side.p50_ms, side.p99_ms, side.cpu_us), (Some(2.0), None, None));
    }
}

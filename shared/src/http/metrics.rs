//! Counters and gauges in Prometheus's text form, on the management port.

use std::time::Duration;

use prometheus::{
    Encoder, HistogramOpts, HistogramVec, IntCounterVec, Opts, PullingGauge, Registry, TextEncoder,
};

use crate::revocation::Revocations;

/// A process's metrics. Clones share them.
#[derive(Debug, Clone)]
pub struct Metrics {
    registry: Registry,
    requests: IntCounterVec,
    durations: HistogramVec,
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// Empty metrics.
    ///
    /// # Panics
    /// Never: the names below are valid and distinct, which the tests show.
    #[must_use]
    #[expect(clippy::expect_used, reason = "constant names; a test builds it")]
    pub fn new() -> Self {
        let registry = Registry::new();
        let requests = Opts::new("http_requests_total", "Requests answered");
        let requests = IntCounterVec::new(requests, &["method", "status"]).expect("a valid metric");
        let durations = HistogramOpts::new("http_request_duration_seconds", "Time to answer")
            .buckets(vec![0.001, 0.005, 0.025, 0.1, 0.25, 1.0, 5.0]);
        let durations = HistogramVec::new(durations, &["method"]).expect("a valid metric");
        registry.register(Box::new(requests.clone())).expect("a new name");
        registry.register(Box::new(durations.clone())).expect("a new name");
        Self { registry, requests, durations }
    }

    /// Counts an answer. Unknown methods count together, so that clients cannot make labels.
    pub fn answered(&self, method: &str, status: u16, took: Duration) {
        let known = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"];
        let method = if known.contains(&method) { method } else { "other" };
        self.requests.with_label_values(&[method, &status.to_string()]).inc();
        self.durations.with_label_values(&[method]).observe(took.as_secs_f64());
    }

    /// Shows what a validator of this process knows of revocation: how much, how old, and how it came.
    ///
    /// # Panics
    /// Never: the names below are valid and distinct, which the tests show.
    #[expect(clippy::expect_used, reason = "constant names; a test builds it")]
    pub fn show_revocations(&self, view: &Revocations) {
        for (name, help, figure) in FIGURES {
            let view = view.clone();
            let gauge = PullingGauge::new(name, help, Box::new(move || figure(&view)));
            let gauge = gauge.expect("a valid metric");
            // Two services of one process share a view; the first shows it.
            self.registry.register(Box::new(gauge)).ok();
        }
    }

    /// The text form.
    #[must_use]
    pub fn render(&self) -> Vec<u8> {
        let mut text = Vec::new();
        if let Err(error) = TextEncoder::new().encode(&self.registry.gather(), &mut text) {
            tracing::error!(%error, "the metrics could not be written");
        }
        text
    }
}

/// A figure of a view.
type Figure = fn(&Revocations) -> f64;

#[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^52")]
const FIGURES: [(&str, &str, Figure); 6] = [
    ("revocation_entries", "Live entries of the revocation feed", |view| view.len() as f64),
    ("revocation_seq", "Place of the latest entry of the feed", |view| view.seq() as f64),
    ("revocation_snapshots", "Snapshots loaded since the start", |view| view.snapshots() as f64),
    (
        "revocation_staleness_seconds",
        "Time since the feed last said that nothing is missing; -1 before the first snapshot",
        |view| view.staleness().map_or(-1.0, |age| age.as_secs_f64()),
    ),
    (
        "revocation_lag_seconds",
        "How old the latest entries were when they arrived, as the auth service read them",
        |view| view.lag().as_secs_f64(),
    ),
    (
        "revocation_carrying_on",
        "1 while requests are answered although the feed has been silent for too long",
        |view| f64::from(u8::from(view.carries_on())),
    ),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Clock, config::process::RevocationPolicy};

    #[test]
    fn what_is_known_of_revocation_is_shown_once() {
        let metrics = Metrics::new();
        let view = Revocations::new(RevocationPolicy::default(), Clock::System);
        metrics.show_revocations(&view);
        metrics.show_revocations(&view);
        let text = String::from_utf8(metrics.render()).unwrap();
        assert!(text.contains("revocation_staleness_seconds -1"), "{text}");
        for (name, ..) in FIGURES {
            assert_eq!(text.matches(&format!("# TYPE {name} gauge")).count(), 1, "{name}");
        }
    }

    #[test]
    fn answers_are_counted_by_method_and_status() {
        let metrics = Metrics::new();
        metrics.answered("GET", 200, Duration::from_millis(2));
        metrics.answered("BREW", 405, Duration::from_millis(2));
        let text = String::from_utf8(metrics.render()).unwrap();
        assert!(text.contains(r#"http_requests_total{method="GET",status="200"} 1"#), "{text}");
        assert!(text.contains(r#"http_requests_total{method="other",status="405"} 1"#), "{text}");
    }
}

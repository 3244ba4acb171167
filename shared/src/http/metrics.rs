//! Counters and gauges in Prometheus's text form, on the management port.

use std::time::Duration;

use prometheus::{Encoder, HistogramOpts, HistogramVec, IntCounterVec, Opts, Registry, TextEncoder};

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

#[cfg(test)]
mod tests {
    use super::*;

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

//! Medians, spreads and percentiles.

use std::time::Duration;

/// The middle value, or the mean of the two; 0 of nothing.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    let (low, high) = (values.get(values.len().saturating_sub(1) / 2), values.get(values.len() / 2));
    f64::midpoint(low.copied().unwrap_or_default(), high.copied().unwrap_or_default())
}

/// The least and the greatest; `None` of nothing.
pub(crate) fn spread(values: &[f64]) -> Option<[f64; 2]> {
    let least = values.iter().copied().min_by(f64::total_cmp)?;
    let greatest = values.iter().copied().max_by(f64::total_cmp)?;
    Some([least, greatest])
}

/// The value that so many per cent do not exceed, by nearest rank; zero of nothing.
pub(crate) fn percentile(mut times: Vec<Duration>, percent: usize) -> Duration {
    times.sort_unstable();
    let rank = (times.len() * percent).div_ceil(100).max(1);
    times.get(rank - 1).copied().unwrap_or_default()
}

/// Each of `ours` as a part of its neighbour in time among `theirs`.
pub(crate) fn ratios(ours: &[f64], theirs: &[f64]) -> Vec<f64> {
    ours.iter().zip(theirs).map(|(ours, theirs)| ours / theirs).collect()
}

/// What a chain of steps reaches at most, each of which reaches so much alone: of requests per second
/// the composed limit.
pub(crate) fn composed(parts: impl IntoIterator<Item = f64>) -> f64 {
    1.0 / parts.into_iter().map(|rate| 1.0 / rate).sum::<f64>()
}

/// A count as a number to calculate with.
#[expect(clippy::cast_precision_loss, reason = "counts here are far below 2^53")]
pub(crate) const fn float(count: u64) -> f64 {
    count as f64
}

/// A size as a number to calculate with.
pub(crate) const fn size(count: usize) -> f64 {
    float(count as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(one: f64, other: f64) -> bool {
        (one - other).abs() < 1e-9
    }

    #[test]
    fn a_median_is_in_the_middle() {
        assert!(close(median(vec![3.0, 1.0, 2.0]), 2.0));
        assert!(close(median(vec![4.0, 1.0, 2.0, 3.0]), 2.5));
        assert!(close(median(Vec::new()), 0.0));
    }

    #[test]
    fn a_spread_has_two_ends() {
        assert_eq!(spread(&[0.9, 1.1, 1.0]), Some([0.9, 1.1]));
        assert_eq!(spread(&[]), None);
    }

    #[test]
    fn percentiles_are_by_nearest_rank() {
        let hundred: Vec<_> = (1..=100).rev().map(Duration::from_millis).collect();
        assert_eq!(percentile(hundred.clone(), 50), Duration::from_millis(50));
        assert_eq!(percentile(hundred.clone(), 99), Duration::from_millis(99));
        assert_eq!(percentile(hundred, 100), Duration::from_millis(100));
        assert_eq!(percentile(Vec::new(), 99), Duration::ZERO);
    }

    #[test]
    fn a_composed_limit_adds_up_times() {
        // 10 µs and 40 µs make 50 µs.
        assert!(close(composed([100_000.0, 25_000.0]), 20_000.0));
        assert!(close(composed([500.0]), 500.0));
    }

    #[test]
    fn ratios_are_of_neighbours() {
        assert_eq!(ratios(&[1.0, 3.0], &[2.0, 2.0]), [0.5, 1.5]);
    }
}

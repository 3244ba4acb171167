use super::*;

#[test]
fn pauses_double_up_to_two_hours() {
    let seconds = |tries| pause(tries).as_secs();
    assert_eq!([1, 2, 3, 10, 11, 20, i64::MAX].map(seconds), [10, 20, 40, 5120, 7200, 7200, 7200]);
    let day: u64 = (1..TRIES).map(seconds).sum();
    assert!((18 * 3600..30 * 3600).contains(&day), "{day}");
}

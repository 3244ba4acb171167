//! What Python makes of text and numbers, where clients of the original can see it.
//!
//! Django trims, counts and converts with Python's own functions, whose edges differ a
//! little from Rust's: four more characters are white space, floats print otherwise,
//! `int()` takes signs and underscores.

/// More digits than this and Python refuses to read an integer.
const MAX_INT_DIGITS: usize = 4300;

/// `str.isspace()`: Unicode white space and the four information separators.
pub(crate) fn is_space(c: char) -> bool {
    c.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&c)
}

/// `str.strip()`.
pub(crate) fn trim(text: &str) -> &str {
    text.trim_matches(is_space)
}

/// `int(text)`, held at the bounds of `i64`. The separators are no white space to it. Only ASCII digits: Python also reads those
/// of other scripts, which no client sends as a page number.
pub(crate) fn int(text: &str) -> Option<i64> {
    let text = text.trim();
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if digits.split('_').any(|run| run.is_empty() || !run.bytes().all(|byte| byte.is_ascii_digit())) {
        return None;
    }
    let digits = digits.bytes().filter(|byte| *byte != b'_').map(|byte| i64::from(byte - b'0'));
    if digits.clone().count() > MAX_INT_DIGITS {
        return None;
    }
    let value = digits.fold(0_i64, |value, digit| value.saturating_mul(10).saturating_add(digit));
    Some(if negative { -value } else { value })
}

/// `str()` of a JSON number as Python's decoder reads it; `None` where that refuses.
pub(crate) fn number_text(number: &str) -> Option<String> {
    if number.contains(['.', 'e', 'E']) {
        return number.parse().ok().map(float_text);
    }
    if number.trim_start_matches('-').len() > MAX_INT_DIGITS {
        return None;
    }
    Some(if number == "-0" { "0" } else { number }.to_owned())
}

/// `repr(float)`. Both languages print the shortest digits that read back, and both turn
/// to exponents at 1e16 and below 1e-4; Python signs the exponent and pads it to two digits.
fn float_text(value: f64) -> String {
    let text = format!("{value:?}");
    let Some((digits, exponent)) = text.split_once('e') else { return text };
    match exponent.strip_prefix('-') {
        Some(exponent) => format!("{digits}e-{exponent:0>2}"),
        None => format!("{digits}e+{exponent:0>2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_python_writes_them() {
        // Checked against Python 3.11.
        for (json, text) in [
            ("0", "0"),
            ("-0", "0"),
            ("5", "5"),
            ("-17", "-17"),
            ("18446744073709551616", "18446744073709551616"),
            ("1.5", "1.5"),
            ("1e3", "1000.0"),
            ("1E3", "1000.0"),
            ("-0.0", "-0.0"),
            ("0.0001", "0.0001"),
            ("0.00001", "1e-05"),
            ("1.5e-7", "1.5e-07"),
            ("1e15", "1000000000000000.0"),
            ("1e16", "1e+16"),
            ("123456789012345678", "123456789012345678"),
            ("1e22", "1e+22"),
            ("1e23", "1e+23"),
            ("5e-324", "5e-324"),
            ("1e400", "inf"),
            ("-1e400", "-inf"),
            ("0.1e1", "1.0"),
            ("100.0", "100.0"),
            ("1e-400", "0.0"),
            ("2.50", "2.5"),
        ] {
            assert_eq!(number_text(json).as_deref(), Some(text), "{json}");
        }
        assert_eq!(number_text(&"9".repeat(4300)).map(|text| text.len()), Some(4300));
        assert_eq!(number_text(&"9".repeat(4301)), None);
    }

    #[test]
    fn integers_are_read_as_python_reads_them_within_64_bits() {
        // Checked against Python 3.11.
        for (text, value) in [
            ("1", Some(1)),
            ("+2", Some(2)),
            ("-3", Some(-3)),
            (" 2 ", Some(2)),
            ("\u{3000}2\u{1f}", None),
            ("2_0", Some(20)),
            ("_2", None),
            ("2_", None),
            ("2__0", None),
            ("1.0", None),
            ("2.5", None),
            ("", None),
            ("+", None),
            ("- 1", None),
            ("--1", None),
            ("0x1", None),
            ("1e3", None),
            ("99999999999999999999", Some(i64::MAX)),
            ("-99999999999999999999", Some(-i64::MAX)),
            ("007", Some(7)),
            ("+-1", None),
            ("1\u{0}", None),
        ] {
            assert_eq!(int(text), value, "{text:?}");
        }
        assert_eq!(int(&"0".repeat(4300)), Some(0));
        assert_eq!(int(&"0".repeat(4301)), None);
    }

    #[test]
    fn the_separators_are_white_space() {
        assert_eq!(trim("\u{1f} \u{3000}a b\u{85}\u{1c}"), "a b");
        assert_eq!(trim("\u{200b}"), "\u{200b}", "a zero-width space is none");
    }
}

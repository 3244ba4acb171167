//! Host names as Django's patterns see them: looser than DNS, with room for any
//! script, but with a dot and lengths that fit.

/// `[a-z]` without regard to case as Python matches it: with the two Turkish letters, the
/// long s and the kelvin sign, which fold to ASCII.
pub(super) fn is_letter(c: char) -> bool {
    c.is_ascii_alphabetic() || matches!(c, '\u{130}' | '\u{131}' | '\u{17f}' | '\u{212a}')
}

/// Whether the text is a name of at least two labels. A dot at its end counts as an error.
pub(super) fn is_domain(name: &str) -> bool {
    name.rsplit_once('.').is_some_and(|(labels, top)| is_top(top) && labels.split('.').all(is_label))
}

fn is_label(label: &str) -> bool {
    let fits = (1..=63).contains(&label.chars().count());
    fits && !dashed(label) && label.chars().all(|c| is_any_letter(c) || c.is_ascii_digit() || c == '-')
}

fn is_top(label: &str) -> bool {
    let length = label.chars().count();
    let word = (2..=63).contains(&length) && label.chars().all(|c| is_any_letter(c) || c == '-');
    !dashed(label) && (word || is_punycode(label))
}

fn is_punycode(label: &str) -> bool {
    let Some((prefix, rest)) = label.split_at_checked(4) else { return false };
    prefix.eq_ignore_ascii_case("xn--")
        && (1..=59).contains(&rest.chars().count())
        && rest.chars().all(|c| is_letter(c) || c.is_ascii_digit())
}

fn dashed(label: &str) -> bool {
    label.starts_with('-') || label.ends_with('-')
}

fn is_any_letter(c: char) -> bool {
    c.is_ascii_alphabetic() || ('\u{a1}'..='\u{ffff}').contains(&c)
}

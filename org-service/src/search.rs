//! How texts are compared without regard to case, on both engines alike.
//!
//! SQLite folds the case of ASCII only, and PostgreSQL what the database's locale knows. So the
//! application folds, once when a row is written and once per search, and the engines compare what
//! it made: the columns `name_key` and `description_key`.

/// The form in which texts are equal that differ in case only.
///
/// Character by character to lower case, upper case and lower case again, which also makes `ß` and
/// `ẞ` equal to `ss`, and `ς` to `σ`. Not `str::to_lowercase`: its final sigma depends on what follows, and a part of a
/// folded text must be the folded part of the text.
#[must_use]
pub fn fold(text: &str) -> String {
    let chars = text.chars().flat_map(char::to_lowercase).flat_map(char::to_uppercase);
    chars.flat_map(char::to_lowercase).collect()
}

/// The longest text that a pattern is made of, in characters. Names are shorter, folded too, and
/// SQLite refuses patterns of more than 50,000 bytes.
const LONGEST: usize = 1000;

/// The `LIKE` pattern, with [`ESCAPE`], of folded texts that contain this one in any case.
#[must_use]
pub fn containing(text: &str) -> String {
    let mut pattern = String::from('%');
    for c in fold(text).chars().take(LONGEST) {
        if matches!(c, '%' | '_' | ESCAPE) {
            pattern.push(ESCAPE);
        }
        pattern.push(c);
    }
    pattern.push('%');
    pattern
}

/// The folded texts that begin with this one in any case: from the first text on, and before the second
/// where there is one. Engines that compare by code point find them in an index.
#[must_use]
pub fn beginning(text: &str) -> (String, Option<String>) {
    let first: String = fold(text).chars().take(LONGEST).collect();
    let mut end = first.clone();
    while let Some(last) = end.pop() {
        // Behind the last character there is none; what begins so ends where the one before it does.
        if let Some(next) = (last..=char::MAX).nth(1) {
            end.push(next);
            return (first, Some(end));
        }
    }
    (first, None)
}

/// Takes the meaning from `%` and `_` in [`containing`]'s patterns.
pub const ESCAPE: char = '\\';

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_that_differ_in_case_only_are_equal() {
        for (a, b) in [
            ("Acme", "aCME"),
            ("ÜNÏCØDÉ", "ünïcødé"),
            ("Straße", "STRASSE"),
            ("STRAẞE", "strasse"),
            ("ΟΔΟΣ", "οδος"),
        ] {
            assert_eq!(fold(a), fold(b));
        }
        assert_ne!(fold("é"), fold("e"));
    }

    #[test]
    fn a_part_of_a_text_stays_a_part_of_it() {
        assert!(fold("ΟΔΟΣΑ").contains(&fold("ΟΔΟΣ")));
    }

    #[test]
    fn what_begins_so_lies_between_two_texts() {
        let begins = |prefix: &str, text: &str| {
            let ((first, end), text) = (beginning(prefix), fold(text));
            text >= first && end.is_none_or(|end| text < end)
        };
        for (prefix, text) in [
            ("ac", "Acme"),
            ("STRASSE", "Straße 1"),
            ("Straß", "STRASSE"),
            ("50%", "50%_a"),
            ("名", "名\u{10FFFF}"),
            ("\u{D7FF}", "\u{D7FF}\u{E000}"),
            ("a\u{10FFFF}", "a\u{10FFFF}\u{10FFFF}"),
            ("\u{10FFFF}", "\u{10FFFF}x"),
            ("", "anything"),
        ] {
            assert!(begins(prefix, text), "{prefix:?} {text:?}");
        }
        for (prefix, text) in [
            ("ac", "Ab"),
            ("ac", "ad"),
            ("ac", "a"),
            ("50%", "500"),
            ("\u{D7FF}", "\u{E000}"),
            ("a\u{10FFFF}", "b"),
            ("e", "é"),
        ] {
            assert!(!begins(prefix, text), "{prefix:?} {text:?}");
        }
    }

    #[test]
    fn wildcards_are_characters_like_any_other() {
        assert_eq!(containing(r"50%_a\b"), r"%50\%\_a\\b%");
        assert!(containing(&"%".repeat(200_000)).len() < 50_000);
    }
}

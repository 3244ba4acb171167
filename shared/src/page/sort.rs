//! Order and search, as the `OrderingFilter` and `SearchFilter` of Django REST framework
//! read them.

use super::Query;
use crate::input::python;

/// A column to sort by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Order {
    /// The name under which it was allowed.
    pub field: &'static str,
    /// Greatest first.
    pub descending: bool,
}

/// The columns of `?ordering=name,-created_at`. Names not allowed are passed over, and
/// an empty answer asks for the list's own order.
#[must_use]
pub fn ordering(query: &Query, allowed: &[&'static str]) -> Vec<Order> {
    let terms = query.get("ordering").unwrap_or_default().split(',').map(python::trim);
    let orders = terms.filter_map(|term| {
        let name = term.strip_prefix('-').unwrap_or(term);
        let field = allowed.iter().copied().find(|field| *field == name)?;
        Some(Order { field, descending: term.starts_with('-') })
    });
    orders.collect()
}

/// The terms of `?search=`, each of which a row must contain. They are parted by white
/// space and commas; a quoted phrase is one term.
///
/// The error is the list of messages that the original answers, with 400.
pub fn search(query: &Query) -> Result<Vec<String>, [&'static str; 1]> {
    let text = query.get("search").unwrap_or_default();
    if text.contains('\0') {
        return Err(["Null characters are not allowed."]);
    }
    let mut terms = Vec::new();
    let mut rest = text.trim_start_matches(python::is_space);
    while !rest.is_empty() {
        let (word, after) = rest.split_at_checked(word_end(rest)).unwrap_or((rest, ""));
        rest = after.trim_start_matches(python::is_space);
        let word = word.trim_matches(',');
        if let Some(phrase) = phrase(word) {
            terms.push(phrase);
        } else {
            let parts = word.split(',').filter(|part| !part.is_empty());
            terms.extend(parts.map(|part| python::trim(part).to_owned()));
        }
    }
    Ok(terms)
}

/// Where the first word ends: at white space outside of quotes. Where the quotes do not
/// close, the word goes to the next white space.
fn word_end(text: &str) -> usize {
    let plain_end = text.find(python::is_space).unwrap_or(text.len());
    let (mut end, mut seen_quotes) = (0, false);
    loop {
        let rest = text.get(end..).unwrap_or_default();
        let Some(stop) = rest.find(|c| python::is_space(c) || c == '"' || c == '\'') else {
            return text.len();
        };
        let Some(length) = rest.get(stop..).and_then(quoted_length) else {
            // White space, or a quote that nothing closes.
            return if seen_quotes { end + stop } else { plain_end };
        };
        seen_quotes = true;
        end += stop + length;
    }
}

/// The length of the quoted text at the start; a backslash takes the next character along.
fn quoted_length(text: &str) -> Option<usize> {
    let mut chars = text.char_indices();
    let (_, quote) = chars.next().filter(|(_, c)| *c == '"' || *c == '\'')?;
    while let Some((index, c)) = chars.next() {
        if c == '\\' {
            chars.next().filter(|(_, escaped)| *escaped != '\n')?;
        } else if c == quote {
            return Some(index + 1);
        }
    }
    None
}

/// The text between matching quotes, with its escapes undone.
fn phrase(word: &str) -> Option<String> {
    let quote = word.chars().next().filter(|c| *c == '"' || *c == '\'')?;
    if !word.ends_with(quote) {
        return None;
    }
    let inner = word.get(1..word.len() - 1).unwrap_or_default();
    Some(inner.replace(&format!("\\{quote}"), &quote.to_string()).replace("\\\\", "\\"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn search_terms_are_split_as_the_original_splits_them() {
        // Checked against DRF 3.18.3.
        let cases: &[(&str, &[&str])] = &[
            ("", &[]),
            ("a", &["a"]),
            ("a b", &["a", "b"]),
            ("a,b", &["a", "b"]),
            ("a, b", &["a", "b"]),
            (",a,,b,", &["a", "b"]),
            ("\"a b\" c", &["a b", "c"]),
            ("'a b'c", &["'a b'c"]),
            ("a\"b c\"d e", &["a\"b c\"d", "e"]),
            ("don't x'y z", &["don't x'y", "z"]),
            ("\"a b", &["\"a", "b"]),
            ("\"a b c\" \"d", &["a b c", "\"d"]),
            ("\"a \\\" b\"", &["a \" b"]),
            ("'it\\'s' x", &["it's", "x"]),
            ("\"\"", &[""]),
            ("\"", &[""]),
            ("''", &[""]),
            ("a\u{1f}b\u{3000}c", &["a", "b", "c"]),
            ("\"a,b\",c", &["\"a", "b\"", "c"]),
            ("\"a b\",\"c d\"", &["a b\",\"c d"]),
            ("a\"b, c\"", &["a\"b", "c\""]),
            ("\"x\\", &["\"x\\"]),
            ("\\\"a b\"", &["\\\"a b\""]),
            ("\"a\\\\\"", &["a\\"]),
            ("x'y\"z w", &["x'y\"z", "w"]),
            ("'a\"b c'd\"", &["'a\"b c'd", ""]),
            ("\"a\n b\"", &["a\n b"]),
            ("\"a\\\nb\"", &["\"a\\", "b\""]),
            ("x,\"a b\"", &["x", "\"a b\""]),
            ("\"a b\"'c d'", &["\"a b\"'c d'"]),
            ("a\"b\"\"c d", &["a\"b\"", "\"c", "d"]),
        ];
        for (text, terms) in cases {
            let query = Query(vec![("search".to_owned(), (*text).to_owned())]);
            assert_eq!(search(&query).unwrap(), *terms, "{text:?}");
        }
    }

    #[test]
    fn a_null_character_in_a_search_is_refused() {
        assert_eq!(search(&Query::parse("search=a%00")), Err(["Null characters are not allowed."]));
    }

    #[test]
    fn only_allowed_names_order_a_list() {
        let orders = |query| {
            let orders = ordering(&Query::parse(query), &["name", "id"]);
            orders.iter().map(|order| (order.field, order.descending)).collect::<Vec<_>>()
        };
        assert_eq!(
            orders("ordering=-name,%20id%20,password,--id,,-,name"),
            [("name", true), ("id", false), ("name", false)]
        );
        assert_eq!(orders("ordering=id&ordering=-id"), [("id", true)]);
        assert_eq!(orders("ordering=NAME"), []);
        assert_eq!(orders("x=1"), []);
    }
}

//! Filters in the query string, as django-filter reads them for a REST view.

use jiff::Timestamp;

use super::{Query, instant};
use crate::input::{FieldErrors, python};

/// The filters of one request, read one after the other; all that is wrong with them is
/// told together by [`finish`](Self::finish), as 400.
#[derive(Debug)]
pub struct Filters<'query> {
    query: &'query Query,
    errors: FieldErrors,
}

impl<'query> Filters<'query> {
    /// Starts with no filter read.
    #[must_use]
    pub fn new(query: &'query Query) -> Self {
        Self { query, errors: FieldErrors::default() }
    }

    /// A text to compare with, trimmed; a blank one filters nothing.
    pub fn text(&mut self, name: &'static str) -> Option<&'query str> {
        let text = python::trim(self.query.get(name)?);
        if text.contains('\0') {
            self.errors.add(name, "Null characters are not allowed.");
            return None;
        }
        (!text.is_empty()).then_some(text)
    }

    /// `true`, `false`, `1` or `0` in any case; anything else filters nothing.
    pub fn boolean(&mut self, name: &'static str) -> Option<bool> {
        match self.query.get(name)?.to_lowercase().as_str() {
            "true" | "1" => Some(true),
            "false" | "0" => Some(false),
            _ => None,
        }
    }

    /// A date, or a date and time, in any ISO 8601 form; UTC unless it says otherwise.
    pub fn instant(&mut self, name: &'static str) -> Option<Timestamp> {
        let text = self.query.get(name).filter(|text| !text.is_empty())?;
        let instant = instant::parse(python::trim(text));
        if instant.is_none() {
            self.errors.add(name, "Enter a valid date/time.");
        }
        instant
    }

    /// Everything that was refused, if anything was.
    pub fn finish(self) -> Result<(), FieldErrors> {
        self.errors.into_result()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_trimmed_and_blank_ones_ignored() {
        // Checked against django-filter 26.2, as all in this module.
        for (query, text) in [
            ("name=+a+", Some("a")),
            ("name=", None),
            ("name=+", None),
            ("name=1&name=2", Some("2")),
            ("x=1", None),
        ] {
            let query = Query::parse(query);
            let mut filters = Filters::new(&query);
            assert_eq!(filters.text("name"), text);
            assert_eq!(filters.finish(), Ok(()));
        }
    }

    #[test]
    fn unclear_booleans_filter_nothing() {
        for (text, value) in [
            ("true", Some(true)),
            ("TRUE", Some(true)),
            ("1", Some(true)),
            ("0", Some(false)),
            ("False", Some(false)),
            ("+true", None),
            ("yes", None),
            ("t", None),
            ("", None),
            ("%00", None),
        ] {
            let query = Query::parse(&format!("flag={text}"));
            let mut filters = Filters::new(&query);
            assert_eq!(filters.boolean("flag"), value, "{text}");
            assert_eq!(filters.finish(), Ok(()));
        }
    }

    #[test]
    fn everything_wrong_is_told_at_once() {
        let query = Query::parse("at=x&name=a%00&from=+&to=2026-11-23T14:40:48%2B00:00&none=");
        let mut filters = Filters::new(&query);
        assert_eq!(filters.text("name"), None);
        assert_eq!(filters.instant("at"), None);
        assert_eq!(filters.instant("from"), None);
        assert_eq!(filters.instant("to"), Some(Timestamp::from_second(1_795_444_848).unwrap()));
        assert_eq!(filters.instant("none"), None);
        let errors = serde_json::to_string(&filters.finish().unwrap_err()).unwrap();
        let expected = r#"{"name":["Null characters are not allowed."],"at":["Enter a valid date/time."],"from":["Enter a valid date/time."]}"#;
        assert_eq!(errors, expected);
    }
}

//! Why an input was refused, and what the answer says.

use std::borrow::Cow;

use serde::{Serialize, Serializer};
use serde_json::{Value, json};

/// The messages of each refused field, fields in the order in which they were checked.
///
/// Serializes as `{"name": ["This field is required."]}`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FieldErrors(Vec<(Cow<'static, str>, Vec<Cow<'static, str>>)>);

impl FieldErrors {
    /// One message, for instance under `non_field_errors`.
    pub fn one(field: impl Into<Cow<'static, str>>, message: impl Into<Cow<'static, str>>) -> Self {
        let mut errors = Self::default();
        errors.add(field, message);
        errors
    }

    /// Appends a message to the field's.
    pub fn add(&mut self, field: impl Into<Cow<'static, str>>, message: impl Into<Cow<'static, str>>) {
        let (field, message) = (field.into(), message.into());
        match self.0.iter_mut().find(|(name, _)| *name == field) {
            Some((_, messages)) => messages.push(message),
            None => self.0.push((field, vec![message])),
        }
    }

    /// Whether the field has been refused.
    #[must_use]
    pub fn has(&self, field: &str) -> bool {
        self.0.iter().any(|(name, _)| name == field)
    }

    /// `Ok` when nothing was refused.
    pub fn into_result(self) -> Result<(), Self> {
        if self.0.is_empty() { Ok(()) } else { Err(self) }
    }
}

impl Serialize for FieldErrors {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(field, messages)| (field, messages)))
    }
}

/// Every way in which a request body is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InputError {
    /// The body is longer than [`BodyLimit`](super::BodyLimit).
    #[error("Request body is too large.")]
    TooLarge,
    /// The body did not arrive within [`SLOWEST`](super::SLOWEST).
    #[error("Request body took too long to arrive.")]
    TooSlow,
    /// The `Content-Type`, as sent, of a body that is neither JSON nor a form.
    #[error("Unsupported media type \"{0}\" in request.")]
    UnsupportedMediaType(String),
    /// The body is not what its `Content-Type` says, or never arrived in full.
    #[error("{0}")]
    Malformed(String),
    /// JSON, but no object; the type in Python's words.
    #[error("Invalid data. Expected a dictionary, but got {0}.")]
    NotAnObject(&'static str),
    /// The JSON value `null`.
    #[error("No data provided")]
    NoData,
    /// The body was read; some of its fields are not acceptable.
    #[error("Invalid fields.")]
    Fields(FieldErrors),
}

impl InputError {
    /// The status and body of the answer, as Django REST framework gives them.
    #[must_use]
    pub fn status_and_body(&self) -> (u16, Value) {
        let text = self.to_string();
        match self {
            Self::TooLarge => (413, json!({ "detail": text })),
            Self::TooSlow => (408, json!({ "detail": text })),
            Self::UnsupportedMediaType(_) => (415, json!({ "detail": text })),
            Self::Malformed(_) => (400, json!({ "detail": text })),
            Self::NotAnObject(_) | Self::NoData => (400, json!({ "non_field_errors": [text] })),
            Self::Fields(errors) => (400, json!(errors)),
        }
    }
}

impl From<FieldErrors> for InputError {
    fn from(errors: FieldErrors) -> Self {
        Self::Fields(errors)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_those_of_the_original() {
        let mut fields = FieldErrors::one("name", "first");
        fields.add("email", "second");
        fields.add("name", "third");
        for (error, status, body) in [
            (InputError::TooLarge, 413, r#"{"detail":"Request body is too large."}"#),
            (
                InputError::UnsupportedMediaType("text/plain".to_owned()),
                415,
                r#"{"detail":"Unsupported media type \"text/plain\" in request."}"#,
            ),
            (
                InputError::UnsupportedMediaType(String::new()),
                415,
                r#"{"detail":"Unsupported media type \"\" in request."}"#,
            ),
            (
                InputError::Malformed("JSON parse error - x".to_owned()),
                400,
                r#"{"detail":"JSON parse error - x"}"#,
            ),
            (
                InputError::NotAnObject("list"),
                400,
                r#"{"non_field_errors":["Invalid data. Expected a dictionary, but got list."]}"#,
            ),
            (InputError::NoData, 400, r#"{"non_field_errors":["No data provided"]}"#),
            (fields.into(), 400, r#"{"name":["first","third"],"email":["second"]}"#),
        ] {
            let (code, json) = error.status_and_body();
            assert_eq!((code, json.to_string().as_str()), (status, body));
        }
    }
}

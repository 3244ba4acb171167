//! The rules for one text field.

use std::borrow::Cow;

use super::{Value, email, python, url};

const BLANK: &str = "This field may not be blank.";

/// What a text field accepts: the `CharField`, `EmailField` and `URLField` of Django REST
/// framework. White space around the value is dropped.
#[derive(Clone, Copy, Debug)]
pub struct Text {
    pub(super) required: bool,
    pub(super) blank: bool,
    max: Option<usize>,
    format: Format,
}

#[derive(Clone, Copy, Debug)]
enum Format {
    Any,
    Email,
    Url,
}

impl Text {
    /// Must be sent, and not be blank.
    #[must_use]
    pub const fn required() -> Self {
        Self { required: true, blank: false, max: None, format: Format::Any }
    }

    /// May be left out, but not sent blank.
    #[must_use]
    pub const fn optional() -> Self {
        Self { required: false, ..Self::required() }
    }

    /// May be blank; a blank value is checked no further.
    #[must_use]
    pub const fn blank(self) -> Self {
        Self { blank: true, ..self }
    }

    /// At most so many characters, after trimming.
    #[must_use]
    pub const fn max(self, characters: usize) -> Self {
        Self { max: Some(characters), ..self }
    }

    /// An e-mail address.
    #[must_use]
    pub const fn email(self) -> Self {
        Self { format: Format::Email, ..self }
    }

    /// An absolute URL of the schemes http, https, ftp and ftps.
    #[must_use]
    pub const fn url(self) -> Self {
        Self { format: Format::Url, ..self }
    }

    /// The trimmed text, or every message it earns in the original's order.
    pub(super) fn check(self, value: &Value) -> Result<String, Vec<Cow<'static, str>>> {
        let (text, surrogate) = match value {
            Value::Surrogate { text, code_point } => (text, Some(code_point)),
            Value::Text(text) | Value::Number(text) => (text, None),
            Value::Null | Value::Bool(_) | Value::List(_) | Value::Object | Value::File => {
                return Err(vec![self.invalid().into()]);
            }
        };
        let text = python::trim(text);
        if text.is_empty() {
            return if self.blank { Ok(String::new()) } else { Err(vec![BLANK.into()]) };
        }
        let mut messages: Vec<Cow<str>> = Vec::new();
        if let Some(max) = self.max.filter(|max| text.chars().count() > *max) {
            messages.push(format!("Ensure this field has no more than {max} characters.").into());
        }
        if text.contains('\0') {
            messages.push("Null characters are not allowed.".into());
        }
        if let Some(code_point) = surrogate {
            messages.push(format!("Surrogate characters are not allowed: U+{code_point:X}.").into());
        }
        if !self.has_format(text) {
            messages.push(self.invalid().into());
        }
        if messages.is_empty() { Ok(text.to_owned()) } else { Err(messages) }
    }

    fn has_format(self, text: &str) -> bool {
        match self.format {
            Format::Any => true,
            Format::Email => email::is_email(text),
            Format::Url => url::is_url(text),
        }
    }

    /// The same message for a value of another type as for text of another form.
    fn invalid(self) -> &'static str {
        match self.format {
            Format::Any => "Not a valid string.",
            Format::Email => "Enter a valid email address.",
            Format::Url => "Enter a valid URL.",
        }
    }
}

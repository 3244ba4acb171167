//! What a client sends in: request bodies and the rules for their fields.
//!
//! A [`Body`] becomes an [`Input`], whose fields a [`Form`] checks by the rules of Django
//! REST framework 3.18.3 on Django 5.2.19, message by message, so that a client written
//! against the original reads the same refusals here.
//!
//! ```ignore
//! let input = body.read().await?;
//! let mut form = Form::new(&input, Mode::Full);
//! let name = form.required("name", Text::required().max(100));
//! let email = form.nullable("email", Text::optional().blank().email().max(254));
//! let active = form.boolean("is_active").unwrap_or(true);
//! form.finish()?;
//! ```

mod body;
mod domain;
mod email;
mod encoded;
mod error;
mod form;
mod json;
pub(crate) mod python;
mod text;
mod url;

use std::collections::BTreeMap;

pub use self::body::{Body, BodyLimit, SLOWEST};
pub use self::email::is_email;
pub use self::error::{FieldErrors, InputError};
pub use self::form::{Form, Mode};
pub use self::text::Text;

/// The fields of a request body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Input {
    source: Source,
    fields: BTreeMap<String, Value>,
}

impl Input {
    /// An input as if it had been sent, for callers that have it from elsewhere.
    pub fn new(source: Source, fields: impl IntoIterator<Item = (String, Value)>) -> Self {
        Self { source, fields: fields.into_iter().collect() }
    }

    /// How it was encoded: a form cannot say `null`, nor leave a tick box unticked.
    #[must_use]
    pub fn source(&self) -> Source {
        self.source
    }

    /// The value of a field, if it was sent.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.fields.get(name)
    }
}

/// The encoding of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// JSON, or no body at all.
    Json,
    /// Either form encoding, even with an empty body.
    Form,
}

/// A field's value, as much of it as the rules of the original look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number in the text that Python's `str()` gives it: `5`, `1.5`, `1000.0`, `1e+16`.
    Number(String),
    /// Text, untrimmed.
    Text(String),
    /// Text with a surrogate that has no partner; each such is U+FFFD in `text`.
    Surrogate {
        /// The text around it.
        text: String,
        /// The first of them.
        code_point: u16,
    },
    /// An array.
    List(Vec<Self>),
    /// An object.
    Object,
    /// An uploaded file; its content is not kept.
    File,
}

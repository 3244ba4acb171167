//! Checks the fields of an input and collects everything that is wrong with them.

use std::borrow::Cow;

use super::{FieldErrors, Input, Source, Text, Value};

#[cfg(test)]
mod tests;

const REQUIRED: &str = "This field is required.";
const NULL: &str = "This field may not be null.";
const BOOLEAN: &str = "Must be a valid boolean.";
const NOT_A_LIST: &str = "Expected a list of items.";

/// Whether fields may be left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// POST and PUT: required fields must be there.
    Full,
    /// PATCH: whatever is left out stays as it is.
    Partial,
}

/// The fields of one input, checked one after the other; [`finish`](Self::finish) tells.
///
/// A getter returns `None` both for a field that was left out and for one that was
/// refused, so its answer means something only after `finish` has been `Ok`.
#[derive(Debug)]
pub struct Form<'input> {
    input: &'input Input,
    mode: Mode,
    errors: FieldErrors,
}

impl<'input> Form<'input> {
    /// Starts with no field checked.
    #[must_use]
    pub fn new(input: &'input Input, mode: Mode) -> Self {
        Self { input, mode, errors: FieldErrors::default() }
    }

    /// A text; `None` when it was left out.
    pub fn text(&mut self, name: &'static str, rules: Text) -> Option<String> {
        match self.sent(name, rules, false)? {
            Value::Null => self.refuse(name, [NULL.into()]),
            value => self.check(name, rules, value),
        }
    }

    /// A text that must be there, whatever the mode; empty when it was refused.
    pub fn required(&mut self, name: &'static str, rules: Text) -> String {
        let text = self.text(name, rules);
        if text.is_none() && !self.errors.has(name) {
            self.errors.add(name, REQUIRED);
        }
        text.unwrap_or_default()
    }

    /// A text that may be `null`; the outer `None` when it was left out. An empty value in
    /// a form means `null`, unless the rules allow a blank one.
    pub fn nullable(&mut self, name: &'static str, rules: Text) -> Option<Option<String>> {
        match self.sent(name, rules, true)? {
            Value::Null => Some(None),
            value => self.check(name, rules, value).map(Some),
        }
    }

    /// A boolean; `None` when it was left out. In a form that is `Some(false)`, for an
    /// unticked box is not sent, except in a partial update.
    pub fn boolean(&mut self, name: &'static str) -> Option<bool> {
        let form = self.input.source() == Source::Form;
        let Some(value) = self.input.get(name) else {
            return (form && self.mode == Mode::Full).then_some(false);
        };
        match value {
            Value::Bool(value) => Some(*value),
            Value::Text(text) if form && text.is_empty() => None,
            Value::Number(text) | Value::Text(text) => {
                let known = truth(value, &text.to_lowercase());
                if known.is_none() {
                    self.errors.add(name, BOOLEAN);
                }
                known
            }
            Value::Null => self.refuse(name, [NULL.into()]),
            Value::Surrogate { .. } | Value::List(_) | Value::Object | Value::File => {
                self.refuse(name, [BOOLEAN.into()])
            }
        }
    }

    /// Several texts, each by the same rules; `None` when they were left out. A form sends one, or several
    /// with commas between.
    pub fn texts(&mut self, name: &'static str, each: Text) -> Option<Vec<String>> {
        let values: Cow<'_, [Value]> = match self.input.get(name)? {
            Value::List(values) => Cow::Borrowed(values),
            Value::Text(text) if self.input.source() == Source::Form => {
                let words = text.split(',').map(str::trim).filter(|word| !word.is_empty());
                Cow::Owned(words.map(|word| Value::Text(word.to_owned())).collect())
            }
            Value::Null => return self.refuse(name, [NULL.into()]),
            _ => return self.refuse(name, [NOT_A_LIST.into()]),
        };
        let checked: Result<Vec<String>, _> = values.iter().map(|value| each.check(value)).collect();
        match checked {
            Ok(texts) => Some(texts),
            Err(messages) => self.refuse(name, messages),
        }
    }

    /// Whether a field has to be there.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.mode == Mode::Full
    }

    /// Refuses a field for a reason known only elsewhere, such as a name already taken,
    /// unless it has been refused already.
    pub fn reject(&mut self, name: &'static str, message: impl Into<Cow<'static, str>>) {
        if !self.errors.has(name) {
            self.errors.add(name, message);
        }
    }

    /// Everything that was refused, if anything was.
    pub fn finish(self) -> Result<(), FieldErrors> {
        self.errors.into_result()
    }

    /// The value sent. An empty field of a form stands for `null` or for nothing where a
    /// blank value would not do.
    fn sent(&mut self, name: &'static str, rules: Text, nullable: bool) -> Option<&'input Value> {
        let value = self.input.get(name);
        if value.is_none() && rules.required && self.mode == Mode::Full {
            self.errors.add(name, REQUIRED);
        }
        let empty = self.input.source() == Source::Form
            && matches!(value, Some(Value::Text(text)) if text.is_empty());
        if empty && !rules.blank && nullable {
            return Some(&Value::Null);
        }
        if empty && !rules.blank && !rules.required {
            return None;
        }
        value
    }

    fn check(&mut self, name: &'static str, rules: Text, value: &Value) -> Option<String> {
        match rules.check(value) {
            Ok(text) => Some(text),
            Err(messages) => self.refuse(name, messages),
        }
    }

    fn refuse<T>(
        &mut self,
        name: &'static str,
        messages: impl IntoIterator<Item = Cow<'static, str>>,
    ) -> Option<T> {
        for message in messages {
            self.errors.add(name, message);
        }
        None
    }
}

/// The texts and numbers that count as true or false; numbers are in Python's writing.
fn truth(value: &Value, text: &str) -> Option<bool> {
    let number = matches!(value, Value::Number(_));
    match text {
        "1" => Some(true),
        "0" => Some(false),
        "1.0" if number => Some(true),
        "0.0" | "-0.0" if number => Some(false),
        "t" | "y" | "yes" | "true" | "on" if !number => Some(true),
        "f" | "n" | "no" | "false" | "off" if !number => Some(false),
        _ => None,
    }
}

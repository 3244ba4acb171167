use super::super::{Input, Source, encoded, json};
use super::*;

mod tables;

use tables::Outcome::{self, Errors, Is, Null, Skip};
use tables::{BOOLEANS, IN_FORMS, IN_JSON};

fn json(text: &str) -> Input {
    Input::new(Source::Json, json::parse(text.as_bytes()).unwrap())
}

fn form(text: &str) -> Input {
    Input::new(Source::Form, encoded::parse(text.as_bytes()).unwrap())
}

/// Checks field `x` by the rules of this name.
#[expect(clippy::option_option, reason = "what `Form::nullable` returns")]
fn check(rules: &str, input: &Input, mode: Mode) -> (Option<Option<String>>, Result<(), FieldErrors>) {
    let mut form = Form::new(input, mode);
    let value = match rules {
        "required" => form.text("x", Text::required().max(5)).map(Some),
        "optional" => form.text("x", Text::optional().max(5)).map(Some),
        "blank" => form.text("x", Text::optional().blank().max(5)).map(Some),
        "nullable" => form.nullable("x", Text::optional().max(5)),
        "nullable_blank" => form.nullable("x", Text::optional().blank().max(5)),
        "email" => form.text("x", Text::optional().blank().email().max(20)).map(Some),
        "url" => form.text("x", Text::optional().blank().url().max(20)).map(Some),
        "boolean" => form.boolean("x").map(|value| Some(value.to_string())),
        _ => panic!("no such rules"),
    };
    (value, form.finish())
}

fn assert_outcome(rules: &str, input: &Input, mode: Mode, expected: &Outcome) {
    let (value, outcome) = check(rules, input, mode);
    let (wanted, errors): (_, &[&'static str]) = match *expected {
        Skip => (None, &[]),
        Null => (Some(None), &[]),
        Is(text) => (Some(Some(text.to_owned())), &[]),
        Errors(errors) => (None, errors),
    };
    let mut refused = FieldErrors::default();
    for error in errors {
        refused.add("x", *error);
    }
    assert_eq!((value, outcome), (wanted, refused.into_result()), "{rules} {input:?} {mode:?}");
}

#[test]
fn values_in_json_are_judged_as_in_the_original() {
    for (rules, text, expected) in IN_JSON {
        let input = json(&if *text == "absent" { "{}".to_owned() } else { format!("{{\"x\": {text}}}") });
        assert_outcome(rules, &input, Mode::Full, expected);
    }
}

#[test]
fn values_in_forms_are_judged_as_in_the_original() {
    for (rules, text, partial, expected) in IN_FORMS {
        let mode = if *partial { Mode::Partial } else { Mode::Full };
        assert_outcome(rules, &form(text), mode, expected);
    }
}

#[test]
fn booleans_in_json_are_those_of_the_original() {
    for (text, expected) in BOOLEANS {
        let input = json(&format!("{{\"x\": {text}}}"));
        let mut form = Form::new(&input, Mode::Full);
        let value = form.boolean("x");
        let outcome = form.finish().map(|()| value.unwrap());
        assert_eq!(outcome, expected.map_err(|message| FieldErrors::one("x", message)), "{text}");
    }
    assert_outcome("boolean", &json("{}"), Mode::Full, &Skip);
}

#[test]
fn a_partial_update_asks_for_nothing() {
    assert_outcome("required", &json("{}"), Mode::Partial, &Skip);
    assert_outcome(
        "required",
        &json(r#"{"x": ""}"#),
        Mode::Partial,
        &Errors(&["This field may not be blank."]),
    );
    assert_outcome("boolean", &json("{}"), Mode::Partial, &Skip);
}

#[test]
fn what_must_be_there_is_asked_for_once() {
    for (text, message) in
        [("{}", "This field is required."), (r#"{"x": null}"#, "This field may not be null.")]
    {
        for mode in [Mode::Full, Mode::Partial] {
            let input = json(text);
            let mut form = Form::new(&input, mode);
            assert_eq!(form.required("x", Text::required()), "");
            assert_eq!(form.finish(), Err(FieldErrors::one("x", message)));
        }
    }
    let input = json(r#"{"x": " a "}"#);
    let mut form = Form::new(&input, Mode::Full);
    assert_eq!(form.required("x", Text::required()), "a");
    assert_eq!(form.finish(), Ok(()));
}

#[test]
fn an_uploaded_file_is_no_value() {
    let input = Input::new(Source::Form, [("x".to_owned(), Value::File)]);
    assert_outcome("required", &input, Mode::Full, &Errors(&["Not a valid string."]));
    assert_outcome("email", &input, Mode::Full, &Errors(&["Enter a valid email address."]));
    assert_outcome("boolean", &input, Mode::Full, &Errors(&["Must be a valid boolean."]));
}

#[test]
fn a_late_objection_is_heard_only_where_there_was_none() {
    let input = json(r#"{"name": "A", "email": ""}"#);
    let mut form = Form::new(&input, Mode::Full);
    form.text("email", Text::required().email());
    form.text("name", Text::required());
    form.reject("name", "organization with this name already exists.");
    form.reject("email", "too late");
    let body = serde_json::to_string(&form.finish().unwrap_err()).unwrap();
    let expected = r#"{"email":["This field may not be blank."],"name":["organization with this name already exists."]}"#;
    assert_eq!(body, expected);
}

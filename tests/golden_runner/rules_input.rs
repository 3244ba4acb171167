//! D1 to D7: what is sent and how it is answered.

use serde_json::Value;

use super::Case;
use crate::{
    fixture::{Part, Recorded, Request},
    history::presented_text,
};

const MISSING_FILENAME: &str = "Missing filename.";
const PARSE_ERROR: &str = "JSON parse error - ";
const FORM: &str = "application/x-www-form-urlencoded";
const PARSERS: [&str; 3] = ["application/json", FORM, "multipart/form-data"];

/// D1: a 500 is a 401 where a token or its user is at fault, a 400 for other input.
pub(super) fn is_answered_500(case: &Case) -> bool {
    if case.recorded.status != 500 {
        return false;
    }
    match presented_text(case.sent) {
        Some(_) => case.is_unauthorized(),
        None => case.answer.status == 400 && case.envelope().is_some(),
    }
}

/// D2: an HTML 400 or 404 is the same status with a `detail`.
pub(super) fn is_json_for_html(case: &Case) -> bool {
    matches!(case.recorded.status, 400 | 404)
        && case.recorded.header("Content-Type").is_some_and(|kind| kind.starts_with("text/html"))
        && is_detail_instead(case, case.recorded.status)
}

/// D3: an integer where the path has an organization's id is a 404, except to the unauthenticated.
pub(super) fn is_integer_in_path(case: &Case) -> bool {
    let id = case.sent.path.split_once("/organization/").map(|(_, rest)| rest);
    let id = id.and_then(|rest| rest.split(['/', '?']).next()).unwrap_or_default();
    let is_integer = !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_digit());
    let was_admitted = !matches!(case.recorded.status, 401 | 403 | 500);
    is_integer && was_admitted && is_detail_instead(case, 404)
}

/// Whether ours is this status with nothing but a `detail` (and perhaps its `code`), and every compared
/// header as recorded, except that `Allow` may come or go with the envelope.
fn is_detail_instead(case: &Case, status: u16) -> bool {
    let Some(body) = case.envelope().filter(|_| case.detail().is_some()) else { return false };
    let is_plain =
        body.as_object().is_some_and(|body| body.keys().all(|key| key == "detail" || key == "code"));
    let as_ours = |recorded: &mut Recorded| {
        recorded.status = status;
        (recorded.text, recorded.empty, recorded.body) = (None, false, Some(body));
        recorded.headers.insert("Content-Type".to_owned(), "application/json".to_owned());
        if recorded.header("Allow").is_none() || case.answer.header("Allow").is_none() {
            recorded.headers.remove("Allow");
            recorded.headers.extend(case.answer.header("Allow").map(|allow| ("Allow".to_owned(), allow)));
        }
    };
    is_plain && case.matches(as_ours).is_match()
}

/// D3: `OPTIONS` may call the id something else than an integer.
pub(super) fn is_uuid_in_options(case: &Case) -> bool {
    is_options(case) && case.matches(|recorded| allow_id_type(recorded, case)).is_match()
}

/// D4: another wording behind the same words.
pub(super) fn is_reworded_parse_error(case: &Case) -> bool {
    let is_parse_error = |detail: Option<&str>| detail.is_some_and(|text| text.starts_with(PARSE_ERROR));
    let ours = case.detail();
    is_parse_error(recorded_detail(case))
        && is_parse_error(ours.as_deref())
        && case.matches(|recorded| set(recorded, "/detail", ours.unwrap_or_default().into())).is_match()
}

/// D5: what only `FileUploadParser` took (its 400, or fields that are then simply missing) is a 415.
pub(super) fn is_unsupported_media_type(case: &Case) -> bool {
    let sent = media_type(case.sent);
    let essence = sent.split(';').next().unwrap_or_default().trim();
    let taken_by_upload =
        says_missing_filename(case) || case.recorded.status == 400 && has_filename(case.sent);
    let texts = [sent.as_str(), essence].map(|kind| format!("Unsupported media type \"{kind}\" in request."));
    taken_by_upload
        && !PARSERS.iter().any(|parser| parser.eq_ignore_ascii_case(essence))
        && case.answer.status == 415
        && case.detail().is_some_and(|detail| texts.iter().any(|text| text.eq_ignore_ascii_case(&detail)))
}

/// D5: a form is answered as the same fields in multipart are.
pub(super) fn form_as_multipart(case: &Case) -> Option<Request> {
    let is_form = media_type(case.sent).to_ascii_lowercase().starts_with(FORM);
    let was_missed = says_missing_filename(case) || has_filename(case.sent);
    if !is_form || !was_missed || case.answer.status >= 500 || case.answer.status == 415 {
        return None;
    }
    let mut request = case.request.clone();
    let fields = request.form.take()?;
    let field = |(name, value): (String, Value)| Part {
        name,
        value: value.as_str().map_or_else(|| value.to_string(), str::to_owned),
        filename: None,
        content_type: None,
    };
    request.multipart = Some(fields.into_iter().map(field).collect());
    for (_, value) in request.headers.iter_mut().filter(|(name, _)| name.eq_ignore_ascii_case("Content-Type"))
    {
        "multipart/form-data; boundary=BOUNDARY".clone_into(value);
    }
    Some(request)
}

/// D5: a chunked body is answered as the same body with a length is.
pub(super) fn chunked_as_whole(case: &Case) -> Option<Request> {
    let whole = Request { chunked: false, ..case.request.clone() };
    case.request.chunked.then_some(whole)
}

/// D5: `OPTIONS` lists the three parsers there are and differs in nothing else (D3's id type aside).
pub(super) fn is_true_parses_list(case: &Case) -> bool {
    let Some(parses) = case.envelope().and_then(|body| body.get("parses").cloned()) else { return false };
    let ours: Vec<&str> = parses.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let is_true = ours.len() == PARSERS.len() && PARSERS.iter().all(|parser| ours.contains(parser));
    is_options(case)
        && is_true
        && case
            .matches(|recorded| {
                set(recorded, "/parses", parses.clone());
                allow_id_type(recorded, case);
            })
            .is_match()
}

/// D6: instead of the redirect, what the slashed path answers.
pub(super) fn slashed(case: &Case) -> Option<Request> {
    if case.recorded.status != 301 {
        return None;
    }
    let (path, query) = match case.request.path.split_once('?') {
        Some((path, query)) => (path, format!("?{query}")),
        None => (case.request.path.as_str(), String::new()),
    };
    let path = format!("{path}/{query}");
    (!case.request.path.ends_with('/')).then(|| Request { path, ..case.request.clone() })
}

/// D7: a scheme that only differs in case counts as the accepted one.
pub(super) fn exact_scheme(case: &Case) -> Option<Request> {
    if recorded_detail(case) != Some("Authentication credentials were not provided.") {
        return None;
    }
    let name = case.history.variant.header_name();
    let types = case.history.variant.header_types();
    let mut request = case.request.clone();
    let (_, value) = request.headers.iter_mut().find(|(key, _)| key.eq_ignore_ascii_case(&name))?;
    let (scheme, rest) = value.split_once([' ', '\t']).unwrap_or((value, ""));
    if types.contains(&scheme) {
        return None;
    }
    let accepted = types.iter().find(|accepted| accepted.eq_ignore_ascii_case(scheme))?;
    *value = format!("{accepted} {rest}");
    Some(request)
}

fn is_options(case: &Case) -> bool {
    case.request.method == "OPTIONS" && case.recorded.status == 200
}

fn says_missing_filename(case: &Case) -> bool {
    case.recorded.status == 400
        && recorded_detail(case).is_some_and(|detail| detail.starts_with(MISSING_FILENAME))
}

fn has_filename(request: &Request) -> bool {
    let mut headers = request.headers.iter();
    headers
        .any(|(name, value)| name.eq_ignore_ascii_case("Content-Disposition") && value.contains("filename"))
}

fn recorded_detail<'a>(case: &Case<'a>) -> Option<&'a str> {
    case.recorded.body.as_ref()?.get("detail")?.as_str()
}

fn media_type(request: &Request) -> String {
    let mut headers = request.headers.iter();
    let found = headers.find(|(name, _)| name.eq_ignore_ascii_case("Content-Type"));
    found.map(|(_, value)| value.clone()).unwrap_or_default()
}

fn set(recorded: &mut Recorded, pointer: &str, value: Value) {
    if let Some(place) = recorded.body.as_mut().and_then(|body| body.pointer_mut(pointer)) {
        *place = value;
    }
}

/// Takes over our type of the id where it is a plain name.
fn allow_id_type(recorded: &mut Recorded, case: &Case) {
    for method in ["POST", "PUT"] {
        let pointer = format!("/actions/{method}/id/type");
        let ours = case.envelope().and_then(|body| body.pointer(&pointer).cloned());
        if let Some(kind) = ours.filter(|kind| matches!(kind.as_str(), Some("string" | "field" | "uuid"))) {
            set(recorded, &pointer, kind);
        }
    }
}

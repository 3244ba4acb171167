//! The header that carries the token (RFC 6750, section 2.1).

use std::borrow::Cow;

use actix_web::{HttpRequest, http::header::HeaderName};

/// What the header says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Credentials<'a> {
    /// Nothing that concerns us: no header, or another scheme.
    Absent,
    /// Our scheme, but not with exactly one value.
    Malformed,
    /// Our scheme with a value.
    Token(Cow<'a, str>),
}

impl Credentials<'_> {
    fn into_owned(self) -> Credentials<'static> {
        match self {
            Self::Absent => Credentials::Absent,
            Self::Malformed => Credentials::Malformed,
            Self::Token(token) => Credentials::Token(token.into_owned().into()),
        }
    }
}

/// Reads the header. Repeated headers count as one, joined by commas, as WSGI servers join them.
/// The scheme is compared without regard to case (RFC 9110, section 11.1).
pub(super) fn credentials<'a>(
    request: &'a HttpRequest,
    name: &HeaderName,
    schemes: &[String],
) -> Credentials<'a> {
    let mut values = request.headers().get_all(name).map(|value| text(value.as_bytes()));
    let Some(first) = values.next() else { return Credentials::Absent };
    match values.fold(first, |text, more| format!("{text},{more}").into()) {
        Cow::Borrowed(text) => of_text(text, schemes),
        Cow::Owned(text) => of_text(&text, schemes).into_owned(),
    }
}

fn of_text<'a>(text: &'a str, schemes: &[String]) -> Credentials<'a> {
    let text = text.trim_ascii();
    let end = text.bytes().position(|byte| byte.is_ascii_whitespace()).unwrap_or(text.len());
    let (scheme, rest) = text.split_at(end);
    if scheme.is_empty() || !schemes.iter().any(|ours| ours.eq_ignore_ascii_case(scheme)) {
        return Credentials::Absent;
    }
    let token = rest.trim_ascii_start();
    // Blanks are among the lowest bytes, and the lowest of all is found by vectors of bytes.
    let low = token.bytes().fold(u8::MAX, u8::min) <= b' ';
    let blank = low && token.bytes().any(|byte| byte.is_ascii_whitespace());
    if token.is_empty() || blank { Credentials::Malformed } else { Credentials::Token(token.into()) }
}

fn text(bytes: &[u8]) -> Cow<'_, str> {
    // The lossy reading takes several times as long where nothing is lost.
    std::str::from_utf8(bytes).map_or_else(|_| String::from_utf8_lossy(bytes), Cow::Borrowed)
}

#[cfg(test)]
mod tests {
    use actix_web::{http::header::AUTHORIZATION, test::TestRequest};

    use super::*;

    fn read(values: &[&str]) -> Credentials<'static> {
        let mut request = TestRequest::default();
        for value in values {
            request = request.append_header((AUTHORIZATION, *value));
        }
        credentials(&request.to_http_request(), &AUTHORIZATION, &["Bearer".to_owned()]).into_owned()
    }

    #[test]
    fn only_our_scheme_with_one_value_is_a_token() {
        assert_eq!(read(&[]), Credentials::Absent);
        assert_eq!(read(&[""]), Credentials::Absent);
        assert_eq!(read(&["Token a"]), Credentials::Absent);
        assert_eq!(read(&["Bearer: a"]), Credentials::Absent);
        assert_eq!(read(&["Bearer"]), Credentials::Malformed);
        assert_eq!(read(&["Bearer a b"]), Credentials::Malformed);
        assert_eq!(read(&["Bearer a", "Bearer b"]), Credentials::Malformed);
        assert_eq!(read(&["Bearer a"]), Credentials::Token("a".into()));
        assert_eq!(read(&["bEARER \t a"]), Credentials::Token("a".into()));
        assert_eq!(read(&[" Bearer a\t"]), Credentials::Token("a".into()));
        assert_eq!(read(&["Bearera"]), Credentials::Absent);
        assert_eq!(read(&["Bearer "]), Credentials::Malformed);
        assert_eq!(read(&["Bearer \u{fc}"]), Credentials::Token("\u{fc}".into()));
    }
}

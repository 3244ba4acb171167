//! The header that carries the token (RFC 6750, section 2.1).

use actix_web::{HttpRequest, http::header::HeaderName};

/// What the header says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Credentials {
    /// Nothing that concerns us: no header, or another scheme.
    Absent,
    /// Our scheme, but not with exactly one value.
    Malformed,
    /// Our scheme with a value.
    Token(String),
}

/// Reads the header. Repeated headers count as one, joined by commas, as WSGI servers join them.
/// The scheme is compared without regard to case (RFC 9110, section 11.1).
pub(super) fn credentials(request: &HttpRequest, name: &HeaderName, schemes: &[String]) -> Credentials {
    let mut values = request.headers().get_all(name).map(|value| String::from_utf8_lossy(value.as_bytes()));
    let Some(mut text) = values.next() else { return Credentials::Absent };
    for more in values {
        text = format!("{text},{more}").into();
    }
    let mut parts = text.split_ascii_whitespace();
    let ours = parts.next().is_some_and(|scheme| schemes.iter().any(|s| s.eq_ignore_ascii_case(scheme)));
    if !ours {
        return Credentials::Absent;
    }
    match (parts.next(), parts.next()) {
        (Some(token), None) => Credentials::Token(token.to_owned()),
        _ => Credentials::Malformed,
    }
}

#[cfg(test)]
mod tests {
    use actix_web::{http::header::AUTHORIZATION, test::TestRequest};

    use super::*;

    fn read(values: &[&str]) -> Credentials {
        let mut request = TestRequest::default();
        for value in values {
            request = request.append_header((AUTHORIZATION, *value));
        }
        credentials(&request.to_http_request(), &AUTHORIZATION, &["Bearer".to_owned()])
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
    }
}

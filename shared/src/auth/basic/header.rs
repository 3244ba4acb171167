//! The header of Basic authentication (RFC 7617), read as Django REST framework reads it.

use actix_web::{
    HttpRequest,
    http::header::{AUTHORIZATION, HeaderValue},
};
use zeroize::Zeroizing;

use crate::Secret;

/// A name and a password as the header holds them.
#[derive(Debug)]
pub(super) struct Login {
    pub(super) username: String,
    pub(super) password: Secret<String>,
}

const EMPTY: &str = "Invalid basic header. No credentials provided.";
const SPACES: &str = "Invalid basic header. Credentials string should not contain spaces.";
const ENCODING: &str = "Invalid basic header. Credentials not correctly base64 encoded.";

/// Reads `Authorization`, whatever header tokens come in. None: it is of another scheme, or absent.
/// An error is the text that the client is told.
///
/// Repeated headers count as one, joined by commas, as WSGI servers join them. The password may
/// hold colons, the name may not. What is no UTF-8 is Latin-1: older browsers send it.
pub(super) fn read(request: &HttpRequest) -> Result<Option<Login>, &'static str> {
    let values = request.headers().get_all(AUTHORIZATION).map(HeaderValue::as_bytes);
    let values: Vec<&[u8]> = values.collect();
    let header = Zeroizing::new(values.join(&b','));
    let mut parts = header.split(u8::is_ascii_whitespace).filter(|part| !part.is_empty());
    if !parts.next().is_some_and(|scheme| scheme.eq_ignore_ascii_case(b"basic")) {
        return Ok(None);
    }
    let credentials = match (parts.next(), parts.next()) {
        (None, _) => return Err(EMPTY),
        (Some(_), Some(_)) => return Err(SPACES),
        (Some(only), None) => only,
    };
    let bytes = decode(credentials).ok_or(ENCODING)?;
    let text = match str::from_utf8(&bytes) {
        Ok(text) => Zeroizing::new(text.to_owned()),
        Err(_) => Zeroizing::new(bytes.iter().map(|byte| char::from(*byte)).collect::<String>()),
    };
    let (username, password) = text.split_once(':').ok_or(ENCODING)?;
    Ok(Some(Login { username: username.to_owned(), password: Secret::new(password.to_owned()) }))
}

/// Base64 as Python's `b64decode` takes it: characters outside the alphabet are skipped, and what
/// stands behind a complete padding is not read.
fn decode(text: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let mut out = Zeroizing::new(Vec::with_capacity(text.len() / 4 * 3 + 2));
    let (mut place, mut pads, mut left) = (0_u8, 0_u8, 0_u8);
    for byte in text {
        if *byte == b'=' {
            pads += u8::from(place >= 2);
            if place >= 2 && place + pads >= 4 {
                return Some(out);
            }
            continue;
        }
        let Some(value) = value_of(*byte) else { continue };
        pads = 0;
        match place {
            0 => {}
            1 => out.push(left << 2 | value >> 4),
            2 => out.push(left << 4 | value >> 2),
            _ => out.push(left << 6 | value),
        }
        left = value;
        place = (place + 1) % 4;
    }
    (place == 0).then_some(out)
}

const fn value_of(byte: u8) -> Option<u8> {
    match byte {
        b'A'..=b'Z' => Some(byte - b'A'),
        b'a'..=b'z' => Some(byte - b'a' + 26),
        b'0'..=b'9' => Some(byte - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;
    use base64::{Engine as _, engine::general_purpose::STANDARD};

    use super::*;

    fn read_bytes(values: &[&[u8]]) -> Result<Option<(String, String)>, &'static str> {
        let mut request = TestRequest::default();
        for value in values {
            request = request.append_header((AUTHORIZATION, HeaderValue::from_bytes(value).unwrap()));
        }
        let login = read(&request.to_http_request())?;
        Ok(login.map(|login| (login.username, login.password.expose().clone())))
    }

    fn login(username: &str, password: &str) -> (String, String) {
        (username.to_owned(), password.to_owned())
    }

    fn basic(credentials: &[u8]) -> Vec<u8> {
        format!("Basic {}", STANDARD.encode(credentials)).into_bytes()
    }

    #[test]
    fn another_scheme_is_not_our_business() {
        for other in ["", "Bearer a", "Basically YTpi", "YTpi", "Basic:YTpi"] {
            assert_eq!(read_bytes(&[other.as_bytes()]), Ok(None), "{other}");
        }
        assert_eq!(read_bytes(&[]), Ok(None));
    }

    #[test]
    fn the_scheme_has_any_case_and_any_white_space() {
        for text in ["Basic YTpi", "basic YTpi", "BASIC \t YTpi ", " Basic YTpi"] {
            assert_eq!(read_bytes(&[text.as_bytes()]), Ok(Some(login("a", "b"))), "{text}");
        }
    }

    #[test]
    fn a_malformed_header_is_told_apart_in_the_frameworks_words() {
        assert_eq!(read_bytes(&[b"Basic"]), Err(EMPTY));
        assert_eq!(read_bytes(&[b"Basic  "]), Err(EMPTY));
        assert_eq!(read_bytes(&[b"Basic YTpi YTpi"]), Err(SPACES));
        assert_eq!(read_bytes(&[b"Basic YTpi", b"Basic YTpi"]), Err(SPACES));
        assert_eq!(read_bytes(&[b"Basic YTpiY"]), Err(ENCODING));
        assert_eq!(read_bytes(&[&basic(b"no colon")]), Err(ENCODING));
        assert_eq!(read_bytes(&[b"Basic ===="]), Err(ENCODING));
    }

    #[test]
    fn the_name_ends_at_the_first_colon_and_nothing_is_trimmed() {
        assert_eq!(read_bytes(&[&basic(b"ada:a:b:")]), Ok(Some(login("ada", "a:b:"))));
        assert_eq!(read_bytes(&[&basic(b" ada : p ")]), Ok(Some(login(" ada ", " p "))));
        assert_eq!(read_bytes(&[&basic(b":")]), Ok(Some(login("", ""))));
    }

    #[test]
    fn what_is_no_utf_8_is_latin_1() {
        assert_eq!(
            read_bytes(&[&basic("ad\u{e9}:\u{20ac}".as_bytes())]),
            Ok(Some(login("ad\u{e9}", "\u{20ac}")))
        );
        assert_eq!(read_bytes(&[&basic(b"ad\xe9:\x80\xff")]), Ok(Some(login("ad\u{e9}", "\u{80}\u{ff}"))));
    }

    #[test]
    fn base64_is_read_as_python_reads_it() {
        // From CPython 3.11's `base64.b64decode`.
        let cases: [(&[u8], Option<&[u8]>); 16] = [
            (b"YTpi", Some(b"a:b")),
            (b"YTpiYw==", Some(b"a:bc")),
            (b"YTpiYw=", None),
            (b"YTpiYw", None),
            (b"YTpiY2Q=", Some(b"a:bcd")),
            (b"Y-T_p!i", Some(b"a:b")),
            (b"\xe9YTpi", Some(b"a:b")),
            (b"YTpiYw==YTpi", Some(b"a:bc")),
            (b"=YTpi", Some(b"a:b")),
            (b"YT=pi", Some(b"a:b")),
            (b"YTpi=", Some(b"a:b")),
            (b"YTpiY===", None),
            (b"YTpiY", None),
            (b"====", Some(b"")),
            (b"YTpiYw=x=", Some(b"a:bc\x0c")),
            (b"YTpiY=w=", None),
        ];
        for (text, wanted) in cases {
            let shown = String::from_utf8_lossy(text);
            assert_eq!(decode(text).as_ref().map(|out| out.as_slice()), wanted, "{shown}");
        }
    }
}

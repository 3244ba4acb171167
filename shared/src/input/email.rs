//! E-mail addresses as Django's `EmailValidator` accepts them.

use std::net::Ipv4Addr;

use super::{domain, url};

/// RFC 3696, section 3.
const MAX_LENGTH: usize = 320;

#[must_use]
pub fn is_email(text: &str) -> bool {
    let Some((user, host)) = text.rsplit_once('@') else { return false };
    text.chars().count() <= MAX_LENGTH
        && (is_dot_atom(user) || is_quoted(user))
        && (host == "localhost" || domain::is_domain(host) || is_literal(host))
}

fn is_dot_atom(user: &str) -> bool {
    let is_atom = |c| domain::is_letter(c) || c.is_ascii_digit() || "-!#$%&'*+/=?^_`{}|~".contains(c);
    user.split('.').all(|atom| !atom.is_empty() && atom.chars().all(is_atom))
}

/// A quoted string: anything but white space, quotes and backslashes, those with a
/// backslash before them.
fn is_quoted(user: &str) -> bool {
    let Some(inner) = user.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) else { return false };
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        let fine = match c {
            '\\' => chars.next().is_some_and(|escaped| escaped == '\t' || escaped == ' ' || is_text(escaped)),
            c => is_text(c) && c != '"',
        };
        if !fine {
            return false;
        }
    }
    true
}

fn is_text(c: char) -> bool {
    matches!(c, '\u{1}'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}' | '!'..='\u{7f}')
        || domain::is_letter(c)
}

/// `[192.0.2.1]` or `[2001:db8::1]`.
fn is_literal(host: &str) -> bool {
    let inner = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    inner.is_some_and(|ip| ip.parse::<Ipv4Addr>().is_ok() || url::is_ipv6(ip))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Checked against Django 5.2.19.
    const ACCEPTED: &[&str] = &[
        "a@b.com",
        "A.B+c@Example.COM",
        "a@localhost",
        "\"a@b\"@c.com",
        "\"a\\ b\"@c.com",
        "\"a\\\"b\"@c.com",
        "\"\"@c.com",
        "\"\u{1}\u{7f}\"@c.com",
        "\"\\\t\"@c.com",
        "\"\u{17f}\"@c.com",
        "\u{130}@b.com",
        "\u{212a}@b.com",
        "a@b\u{e9}.com",
        "a@b.xn--p1ai",
        "a@[127.0.0.1]",
        "a@[::1]",
        "!#$%&'*+/=?^_`{|}~-@b.com",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa@b.com",
    ];

    /// Checked against Django 5.2.19.
    const REFUSED: &[&str] = &[
        "a@LOCALHOST",
        "a@b",
        "a",
        "@b.com",
        "a@",
        "a@@b.com",
        "a@b@c.com",
        "\"a b\"@c.com",
        "\"a\"b\"@c.com",
        "\"a\\\"@c.com",
        "\"@c.com",
        "\"\u{0}\"@c.com",
        "\"\\\n\"@c.com",
        "\"\u{e9}\"@c.com",
        ".a@b.com",
        "a.@b.com",
        "a..b@c.com",
        "a b@c.com",
        "\u{e9}@b.com",
        "a@b.c",
        "a@b.com.",
        "a@-b.com",
        "a@b-.com",
        "a@b_c.com",
        "a@b.1",
        "a@[IPv6:::1]",
        "a@[1.2.3]",
        "a@[01.2.3.4]",
        "a@[1111:2222:3333:4444:5555:6666:123.123.123.123]",
        "a@[]",
        "a@[127.0.0.1",
        "a@127.0.0.1",
        "a,b@c.com",
        "<a@b.com>",
        "a@b.com\n",
        "a\n@b.com",
        "a@.com",
        "a@b..com",
    ];

    #[test]
    fn what_django_accepts_is_accepted() {
        for text in ACCEPTED {
            assert!(is_email(text), "{text:?}");
        }
    }

    #[test]
    fn what_django_refuses_is_refused() {
        for text in REFUSED {
            assert!(!is_email(text), "{text:?}");
        }
    }

    #[test]
    fn lengths_end_where_they_end_in_django() {
        assert!(is_email(&format!("{}@b.com", "a".repeat(314))));
        assert!(!is_email(&format!("{}@b.com", "a".repeat(315))));
        assert!(is_email(&format!("a@{}com", "b.".repeat(126))));
    }
}

//! URLs as Django's `URLValidator` accepts them: one pattern over the whole text, then
//! Python's `urlsplit` on the same text, which need not see the same host in it.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::{domain, python::is_space};

const SCHEMES: [&str; 4] = ["http", "https", "ftp", "ftps"];
const MAX_LENGTH: usize = 2048;
const MAX_HOST_LENGTH: usize = 253;

/// Characters that turn into one of `/?#@:` when a browser normalizes the host (NFKC).
const DISGUISED: [char; 19] = [
    '\u{2047}', '\u{2048}', '\u{2049}', '\u{2100}', '\u{2101}', '\u{2105}', '\u{2106}', '\u{2a74}',
    '\u{fe13}', '\u{fe16}', '\u{fe55}', '\u{fe56}', '\u{fe5f}', '\u{fe6b}', '\u{ff03}', '\u{ff0f}',
    '\u{ff1a}', '\u{ff1f}', '\u{ff20}',
];

pub(super) fn is_url(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once("://") else { return false };
    text.chars().count() <= MAX_LENGTH
        && !text.contains(['\t', '\r', '\n'])
        && SCHEMES.contains(&scheme.to_ascii_lowercase().as_str())
        && (is_location(rest) || after_credentials(rest).is_some_and(is_location))
        && splits(rest.split(['/', '?', '#']).next().unwrap_or_default())
}

/// At most 39 characters, so that an address with an IPv4 tail may be too long: as Django.
pub(super) fn is_ipv6(text: &str) -> bool {
    text.len() <= 39 && text.parse::<Ipv6Addr>().is_ok()
}

/// What follows `user:password@`, if the text begins with such.
fn after_credentials(text: &str) -> Option<&str> {
    let (credentials, rest) = text.split_once('@')?;
    let (user, password) = credentials.split_once(':').unwrap_or((credentials, ""));
    let refused = |c| is_space(c) || c == ':' || c == '/';
    (!user.is_empty() && !user.contains(refused) && !password.contains(refused)).then_some(rest)
}

/// Host, perhaps a port, perhaps a path, query or fragment without white space.
fn is_location(text: &str) -> bool {
    let Some(rest) = after_host(text) else { return false };
    let rest = match rest.strip_prefix(':') {
        None => rest,
        Some(port) => {
            let end = port.find(|c: char| !c.is_ascii_digit()).unwrap_or(port.len());
            match port.split_at_checked(end) {
                Some((digits, rest)) if (1..=5).contains(&digits.len()) => rest,
                _ => return false,
            }
        }
    };
    rest.is_empty() || rest.starts_with(['/', '?', '#']) && !rest.contains(is_space)
}

fn after_host(text: &str) -> Option<&str> {
    if let Some(bracketed) = text.strip_prefix('[') {
        let (ip, rest) = bracketed.split_once(']')?;
        let looks_right = !ip.is_empty() && ip.chars().all(|c| c.is_ascii_hexdigit() || c == ':' || c == '.');
        return looks_right.then_some(rest);
    }
    let end = text.find([':', '/', '?', '#']).unwrap_or(text.len());
    let (host, rest) = text.split_at_checked(end)?;
    let known = host.parse::<Ipv4Addr>().is_ok()
        || domain::is_domain(host.strip_suffix('.').unwrap_or(host))
        || host.replace('\u{17f}', "s").eq_ignore_ascii_case("localhost");
    known.then_some(rest)
}

/// What `urlsplit` and the checks after it ask of the part between `//` and the path.
fn splits(netloc: &str) -> bool {
    let brackets = match (netloc.split_once('['), netloc.contains(']')) {
        (None, false) => true,
        (Some((before, rest)), true) => {
            let ip = rest.split(']').next().unwrap_or_default();
            ip.parse::<Ipv6Addr>().is_ok() && (!before.is_empty() || is_ipv6(ip))
        }
        _ => false,
    };
    let host = netloc.rsplit_once('@').map_or(netloc, |(_, host)| host);
    let host = match host.split_once('[') {
        Some((_, bracketed)) => bracketed.split(']').next(),
        None => host.split(':').next(),
    };
    let length = host.unwrap_or_default().to_lowercase().chars().count();
    brackets && (1..=MAX_HOST_LENGTH).contains(&length) && !netloc.contains(DISGUISED)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Checked against Django 5.2.19.
    const ACCEPTED: &[&str] = &[
        "http://example.com",
        "HTTPS://EXAMPLE.COM/A?b=c#d",
        "ftp://e.example/x",
        "ftps://e.example",
        "http://localhost",
        "http://localhost:8000/",
        "http://LOCALHOST/",
        "http://localho\u{17f}t/",
        "http://127.0.0.1:80",
        "http://0.0.0.0/",
        "http://255.255.255.255",
        "http://[::1]/",
        "http://[::1]:8080/x",
        "http://[::ffff:192.168.100.228]/",
        "http://u:p@[::1]/",
        "http://u@[1111:2222:3333:4444:5555:6666:123.123.123.123]/",
        "http://user:pass@example.com/",
        "http://user@example.com",
        "http://user:pass@localhost:8000",
        "http://foo?bar@example.com/",
        "http://example.com?a@b",
        "http://ex\u{3000}ample.com/",
        "http://example.com.",
        "http://a--b.com",
        "http://xn--fsq.xn--0zwm56d",
        "http://a.xn--1",
        "http://a.xn--\u{17f}1",
        "http://aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.com",
        "http://a.bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb",
        "http://m\u{fc}nchen.example/\u{fc}",
        "http://\u{4f8b}\u{3048}.\u{30c6}\u{30b9}\u{30c8}",
        "http://example.com/\u{1f389}",
        "http://example.com/\u{2100}",
        "http://example.com:99999/",
        "http://example.com:80?x",
        "http://example.com#x",
        "http://example.com/\u{0}",
        "http://e.com/://x",
        "http://a.b-c.de",
        "http://\u{212a}.com",
        "http://\u{a1}.com",
    ];

    /// Checked against Django 5.2.19.
    const REFUSED: &[&str] = &[
        "http://256.1.1.1",
        "http://01.2.3.4",
        "http://1.2.3",
        "http://1.2.3.4.",
        "http://1.2.3.4.5",
        "http://[2001:db8::g]",
        "http://[1111:2222:3333:4444:5555:6666:123.123.123.123]/",
        "http://[1.2.3.4]/",
        "http://[::1",
        "http://::1]/",
        "http://[]/",
        "http://[::1]x",
        "http://[::1]:/",
        "http://:p@example.com",
        "http://a:b:c@example.com",
        "http://u@@example.com",
        "http://?x@example.com/",
        "http://exa mple.com",
        "http://example.com/a b",
        "http://example.com/a\u{3000}b",
        "http://example.com/a\u{1f}b",
        "http://example",
        "http://example.c",
        "http://example.1c",
        "http://example.com..",
        "http://.example.com",
        "http://-a.com",
        "http://a-.com",
        "http://a.-b.com",
        "http://a.com-",
        "http://a_b.com",
        "http://a.xn--",
        "http://a.xn--a-1",
        "http://aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.com",
        "http://a.bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb",
        "http://\u{1f389}.com",
        "http://a\u{ff0f}b.com",
        "http://a\u{2100}.com",
        "http://a\u{2100}@b.com/",
        "http://example.com:123456",
        "http://example.com:",
        "http://example.com:/",
        "http://example.com:80a",
        "//example.com",
        "example.com",
        "http:/example.com",
        "http:///example.com",
        "http://",
        "://example.com",
        "",
        "http",
        "mailto:a@b.com",
        "javascript:alert(1)",
        "javascript://example.com/%0aalert(1)",
        "gopher://example.com",
        "http://example.com\n",
        "http://exa\tmple.com",
        "http://example.com/a\rb",
        "http\u{17f}://example.com",
        "http://\u{a0}.com",
    ];

    #[test]
    fn what_django_accepts_is_accepted() {
        for text in ACCEPTED {
            assert!(is_url(text), "{text:?}");
        }
    }

    #[test]
    fn what_django_refuses_is_refused() {
        for text in REFUSED {
            assert!(!is_url(text), "{text:?}");
        }
    }

    #[test]
    fn lengths_end_where_they_end_in_django() {
        assert!(is_url(&format!("http://{}.com", "a".repeat(63))));
        assert!(!is_url(&format!("http://{}.com", "a".repeat(64))));
        assert!(is_url(&format!("http://{}aa", "a.".repeat(125))));
        assert!(is_url(&format!("http://{}aa.", "a.".repeat(125))));
        assert!(!is_url(&format!("http://{}aa", "a.".repeat(126))));
        assert!(is_url(&format!("http://example.com/{}", "a".repeat(2029))));
        assert!(!is_url(&format!("http://example.com/{}", "a".repeat(2030))));
    }
}

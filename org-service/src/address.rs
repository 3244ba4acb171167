//! Mail addresses: when two are the same, and how one is written on an envelope.
//!
//! Two addresses are the same if the parts before the `@` differ in nothing but the case of ASCII letters
//! and the domains are the same to the name system. RFC 5321 leaves the case of the first part to the
//! receiving server; none that people use tells `Ada@` from `ada@`. Other letters are not folded there: the
//! Kelvin sign folds to `k`, and whoever owns one mailbox would be taken for the owner of the other.

use lettre::Address;

/// The form in which addresses are compared.
#[must_use]
pub fn key(text: &str) -> String {
    let text = text.trim();
    match text.rsplit_once('@') {
        Some((user, domain)) => format!("{}@{}", user.to_ascii_lowercase(), ascii(domain)),
        None => text.to_ascii_lowercase(),
    }
}

/// The address as a mail server takes it: the domain in ASCII, so that only a name outside ASCII needs a
/// server that knows SMTPUTF8 (RFC 6531). None: nothing can be sent there.
#[must_use]
pub fn mailbox(text: &str) -> Option<Address> {
    let (user, domain) = text.trim().rsplit_once('@')?;
    Address::new(user, ascii(domain)).ok()
}

/// A domain as the name system compares it; what is no name stays, such as `[192.0.2.1]`.
fn ascii(domain: &str) -> String {
    match url::Host::parse(domain) {
        Ok(url::Host::Domain(name)) => name,
        _ => domain.to_ascii_lowercase(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_that_one_mailbox_answers_to_are_the_same() {
        for (one, other) in [
            ("Ada@Example.ORG", "ada@example.org"),
            (" ada@example.org\t", "ada@example.org"),
            ("ada@b\u{fc}cher.example", "ada@XN--BCHER-KVA.example"),
            ("ada@[192.0.2.1]", "Ada@[192.0.2.1]"),
        ] {
            assert_eq!(key(one), key(other));
        }
    }

    #[test]
    fn addresses_of_others_are_not() {
        for (one, other) in [
            ("\u{212a}ate@example.org", "kate@example.org"),
            ("ma\u{17f}on@example.org", "mason@example.org"),
            ("\u{130}da@example.org", "ida@example.org"),
            ("ada+a@example.org", "ada@example.org"),
            ("a.da@example.org", "ada@example.org"),
            ("ada@example.org", "ada@example.com"),
            ("\"a@b\"@example.org", "a@b"),
        ] {
            assert_ne!(key(one), key(other), "{one} {other}");
        }
    }

    #[test]
    fn an_envelope_has_its_domain_in_ascii() {
        assert_eq!(mailbox("Ada@B\u{fc}cher.example").unwrap().to_string(), "Ada@xn--bcher-kva.example");
        for odd in ["", "ada", "ada@", "@example.org", "ada@example.org\r\nBcc: eve@example.org"] {
            assert!(mailbox(odd).is_none(), "{odd:?}");
        }
    }
}

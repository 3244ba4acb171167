//! Slugs: names of organizations for URLs and programs. ASCII alone, so that no two look alike, and never
//! what could be taken for an id.

/// The longest slug: a DNS label (RFC 1035, section 2.3.4), for those who make subdomains of them.
const LONGEST: usize = 63;

/// What is said of a text that is none.
pub const COMPLAINT: &str = "Enter a slug of 1 to 63 lower-case letters, digits and hyphens, which begins with a letter and does \
                             not end with a hyphen.";

/// Whether a text is a slug.
#[must_use]
pub fn is_slug(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    text.len() <= LONGEST
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && !text.ends_with('-')
        && text.bytes().all(plain)
        // 36 characters with hyphens in the right places can be a UUID.
        && uuid::Uuid::try_parse(text).is_err()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slugs_are_plain_and_cannot_be_taken_for_anything_else() {
        for fine in ["a", "acme", "acme-2", "x--y"] {
            assert!(is_slug(fine), "{fine}");
        }
        let long = "a".repeat(64);
        for odd in [
            "",
            "-a",
            "a-",
            "1a",
            "Acme",
            "a_b",
            "a b",
            "acmé",
            "аcme",
            "ａcme",
            "a\u{200b}b",
            "a.b",
            "a/b",
            &long,
            "a0000000-0000-7000-8000-000000000000",
            "a0000000000070008000000000000000",
        ] {
            assert!(!is_slug(odd), "{odd}");
        }
    }
}

//! [`Handle`]: what a mail carries, and who has it may accept the invitation.
//!
//! 256 random bits, stored as their digest alone: who reads the database cannot accept anything. No salt and
//! no slow digest are needed, for nobody guesses 256 bits.

use aws_lc_rs::digest;
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use shared::{Secret, random};

/// Bytes of randomness.
const BYTES: usize = 32;

/// A handle as it is sent: base64url without padding, 43 characters.
#[derive(Debug, Clone)]
pub struct Handle(Secret<String>);

impl Handle {
    /// A new one, which nobody has ever seen.
    #[must_use]
    pub fn random() -> Self {
        Self(Secret::new(BASE64_URL_SAFE_NO_PAD.encode(random::bytes::<BYTES>())))
    }

    /// Reads what somebody presents; none if no handle looks like that.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(text).ok()?;
        (bytes.len() == BYTES).then(|| Self(Secret::new(text.to_owned())))
    }

    /// The text for the mail.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose()
    }

    /// What is stored: SHA-256 of the text.
    #[must_use]
    pub fn hash(&self) -> Vec<u8> {
        digest::digest(&digest::SHA256, self.expose().as_bytes()).as_ref().to_vec()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_handle_is_read_as_it_was_sent_and_never_shown() {
        let handle = Handle::random();
        assert_eq!(handle.expose().len(), 43);
        assert_eq!(Handle::parse(handle.expose()).unwrap().hash(), handle.hash());
        assert_ne!(Handle::random().hash(), handle.hash());
        assert!(!format!("{handle:?}").contains(handle.expose()));
    }

    #[test]
    fn what_no_handle_looks_like_is_refused() {
        let fine = "A".repeat(43);
        assert!(Handle::parse(&fine).is_some());
        let odd = ["", "A", &"A".repeat(42), &"A".repeat(44), &format!("{fine}="), &format!(" {fine}")];
        // The last of 43 characters has two bits that must be zero: one handle is one text.
        let last = format!("{}B", "A".repeat(42));
        for odd in odd.into_iter().chain([last.as_str(), &"+".repeat(43), &"é".repeat(43)]) {
            assert!(Handle::parse(odd).is_none(), "{odd}");
        }
    }
}

//! [`Entry`]: one line of the revocation feed, as it is stored and sent.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::Timestamp;

/// What an entry is about, and so what its key and bound mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Every token of the session `key` (the `sid` claim).
    Session,
    /// The token `key` (the `jti` claim).
    Jti,
    /// Every token under the signing key `key` (a `kid`).
    Key,
    /// Every token of the OAuth client `key` (the `client_id` claim, RFC 9068).
    Client,
    /// Tokens without a session of the user `key` (the user id claim) issued at `bound` or before,
    /// in seconds since 1970.
    User,
    /// Every token issued at `bound` or before, in seconds since 1970.
    All,
    /// Tokens for a member, `organization/user`, with an `mv` below `bound`.
    Member,
    /// Tokens for the organization `key` with an `mv` below `bound`.
    Organization,
    /// Tokens for a role, `organization/role`, with an `mv` below `bound`.
    Role,
}

impl Kind {
    const ALL: [Self; 9] = [
        Self::Session,
        Self::Jti,
        Self::Key,
        Self::Client,
        Self::User,
        Self::All,
        Self::Member,
        Self::Organization,
        Self::Role,
    ];

    /// As stored and sent.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Session => "session",
            Self::Jti => "jti",
            Self::Key => "key",
            Self::Client => "client",
            Self::User => "user",
            Self::All => "all",
            Self::Member => "member",
            Self::Organization => "organization",
            Self::Role => "role",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A kind that this release does not know: what it refuses cannot be known either.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the feed has an entry of the unknown kind `{0}`")]
pub struct UnknownKind(pub String);

impl FromStr for Kind {
    type Err = UnknownKind;

    fn from_str(text: &str) -> Result<Self, UnknownKind> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text).ok_or_else(|| UnknownKind(text.to_owned()))
    }
}

/// One line of the feed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its place: the order of commit.
    pub seq: i64,
    /// What it is about.
    pub kind: Kind,
    /// Whom it is about.
    pub key: String,
    /// See [`Kind`].
    pub bound: Option<i64>,
    /// When the last token that it could refuse has expired.
    pub expires_at: Timestamp,
}

/// An entry on the wire: `[seq, kind, key, bound, expires_at]`, the last in whole seconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line<'a>(
    pub i64,
    #[serde(borrow)] pub std::borrow::Cow<'a, str>,
    #[serde(borrow)] pub std::borrow::Cow<'a, str>,
    pub Option<i64>,
    pub i64,
);

impl<'a> From<&'a Entry> for Line<'a> {
    fn from(entry: &'a Entry) -> Self {
        // Rounded up: an entry must not end before the tokens it refuses.
        let ends = entry.expires_at.as_secs() + 1;
        Self(entry.seq, entry.kind.as_str().into(), entry.key.as_str().into(), entry.bound, ends)
    }
}

impl TryFrom<Line<'_>> for Entry {
    type Error = UnknownKind;

    fn try_from(Line(seq, kind, key, bound, ends): Line<'_>) -> Result<Self, UnknownKind> {
        let expires_at = Timestamp::from_secs(ends);
        Ok(Self { seq, kind: kind.parse()?, key: key.into_owned(), bound, expires_at })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_survives_the_wire_and_never_ends_earlier() {
        for kind in Kind::ALL {
            let at = Timestamp::from_micros(1_795_444_848_000_001);
            let entry = Entry { seq: 7, kind, key: "a\"b\\".into(), bound: Some(3), expires_at: at };
            let text = serde_json::to_string(&Line::from(&entry)).unwrap();
            let line: Line<'_> = serde_json::from_str(&text).unwrap();
            let read = Entry::try_from(line).unwrap();
            assert!(read.expires_at >= entry.expires_at);
            assert_eq!(Entry { expires_at: at, ..read }, entry);
        }
    }

    #[test]
    fn a_kind_has_one_name_everywhere() {
        for kind in Kind::ALL {
            assert_eq!(serde_json::json!(kind), kind.as_str());
        }
    }

    #[test]
    fn a_kind_that_nobody_knows_is_an_error() {
        let line: Line<'_> = serde_json::from_str(r#"[1,"tenant","x",null,5]"#).unwrap();
        assert_eq!(Entry::try_from(line), Err(UnknownKind("tenant".into())));
    }
}

//! Compact JWS (RFC 7515) and JWT (RFC 7519): the text form, and every reason to refuse one.
//!
//! Reading follows RFC 8725: the algorithm is pinned to the key, `jwk`, `jku`, `x5u` and `x5c` are
//! never looked at, `crit` is refused, text must be canonical, members must be unique.

mod parse;
mod refusal;
mod times;

pub use parse::{Parsed, unique_object};
pub use refusal::Refusal;
pub(crate) use times::{Leeway, Times, check_times};

/// A token longer than this is refused unread. Ours stay under 2 KiB.
pub const MAX_TOKEN: usize = 16 * 1024;

/// What a token is for: SimpleJWT's token classes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TokenKind {
    /// Opens the API.
    Access,
    /// Gives new tokens.
    Refresh,
    /// Both at once.
    Sliding,
    /// Any type; only for `verify/`.
    Untyped,
}

impl TokenKind {
    /// The value of the token type claim.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Access => "access",
            Self::Refresh => "refresh",
            Self::Sliding => "sliding",
            Self::Untyped => "untyped",
        }
    }

    /// The class name that error messages carry.
    #[must_use]
    pub const fn class(self) -> &'static str {
        match self {
            Self::Access => "AccessToken",
            Self::Refresh => "RefreshToken",
            Self::Sliding => "SlidingToken",
            Self::Untyped => "UntypedToken",
        }
    }
}

//! Pages by cursor, as Django REST framework's `CursorPagination` answers them: a page begins where the one
//! before ended, and no row before it is looked at, so that all pages cost the same.
//!
//! A cursor is a position in the order of a list, not a row: whoever reads on gets what lies behind it,
//! whatever has come and gone meanwhile. It is signed (HMAC-SHA-256) together with the list that it was
//! made for: its path, its reader's view, its filters and its order. Elsewhere it is worth nothing.

#[cfg(test)]
mod tests;

use std::fmt;

use aws_lc_rs::hmac;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};

use super::{Location, Paging};

/// The parameter that asks for a page by cursor; an empty value begins.
const PARAMETER: &str = "cursor";
/// The bytes of a signature.
const SIGNATURE: usize = 32;
/// The longest cursor read, in characters: the longest values ordered by are names of 100 characters.
const LONGEST: usize = 4096;
/// Begins what is signed, so that no signature over anything else is one over a cursor.
const PURPOSE: &[u8] = b"tessera cursor 1";

/// The cursor was not made for this list, or not by us: 404 with this text as `detail`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Invalid cursor")]
pub struct InvalidCursor;

/// Signs cursors.
#[derive(Clone)]
pub struct CursorKey(hmac::Key);

impl CursorKey {
    /// The key made of this secret.
    #[must_use]
    pub fn new(secret: &[u8]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, secret))
    }
}

impl fmt::Debug for CursorKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CursorKey(<redacted>)")
    }
}

/// A place between two rows, and the direction in which it is read on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Cursor {
    #[serde(rename = "b")]
    backwards: bool,
    /// The values ordered by, of the row at the place; none: the end at which reading begins.
    #[serde(rename = "p")]
    position: Option<Vec<String>>,
}

/// The page asked for.
#[derive(Clone, Debug)]
pub struct CursorRequest {
    cursor: Cursor,
    size: i64,
}

impl CursorRequest {
    /// Rows to fetch: one more than are shown, for it tells that there are more.
    #[must_use]
    pub fn limit(&self) -> i64 {
        self.size.saturating_add(1)
    }

    /// Whether rows are fetched against the list's order.
    #[must_use]
    pub const fn backwards(&self) -> bool {
        self.cursor.backwards
    }

    /// The values ordered by, behind which rows are fetched; none: from the beginning, or the end.
    #[must_use]
    pub fn position(&self) -> Option<&[String]> {
        self.cursor.position.as_deref()
    }

    /// The page made of the rows fetched; `values` tells what a row is ordered by.
    pub fn cut<T>(&self, mut rows: Vec<T>, values: impl Fn(&T) -> Vec<String>) -> Cut<T> {
        let size = usize::try_from(self.size).unwrap_or(usize::MAX);
        let more = rows.len() > size;
        rows.truncate(size);
        if self.backwards() {
            rows.reverse();
        }
        // There are rows ahead if one more was fetched, and behind unless reading began at the end.
        let behind = self.cursor.position.is_some();
        let (before, after) = if self.backwards() { (more, behind) } else { (behind, more) };
        let to = |backwards: bool, row: Option<&T>| Cursor { backwards, position: row.map(&values) };
        let previous = before.then(|| to(true, rows.first()));
        let next = after.then(|| to(false, rows.last()));
        Cut { rows, previous, next }
    }
}

/// The rows of a page, and where its neighbours are.
#[derive(Clone, Debug)]
pub struct Cut<T> {
    rows: Vec<T>,
    previous: Option<Cursor>,
    next: Option<Cursor>,
}

impl<T> Cut<T> {
    /// The rows.
    #[must_use]
    pub fn rows(&self) -> &[T] {
        &self.rows
    }

    /// The same page with other rows in the place of these.
    pub fn map<U>(self, with: impl FnMut(T) -> U) -> Cut<U> {
        Cut { rows: self.rows.into_iter().map(with).collect(), previous: self.previous, next: self.next }
    }
}

/// One page of a list, as it is sent.
#[derive(Clone, Debug, Serialize)]
pub struct CursorPage<T> {
    /// The absolute URL of the page after this one.
    pub next: Option<String>,
    /// The absolute URL of the page before this one.
    pub previous: Option<String>,
    /// The rows of this page.
    pub results: Vec<T>,
}

/// A list of which pages are asked for by cursor.
#[derive(Clone, Copy, Debug)]
pub struct CursorList<'request> {
    /// Signs its cursors.
    pub key: &'request CursorKey,
    /// Where the request was sent.
    pub location: Location<'request>,
    /// How the list is cut.
    pub paging: Paging<'request>,
    /// What the path does not say of the list: whose it is, where readers see different rows under it.
    pub view: &'request str,
}

impl CursorList<'_> {
    /// The page asked for; none where no cursor is: then pages have numbers.
    pub fn request(&self) -> Result<Option<CursorRequest>, InvalidCursor> {
        let Some(text) = self.location.query.get(PARAMETER) else { return Ok(None) };
        let cursor = if text.is_empty() { Cursor::default() } else { self.open(text)? };
        Ok(Some(self.sized(cursor)))
    }

    /// The page asked for of a list that has none by number: without a cursor, the first.
    pub fn request_or_first(&self) -> Result<CursorRequest, InvalidCursor> {
        Ok(self.request()?.unwrap_or_else(|| self.sized(Cursor::default())))
    }

    fn sized(&self, cursor: Cursor) -> CursorRequest {
        CursorRequest { cursor, size: self.paging.size_asked(self.location.query) }
    }

    /// The answer with this page in it.
    #[must_use]
    pub fn page<T>(&self, cut: Cut<T>) -> CursorPage<T> {
        let link = |cursor: &Cursor| self.location.with(PARAMETER, Some(&self.seal(cursor)));
        CursorPage {
            next: cut.next.as_ref().map(link),
            previous: cut.previous.as_ref().map(link),
            results: cut.rows,
        }
    }

    fn seal(&self, cursor: &Cursor) -> String {
        // Nothing in a cursor can fail to be written.
        let place = serde_json::to_vec(cursor).unwrap_or_default();
        let signature = hmac::sign(&self.key.0, &self.signed(&place));
        URL_SAFE_NO_PAD.encode([signature.as_ref(), &place].concat())
    }

    fn open(&self, text: &str) -> Result<Cursor, InvalidCursor> {
        if text.len() > LONGEST {
            return Err(InvalidCursor);
        }
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| InvalidCursor)?;
        let (signature, place) = bytes.split_at_checked(SIGNATURE).ok_or(InvalidCursor)?;
        hmac::verify(&self.key.0, &self.signed(place), signature).map_err(|_| InvalidCursor)?;
        serde_json::from_slice(place).map_err(|_| InvalidCursor)
    }

    /// What a signature is over. Each part has its length before it, so that no two lists sound alike.
    fn signed(&self, place: &[u8]) -> Vec<u8> {
        let mut out = PURPOSE.to_vec();
        let mut add = |part: &[u8]| {
            out.extend_from_slice(&(part.len() as u64).to_be_bytes());
            out.extend_from_slice(part);
        };
        add(self.location.path.trim_end_matches('/').as_bytes());
        add(self.view.as_bytes());
        add(place);
        // The size of a page is the reader's to change on the way.
        let passed_over = [Some(PARAMETER), Some("page"), self.paging.size_param];
        for (name, value) in self.location.query.sorted() {
            if !passed_over.contains(&Some(name)) {
                add(name.as_bytes());
                add(value.as_bytes());
            }
        }
        out
    }
}

//! Lists as clients ask for them: the query string, pages, filters, order and search.
//!
//! Pages are those of Django REST framework's `PageNumberPagination`. A handler reads
//! [`Filters`], [`ordering`] and [`search`] first and answers 400 to what they refuse;
//! then it counts, and [`PageRequest::within`] says which rows to fetch. Lists that grow also have
//! pages by [`cursor`](CursorList), which count nothing.

mod cursor;
mod filter;
mod instant;
mod sort;
#[cfg(test)]
mod tests;

use std::fmt::Write as _;

use serde::Serialize;
use url::form_urlencoded;

use crate::input::python;

pub use self::cursor::{CursorKey, CursorList, CursorPage, CursorRequest, Cut, InvalidCursor};
pub use self::filter::Filters;
pub use self::sort::{Order, ordering, search};

/// The parameters of a query string, in the order sent.
#[derive(Clone, Debug, Default)]
pub struct Query(Vec<(String, String)>);

impl Query {
    /// Parses what follows the `?`; anything parses.
    #[must_use]
    pub fn parse(query: &str) -> Self {
        let pairs = form_urlencoded::parse(query.as_bytes());
        Self(pairs.map(|(name, value)| (name.into_owned(), value.into_owned())).collect())
    }

    /// The value of a parameter; of a repeated one, the last.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().rev().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// All parameters, sorted by name; those of one name in the order sent.
    fn sorted(&self) -> Vec<(&str, &str)> {
        let mut pairs: Vec<_> = self.0.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        pairs.sort_by_key(|(name, _)| *name);
        pairs
    }
}

/// How a list is cut into pages.
#[derive(Clone, Copy, Debug)]
pub struct Paging<'settings> {
    /// Rows on a page, at least 1.
    pub size: i64,
    /// The parameter with which clients choose another size, if they may.
    pub size_param: Option<&'settings str>,
    /// The most rows that a client gets on one page.
    pub max_size: Option<i64>,
}

impl Paging<'_> {
    /// Rows on a page, as the client asks for it and may have it.
    fn size_asked(&self, query: &Query) -> i64 {
        let asked = self.size_param.and_then(|name| query.get(name)).and_then(python::int);
        let size = match asked {
            Some(size) if size > 0 => size.min(self.max_size.unwrap_or(i64::MAX)),
            _ => self.size,
        };
        size.max(1)
    }
}

/// The page asked for, before it is known how many there are.
#[derive(Clone, Copy, Debug)]
pub struct PageRequest {
    number: Number,
    size: i64,
}

#[derive(Clone, Copy, Debug)]
enum Number {
    At(i64),
    Last,
}

/// There is no such page: 404 with this text as `detail`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Invalid page.")]
pub struct InvalidPage;

impl PageRequest {
    /// Reads `page` and, where the paging has one, the parameter for the size. A page that no list
    /// has is refused here, before anything is counted.
    pub fn from_query(query: &Query, paging: &Paging<'_>) -> Result<Self, InvalidPage> {
        let number = match query.get("page") {
            None | Some("") => Number::At(1),
            Some("last") => Number::Last,
            Some(text) => Number::At(python::int(text).filter(|number| *number >= 1).ok_or(InvalidPage)?),
        };
        Ok(Self { number, size: paging.size_asked(query) })
    }

    /// How many rows come before the page and the most that it has, where that is known without their number.
    #[must_use]
    pub fn rows(self) -> Option<(i64, i64)> {
        match self.number {
            Number::At(number) => Some(((number - 1).saturating_mul(self.size), self.size)),
            Number::Last => None,
        }
    }

    /// The page among `count` rows. The first exists even when there are none.
    pub fn within(self, count: i64) -> Result<Slice, InvalidPage> {
        let last = ((count - 1).max(0) / self.size).saturating_add(1);
        let number = match self.number {
            Number::At(number) => number,
            Number::Last => last,
        };
        if number > last {
            return Err(InvalidPage);
        }
        Ok(Slice { count, number, last, size: self.size })
    }
}

/// The rows that make up a page.
#[derive(Clone, Copy, Debug)]
pub struct Slice {
    count: i64,
    number: i64,
    last: i64,
    size: i64,
}

impl Slice {
    /// Rows before the page.
    #[must_use]
    pub fn offset(self) -> i64 {
        (self.number - 1).saturating_mul(self.size)
    }

    /// The most rows on the page.
    #[must_use]
    pub fn limit(self) -> i64 {
        self.size
    }

    /// The answer with these rows on it.
    #[must_use]
    pub fn page<T>(self, results: Vec<T>, location: Location) -> Page<T> {
        Page {
            count: self.count,
            next: (self.number < self.last).then(|| location.with_page(self.number + 1)),
            previous: (self.number > 1).then(|| location.with_page(self.number - 1)),
            results,
        }
    }
}

/// One page of a list, as it is sent.
#[derive(Clone, Debug, Serialize)]
pub struct Page<T> {
    /// Rows on all pages together.
    pub count: i64,
    /// The absolute URL of the page after this one.
    pub next: Option<String>,
    /// The absolute URL of the page before this one.
    pub previous: Option<String>,
    /// The rows of this page.
    pub results: Vec<T>,
}

/// Where a request was sent, as far as links to its neighbours need to know.
#[derive(Clone, Copy, Debug)]
pub struct Location<'request> {
    /// `http` or `https`.
    pub scheme: &'request str,
    /// Host name, with its port where that is not the scheme's own.
    pub host: &'request str,
    /// The path, as it was sent.
    pub path: &'request str,
    /// The parameters, which the links repeat sorted by name.
    pub query: &'request Query,
}

impl Location<'_> {
    /// Page 1 is the link without a page, as Django REST framework has it.
    fn with_page(self, number: i64) -> String {
        let number = (number > 1).then(|| number.to_string());
        self.with("page", number.as_deref())
    }

    /// The link with another page in the place of the one asked for.
    fn with(self, parameter: &str, value: Option<&str>) -> String {
        let mut pairs = self.query.sorted();
        // Where there is a cursor, a number means nothing.
        pairs.retain(|(name, _)| *name != parameter && (parameter == "page" || *name != "page"));
        pairs.extend(value.map(|value| (parameter, value)));
        pairs.sort_by_key(|(name, _)| *name);
        let mut link = format!("{}://{}{}", self.scheme, self.host, self.path);
        for (index, (name, value)) in pairs.into_iter().enumerate() {
            link.push(if index == 0 { '?' } else { '&' });
            quote(name, &mut link);
            link.push('=');
            quote(value, &mut link);
        }
        link
    }
}

/// Python's `quote_plus`, which unlike the URL standard keeps `~` and escapes `*`.
fn quote(text: &str, link: &mut String) {
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'.' | b'-' | b'~' => {
                link.push(char::from(byte));
            }
            b' ' => link.push('+'),
            _ => write!(link, "%{byte:02X}").unwrap_or_default(),
        }
    }
}

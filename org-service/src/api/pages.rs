//! What lists have in common: how they are asked for, and how their pages are answered.

use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;
use shared::{
    http::origin::Origin,
    input::FieldErrors,
    page::{CursorList, CursorPage, CursorRequest, Cut, InvalidCursor, Location, Page, Query, Slice},
};

use crate::{App, error::OrgError, store::tallies::Count};

/// The header that says how `count` was come by, where it is not exact.
const COUNT: &str = "X-Count";

/// The longest `?search=`, in characters.
const LONGEST_SEARCH: usize = 255;

/// A list, as it was asked for.
#[derive(Debug)]
pub(super) struct Asked<'a> {
    app: &'a App,
    origin: Origin,
    path: &'a str,
    /// The parameters.
    pub(super) query: Query,
}

impl<'a> Asked<'a> {
    pub(super) fn of(app: &'a App, request: &'a HttpRequest) -> Result<Self, OrgError> {
        let origin = Origin::of(request, &app.config().trusted_proxies)?;
        Ok(Self { app, origin, path: request.path(), query: Query::parse(request.query_string()) })
    }

    pub(super) const fn app(&self) -> &'a App {
        self.app
    }

    fn location(&self) -> Location<'_> {
        Location { scheme: &self.origin.scheme, host: &self.origin.host, path: self.path, query: &self.query }
    }

    fn by_cursor<'b>(&'b self, view: &'b str) -> CursorList<'b> {
        CursorList {
            key: self.app.cursors(),
            location: self.location(),
            paging: self.app.config().paging(),
            view,
        }
    }

    /// The page asked for by cursor, if it is; `view` says whose list it is.
    pub(super) fn cursor(&self, view: &str) -> Result<Option<CursorRequest>, InvalidCursor> {
        self.by_cursor(view).request()
    }

    /// The page asked for of a list that has none by number.
    pub(super) fn cursor_or_first(&self, view: &str) -> Result<CursorRequest, InvalidCursor> {
        self.by_cursor(view).request_or_first()
    }

    /// A page by cursor, as it is sent.
    pub(super) fn cut_page<T>(&self, view: &str, cut: Cut<T>) -> CursorPage<T> {
        self.by_cursor(view).page(cut)
    }

    /// Answers with a page by cursor.
    pub(super) fn cut<T: Serialize>(&self, view: &str, cut: Cut<T>) -> HttpResponse {
        HttpResponse::Ok().json(self.cut_page(view, cut))
    }

    /// A page by number, as it is sent.
    pub(super) fn numbered_page<T>(&self, slice: Slice, rows: Vec<T>) -> Page<T> {
        slice.page(rows, self.location())
    }

    /// Answers with a page by number.
    pub(super) fn numbered<T: Serialize>(&self, slice: Slice, count: Count, rows: Vec<T>) -> HttpResponse {
        let mut response = HttpResponse::Ok();
        if count.approximate {
            response.insert_header((COUNT, "approximate"));
        }
        response.json(self.numbered_page(slice, rows))
    }

    /// Refuses a `?search=` that is too long.
    pub(super) fn short_search(&self) -> Result<(), FieldErrors> {
        let length = self.query.get("search").unwrap_or_default().chars().count();
        if length <= LONGEST_SEARCH {
            return Ok(());
        }
        let message = format!("Ensure this value has at most {LONGEST_SEARCH} characters (it has {length}).");
        Err(FieldErrors::one("search", message))
    }
}

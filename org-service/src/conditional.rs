//! Conditional requests (RFC 9110, section 13): [`ETag`], `If-Match` and `If-None-Match`.
//!
//! A change with `If-Match` is made only to what its sender has seen. The comparison is made inside the
//! change's transaction, after it has taken the organization's row, so that of two who have seen the same
//! one is told that it is no longer there (412).

use std::{
    convert::Infallible,
    future::{Ready, ready},
};

use actix_web::{
    FromRequest, HttpRequest, HttpResponse, HttpResponseBuilder,
    dev::Payload,
    http::{
        StatusCode,
        header::{self, HeaderName},
    },
};
use serde::Serialize;
use shared::db::Undone;

use crate::{
    act::{Outcome, Refused},
    store::{memberships::Membership, organizations::Organization, roles::StoredRole},
};

/// A strong entity tag, in its quotes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ETag(String);

impl From<&Organization> for ETag {
    fn from(organization: &Organization) -> Self {
        Self(format!("\"{}.{}\"", organization.id, organization.version))
    }
}

/// What clients are shown beside it of the user is the auth service's, and no part of it.
impl From<&Membership> for ETag {
    fn from(member: &Membership) -> Self {
        let Membership { created_at, updated_at, role, .. } = member;
        Self(format!("\"{}.{}.{role}\"", created_at.as_micros(), updated_at.as_micros()))
    }
}

/// A role that was removed and defined anew counts from 1 again, but was created later.
impl From<&StoredRole> for ETag {
    fn from(role: &StoredRole) -> Self {
        Self(format!("\"{}.{}\"", role.created_at.as_micros(), role.version))
    }
}

impl ETag {
    /// Answers with a representation that has this tag.
    pub fn answer(self, mut response: HttpResponseBuilder, body: impl Serialize) -> HttpResponse {
        response.insert_header((header::ETAG, self.0)).json(body)
    }

    /// Answers a read: 304 if the reader has this representation already.
    pub fn answer_read(self, request: &HttpRequest, body: impl Serialize) -> HttpResponse {
        let held = Tags::of(request, &header::IF_NONE_MATCH);
        if held.is_some_and(|held| held.include_weakly(&self)) {
            return HttpResponse::NotModified().insert_header((header::ETAG, self.0)).finish();
        }
        self.answer(HttpResponse::build(StatusCode::OK), body)
    }
}

/// What a condition names.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Tags {
    /// `*`: whatever there is.
    Any,
    /// Entity tags as they were sent.
    These(Vec<String>),
}

impl Tags {
    /// The tags of a header, if it was sent. What is no list of tags names nothing.
    fn of(request: &HttpRequest, name: &HeaderName) -> Option<Self> {
        let mut lines = request.headers().get_all(name).peekable();
        lines.peek()?;
        let mut tags = Vec::new();
        for line in lines {
            let text = String::from_utf8_lossy(line.as_bytes());
            if text.trim() == "*" {
                return Some(Self::Any);
            }
            tags.extend(split(&text));
        }
        Some(Self::These(tags))
    }

    /// Weak tags are no proof of having seen the same bytes, so they match nothing.
    fn include(&self, tag: &ETag) -> bool {
        match self {
            Self::Any => true,
            Self::These(tags) => tags.contains(&tag.0),
        }
    }

    fn include_weakly(&self, tag: &ETag) -> bool {
        match self {
            Self::Any => true,
            Self::These(tags) => tags.iter().any(|held| held.strip_prefix("W/").unwrap_or(held) == tag.0),
        }
    }
}

/// The tags in a list; commas within quotes part nothing.
fn split(text: &str) -> Vec<String> {
    let (mut tags, mut quoted) = (vec![String::new()], false);
    for c in text.chars() {
        quoted ^= c == '"';
        match (c, tags.last_mut()) {
            (',', _) if !quoted => tags.push(String::new()),
            (c, Some(tag)) => tag.push(c),
            (_, None) => {}
        }
    }
    tags.into_iter().map(|tag| tag.trim().to_owned()).collect()
}

/// What somebody who changes something expects to find.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Expected(Option<Tags>);

impl Expected {
    /// What `If-Match` says; without it, anything.
    fn of(request: &HttpRequest) -> Self {
        Self(Tags::of(request, &header::IF_MATCH))
    }

    /// Refuses a change of something else than was expected.
    pub fn demand(&self, found: impl Into<ETag>) -> Outcome<()> {
        match &self.0 {
            Some(tags) if !tags.include(&found.into()) => Err(Undone::Refused(Refused::Changed)),
            _ => Ok(()),
        }
    }
}

impl FromRequest for Expected {
    type Error = Infallible;
    type Future = Ready<Result<Self, Infallible>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Ok(Self::of(request)))
    }
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn expecting(lines: &[&str]) -> Expected {
        let request = lines
            .iter()
            .fold(TestRequest::default(), |request, line| request.append_header((header::IF_MATCH, *line)));
        Expected::of(&request.to_http_request())
    }

    #[test]
    fn a_change_needs_a_strong_tag_among_those_sent() {
        let found = || ETag("\"a,b.3\"".to_owned());
        for (lines, fine) in [
            (&[][..], true),
            (&["*"], true),
            (&[" * "], true),
            (&["\"a,b.3\""], true),
            (&["\"x\", \"a,b.3\""], true),
            (&["\"x\"", "\"a,b.3\""], true),
            (&["\"x\",\"a,b.3\" ,"], true),
            (&["W/\"a,b.3\""], false),
            (&["\"a,b.2\""], false),
            (&["a,b.3"], false),
            (&["\"A,B.3\""], false),
            (&[""], false),
            (&[","], false),
            (&["\"", "\"a"], false),
        ] {
            assert_eq!(expecting(lines).demand(found()).is_ok(), fine, "{lines:?}");
        }
    }

    #[test]
    fn a_reader_may_hold_a_weak_tag() {
        let tag = ETag("\"7.3\"".to_owned());
        for (sent, status) in [("W/\"7.3\"", 304), ("\"7.3\"", 304), ("*", 304), ("\"7.4\"", 200), ("", 200)]
        {
            let request = TestRequest::default().insert_header((header::IF_NONE_MATCH, sent));
            let answer = tag.clone().answer_read(&request.to_http_request(), "x");
            assert_eq!(answer.status().as_u16(), status, "{sent}");
            assert_eq!(answer.headers().get(header::ETAG).unwrap(), "\"7.3\"");
        }
        assert_eq!(tag.answer_read(&TestRequest::default().to_http_request(), "x").status(), 200);
    }
}

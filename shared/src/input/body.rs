//! A request body: read in full, within a limit, and parsed by its `Content-Type`.

use std::{collections::BTreeMap, convert::Infallible, fmt, future, time::Duration};

use actix_web::dev::Payload;
use actix_web::error::PayloadError;
use actix_web::http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderName};
use actix_web::web::{Bytes, BytesMut};
use actix_web::{FromRequest, HttpRequest};
use futures_util::TryStreamExt as _;

use super::{Input, InputError, Source, encoded, json};
use crate::media::{MAX_MEDIA_TYPE, MediaType};

#[cfg(test)]
mod tests;

/// How long a whole body may take to arrive.
pub const SLOWEST: Duration = Duration::from_secs(10);

/// The longest body read, in bytes; put one into the application's `app_data` to change it.
#[derive(Clone, Copy, Debug)]
pub struct BodyLimit(pub usize);

impl Default for BodyLimit {
    fn default() -> Self {
        Self(1024 * 1024)
    }
}

/// An extractor that takes the body without reading it.
///
/// Nothing is refused before [`read`](Self::read): the original looks at a body only when
/// the caller has been let in and the object it concerns has been found.
pub struct Body {
    content_type: String,
    declared: Option<usize>,
    limit: BodyLimit,
    payload: Payload,
}

impl fmt::Debug for Body {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.debug_struct("Body").field("content_type", &self.content_type).finish_non_exhaustive()
    }
}

impl FromRequest for Body {
    type Error = Infallible;
    type Future = future::Ready<Result<Self, Infallible>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        future::ready(Ok(Self {
            content_type: header(request, &CONTENT_TYPE),
            declared: header(request, &CONTENT_LENGTH).parse().ok(),
            limit: request.app_data().copied().unwrap_or_default(),
            payload: payload.take(),
        }))
    }
}

impl Body {
    /// Reads and parses the body. An empty one has no fields, whatever its type.
    ///
    /// A body that takes longer than [`SLOWEST`] to arrive is given up.
    pub async fn read(mut self) -> Result<Input, InputError> {
        let body = tokio::time::timeout(SLOWEST, self.collect()).await.map_err(|_| InputError::TooSlow)??;
        let kind = Kind::of(&self.content_type);
        let source = match kind {
            Some(Kind::Form | Kind::Multipart) => Source::Form,
            Some(Kind::Json) | None => Source::Json,
        };
        let fields = match kind {
            _ if body.is_empty() => BTreeMap::new(),
            Some(Kind::Json) => json::parse(&body)?,
            Some(Kind::Form) => encoded::parse(&body)?,
            Some(Kind::Multipart) => encoded::parse_multipart(&self.content_type, body).await?,
            None => return Err(InputError::UnsupportedMediaType(self.content_type)),
        };
        Ok(Input { source, fields })
    }

    async fn collect(&mut self) -> Result<Bytes, InputError> {
        let BodyLimit(limit) = self.limit;
        if self.declared.is_some_and(|length| length > limit) {
            return Err(InputError::TooLarge);
        }
        let mut body = BytesMut::new();
        while let Some(chunk) = self.payload.try_next().await.map_err(|error| refuse(&error))? {
            if body.len() + chunk.len() > limit {
                return Err(InputError::TooLarge);
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body.freeze())
    }
}

fn refuse(error: &PayloadError) -> InputError {
    match error {
        PayloadError::Overflow => InputError::TooLarge,
        _ => InputError::Malformed("The request body could not be read.".to_owned()),
    }
}

fn header(request: &HttpRequest, name: &HeaderName) -> String {
    let value = request.headers().get(name).map(|value| String::from_utf8_lossy(value.as_bytes()));
    value.unwrap_or_default().into_owned()
}

/// The parsers, in the order in which the original tries them.
#[derive(Clone, Copy)]
enum Kind {
    Json,
    Form,
    Multipart,
}

impl Kind {
    /// A `Content-Type` with a wildcard matches as it would in `Accept`: so does the original.
    fn of(content_type: &str) -> Option<Self> {
        if content_type.len() > MAX_MEDIA_TYPE {
            return None;
        }
        let sent = MediaType::parse(content_type);
        if sent.covers("application", "json") {
            Some(Self::Json)
        } else if sent.covers("application", "x-www-form-urlencoded") {
            Some(Self::Form)
        } else if sent.covers("multipart", "form-data") {
            Some(Self::Multipart)
        } else {
            None
        }
    }
}

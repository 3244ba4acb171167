//! The two form encodings into fields.

use std::{collections::BTreeMap, fmt, future};

use actix_multipart::{Field, Multipart, MultipartError};
use actix_web::http::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use actix_web::web::Bytes;
use futures_util::{TryStreamExt as _, stream};
use url::form_urlencoded;

use super::{InputError, Value};
use crate::media::MediaType;

/// As many fields as Django reads from one form.
const MAX_FIELDS: usize = 1000;

/// `application/x-www-form-urlencoded`; of two fields with one name the last counts.
///
/// Bytes that are no UTF-8 are read as Latin-1, as Django does.
pub(super) fn parse(body: &[u8]) -> Result<BTreeMap<String, Value>, InputError> {
    if body.split(|byte| *byte == b'&').count() > MAX_FIELDS {
        return Err(InputError::Malformed("Too many form fields.".to_owned()));
    }
    let latin1: String;
    let body = if let Ok(text) = str::from_utf8(body) {
        text
    } else {
        latin1 = body.iter().map(|byte| char::from(*byte)).collect();
        &latin1
    };
    let pairs = form_urlencoded::parse(body.as_bytes());
    Ok(pairs.map(|(name, value)| (name.into_owned(), Value::Text(value.into_owned()))).collect())
}

/// `multipart/form-data`. A file hides a text field of the same name; parts without a
/// name, and files without a file name, are skipped.
pub(super) async fn parse_multipart(
    content_type: &str,
    body: Bytes,
) -> Result<BTreeMap<String, Value>, InputError> {
    let boundary = MediaType::parse(content_type).param("boundary").map(str::to_owned);
    if boundary.as_deref().is_none_or(str::is_empty) {
        let boundary = boundary.as_deref().unwrap_or("None");
        return Err(malformed(format_args!("Invalid boundary in multipart: {boundary}")));
    }
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_str(content_type).map_err(malformed)?);
    let mut parts = Multipart::new(&headers, stream::once(future::ready(Ok(body))));
    let (mut fields, mut files) = (BTreeMap::new(), BTreeMap::new());
    for _ in 0..MAX_FIELDS {
        let Some(mut part) = parts.try_next().await.map_err(malformed)? else {
            fields.append(&mut files);
            return Ok(fields);
        };
        let content = read(&mut part).await.map_err(malformed)?;
        let name = part.name().unwrap_or_default().trim().to_owned();
        let file = part.content_disposition().and_then(|disposition| disposition.get_filename());
        match file {
            None => fields.insert(name, Value::Text(String::from_utf8_lossy(&content).into_owned())),
            Some("") => None,
            Some(_) => files.insert(name, Value::File),
        };
    }
    Err(malformed("too many parts"))
}

async fn read(part: &mut Field) -> Result<Vec<u8>, MultipartError> {
    part.try_fold(Vec::new(), |mut content, chunk| {
        content.extend_from_slice(&chunk);
        future::ready(Ok(content))
    })
    .await
}

fn malformed(reason: impl fmt::Display) -> InputError {
    InputError::Malformed(format!("Multipart form parse error - {reason}"))
}

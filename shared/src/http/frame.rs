//! What surrounds every request of every service: request id, the slash that a path may end with or not,
//! security headers, a log line, metrics, and the end of the connection once the service stops.

use std::time::Instant;

use actix_web::{
    Error, HttpMessage,
    body::MessageBody,
    dev::{ServiceRequest, ServiceResponse},
    http::{
        ConnectionType,
        header::{HeaderMap, HeaderName, HeaderValue},
    },
    middleware::Next,
    web::Data,
};
use tracing::Instrument;

use super::{metrics::Metrics, slash, stopping::Leaving};
use crate::{Clock, random};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The id of a request, in its extensions, its log lines and its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestId(pub String);

impl RequestId {
    /// The id that the client or gateway sent, if it is short and plain; otherwise a new one.
    fn of(headers: &HeaderMap) -> Self {
        let plain = |text: &&str| {
            (1..=128).contains(&text.len())
                && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
        };
        let sent = headers.get(&REQUEST_ID).and_then(|value| value.to_str().ok()).filter(plain);
        Self(sent.map_or_else(|| random::uuid_v7(Clock::System.now()).to_string(), str::to_owned))
    }
}

/// The headers that Django's security and clickjacking middleware set.
const SECURITY: [(&str, &str); 4] = [
    ("x-frame-options", "DENY"),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "same-origin"),
    ("cross-origin-opener-policy", "same-origin"),
];

/// The middleware around a service's routes.
pub async fn around<B: MessageBody>(
    mut request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<B>, Error> {
    let started = Instant::now();
    let id = RequestId::of(request.headers());
    let metrics = request.app_data::<Data<Metrics>>().cloned();
    let method = request.method().clone();
    let span = tracing::info_span!(
        "request",
        request.id = %id.0,
        http.method = %method,
        http.path = request.path(),
    );
    request.extensions_mut().insert(id.clone());
    slash::complete(&mut request);
    let mut response = next.call(request).instrument(span.clone()).await?;
    let status = response.status();
    span.in_scope(|| {
        tracing::debug!(
            http.status = status.as_u16(),
            duration_ms = started.elapsed().as_millis(),
            "answered"
        );
    });
    if let Some(metrics) = metrics {
        metrics.answered(method.as_str(), status.as_u16(), started.elapsed());
    }
    // Asked when the answer is there: the stop may have begun meanwhile.
    let leaving = response.request().app_data::<Data<Leaving>>();
    if leaving.is_some_and(|leaving| leaving.has_begun()) {
        response.response_mut().head_mut().set_connection_type(ConnectionType::Close);
    }
    let headers = response.headers_mut();
    for (name, value) in SECURITY {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    if let Ok(id) = HeaderValue::from_str(&id.0) {
        headers.insert(REQUEST_ID, id);
    }
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(sent: &str) -> RequestId {
        let mut headers = HeaderMap::new();
        headers.insert(REQUEST_ID, HeaderValue::from_str(sent).unwrap());
        RequestId::of(&headers)
    }

    #[test]
    fn a_plain_request_id_is_kept_and_an_odd_one_replaced() {
        assert_eq!(id("abc-1.2_3").0, "abc-1.2_3");
        for odd in ["", "a b", "a\"b", &"x".repeat(129)] {
            assert_ne!(id(odd).0, odd);
            assert_eq!(id(odd).0.len(), 36);
        }
    }
}

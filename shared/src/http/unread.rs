//! Connections on which a chunked body has no end.
//!
//! actix drains a chunked body that nobody reads any more, with no limit of time, before it gives the
//! connection up: whoever never ends one holds a connection for ever. Where the body still has a
//! reader when the answer is complete, it closes the connection soon, as it does for bodies of a
//! declared length. So the reader is kept as long as the answer.

use std::{
    cell::RefCell,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll},
};

use actix_web::{
    Error, HttpMessage,
    body::{BodySize, BoxBody, EitherBody, MessageBody},
    dev::{Payload, ServiceRequest, ServiceResponse},
    error::PayloadError,
    http::header::TRANSFER_ENCODING,
    middleware::Next,
    web::Bytes,
};
use futures_util::Stream;

/// A body's reader, once its handler has no use for it any more.
type Kept = Rc<RefCell<Option<Payload>>>;

/// The middleware: the reader of a chunked body lives until the answer is complete.
pub(super) async fn keep_reader<B: MessageBody + 'static>(
    mut request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B>>, Error> {
    if !request.headers().contains_key(TRANSFER_ENCODING) {
        return Ok(next.call(request).await?.map_into_left_body());
    }
    let kept = Kept::default();
    let lent = Lent { payload: request.take_payload(), kept: Rc::clone(&kept) };
    request.set_payload(Payload::Stream { payload: Box::pin(lent) });
    let response = next.call(request).await?;
    Ok(response.map_body(|_, body| EitherBody::right(Answer { body: body.boxed(), _kept: kept }.boxed())))
}

/// The reader in the hands of the handler.
struct Lent {
    payload: Payload,
    kept: Kept,
}

impl Stream for Lent {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Pin::new(&mut self.payload).poll_next(context)
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        self.kept.replace(Some(self.payload.take()));
    }
}

/// The answer, with the reader beside it.
struct Answer {
    body: BoxBody,
    _kept: Kept,
}

impl MessageBody for Answer {
    type Error = Box<dyn std::error::Error>;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Self::Error>>> {
        Pin::new(&mut self.body).poll_next(context)
    }
}

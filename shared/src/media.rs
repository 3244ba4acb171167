//! Content negotiation.
use actix_web::HttpRequest;
use crate::Problem;
/// x
pub struct Json { pub indent: Option<u8> }
/// x
pub fn negotiate(_: &HttpRequest) -> Result<Json, Problem> { Ok(Json { indent: None }) }

//! `GET organization/{id}/`

use actix_web::HttpResponse;

use super::Body;
use crate::access::{Access, OrganizationRead};

/// Shows an organization.
pub async fn retrieve(access: Access<OrganizationRead>) -> HttpResponse {
    HttpResponse::Ok().json(Body::from(access.organization))
}

//! `GET organization/{id}/`

use actix_web::{HttpRequest, HttpResponse};

use super::Body;
use crate::{
    access::{Access, OrganizationRead},
    conditional::ETag,
};

/// Shows an organization.
pub async fn retrieve(access: Access<OrganizationRead>, request: HttpRequest) -> HttpResponse {
    ETag::from(&access.organization).answer_read(&request, Body::from(access.organization))
}

//! `/internal`: calls between services, authenticated by `SERVICE_SECRET`.

use actix_web::{
    HttpResponse,
    web::{Data, Json},
};
use shared::{
    internal::ServiceCall,
    organizations::{Answer, Question},
};

use crate::{App, error::OrgError};

/// What a user may do in an organization, for a token: 200 with the membership, or with null if there is
/// no such organization or the user is no member of it.
pub async fn membership(
    _: ServiceCall,
    app: Data<App>,
    question: Json<Question>,
) -> Result<HttpResponse, OrgError> {
    let Question { organization, user_id } = question.into_inner();
    let membership = app.roster().membership(&organization, user_id).await?;
    Ok(HttpResponse::Ok().json(Answer { membership }))
}

//! `organization/{id}/members/`

use actix_web::{
    HttpRequest, HttpResponse,
    web::{Data, Path},
};
use serde::{Deserialize, Serialize};
use shared::{
    Timestamp,
    input::{self, FieldErrors, Form, Mode, Text},
    page::{Filters, PageRequest, ordering},
};

use super::pages::Asked;
use crate::{
    App,
    access::{Access, MemberRead, MemberRemove, MemberUpdate},
    act::Refused,
    error::OrgError,
    membership,
    store::{
        memberships::{self, Filter, Membership, ORDERINGS},
        tallies::List,
    },
};

/// A member on the wire.
#[derive(Debug, Serialize)]
pub struct Member {
    user_id: String,
    role: String,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl From<Membership> for Member {
    fn from(Membership { user_id, role, created_at, updated_at, .. }: Membership) -> Self {
        Self { user_id, role, created_at, updated_at }
    }
}

/// Which member the path names.
#[derive(Debug, Deserialize)]
pub struct Who {
    user_id: String,
}

/// Lists members. `?search=` finds user ids, and usernames that begin so.
pub async fn list(
    app: Data<App>,
    access: Access<MemberRead>,
    request: HttpRequest,
) -> Result<HttpResponse, OrgError> {
    let asked = Asked::of(&app, &request)?;
    let filter = filter(&asked)?;
    let orders = ordering(&asked.query, &ORDERINGS);
    let org_id = access.org_id();
    if let Some(page) = asked.cursor("")? {
        let read = move |conn: &mut _| memberships::list_from(conn, org_id, &filter, &orders, &page);
        let found = app.db().read(read).await?;
        return Ok(asked.cut("", found?.map(Member::from)));
    }
    let page = PageRequest::from_query(&asked.query, &app.config().paging())?;
    let found = app.db().read(move |conn| memberships::list(conn, org_id, &filter, &orders, page)).await?;
    let (slice, count, rows) = found?;
    if count.approximate {
        app.chores().want(List::Members(org_id));
    }
    Ok(asked.numbered(slice, count, rows.into_iter().map(Member::from).collect()))
}

fn filter(asked: &Asked<'_>) -> Result<Filter, FieldErrors> {
    asked.short_search()?;
    let mut filters = Filters::new(&asked.query);
    let filter = Filter {
        role: filters.text("role").map(str::to_owned),
        search: filters.text("search").map(str::to_owned),
    };
    filters.finish()?;
    Ok(filter)
}

/// Shows a member.
pub async fn show(
    app: Data<App>,
    access: Access<MemberRead>,
    who: Path<Who>,
) -> Result<HttpResponse, OrgError> {
    let (org_id, user_id) = (access.org_id(), who.into_inner().user_id);
    let found = app.db().read(move |conn| memberships::find(conn, org_id, &user_id)).await?;
    let found = found.ok_or(OrgError::Change(Refused::NotAMember))?;
    Ok(HttpResponse::Ok().json(Member::from(found)))
}

/// Gives a member another role.
pub async fn change(
    app: Data<App>,
    access: Access<MemberUpdate>,
    who: Path<Who>,
    body: input::Body,
) -> Result<HttpResponse, OrgError> {
    let input = body.read().await?;
    let mut form = Form::new(&input, Mode::Full);
    let role = form.required("role", Text::required().max(64));
    form.finish()?;
    let (act, user_id) = (access.act(&app), who.into_inner().user_id);
    let whom = user_id.clone();
    let changed = app.db().attempt(move |conn| membership::change_role(conn, &act, &whom, &role)).await?;
    let member = changed.map_err(|refused| match refused {
        Refused::UnknownRole => FieldErrors::one("role", "There is no such role.").into(),
        refused => OrgError::from(refused),
    })?;
    app.announcer().passed_on().await;
    tracing::info!(org.id = %access.org_id(), user.id = access.user_id(), member.id = user_id, "a member's role was changed");
    Ok(HttpResponse::Ok().json(Member::from(member)))
}

/// Removes a member.
pub async fn remove(
    app: Data<App>,
    access: Access<MemberRemove>,
    who: Path<Who>,
) -> Result<HttpResponse, OrgError> {
    let (act, user_id) = (access.act(&app), who.into_inner().user_id);
    let whom = user_id.clone();
    app.db().attempt(move |conn| membership::remove(conn, &act, &whom)).await??;
    app.announcer().passed_on().await;
    tracing::info!(org.id = %access.org_id(), user.id = access.user_id(), member.id = user_id, "a member was removed");
    Ok(HttpResponse::NoContent().finish())
}

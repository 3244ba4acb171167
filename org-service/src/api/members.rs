//! `organization/{id}/members/`

use std::collections::HashMap;

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
    conditional::{ETag, Expected},
    error::OrgError,
    membership,
    store::{
        memberships::{self, Filter, Membership, ORDERINGS},
        profiles::Profile,
        tallies::List,
    },
};

/// A member on the wire.
#[derive(Debug, Serialize)]
pub(super) struct Member {
    user_id: String,
    /// Null while nothing is known of the user.
    user: Option<User>,
    role: String,
    created_at: Timestamp,
    updated_at: Timestamp,
}

/// What is shown of a user.
#[derive(Serialize)]
struct User {
    username: String,
    first_name: String,
    last_name: String,
    email: String,
    is_active: bool,
}

impl std::fmt::Debug for User {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("User").finish_non_exhaustive()
    }
}

impl From<Profile> for User {
    fn from(Profile { username, first_name, last_name, email, is_active, .. }: Profile) -> Self {
        Self { username, first_name, last_name, email, is_active }
    }
}

impl Member {
    fn new(member: Membership, user: Option<Profile>) -> Self {
        let Membership { user_id, role, created_at, updated_at, .. } = member;
        Self { user_id, user: user.map(User::from), role, created_at, updated_at }
    }
}

/// The profiles of members.
async fn users(app: &App, members: &[Membership]) -> HashMap<String, Profile> {
    app.profiles().of(members.iter().map(|member| member.user_id.clone()).collect()).await
}

/// A member as it is shown.
pub(super) async fn shown(app: &App, member: Membership) -> Member {
    let mut users = users(app, std::slice::from_ref(&member)).await;
    let user = users.remove(&member.user_id);
    Member::new(member, user)
}

/// Answers with a member. What is shown of the user may change without the member: so no reader is told
/// that what it has is still so.
pub(super) async fn answer(app: &App, member: Membership) -> HttpResponse {
    ETag::from(&member).answer(HttpResponse::Ok(), shown(app, member).await)
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
        let cut = found?;
        let mut users = users(&app, cut.rows()).await;
        let shown = |member: Membership| {
            let user = users.remove(&member.user_id);
            Member::new(member, user)
        };
        return Ok(asked.cut("", cut.map(shown)));
    }
    let page = PageRequest::from_query(&asked.query, &app.config().paging())?;
    let found = app.db().read(move |conn| memberships::list(conn, org_id, &filter, &orders, page)).await?;
    let (slice, count, rows) = found?;
    if count.approximate {
        app.chores().want(List::Members(org_id));
    }
    let mut users = users(&app, &rows).await;
    let shown = |member: Membership| {
        let user = users.remove(&member.user_id);
        Member::new(member, user)
    };
    Ok(asked.numbered(slice, count, rows.into_iter().map(shown).collect()))
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
    Ok(answer(&app, found).await)
}

/// Gives a member another role.
pub async fn change(
    app: Data<App>,
    access: Access<MemberUpdate>,
    who: Path<Who>,
    body: input::Body,
    expected: Expected,
) -> Result<HttpResponse, OrgError> {
    let input = body.read().await?;
    let mut form = Form::new(&input, Mode::Full);
    let role = form.required("role", Text::required().max(64));
    form.finish()?;
    let (act, user_id) = (access.act(&app), who.into_inner().user_id);
    let whom = user_id.clone();
    let change = move |conn: &mut _| membership::change_role(conn, &act, &whom, &role, &expected);
    let changed = app.db().attempt(change).await?;
    let member = changed.map_err(|refused| match refused {
        Refused::UnknownRole => FieldErrors::one("role", "There is no such role.").into(),
        refused => OrgError::from(refused),
    })?;
    app.announcer().passed_on().await;
    tracing::info!(org.id = %access.org_id(), user.id = access.user_id(), member.id = user_id, "a member's role was changed");
    Ok(answer(&app, member).await)
}

/// Removes a member.
pub async fn remove(
    app: Data<App>,
    access: Access<MemberRemove>,
    who: Path<Who>,
    expected: Expected,
) -> Result<HttpResponse, OrgError> {
    let (act, user_id) = (access.act(&app), who.into_inner().user_id);
    let whom = user_id.clone();
    app.db().attempt(move |conn| membership::remove(conn, &act, &whom, &expected)).await??;
    app.announcer().passed_on().await;
    tracing::info!(org.id = %access.org_id(), user.id = access.user_id(), member.id = user_id, "a member was removed");
    Ok(HttpResponse::NoContent().finish())
}

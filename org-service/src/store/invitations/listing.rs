//! Invitations as they are shown: with what has become of their mails, or to whom they are addressed.

use diesel::{
    BoolExpressionMethods, BoxableExpression, ExpressionMethods, JoinOnDsl, OptionalExtension, QueryDsl,
    QueryResult, RunQueryDsl, SelectableHelper, sql_types::Bool,
};
use shared::{
    DbConnection, Timestamp,
    db::connection::MultiBackend,
    page::{InvalidPage, PageRequest, Slice},
};

use super::{ACCEPTED, EXPIRED, Invitation, InvitationId, OrgId, PENDING, REVOKED};
use crate::{
    schema::{invitations, mails, organizations},
    store::mails::Mail,
};

/// An invitation with its mail.
pub type Listed = (Invitation, Option<Mail>);

/// An invitation with the name and the slug of its organization.
pub type Addressed = (Invitation, String, Option<String>);

type Predicate = Box<dyn BoxableExpression<invitations::table, MultiBackend, SqlType = Bool>>;

/// Invitations of an organization that are this by now; none: all of them.
fn that_are(org_id: OrgId, status: Option<&str>, now: Timestamp) -> Predicate {
    let own = invitations::org_id.eq(org_id);
    let is = |status: &str| invitations::status.eq(status.to_owned());
    match status {
        None => Box::new(own),
        Some(PENDING) => Box::new(own.and(is(PENDING)).and(invitations::expires_at.gt(now))),
        Some(EXPIRED) => {
            let passed = is(PENDING).and(invitations::expires_at.le(now));
            Box::new(own.and(is(EXPIRED).or(passed)))
        }
        Some(ACCEPTED) => Box::new(own.and(is(ACCEPTED))),
        Some(_) => Box::new(own.and(is(REVOKED))),
    }
}

/// One page of an organization's invitations, newest first, and how many there are. `status` is one of
/// the four.
pub fn list(
    conn: &mut DbConnection,
    org_id: OrgId,
    status: Option<&str>,
    page: PageRequest,
    now: Timestamp,
) -> QueryResult<Result<(Slice, Vec<Listed>), InvalidPage>> {
    let all = || that_are(org_id, status, now);
    let slice = match page.within(invitations::table.filter(all()).count().get_result(conn)?) {
        Ok(slice) => slice,
        Err(invalid) => return Ok(Err(invalid)),
    };
    let found: Vec<Invitation> = invitations::table
        .filter(all())
        .order(invitations::id.desc())
        .limit(slice.limit())
        .offset(slice.offset())
        .select(Invitation::as_select())
        .load(conn)?;
    let ids: Vec<InvitationId> = found.iter().map(|invitation| invitation.id).collect();
    let of_them = mails::table.filter(mails::invitation_id.eq_any(ids));
    let mut mails: Vec<Mail> = of_them.select(Mail::as_select()).load(conn)?;
    let mut mail_of = |id| {
        let place = mails.iter().position(|mail| mail.invitation_id == id)?;
        Some(mails.swap_remove(place))
    };
    let rows = found.into_iter().map(|invitation| {
        let mail = mail_of(invitation.id);
        (invitation, mail)
    });
    Ok(Ok((slice, rows.collect())))
}

/// One invitation of an organization.
pub fn find_listed(conn: &mut DbConnection, org_id: OrgId, id: InvitationId) -> QueryResult<Option<Listed>> {
    let found = super::find(conn, id)?.filter(|invitation| invitation.org_id == org_id);
    let Some(invitation) = found else { return Ok(None) };
    let mail = mails::table.find(id).select(Mail::as_select()).first(conn).optional()?;
    Ok(Some((invitation, mail)))
}

/// One page of the pending invitations to an address, newest first, and how many there are.
pub fn list_addressed(
    conn: &mut DbConnection,
    key: &str,
    page: PageRequest,
    now: Timestamp,
) -> QueryResult<Result<(Slice, Vec<Addressed>), InvalidPage>> {
    let all = || {
        invitations::table
            .inner_join(organizations::table.on(organizations::id.eq(invitations::org_id)))
            .filter(invitations::email_key.eq(key.to_owned()))
            .filter(invitations::status.eq(PENDING))
            .filter(invitations::expires_at.gt(now))
            .filter(organizations::deleted_at.is_null())
    };
    let slice = match page.within(all().count().get_result(conn)?) {
        Ok(slice) => slice,
        Err(invalid) => return Ok(Err(invalid)),
    };
    let rows = all()
        .order(invitations::id.desc())
        .limit(slice.limit())
        .offset(slice.offset())
        .select((Invitation::as_select(), organizations::name, organizations::slug))
        .load(conn)?;
    Ok(Ok((slice, rows)))
}

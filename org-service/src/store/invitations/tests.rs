use shared::{Timestamp, db::testing::TestDb};

use super::*;
use crate::migrations;

fn invitation(org_id: OrgId, email: &str, now: Timestamp) -> Invitation {
    Invitation {
        id: InvitationId::new(now),
        org_id,
        email: email.to_owned(),
        email_key: email.to_owned(),
        role: "member".to_owned(),
        status: PENDING.to_owned(),
        invited_by: "1".to_owned(),
        accepted_by: None,
        created_at: now,
        asked_at: now,
        expires_at: now.after(std::time::Duration::from_secs(60)),
        closed_at: None,
    }
}

#[tokio::test]
async fn a_second_pending_invitation_to_an_address_is_not_written() {
    let database = TestDb::new(migrations()).await.unwrap();
    let now = Timestamp::from_secs(1_795_444_848);
    let org_id = OrgId::new(now);
    let inserted = database.db.transaction(move |conn| {
        let first = invitation(org_id, "ada@example.org", now);
        let mut inserted = vec![insert(conn, &first)?];
        inserted.push(insert(conn, &invitation(org_id, "ada@example.org", now))?);
        inserted.push(insert(conn, &invitation(OrgId::new(now), "ada@example.org", now))?);
        assert_eq!(find(conn, first.id)?, Some(first.clone()));
        // Of all who close it one does.
        assert!(close(conn, first.id, REVOKED, None, now)?);
        assert!(!close(conn, first.id, ACCEPTED, Some("2"), now)?);
        inserted.push(insert(conn, &invitation(org_id, "ada@example.org", now))?);
        Ok(inserted)
    });
    assert_eq!(inserted.await.unwrap(), [true, false, true, true]);
}

#[tokio::test]
async fn a_purge_leaves_nothing_behind_and_others_alone() {
    let database = TestDb::new(migrations()).await.unwrap();
    let now = Timestamp::from_secs(1_795_444_848);
    let counts = database.db.transaction(move |conn| {
        let orgs = [OrgId::new(now), OrgId::new(now)];
        for (place, org_id) in orgs.into_iter().enumerate() {
            let new = invitation(org_id, "ada@example.org", now);
            insert(conn, &new)?;
            mails::ask(conn, new.id, now)?;
            handles::insert(conn, vec![u8::try_from(place).unwrap(); 32], new.id, now)?;
        }
        assert_eq!(purge(conn, orgs[0], 10)?, 1);
        let invitations: i64 = invitations::table.count().get_result(conn)?;
        let handles: i64 = invitation_handles::table.count().get_result(conn)?;
        Ok((
            invitations,
            handles,
            mails::list_due(conn, now, 10)?.len(),
            handles::find(conn, &[1; 32])?.is_some(),
        ))
    });
    assert_eq!(counts.await.unwrap(), (1, 1, 1, true));
}

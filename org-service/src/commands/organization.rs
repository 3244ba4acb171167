//! `organization list-deleted` and `organization purge`.

use std::io::Write;

use clap::Subcommand;
use shared::{Clock, Db, config::Variables};
use uuid::Uuid;

use super::connect;
use crate::{
    Config, purge,
    store::organizations::{self, OrgId},
};

/// What can be done with deleted organizations.
#[derive(Debug, Subcommand)]
pub enum OrganizationCommand {
    /// Show them, with the time until which they can be restored.
    ListDeleted,
    /// Remove one for good, before its time.
    Purge {
        /// Its id.
        id: Uuid,
    },
}

/// Organizations read at once.
const BATCH: i64 = 500;

/// Runs a command. Whatever it prints for its user goes to `out`.
pub async fn run(
    command: &OrganizationCommand,
    variables: &Variables,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    let config = Config::read(variables)?;
    let db = connect(&config).await?;
    match command {
        OrganizationCommand::ListDeleted => list_deleted(&config, &db, out).await?,
        OrganizationCommand::Purge { id } => {
            let now = Clock::System.now();
            let purged = purge::purge(&db, OrgId::from_uuid(*id), now, now).await?;
            anyhow::ensure!(purged, "there is no deleted organization {id}");
            writeln!(out, "purged {id}")?;
        }
    }
    Ok(())
}

/// A line for each: id, until when it can be restored, slug and name, with tabs between.
async fn list_deleted(config: &Config, db: &Db, out: &mut dyn Write) -> anyhow::Result<()> {
    let mut after = OrgId::from_uuid(Uuid::nil());
    loop {
        let found = db.read(move |conn| organizations::show_deleted(conn, after, BATCH)).await?;
        for (id, name, slug, deleted_at) in &found {
            let until = match *deleted_at {
                doomed if organizations::is_doomed(doomed) => "being purged".to_owned(),
                deleted_at => deleted_at.after(config.restore_window).to_string(),
            };
            writeln!(out, "{id}\t{until}\t{}\t{}", slug.as_deref().unwrap_or("-"), name.escape_debug())?;
        }
        let Some((last, ..)) = found.last() else { return Ok(()) };
        after = *last;
    }
}

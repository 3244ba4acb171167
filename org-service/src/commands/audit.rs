//! `audit verify` and `audit seal`.

use std::{
    fs::File,
    io::{BufReader, Write},
    path::PathBuf,
};

use clap::{Args, Subcommand};
use shared::{Clock, config::Variables};
use uuid::Uuid;

use super::connect;
use crate::{
    Config,
    seal::{self, AUDIT_KEY, AuditKeys},
    store::organizations::OrgId,
    verify::{self, Counts, VerifyError},
};

/// What can be done with the record of changes.
#[derive(Debug, Subcommand)]
pub enum AuditCommand {
    /// Verify it; exit 1 with the first bad record.
    Verify(Verify),
    /// Seal it anew under the first `ORG_AUDIT_KEY`, after that has been set or changed. Verify it before.
    Seal,
}

/// What is verified.
#[derive(Debug, Args)]
pub struct Verify {
    /// The record of one organization; without it, of all.
    #[arg(long, value_name = "ID", conflicts_with = "file")]
    organization: Option<Uuid>,
    /// An export (`GET …/audit/?format=jsonl`) in the place of the database.
    #[arg(long, value_name = "EXPORT")]
    file: Option<PathBuf>,
}

impl AuditCommand {
    /// Whether it needs no database.
    #[must_use]
    pub const fn brings_records(&self) -> bool {
        matches!(self, Self::Verify(Verify { file: Some(_), .. }))
    }
}

/// Runs a command. Whatever it prints for its user goes to `out`.
pub async fn run(command: &AuditCommand, variables: &Variables, out: &mut dyn Write) -> anyhow::Result<()> {
    match command {
        AuditCommand::Verify(what) => {
            let keys = variables.get(AUDIT_KEY).map(AuditKeys::parse).transpose()?.unwrap_or_default();
            let counts = verify(what, variables, &keys).await?;
            writeln!(out, "{counts}")?;
            if keys.is_empty() {
                writeln!(out, "{AUDIT_KEY} is not set: whoever can write the database can have forged it")?;
            }
        }
        AuditCommand::Seal => {
            let config = Config::read(variables)?;
            let db = connect(&config).await?;
            let sealed = seal::seal_all_anew(&db, &config.audit_keys, &Clock::System).await?;
            writeln!(out, "sealed the records of {sealed} organizations")?;
        }
    }
    Ok(())
}

async fn verify(what: &Verify, variables: &Variables, keys: &AuditKeys) -> anyhow::Result<Counts> {
    if let Some(path) = &what.file {
        let file = File::open(path).map_err(VerifyError::from)?;
        return Ok(verify::export::verify(BufReader::new(file), keys)?);
    }
    let db = connect(&Config::read(variables)?).await?;
    Ok(match what.organization {
        Some(id) => verify::database::verify(&db, OrgId::from_uuid(id), keys).await?,
        None => verify::database::verify_all(&db, keys).await?,
    })
}

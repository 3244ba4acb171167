//! `keys …`: what operators do with managed keys, beside servers that notice by themselves.

use std::io::Write;

use clap::{Args, Subcommand};
use serde::Serialize;
use shared::{Clock, Db, Timestamp, config::Variables};

use crate::{
    Config,
    config::KEY_SET_MAX_AGE,
    keyring::{
        KeyringError, Managed, Purpose, explicit_key,
        schedule::{Entry, State},
    },
    store::keys::{self, StoredKey},
};

/// What can be done with keys.
#[derive(Debug, Subcommand)]
pub enum KeyCommand {
    /// List the keys and their times, never their private parts.
    List {
        /// One JSON object a line.
        #[arg(long)]
        json: bool,
    },
    /// Bring in the next key: published ahead, so that validators know it before it signs.
    Rotate(Rotate),
    /// Refuse every token under a key from now on. A refresh key takes its sessions with it.
    Revoke {
        /// The key's id.
        // One of sixty-four begins with a hyphen.
        #[arg(allow_hyphen_values = true)]
        kid: String,
    },
    /// Seal the keys anew under the first `AUTH_KEY_ENCRYPTION_KEY`, so that the others can be dropped.
    Reseal,
}

/// Which keys to rotate, and how.
#[derive(Debug, Args)]
pub struct Rotate {
    /// Only this purpose instead of both.
    #[arg(long)]
    pub purpose: Option<Purpose>,
    /// Sign with the next key at once instead of publishing it ahead.
    #[arg(long)]
    pub now: bool,
}

pub(super) async fn run(
    command: KeyCommand,
    variables: &Variables,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    let config = Config::read(variables)?;
    let now = Clock::System.now();
    if let KeyCommand::List { json } = command {
        for line in list(&config, now).await? {
            line.print(json, out)?;
        }
        return Ok(());
    }
    let managed = Managed::of(&config)?;
    let db = config.connect().await?;
    match command {
        KeyCommand::List { .. } => {}
        KeyCommand::Rotate(options) => rotate(&managed, &db, &options, out).await?,
        KeyCommand::Revoke { kid } => revoke(&managed, &db, kid, out).await?,
        KeyCommand::Reseal => {
            let done = managed.change(&db, move |managed, conn| managed.reseal(conn, now)).await?;
            writeln!(
                out,
                "{} keys have been sealed anew; all are under the first encryption key",
                done.len()
            )?;
        }
    }
    Ok(())
}

/// A key as its operator sees it.
#[derive(Debug, Serialize)]
struct Line {
    kid: Option<String>,
    purpose: String,
    algorithm: String,
    state: State,
    created_at: Option<Timestamp>,
    signs_from: Option<Timestamp>,
    verifies_until: Option<Timestamp>,
    revoked_at: Option<Timestamp>,
}

async fn list(config: &Config, now: Timestamp) -> anyhow::Result<Vec<Line>> {
    if let Some(secret) = &config.signing_key {
        let key = explicit_key(config.rules.algorithm, secret.expose()).map_err(KeyringError::Key)?;
        return Ok(vec![Line {
            kid: key.kid().map(str::to_owned),
            purpose: "signing and refresh".to_owned(),
            algorithm: key.alg().to_string(),
            state: State::Signing,
            created_at: None,
            signs_from: None,
            verifies_until: None,
            revoked_at: None,
        }]);
    }
    let rows = config.connect().await?.read(keys::list).await?;
    let mut lines = Vec::new();
    for purpose in Purpose::ALL {
        let of_purpose: Vec<&StoredKey> = rows.iter().filter(|row| purpose.is_of(row)).collect();
        let entries: Vec<Entry> = of_purpose.iter().map(|row| Entry::from(*row)).collect();
        let line = |(row, entry): (&&StoredKey, &Entry)| Line {
            kid: Some(row.kid.clone()),
            purpose: row.purpose.clone(),
            algorithm: row.algorithm.clone(),
            state: entry.state(&entries, now),
            created_at: Some(entry.created_at),
            signs_from: Some(entry.signs_from),
            verifies_until: entry.retires_at,
            revoked_at: entry.revoked_at,
        };
        lines.extend(of_purpose.iter().zip(&entries).map(line));
    }
    Ok(lines)
}

impl Line {
    fn print(&self, json: bool, out: &mut dyn Write) -> anyhow::Result<()> {
        if json {
            serde_json::to_writer(&mut *out, self)?;
            return Ok(writeln!(out)?);
        }
        let time = |at: Option<Timestamp>| at.map_or_else(|| "-".to_owned(), |at| at.to_string());
        let Self { purpose, algorithm, state, .. } = self;
        let [created, from, until] = [self.created_at, self.signs_from, self.verifies_until].map(time);
        let kid = self.kid.as_deref().unwrap_or("-");
        Ok(writeln!(out, "{kid}\t{purpose}\t{algorithm}\t{state}\t{created}\t{from}\t{until}")?)
    }
}

async fn rotate(managed: &Managed, db: &Db, options: &Rotate, out: &mut dyn Write) -> anyhow::Result<()> {
    let purposes = options.purpose.map_or_else(|| Purpose::ALL.to_vec(), |purpose| vec![purpose]);
    let (now, at_once) = (Clock::System.now(), options.now);
    let rotate = move |managed: &Managed, conn: &mut shared::DbConnection| {
        let rotate = |purpose| Ok((purpose, managed.rotate(conn, purpose, at_once, now)?));
        purposes.into_iter().map(rotate).collect::<Result<Vec<_>, KeyringError>>()
    };
    for (purpose, rotated) in managed.change(db, rotate).await? {
        let (kid, from, purpose_name) = (rotated.kid, rotated.signs_from, purpose.as_str());
        if !at_once {
            let word = if rotated.was_published { "was published before" } else { "is published" };
            writeln!(out, "{purpose_name}: {kid} {word} and signs from {from}")?;
            continue;
        }
        writeln!(out, "{purpose_name}: {kid} signs from now on")?;
        if purpose == Purpose::Signing {
            writeln!(
                out,
                "A validator refuses its tokens until it has fetched the key: ours do so at once, others may \
                 keep the key set for {} s.",
                KEY_SET_MAX_AGE.as_secs()
            )?;
        }
    }
    Ok(())
}

async fn revoke(managed: &Managed, db: &Db, kid: String, out: &mut dyn Write) -> anyhow::Result<()> {
    let (now, named) = (Clock::System.now(), kid.clone());
    let done = managed.change(db, move |managed, conn| managed.revoke(conn, &named, now)).await?;
    writeln!(out, "{kid} is revoked: every token under it is refused")?;
    if done.purpose == Purpose::Refresh {
        writeln!(out, "{} sessions have ended", done.sessions)?;
    }
    if let Some(signing) = done.signing {
        writeln!(out, "{}: {signing} signs", done.purpose.as_str())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Cli {
        #[command(subcommand)]
        command: KeyCommand,
    }

    #[test]
    fn any_id_of_a_key_is_taken_as_one() {
        for wanted in ["-EhXGg7HqmvT5fHRqUr5vX0", "--hXGg7HqmvT5fHRqUr5vX0", "-hXGg7HqmvT5", "_b-Gg7", "-"] {
            let parsed = Cli::try_parse_from(["keys", "revoke", wanted]).unwrap();
            assert!(matches!(parsed.command, KeyCommand::Revoke { kid } if kid == wanted), "{wanted}");
        }
        assert!(Cli::try_parse_from(["keys", "revoke"]).is_err());
        assert!(Cli::try_parse_from(["keys", "revoke", "one", "-two"]).is_err());
    }
}

//! The management commands, shared by `auth-service` and the single-process stack.

mod accounts;
mod keys;
mod token;

use clap::{Args, Subcommand};
use shared::{
    Clock,
    config::{Variables, print_listings},
};

pub use self::{
    accounts::{AccountCommand, CreateUser},
    keys::{KeyCommand, Rotate},
};
pub use token::{TokenCommand, Verify};

use crate::{Config, StartError, accounts::Accounts, migrations, password::HashPool, store::sessions};

/// What the service can be told to do, beside serving.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Create a superuser; asks for what the flags leave out.
    Createsuperuser(CreateUser),
    /// Manage users.
    #[command(subcommand)]
    User(AccountCommand),
    /// Manage keys.
    #[command(subcommand)]
    Keys(KeyCommand),
    /// Apply the database migrations that are missing.
    Migrate,
    /// Show every setting, its value and where it came from.
    Config(ConfigFormat),
    /// Remove expired sessions.
    FlushExpired,
    /// Work with tokens.
    #[command(subcommand)]
    Token(TokenCommand),
}

/// How `config` prints.
#[derive(Debug, Args)]
pub struct ConfigFormat {
    /// As JSON instead of lines.
    #[arg(long)]
    pub json: bool,
}

/// Runs a command. Whatever it prints for its user goes to `out`.
pub async fn run(
    command: Command,
    variables: &Variables,
    out: &mut dyn std::io::Write,
) -> anyhow::Result<()> {
    match command {
        Command::Createsuperuser(new) => {
            let tools = Tools::open(variables).await?;
            let user = accounts::create(&tools, new, true).await?;
            writeln!(out, "Superuser {} created successfully.", user.username)?;
        }
        Command::User(command) => accounts::run(command, &Tools::open(variables).await?, out).await?,
        Command::Keys(command) => keys::run(command, variables, out).await?,
        Command::Migrate => migrate(variables, out).await?,
        Command::Config(format) => print_listings(Config::read(variables)?.listings(), format.json, out)?,
        Command::FlushExpired => flush_expired(&Tools::open(variables).await?, out).await?,
        Command::Token(TokenCommand::Verify(verify)) => token::verify(verify, variables, out).await?,
    }
    Ok(())
}

/// What commands that touch users need: no keys, no server.
pub(crate) struct Tools {
    pub(crate) accounts: Accounts,
    pub(crate) pool: HashPool,
}

impl Tools {
    async fn open(variables: &Variables) -> Result<Self, StartError> {
        let config = Config::read(variables)?;
        let db = config.connect().await?;
        let pool = HashPool::new(std::num::NonZeroUsize::MIN, 1)?;
        let user_id_field = config.tokens.user_id_field;
        Ok(Self { accounts: Accounts { db, clock: Clock::System, user_id_field }, pool })
    }
}

async fn migrate(variables: &Variables, out: &mut dyn std::io::Write) -> anyhow::Result<()> {
    let config = Config::read(variables)?;
    let applied = shared::db::migrate(&config.database, migrations()).await?;
    for version in &applied {
        writeln!(out, "auth: applied {version}")?;
    }
    if applied.is_empty() {
        writeln!(out, "auth: nothing to apply")?;
    }
    Ok(())
}

/// Rows removed by one statement: small, so that logins are not held up.
const BATCH: i64 = 500;

async fn flush_expired(tools: &Tools, out: &mut dyn std::io::Write) -> anyhow::Result<()> {
    let now = tools.accounts.clock.now();
    let mut total = 0;
    loop {
        let removed = tools.accounts.db.write(move |conn| sessions::purge(conn, now, BATCH)).await?;
        total += removed;
        if removed == 0 {
            break;
        }
    }
    writeln!(out, "removed {total} expired sessions")?;
    Ok(())
}

//! `createsuperuser` and `user …`.

use std::io::{BufRead, IsTerminal, Write, stdin};

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand};
use shared::{Secret, config::ConfigError};

use super::Tools;
use crate::{
    accounts::{self, AccountError, NewUser},
    store::users::{self, User},
};

/// A user to create. What the flags leave out is asked for on a terminal.
#[derive(Debug, Args)]
pub struct CreateUser {
    /// User name.
    #[arg(long)]
    pub username: Option<String>,
    /// E-mail address; may be empty.
    #[arg(long)]
    pub email: Option<String>,
    /// The address has yet to be proven to be the user's. Without this, your word is taken for it.
    #[arg(long)]
    pub email_unverified: bool,
    /// Read the password from standard input, up to the end of the line.
    #[arg(long)]
    pub password_stdin: bool,
}

/// What can be done with users.
#[derive(Debug, Subcommand)]
pub enum AccountCommand {
    /// Create a user without special rights.
    Create(CreateUser),
    /// List all users.
    List {
        /// One JSON object a line.
        #[arg(long)]
        json: bool,
    },
    /// Activate or deactivate a user. Deactivating ends every session.
    SetActive {
        /// User name.
        username: String,
        /// `true` or `false`
        #[arg(action = clap::ArgAction::Set)]
        active: bool,
    },
    /// Make a user a superuser, or an ordinary user again. A change ends every session.
    SetSuperuser {
        /// User name.
        username: String,
        /// `true` or `false`
        #[arg(action = clap::ArgAction::Set)]
        superuser: bool,
    },
    /// Say that a user's e-mail address is proven to be theirs, or that it is not. Invitations to it
    /// depend on that.
    SetEmailVerified {
        /// User name.
        username: String,
        /// `true` or `false`
        #[arg(action = clap::ArgAction::Set)]
        verified: bool,
    },
    /// Set a user's password. This ends every session.
    SetPassword {
        /// User name.
        username: String,
        /// Read the password from standard input, up to the end of the line.
        #[arg(long)]
        password_stdin: bool,
    },
    /// Delete a user. This ends every session.
    Delete {
        /// User name.
        username: String,
    },
}

pub(super) async fn run(command: AccountCommand, tools: &Tools, out: &mut dyn Write) -> anyhow::Result<()> {
    match command {
        AccountCommand::Create(new) => {
            let user = create(tools, new, false).await?;
            writeln!(out, "User {} created successfully.", user.username)?;
        }
        AccountCommand::List { json } => {
            for user in tools.accounts.db.read(users::list).await? {
                print(&user, json, out)?;
            }
        }
        AccountCommand::SetActive { username, active } => {
            tools.accounts.set_active(&username, active).await?;
            let outcome = if active { "is active" } else { "is inactive; every session has ended" };
            writeln!(out, "User {username} {outcome}.")?;
        }
        AccountCommand::SetSuperuser { username, superuser } => {
            tools.accounts.set_superuser(&username, superuser).await?;
            let outcome = if superuser { "a superuser" } else { "an ordinary user" };
            writeln!(out, "User {username} is {outcome}.")?;
        }
        AccountCommand::SetEmailVerified { username, verified } => {
            let user = tools.accounts.set_email_verified(&username, verified).await?;
            if user.email.is_empty() {
                bail!("user {username} has no e-mail address");
            }
            let outcome = if verified { "is verified" } else { "has yet to be verified" };
            writeln!(out, "The address of {username} {outcome}.")?;
        }
        AccountCommand::SetPassword { username, password_stdin } => {
            let password = if password_stdin { password_from_stdin()? } else { ask_password()? };
            tools.accounts.set_password(&tools.pool, &username, password).await?;
            writeln!(out, "The password of {username} is set; every session has ended.")?;
        }
        AccountCommand::Delete { username } => {
            tools.accounts.delete(&username).await?;
            writeln!(out, "User {username} is deleted; every session has ended.")?;
        }
    }
    Ok(())
}

fn print(user: &User, json: bool, out: &mut dyn Write) -> std::io::Result<()> {
    if json {
        let line = serde_json::json!({
            "id": user.subject,
            "username": user.username,
            "email": user.email,
            "is_active": user.is_active,
            "is_superuser": user.is_superuser,
            "last_login": user.last_login,
            "date_joined": user.created_at,
        });
        return writeln!(out, "{line}");
    }
    let active = if user.is_active { "active" } else { "inactive" };
    let role = if user.is_superuser { "superuser" } else { "user" };
    writeln!(out, "{}\t{}\t{}\t{active}\t{role}", user.subject, user.username, user.email)
}

pub(super) async fn create(tools: &Tools, new: CreateUser, is_superuser: bool) -> anyhow::Result<User> {
    let username = match new.username {
        Some(username) => username,
        None => ask("Username: ")?,
    };
    let email = match new.email {
        Some(email) => email,
        // Scripts name what they want; only people are asked.
        None if new.password_stdin => String::new(),
        None => ask("Email address: ")?,
    };
    let password = if new.password_stdin { password_from_stdin()? } else { ask_password()? };
    let email_verified = !new.email_unverified;
    let new = NewUser { username, email, password, is_superuser, email_verified };
    Ok(tools.accounts.create(&tools.pool, new).await?)
}

fn ask(question: &str) -> anyhow::Result<String> {
    let input = stdin();
    if !input.is_terminal() {
        bail!(ConfigError::new(
            "--username, --email, --password-stdin",
            "must be given when nobody can be asked"
        ));
    }
    let mut terminal = std::io::stderr();
    write!(terminal, "{question}")?;
    terminal.flush()?;
    let mut line = String::new();
    input.lock().read_line(&mut line)?;
    Ok(line.trim().to_owned())
}

fn ask_password() -> anyhow::Result<Secret<String>> {
    if !stdin().is_terminal() {
        bail!(ConfigError::new("--password-stdin", "must be given when nobody can be asked"));
    }
    loop {
        let first =
            Secret::new(rpassword::prompt_password("Password: ").context("the password cannot be read")?);
        let second = Secret::new(rpassword::prompt_password("Password (again): ")?);
        let mut terminal = std::io::stderr();
        if first != second {
            writeln!(terminal, "Error: Your passwords didn't match.")?;
        } else if let Err(AccountError::BadPassword(why)) = accounts::check_password(first.expose()) {
            writeln!(terminal, "Error: The password {why}.")?;
        } else {
            return Ok(first);
        }
    }
}

fn password_from_stdin() -> anyhow::Result<Secret<String>> {
    let mut line = zeroize::Zeroizing::new(String::new());
    stdin().lock().read_line(&mut line).context("the password cannot be read from standard input")?;
    Ok(Secret::new(line.trim_end_matches(['\r', '\n']).to_owned()))
}

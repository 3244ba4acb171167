//! `token verify`: why a token is refused, for operators. The HTTP answer stays vague.

use std::{io::Write, path::Path, sync::Arc};

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand};
use serde_json::{Map, Value};
use shared::{
    Clock, Verifier,
    config::Variables,
    issuer::KeySource,
    jwks::{self, JwksClient, JwksOptions},
    keys::{Found, KeySet},
    revocation::Revocations,
    token::{Parsed, Refusal, TokenKind},
    verifier::{Rules, VerifierSettings},
};

use crate::{Config, keyring::Keyring};

/// What can be done with tokens.
#[derive(Debug, Subcommand)]
pub enum TokenCommand {
    /// Explain why a token is accepted or refused.
    Verify(Verify),
}

impl TokenCommand {
    /// Whether the command needs none of the service's own keys.
    #[must_use]
    pub const fn brings_keys(&self) -> bool {
        let Self::Verify(verify) = self;
        verify.jwks.is_some()
    }
}

/// A token to explain. Exit 0 and its claims, or exit 1 and the reason.
#[derive(Debug, Args)]
pub struct Verify {
    /// The token, or `-` for standard input.
    pub token: String,
    /// Take the keys from this JWKS, a file or a URL, instead of the service's own.
    #[arg(long)]
    pub jwks: Option<String>,
    /// Check form, key and signature only, not the claims.
    #[arg(long)]
    pub signature_only: bool,
}

pub(super) async fn verify(
    options: Verify,
    variables: &Variables,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    let token = match options.token.as_str() {
        "-" => {
            std::io::read_to_string(std::io::stdin()).context("the token cannot be read")?.trim().to_owned()
        }
        given => given.to_owned(),
    };
    let rules = Arc::new(VerifierSettings::read(variables)?.rules()?);
    let sets = match &options.jwks {
        Some(source) => vec![from_jwks(source, &rules).await?],
        None => own(variables).await?,
    };
    let mut refusal = Refusal::KeysUnavailable;
    for keys in sets {
        match explain(&token, keys, &rules, options.signature_only) {
            Ok(claims) => {
                serde_json::to_writer_pretty(&mut *out, &claims)?;
                writeln!(out)?;
                return Ok(());
            }
            // With several sets, the last one's word counts, unless an earlier one knew the key.
            Err(next) if matches!(refusal, Refusal::KeysUnavailable | Refusal::UnknownKey(_)) => {
                refusal = next;
            }
            Err(_) => {}
        }
    }
    bail!("refused: {refusal}")
}

fn explain(
    token: &str,
    keys: KeySet,
    rules: &Arc<Rules>,
    signature_only: bool,
) -> Result<Map<String, Value>, Refusal> {
    if signature_only {
        let parsed = Parsed::new(token)?;
        return match keys.find(parsed.kid.as_deref()) {
            Found::Key(key) => key.check(&parsed).and_then(|()| parsed.claims()),
            Found::Unknown(kid) => Err(Refusal::UnknownKey(kid.to_owned())),
            Found::Unnamed => Err(Refusal::NoKeyId),
        };
    }
    let keys = KeySource::Fixed(Arc::new(keys));
    let verifier = Verifier::new(keys, Revocations::off(), Arc::clone(rules), Clock::System);
    let claims = verifier.decode_now(token)?;
    claims.check_kind(TokenKind::Untyped, &rules.names).map(|()| claims.as_map().clone())
}

async fn from_jwks(source: &str, rules: &Rules) -> anyhow::Result<KeySet> {
    if !source.starts_with("http://") && !source.starts_with("https://") {
        let body = std::fs::read(Path::new(source)).with_context(|| format!("{source} cannot be read"))?;
        return Ok(jwks::parse(&body, None)?);
    }
    let url = source.parse().with_context(|| format!("{source} is not a URL"))?;
    let client = JwksClient::new(url, JwksOptions::of(rules, None), Clock::System)?;
    client.refresh().await;
    match client.current() {
        Some(keys) => Ok((*keys).clone()),
        None => bail!("no keys could be fetched from {source}"),
    }
}

/// The service's own keys: for access tokens, then for refresh tokens.
async fn own(variables: &Variables) -> anyhow::Result<Vec<KeySet>> {
    let config = Config::read(variables)?;
    let db = config.connect().await?;
    let keyring = Keyring::load(&config, &db, &Clock::System).await?;
    let published = (**keyring.published().load()).clone();
    let refresh = (**keyring.refresh().load()).clone();
    Ok(if keyring.is_managed() { vec![published, refresh] } else { vec![published] })
}

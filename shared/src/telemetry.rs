//! Logging: tracing to standard error, for people or as JSON lines.

use tracing_subscriber::{EnvFilter, fmt, layer::SubscriberExt, util::SubscriberInitExt};

use crate::config::{ConfigError, Variables};

/// Starts logging as `LOG` (a filter such as `info` or `auth_service=debug`) and `LOG_FORMAT`
/// (`pretty` or `json`) say. Called again, it changes nothing.
pub fn start(variables: &Variables) -> Result<(), ConfigError> {
    let registry = tracing_subscriber::registry().with(filter(variables)?);
    let started = match variables.get("LOG_FORMAT").unwrap_or("pretty") {
        "pretty" => registry.with(fmt::layer().with_target(false).with_writer(std::io::stderr)).try_init(),
        "json" => registry.with(fmt::layer().json().with_writer(std::io::stderr)).try_init(),
        _ => return Err(ConfigError::new("LOG_FORMAT", "expected pretty or json")),
    };
    if started.is_err() {
        tracing::debug!("logging had been started before");
    }
    Ok(())
}

/// What `LOG` lets through. actix reports each request that it cannot parse as an error, which would
/// let anybody fill the log; `LOG=info,actix_http=error` shows them.
pub fn filter(variables: &Variables) -> Result<EnvFilter, ConfigError> {
    EnvFilter::try_new(format!("actix_http=off,{}", variables.get("LOG").unwrap_or("info")))
        .map_err(|_| ConfigError::new("LOG", "not a filter; try info, debug or auth_service=debug"))
}

/// The exit code of a command; a failure is told on standard error, on one line.
#[must_use]
#[expect(clippy::print_stderr, reason = "the command's user reads it, whatever the log filter says")]
pub fn exit_code(done: Result<(), String>) -> std::process::ExitCode {
    match done {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {}", error.split_whitespace().collect::<Vec<_>>().join(" "));
            std::process::ExitCode::FAILURE
        }
    }
}

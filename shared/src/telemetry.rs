//! Logging: tracing to standard error, for people or as JSON lines.

use std::io::IsTerminal;

use tracing_subscriber::{EnvFilter, fmt, layer::SubscriberExt, util::SubscriberInitExt};

use crate::config::{ConfigError, Variables, development};

/// What is logged unless `LOG` says otherwise. The server's own start and stop lines say nothing that
/// ours do not.
pub const DEFAULT: &str = "info,actix_server=warn";

/// Starts logging as `LOG` (a filter such as `info` or `auth_service=debug`) and `LOG_FORMAT`
/// (`pretty` or `json`) say. Called again, it changes nothing.
pub fn start(variables: &Variables) -> Result<(), ConfigError> {
    let registry = tracing_subscriber::registry().with(filter(variables)?);
    let started = match variables.get("LOG_FORMAT").unwrap_or("pretty") {
        "pretty" => {
            let colours = std::io::stderr().is_terminal();
            let layer = fmt::layer().with_target(false).with_ansi(colours).with_writer(std::io::stderr);
            registry.with(layer).try_init()
        }
        "json" => registry.with(fmt::layer().json().with_writer(std::io::stderr)).try_init(),
        _ => return Err(ConfigError::new("LOG_FORMAT", "expected pretty or json")),
    };
    if started.is_err() {
        tracing::debug!("logging had been started before");
    }
    for warning in variables.warnings() {
        tracing::warn!("{warning}");
    }
    if let Some(warning) = development::warning(variables) {
        tracing::warn!("{warning}");
    }
    Ok(())
}

/// What `LOG` lets through. actix reports each request that it cannot parse as an error, which would
/// let anybody fill the log; `LOG=info,actix_http=error` shows them.
pub fn filter(variables: &Variables) -> Result<EnvFilter, ConfigError> {
    EnvFilter::try_new(format!("actix_http=off,{}", variables.get("LOG").unwrap_or(DEFAULT)))
        .map_err(|_| ConfigError::new("LOG", "not a filter; try info, debug or auth_service=debug"))
}

/// The exit code of a command; a failure is told on standard error, on one line.
#[must_use]
#[expect(clippy::print_stderr, reason = "the command's user reads it, whatever the log filter says")]
pub fn exit_code(
    done: Result<(), impl Into<Box<dyn std::error::Error + Send + Sync>>>,
) -> std::process::ExitCode {
    match done {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(error) => {
            let error = error.into();
            if hung_up(&*error) {
                return std::process::ExitCode::SUCCESS;
            }
            eprintln!("error: {}", one_line(&*error));
            std::process::ExitCode::FAILURE
        }
    }
}

/// Whether the reader of our output (`| head`) has enough.
fn hung_up(error: &(dyn std::error::Error + 'static)) -> bool {
    let io = error.downcast_ref::<std::io::Error>().map(std::io::Error::kind);
    let json = error.downcast_ref::<serde_json::Error>().and_then(serde_json::Error::io_error_kind);
    io.or(json) == Some(std::io::ErrorKind::BrokenPipe)
}

/// An error and what caused it, leaving out causes that its message tells already.
fn one_line(error: &(dyn std::error::Error + 'static)) -> String {
    let mut told = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        let text = next.to_string();
        if !told.contains(&text) {
            told = format!("{told}: {text}");
        }
        cause = next.source();
    }
    told.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{told}")]
    struct Told {
        told: &'static str,
        source: std::num::ParseIntError,
    }

    #[test]
    fn a_cause_is_told_once_and_on_one_line() {
        let source = "x".parse::<u8>().unwrap_err();
        let outer = Told { told: "cannot\nread", source: source.clone() };
        assert_eq!(one_line(&outer), format!("cannot read: {source}"));
        let repeats = Told { told: "invalid digit found in string, sadly", source };
        assert_eq!(one_line(&repeats), "invalid digit found in string, sadly");
    }
}

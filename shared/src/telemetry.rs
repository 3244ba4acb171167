//! Logging: tracing to standard error, for people or as JSON lines.

use std::io::{IsTerminal, Write};

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
        // Nobody shall have missed it because of a filter.
        if !tracing::enabled!(tracing::Level::WARN) {
            // Without a standard error there is nobody to tell.
            writeln!(std::io::stderr(), "{warning}").ok();
        }
    }
    Ok(())
}

/// What `LOG` lets through. actix reports each request that it cannot parse as an error, which would
/// let anybody fill the log; `LOG=info,actix_http=error` shows them.
pub fn filter(variables: &Variables) -> Result<EnvFilter, ConfigError> {
    EnvFilter::try_new(format!("actix_http=off,{}", variables.get("LOG").unwrap_or(DEFAULT)))
        .map_err(|_| ConfigError::new("LOG", "not a filter; try info, debug or auth_service=debug"))
}

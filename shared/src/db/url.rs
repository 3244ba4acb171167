//! Database URLs: the scheme picks the engine, anything unknown is refused.

use std::{fmt, path::Path, str::FromStr};

use super::DbError;

/// Where a database is. `Display` leaves out the password.
#[derive(Clone)]
pub enum DbUrl {
    /// `postgres://user:password@host:port/name?…`
    Postgres {
        /// The URL as libpq takes it, password included.
        url: url::Url,
    },
    /// `sqlite:///absolute/path` or `sqlite://relative/path`
    Sqlite {
        /// The file.
        path: String,
    },
}

impl DbUrl {
    /// Reads a URL. `:memory:` is refused: each pooled connection would see a database of its own.
    pub fn parse(text: &str) -> Result<Self, DbError> {
        let bad = |reason: &'static str| DbError::Url(reason);
        if let Some(path) = text.strip_prefix("sqlite://") {
            if path.is_empty() || path.contains(":memory:") {
                return Err(bad(
                    "a sqlite:// URL names a file, for example sqlite:///var/lib/tessera/auth.db",
                ));
            }
            return Ok(Self::Sqlite { path: path.to_owned() });
        }
        let url =
            url::Url::parse(text).map_err(|_| bad("it is not a URL; expected sqlite://… or postgres://…"))?;
        match url.scheme() {
            "postgres" | "postgresql" => Ok(Self::Postgres { url }),
            _ => Err(bad("unknown scheme; expected sqlite://… or postgres://…")),
        }
    }

    /// The URL of a SQLite file.
    #[must_use]
    pub fn sqlite(path: &Path) -> Self {
        Self::Sqlite { path: path.to_string_lossy().into_owned() }
    }

    /// The whole URL, password included, as [`DbUrl::parse`] reads it.
    #[must_use]
    pub fn secret_text(&self) -> String {
        match self {
            Self::Postgres { url } => url.as_str().to_owned(),
            Self::Sqlite { path } => format!("sqlite://{path}"),
        }
    }

    /// Whether this is a server's URL with this password.
    #[must_use]
    pub fn has_password(&self, password: &str) -> bool {
        match self {
            Self::Sqlite { .. } => false,
            Self::Postgres { url } => {
                let mut query = url.query_pairs();
                url.password() == Some(password)
                    || query.any(|(name, value)| name == "password" && value == password)
            }
        }
    }

    /// What the engine's client library takes.
    pub(super) fn connection_string(&self) -> String {
        match self {
            Self::Postgres { url } => with_patience(url),
            Self::Sqlite { path } => path.clone(),
        }
    }

    /// Whether this is PostgreSQL.
    #[must_use]
    pub const fn is_postgres(&self) -> bool {
        matches!(self, Self::Postgres { .. })
    }
}

/// What libpq is told unless the URL says otherwise. Without these it waits minutes for a host that
/// swallows packets, and connections to one that vanished block for as long as the kernel retries.
const PATIENCE: [(&str, &str); 5] = [
    ("connect_timeout", "5"),
    ("tcp_user_timeout", "10000"),
    ("keepalives_idle", "10"),
    ("keepalives_interval", "5"),
    ("keepalives_count", "3"),
];

fn with_patience(url: &url::Url) -> String {
    let mut url = url.clone();
    for (name, value) in PATIENCE {
        if !url.query_pairs().any(|(key, _)| key == name) {
            url.query_pairs_mut().append_pair(name, value);
        }
    }
    url.into()
}

impl FromStr for DbUrl {
    type Err = DbError;

    fn from_str(text: &str) -> Result<Self, DbError> {
        Self::parse(text)
    }
}

impl fmt::Display for DbUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite { path } => write!(f, "sqlite://{path}"),
            Self::Postgres { url } => {
                let mut shown = url.clone();
                if shown.password().is_some() && shown.set_password(Some("***")).is_err() {
                    return f.write_str("postgres://<unprintable>");
                }
                shown.set_query(None);
                f.write_str(shown.as_str())
            }
        }
    }
}

impl fmt::Debug for DbUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scheme_picks_the_engine() {
        assert!(DbUrl::parse("postgres://u:p@h/db").unwrap().is_postgres());
        assert!(
            matches!(DbUrl::parse("sqlite:///tmp/a.db").unwrap(), DbUrl::Sqlite { path } if path == "/tmp/a.db")
        );
        for bad in ["mysql://h/db", "auth.db", "", "sqlite://", "sqlite://:memory:"] {
            assert!(matches!(DbUrl::parse(bad), Err(DbError::Url(_))), "{bad}");
        }
    }

    #[test]
    fn a_password_is_never_shown() {
        let url = DbUrl::parse("postgres://u:hunter2@h:5432/db?sslpassword=hunter2").unwrap();
        assert_eq!(url.to_string(), "postgres://u:***@h:5432/db");
        assert!(!format!("{url:?}").contains("hunter2"));
    }
}

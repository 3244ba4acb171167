//! `AUTH_*` as it stands in the environment, with its defaults.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use serde::{Deserialize, Serialize};
use shared::{
    DbUrl, Secret,
    config::values::{List, OrNone, Span, Switch},
};

/// `AUTH_MANAGEMENT_LISTEN` unless it is set.
pub const MANAGEMENT_LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 9001);

/// `AUTH_*` beyond what every validator reads.
#[derive(Debug, Clone, Deserialize, Serialize)]
pub(super) struct Settings {
    #[serde(default = "defaults::listen")]
    pub(super) listen: SocketAddr,
    #[serde(default = "defaults::management_listen")]
    pub(super) management_listen: SocketAddr,
    pub(super) database_url: Option<DbUrl>,
    #[serde(default = "defaults::connections")]
    pub(super) database_connections: u32,
    /// Requests that may wait for a database connection.
    #[serde(default = "defaults::waiting")]
    pub(super) database_waiting: usize,
    /// The organization service's management address; used from the organizations release on.
    pub(super) org_url: Option<url::Url>,
    /// 32 bytes in base64; several separated by commas, the first of which seals new keys.
    pub(super) key_encryption_key: Option<Secret<String>>,
    /// How long a managed key signs; `none`: until somebody rotates it.
    #[serde(default = "defaults::key_rotation")]
    pub(super) key_rotation: OrNone<Span>,
    /// How long a managed key is published before it signs.
    #[serde(default = "defaults::key_publish_ahead")]
    pub(super) key_publish_ahead: Span,
    #[serde(default = "defaults::five_minutes")]
    pub(super) access_token_lifetime: Span,
    #[serde(default = "defaults::one_day")]
    pub(super) refresh_token_lifetime: Span,
    #[serde(default = "defaults::on")]
    pub(super) rotate_refresh_tokens: Switch,
    #[serde(default = "defaults::on")]
    pub(super) blacklist_after_rotation: Switch,
    #[serde(default = "defaults::off")]
    pub(super) update_last_login: Switch,
    #[serde(default = "defaults::user_id_field")]
    pub(super) user_id_field: String,
    #[serde(default = "defaults::five_minutes")]
    pub(super) sliding_token_lifetime: Span,
    #[serde(default = "defaults::one_day")]
    pub(super) sliding_token_refresh_lifetime: Span,
    /// How long the immediate parent of a refresh token still gets the same successor.
    #[serde(default = "defaults::grace")]
    pub(super) refresh_grace: Span,
    /// How long a session can live, however often it is refreshed.
    #[serde(default = "defaults::thirty_days")]
    pub(super) session_lifetime: Span,
    /// Whether the original's blacklist app is installed: off makes `blacklist/` do nothing.
    #[serde(default = "defaults::on")]
    pub(super) token_blacklist: Switch,
    /// Django's `AUTHENTICATION_BACKENDS`: `ModelBackend` or `AllowAllUsersModelBackend`.
    #[serde(default = "defaults::backends")]
    pub(super) authentication_backends: List,
    /// Threads that hash passwords.
    #[serde(default = "defaults::hash_threads")]
    pub(super) hash_threads: usize,
    /// Logins that may wait for a hashing thread before the answer is 503.
    pub(super) hash_queue: Option<usize>,
}

mod defaults {
    use std::net::{Ipv4Addr, SocketAddr};

    use shared::config::values::{List, OrNone, Span, Switch};

    pub(super) fn listen() -> SocketAddr {
        (Ipv4Addr::LOCALHOST, 8001).into()
    }
    pub(super) const fn management_listen() -> SocketAddr {
        super::MANAGEMENT_LISTEN
    }
    pub(super) const fn connections() -> u32 {
        8
    }
    pub(super) const fn waiting() -> usize {
        1024
    }
    pub(super) const fn key_rotation() -> OrNone<Span> {
        OrNone::Some(Span::secs(90 * 86_400))
    }
    pub(super) const fn key_publish_ahead() -> Span {
        Span::secs(600)
    }
    pub(super) const fn five_minutes() -> Span {
        Span::secs(300)
    }
    pub(super) const fn one_day() -> Span {
        Span::secs(86_400)
    }
    pub(super) const fn thirty_days() -> Span {
        Span::secs(30 * 86_400)
    }
    pub(super) const fn grace() -> Span {
        Span::secs(10)
    }
    pub(super) const fn on() -> Switch {
        Switch(true)
    }
    pub(super) const fn off() -> Switch {
        Switch(false)
    }
    pub(super) fn user_id_field() -> String {
        "id".to_owned()
    }
    pub(super) fn backends() -> List {
        List(vec!["ModelBackend".to_owned()])
    }
    /// Hashing must leave room for everything else.
    pub(super) fn hash_threads() -> usize {
        std::thread::available_parallelism().map_or(1, |cores| cores.get().div_ceil(2))
    }
}

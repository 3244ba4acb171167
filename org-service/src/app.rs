//! [`App`]: the running service, without its server.

use std::sync::Arc;

use actix_web::web::{Data, ServiceConfig};
use shared::{
    Authenticator, Caller, Clock, Db, DbError, Issuer, Timestamp, Verifier, config::ConfigError,
    http::management::Readiness, issuer::IssuerUnavailable, revocation::Revocations,
};

use crate::{Config, migrations, routes, visibility::Scope};

/// Why the service cannot start. The message is one line.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A setting cannot be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The database cannot be used.
    #[error(transparent)]
    Database(#[from] DbError),
    /// The client for the auth service cannot be made.
    #[error(transparent)]
    Issuer(#[from] IssuerUnavailable),
}

/// The running service. Clones share it.
#[derive(Debug, Clone)]
pub struct App {
    config: Arc<Config>,
    db: Db,
    clock: Clock,
    authenticator: Data<Authenticator>,
}

impl App {
    /// Connects, migrates, and begins to follow the issuer where it is elsewhere; see [`App::ready`].
    pub async fn start(config: Config, issuer: Issuer, clock: Clock) -> Result<Self, StartError> {
        let db = Db::connect(&config.database, migrations().applied(config.migrate), config.database_limits)
            .await?;
        let rules = Arc::new(config.rules.clone());
        let verifier = Verifier::follow(&issuer, rules, config.revocation, clock.clone())?;
        let authenticator = Authenticator::new(verifier, issuer, config.classes.clone())
            .behind(config.trusted_proxies.clone())
            .asking_user_state(config.ask_user_state);
        Ok(Self { config: Arc::new(config), db, clock, authenticator: Data::new(authenticator) })
    }

    /// Waits until tokens can be verified: keys are known, and what has been revoked.
    pub async fn ready(&self) {
        self.authenticator.verifier().ready().await;
    }

    /// What has been revoked, as this service knows it.
    #[must_use]
    pub fn revocations(&self) -> &Revocations {
        self.authenticator.verifier().revocations()
    }

    /// Adds the public routes and what they need. The authenticator stays within them: another
    /// service in the same server has its own.
    pub fn configure(&self, config: &mut ServiceConfig) {
        config.service(routes().app_data(Data::new(self.clone())).app_data(self.authenticator.clone()));
    }

    /// What `/readyz` asks.
    #[must_use]
    pub fn readiness(&self) -> Readiness {
        Readiness::default()
            .database("org_database", &self.db)
            .keys(self.authenticator.verifier().keys())
            .revocations(self.revocations())
    }

    /// The settings.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The database.
    #[must_use]
    pub const fn db(&self) -> &Db {
        &self.db
    }

    /// The time now.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// What a caller sees.
    #[must_use]
    pub fn scope(&self, caller: &Caller) -> Scope {
        Scope::of(self.config.visibility, caller)
    }
}

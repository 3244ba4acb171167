//! [`App`]: the running service, without its server.

use std::sync::Arc;

use actix_web::web::{Data, ServiceConfig};
use shared::{
    Authenticator, Caller, Clock, Db, DbError, Issuer, Timestamp, Verifier, claims::ORGANIZATION,
    config::ConfigError, http::management::Readiness, issuer::IssuerUnavailable, page::CursorKey,
    revocation::Revocations,
};
use uuid::Uuid;

use crate::{
    Config,
    act::Actor,
    announce::Announcer,
    definitions,
    delivery::Delivery,
    housekeeping::Chores,
    idempotency::UnderWay,
    internal_routes,
    mail::Mailer,
    migrations,
    policy::Policy,
    profiles::Profiles,
    roster::Roster,
    routes,
    store::organizations::{self, Creations, OrgId, OwnLists, Standings},
    store::secrets,
    upkeep::Upkeep,
    visibility::Visibility,
};

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
pub struct App(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    config: Config,
    db: Db,
    standings: Standings,
    own_lists: OwnLists,
    creations: Creations,
    clock: Clock,
    authenticator: Data<Authenticator>,
    announcer: Announcer,
    issuer: Issuer,
    delivery: Delivery,
    cursors: CursorKey,
    under_way: UnderWay,
    profiles: Profiles,
    /// Ends with the service.
    chores: Arc<Chores>,
}

impl App {
    /// Connects, migrates, and begins to follow the issuer where it is elsewhere; see [`App::ready`].
    pub async fn start(config: Config, issuer: Issuer, clock: Clock) -> Result<Self, StartError> {
        let db = Db::connect(&config.database, migrations().applied(config.migrate), config.database_limits)
            .await?;
        let rules = Arc::new(config.rules.clone());
        let verifier = Verifier::follow(&issuer, rules, config.revocation, clock.clone())?;
        definitions::announce(&db, &config.policy, clock.now()).await?;
        let announcer = Announcer::start(db.clone(), config.announced_to(&issuer));
        let mailer = Mailer::new(config.invitations.mail.clone())?;
        let delivery = Delivery::start(db.clone(), clock.clone(), mailer);
        let cursors = CursorKey::new(secrets::load(&db, "cursors", clock.now()).await?.expose());
        let profiles = Profiles::new(db.clone(), clock.clone(), config.announced_to(&issuer));
        let upkeep = Upkeep::new(db.clone(), clock.clone(), &config);
        let chores = Chores::begin(upkeep, profiles.clone());
        let authenticator = Authenticator::new(verifier, issuer.clone(), config.classes.clone())
            .behind(config.trusted_proxies.clone())
            .asking_user_state(config.ask_user_state);
        Ok(Self(Arc::new(Inner {
            config,
            standings: db.batched_reads(organizations::find_together),
            own_lists: db.batched_reads(organizations::list_own_together),
            creations: db.batched_writes(organizations::create_together),
            db,
            clock,
            authenticator: Data::new(authenticator),
            announcer,
            issuer,
            delivery,
            cursors,
            under_way: UnderWay::default(),
            profiles,
            chores,
        })))
    }

    /// Waits until tokens can be verified: keys are known, and what has been revoked.
    pub async fn ready(&self) {
        self.0.authenticator.verifier().ready().await;
    }

    /// What has been revoked, as this service knows it.
    #[must_use]
    pub fn revocations(&self) -> &Revocations {
        self.0.authenticator.verifier().revocations()
    }

    /// Adds the public routes and what they need. The authenticator stays within them: another
    /// service in the same server has its own.
    pub fn configure(&self, config: &mut ServiceConfig) {
        config.service(routes().app_data(Data::new(self.clone())).app_data(self.0.authenticator.clone()));
    }

    /// Adds the management routes and what they need.
    pub fn configure_management(&self, config: &mut ServiceConfig) {
        config
            .app_data(Data::new(self.clone()))
            .app_data(Data::new(self.0.config.service_secrets.clone()))
            .configure(internal_routes);
    }

    /// What `/readyz` asks.
    #[must_use]
    pub fn readiness(&self) -> Readiness {
        Readiness::default()
            .database("org_database", &self.0.db)
            .keys(self.0.authenticator.verifier().keys())
            .revocations(self.revocations())
    }

    /// The settings.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.0.config
    }

    /// Looks up who is what in which organization.
    pub(crate) fn standings(&self) -> &Standings {
        &self.0.standings
    }

    /// Lists the organizations of their members.
    pub(crate) fn own_lists(&self) -> &OwnLists {
        &self.0.own_lists
    }

    /// Begins organizations.
    pub(crate) fn creations(&self) -> &Creations {
        &self.0.creations
    }

    /// The database.
    #[must_use]
    pub fn db(&self) -> &Db {
        &self.0.db
    }

    /// The time now.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.0.clock.now()
    }

    /// Who may do what.
    #[must_use]
    pub fn policy(&self) -> &Arc<Policy> {
        &self.0.config.policy
    }

    /// Tells validators whose tokens are outdated.
    #[must_use]
    pub fn announcer(&self) -> &Announcer {
        &self.0.announcer
    }

    /// Sends mails.
    #[must_use]
    pub fn delivery(&self) -> &Delivery {
        &self.0.delivery
    }

    /// Whom the service asks about users.
    #[must_use]
    pub fn issuer(&self) -> &Issuer {
        &self.0.issuer
    }

    /// Signs the cursors of lists.
    #[must_use]
    pub fn cursors(&self) -> &CursorKey {
        &self.0.cursors
    }

    /// Creations under way in this process.
    #[must_use]
    pub fn under_way(&self) -> &UnderWay {
        &self.0.under_way
    }

    /// What is known of members as users.
    #[must_use]
    pub fn profiles(&self) -> &Profiles {
        &self.0.profiles
    }

    /// What is done off the request path.
    #[must_use]
    pub fn chores(&self) -> &Chores {
        &self.0.chores
    }

    /// Who calls, as far as organizations are concerned.
    #[must_use]
    pub fn actor(&self, caller: &Caller) -> Actor {
        // A token for something that is no organization of ours speaks for none.
        let bound = caller.claims().get(ORGANIZATION);
        let bound_to = bound.map(|id| id.as_str().and_then(|id| id.parse().ok()).unwrap_or(Uuid::nil()));
        Actor {
            user_id: caller.user_id().to_owned(),
            is_superuser: caller.is_superuser(),
            everybody: self.0.config.visibility == Visibility::All,
            bound_to: bound_to.map(OrgId::from_uuid),
        }
    }

    /// What tokens are told of members.
    #[must_use]
    pub fn roster(&self) -> Roster {
        Roster { standings: self.0.standings.clone(), policy: Arc::clone(self.policy()) }
    }
}

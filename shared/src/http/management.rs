//! The management port: `/healthz`, `/readyz`, `/metrics`. Never behind the gateway.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use actix_web::{
    HttpResponse,
    http::StatusCode,
    web::{Data, ServiceConfig},
};
use futures_util::future::BoxFuture;
use serde_json::json;

use super::{Endpoint, metrics::Metrics, stopping::Leaving};
use crate::{Db, DbError, issuer::KeySource, revocation::Revocations};

/// A question to something that a service cannot work without.
type Check = Arc<dyn Fn() -> BoxFuture<'static, Result<(), String>> + Send + Sync>;

/// What `/readyz` asks, by name.
#[derive(Clone, Default)]
pub struct Readiness {
    checks: BTreeMap<&'static str, Check>,
}

impl std::fmt::Debug for Readiness {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.checks.keys()).finish()
    }
}

impl Readiness {
    /// Adds a check.
    #[must_use]
    pub fn check<F>(mut self, name: &'static str, ask: impl Fn() -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<(), String>> + Send + 'static,
    {
        self.checks.insert(name, Arc::new(move || Box::pin(ask())));
        self
    }

    /// Adds the question whether the database answers. A queue that is full says nothing about the
    /// database: turned red by it, an overloaded replica would leave its load to the others, until
    /// none is left.
    #[must_use]
    pub fn database(self, name: &'static str, db: &Db) -> Self {
        let db = db.clone();
        self.check(name, move || {
            let db = db.clone();
            async move {
                match db.ping().await {
                    Ok(()) | Err(DbError::Busy) => Ok(()),
                    Err(error) => Err(error.to_string()),
                }
            }
        })
    }

    /// Adds the question whether tokens can be verified.
    #[must_use]
    pub fn keys(self, keys: &KeySource) -> Self {
        let keys = keys.clone();
        self.check("keys", move || {
            let ready = keys.is_ready().then_some(()).ok_or_else(|| "no keys are known".to_owned());
            std::future::ready(ready)
        })
    }

    /// Adds the question whether it is known what has been revoked.
    #[must_use]
    pub fn revocations(self, revocations: &Revocations) -> Self {
        let revocations = revocations.clone();
        self.check("revocations", move || {
            let known = revocations.is_ready().then_some(());
            std::future::ready(known.ok_or_else(|| "the feed has not been heard of for too long".to_owned()))
        })
    }

    /// Adds all checks of another service in the same process.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.checks.extend(other.checks);
        self
    }

    /// Asks everything at once; each answer may take two seconds.
    async fn ask(&self) -> BTreeMap<&'static str, Result<(), String>> {
        let asked = self.checks.iter().map(|(name, check)| async move {
            let answer = tokio::time::timeout(Duration::from_secs(2), check()).await;
            (*name, answer.unwrap_or_else(|_| Err("no answer within 2 s".to_owned())))
        });
        futures_util::future::join_all(asked).await.into_iter().collect()
    }
}

/// The management routes that every service has. Needs the data that
/// [`super::server::bind`] gives them.
pub fn routes(config: &mut ServiceConfig) {
    config
        .service(Endpoint::open("/healthz/").get(healthz))
        .service(Endpoint::open("/readyz/").get(readyz))
        .service(Endpoint::plain("/metrics/").get(metrics));
}

/// The process is alive.
async fn healthz() -> HttpResponse {
    HttpResponse::Ok().json(json!({"status": "ok"}))
}

/// The service can do its work, and will go on doing it.
async fn readyz(readiness: Data<Readiness>, leaving: Data<Leaving>) -> HttpResponse {
    // Whoever is going says so at once, whatever a database takes to answer.
    let answers = if leaving.has_begun() {
        BTreeMap::from([("stopping", Err("this process has been asked to stop".to_owned()))])
    } else {
        readiness.ask().await
    };
    let ready = answers.values().all(Result::is_ok);
    let checks: BTreeMap<_, _> = answers
        .into_iter()
        .map(|(name, answer)| (name, answer.map_or_else(|error| error, |()| "ok".to_owned())))
        .collect();
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let word = if ready { "ok" } else { "unavailable" };
    HttpResponse::build(status).json(json!({"status": word, "checks": checks}))
}

async fn metrics(metrics: Data<Metrics>) -> HttpResponse {
    HttpResponse::Ok().content_type("text/plain; version=0.0.4").body(metrics.render())
}

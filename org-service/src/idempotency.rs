//! `Idempotency-Key`: a creation that is asked for again, because its answer got lost, is answered again
//! and not done again.
//!
//! A key belongs to its user and path. The answer is written in the transaction of the creation, so that a
//! crash leaves both or neither; refusals are not kept, for what was refused may be tried again. While a
//! request is under way, others with its key are told to come back (409).

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use actix_web::{HttpRequest, HttpResponse, http::StatusCode};
use aws_lc_rs::digest::{SHA256, digest};
use serde_json::Value;
use shared::{Db, DbConnection, DbError, Problem, Timestamp, db::Undone, input::Input};

use crate::{
    act::{Outcome, Refused},
    error::OrgError,
    store::idempotency::{self, Used},
};

/// The header that names a creation.
const KEY: &str = "Idempotency-Key";
/// The header of an answer that was given before.
const REPLAYED: &str = "Idempotent-Replayed";
/// The longest key, in characters.
const LONGEST: usize = 255;
/// How long answers are kept.
pub const KEPT: Duration = Duration::from_secs(24 * 3600);
/// When whoever meets its own request should come back.
const COME_BACK: Duration = Duration::from_secs(1);

/// Creations under way in this process.
#[derive(Debug, Clone, Default)]
pub struct UnderWay(Arc<Mutex<HashSet<String>>>);

/// A creation under way, until it is dropped.
#[derive(Debug)]
struct Place {
    of: UnderWay,
    name: String,
}

impl UnderWay {
    fn enter(&self, name: String) -> Option<Place> {
        let fresh = self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(name.clone());
        fresh.then(|| Place { of: self.clone(), name })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.of.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.name);
    }
}

/// A creation that may be asked for more than once.
#[derive(Debug, Clone)]
pub struct Creation {
    user_id: String,
    path: String,
    key: Option<String>,
    fingerprint: Vec<u8>,
    now: Timestamp,
}

/// What a creation ends with.
#[derive(Debug)]
pub enum Created {
    /// It was done: the answer's body.
    Now(String),
    /// It was done before: what was answered then.
    Before(StatusCode, String),
}

impl Created {
    /// Whether it was done now.
    #[must_use]
    pub const fn is_new(&self) -> bool {
        matches!(self, Self::Now(_))
    }

    /// The answer.
    #[must_use]
    pub fn answer(self) -> HttpResponse {
        match self {
            Self::Now(body) => HttpResponse::Created().content_type("application/json").body(body),
            Self::Before(status, body) => HttpResponse::build(status)
                .insert_header((REPLAYED, "true"))
                .content_type("application/json")
                .body(body),
        }
    }
}

impl Creation {
    /// The creation that a request asks for, by this user and with this body.
    pub fn of(request: &HttpRequest, user_id: &str, input: &Input, now: Timestamp) -> Result<Self, OrgError> {
        let (user_id, path) = (user_id.to_owned(), request.path().trim_end_matches('/').to_owned());
        let fingerprint = digest(&SHA256, format!("{input:?}").as_bytes()).as_ref().to_vec();
        Ok(Self { user_id, path, key: key(request)?, fingerprint, now })
    }

    /// Whether it may be asked for again.
    #[must_use]
    pub const fn is_named(&self) -> bool {
        self.key.is_some()
    }

    /// Does it, or answers what was answered before. `work` gives the body of the answer (201).
    pub async fn once(
        self,
        db: &Db,
        under_way: &UnderWay,
        work: impl FnOnce(&mut DbConnection) -> Outcome<Value> + Send + 'static,
    ) -> Result<Result<Created, Refused>, DbError> {
        let Some(name) = self.name() else {
            return db.attempt(move |conn| Ok(Created::Now(work(conn)?.to_string()))).await;
        };
        let Some(place) = under_way.enter(name.clone()) else { return Ok(Err(Refused::UnderWay)) };
        db.attempt(move |conn| {
            // It goes on when the client has gone, and ends with the transaction.
            let _place = place;
            if !conn.try_lock_exclusively(&name)? {
                return Err(Undone::Refused(Refused::UnderWay));
            }
            if let Some(before) = self.find(conn)? {
                return Ok(before);
            }
            let body = work(conn)?.to_string();
            self.keep(conn, &body)?;
            Ok(Created::Now(body))
        })
        .await
    }

    /// What no other creation is called.
    fn name(&self) -> Option<String> {
        let key = self.key.as_ref()?;
        // The user id is the only part that may hold a blank, and its length says where it ends.
        Some(format!("{} {} {} {key}", self.user_id.len(), self.user_id, self.path))
    }

    fn find(&self, conn: &mut DbConnection) -> Outcome<Option<Created>> {
        let Some(key) = &self.key else { return Ok(None) };
        let found = idempotency::find(conn, (&self.user_id, &self.path, key))?;
        let Some(used) = found.filter(|used| self.now.since(used.created_at) < KEPT) else { return Ok(None) };
        if used.fingerprint != self.fingerprint {
            return Err(Undone::Refused(Refused::KeyReused));
        }
        let status = u16::try_from(used.status).ok().and_then(|status| StatusCode::from_u16(status).ok());
        Ok(Some(Created::Before(status.unwrap_or(StatusCode::CREATED), used.body)))
    }

    fn keep(&self, conn: &mut DbConnection, body: &str) -> Outcome<()> {
        let Some(key) = &self.key else { return Ok(()) };
        let used = Used {
            user_id: self.user_id.clone(),
            path: self.path.clone(),
            key: key.clone(),
            fingerprint: self.fingerprint.clone(),
            status: StatusCode::CREATED.as_u16().into(),
            body: body.to_owned(),
            created_at: self.now,
        };
        idempotency::insert(conn, used)?;
        Ok(())
    }
}

/// The key of a request: visible ASCII characters.
fn key(request: &HttpRequest) -> Result<Option<String>, OrgError> {
    let mut sent = request.headers().get_all(KEY);
    let Some(value) = sent.next() else { return Ok(None) };
    let text = value.to_str().unwrap_or_default();
    let fine = (1..=LONGEST).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic());
    if fine && sent.next().is_none() {
        return Ok(Some(text.to_owned()));
    }
    let detail = format!("Idempotency-Key must be one of up to {LONGEST} visible ASCII characters.");
    Err(Problem::new(StatusCode::BAD_REQUEST, &detail).code("idempotency_key_invalid").into())
}

/// The answer to whoever meets its own request.
#[must_use]
pub fn under_way() -> Problem {
    Problem::new(StatusCode::CONFLICT, "A request with this Idempotency-Key is under way.")
        .code("idempotency_key_in_use")
        .retry_after(COME_BACK)
}

/// The answer to another body under the same key.
#[must_use]
pub fn key_reused() -> Problem {
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "This Idempotency-Key was used with another body.")
        .code("idempotency_key_reused")
}

//! The people whom the auth service knows, and a site that asks about them.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use actix_web::http::StatusCode;
use futures_util::future::BoxFuture;
use serde_json::{Value, json};
use shared::{
    Issuer,
    issuer::{Change, ExchangeError, Exchanged, IssuerUnavailable, Presented, Profile, UserState, Users},
    keys::KeySet,
    revocation::Revocations,
};

use super::actors::Site;

/// An auth service that knows some people, and can be away.
#[derive(Debug, Default)]
pub(super) struct People {
    known: Mutex<BTreeMap<String, Profile>>,
    away: AtomicBool,
    told: Mutex<Vec<Change>>,
}

impl People {
    /// Somebody with an address.
    pub(super) fn add(&self, user_id: &str, email: &str, email_verified: bool) {
        let profile = Profile {
            user_id: user_id.to_owned(),
            username: format!("user-{user_id}"),
            email: email.to_owned(),
            email_verified,
            first_name: String::new(),
            last_name: String::new(),
            is_active: true,
        };
        self.known.lock().unwrap().insert(user_id.to_owned(), profile);
    }

    /// As the organization service asks them.
    pub(super) fn issuer(self: &Arc<Self>) -> Issuer {
        Issuer::Local {
            keys: Arc::new(arc_swap::ArcSwap::from_pointee(KeySet::empty())),
            users: Arc::<Self>::clone(self),
            revocations: Revocations::off(),
        }
    }

    pub(super) fn deactivate(&self, user_id: &str) {
        self.known.lock().unwrap().get_mut(user_id).unwrap().is_active = false;
    }

    /// What has been announced so far.
    pub(super) fn told(&self) -> Vec<Change> {
        self.told.lock().unwrap().clone()
    }

    pub(super) fn be_away(&self, away: bool) {
        self.away.store(away, Ordering::SeqCst);
    }
}

impl Users for People {
    fn state(&self, _: String) -> BoxFuture<'_, Result<Option<UserState>, IssuerUnavailable>> {
        Box::pin(async { Ok(None) })
    }

    fn exchange(&self, _: Presented) -> BoxFuture<'_, Result<Exchanged, ExchangeError>> {
        Box::pin(async { Err(ExchangeError::Unavailable("no passwords here".to_owned())) })
    }

    fn profiles(&self, user_ids: Vec<String>) -> BoxFuture<'_, Result<Vec<Profile>, IssuerUnavailable>> {
        Box::pin(async move {
            if self.away.load(Ordering::SeqCst) {
                return Err(IssuerUnavailable("away".to_owned()));
            }
            let known = self.known.lock().unwrap();
            Ok(user_ids.iter().filter_map(|id| known.get(id).cloned()).collect())
        })
    }

    fn revoke(&self, changes: Vec<Change>) -> BoxFuture<'_, Result<(), IssuerUnavailable>> {
        self.told.lock().unwrap().extend(changes);
        Box::pin(async { Ok(()) })
    }
}

/// An organization of which user 1 is the owner, in a site that keeps its mails.
pub(super) struct Inviting {
    pub(super) site: Site,
    pub(super) people: Arc<People>,
    /// `/api/v1/organization/{id}/`
    pub(super) path: String,
}

impl Inviting {
    pub(super) async fn new(settings: &[(&str, &str)]) -> Self {
        let people = Arc::new(People::default());
        let mut all = vec![("ORG_MAIL_URL", "memory:")];
        all.extend_from_slice(settings);
        let site = Site::with_issuer(&all, Some(people.issuer())).await;
        let path = site.organization(&site.member("1"), "Acme").await;
        Self { site, people, path }
    }

    /// User 1 invites; the invitation's path.
    pub(super) async fn invite(&self, email: &str, role: &str) -> String {
        let invitations = format!("{}invitations/", self.path);
        let body = json!({"email": email, "role": role});
        let answer = self.site.member("1").post(&invitations, body).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.body);
        format!("{invitations}{}/", answer.body["id"].as_str().unwrap())
    }

    /// The handles of all mails so far, oldest first.
    pub(super) async fn handles(&self) -> Vec<String> {
        let delivery = self.site.app().delivery();
        delivery.tried().await;
        delivery.mailer().kept().iter().map(|mail| handle_in(&mail.text)).collect()
    }

    /// User 1 invites; the handle in the mail.
    pub(super) async fn handle(&self, email: &str, role: &str) -> String {
        self.invite(email, role).await;
        self.handles().await.pop().unwrap()
    }

    /// The role that a user has in the organization, if any.
    pub(super) async fn role_of(&self, user_id: &str) -> Option<Value> {
        let answer = self.site.member("1").get(&format!("{}members/{user_id}/", self.path)).await;
        (answer.status == StatusCode::OK).then(|| answer.body["role"].clone())
    }
}

/// The one line of a mail that is indented.
pub(super) fn handle_in(text: &str) -> String {
    text.lines().find_map(|line| line.strip_prefix("    ")).unwrap().trim().to_owned()
}

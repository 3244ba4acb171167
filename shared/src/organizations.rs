//! Where the auth service asks who is a member of what: in the same process, or over HTTP.
//!
//! It asks before it spends anything, for each token anew, and keeps no answer: roles change, and a
//! kept answer would have to be called back. That nobody answers is never taken for "no member".

use std::sync::{Arc, Once, OnceLock};

use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};

use crate::{
    Secret,
    internal::{self, Peer},
};

/// Where the organization service answers, on its management port.
pub const MEMBERSHIPS_PATH: &str = "/internal/memberships/";

/// A user's membership of an organization, as tokens tell of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Membership {
    /// The organization (text of a UUID), also where it was asked for by its slug.
    pub org_id: String,
    /// The member's role: its name or id.
    pub role: String,
    /// What the role permits; none: too many for a token, whose reader looks the role's definition up.
    pub permissions: Option<Vec<String>>,
    /// The membership version, `mv`: one counter per organization, which never goes back.
    pub version: i64,
}

/// The organization service could not be asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the organization service cannot be asked: {0}")]
pub struct OrganizationsUnavailable(pub String);

/// Looks memberships up in the same process.
pub trait Memberships: Send + Sync {
    /// The membership of `user_id`, the user id claim, in the organization with this id or slug; none:
    /// there is no such organization, or the user is no member. The answer does not say which.
    fn find(
        &self,
        organization: String,
        user_id: String,
    ) -> BoxFuture<'_, Result<Option<Membership>, OrganizationsUnavailable>>;
}

/// Where memberships are asked for. Clones share it.
#[derive(Clone)]
pub enum Organizations {
    /// Nowhere: there is no organization service that we know of.
    None(Arc<Once>),
    /// The organization service in this process, once it has started; see [`Organizations::fill`].
    Local(Arc<OnceLock<Arc<dyn Memberships>>>),
    /// An organization service elsewhere, at the address of its management port.
    Http {
        /// For example `http://org:9002`.
        url: url::Url,
        /// Authenticates our calls.
        secret: Option<Secret<String>>,
        /// The client for all calls.
        client: reqwest::Client,
    },
}

impl std::fmt::Debug for Organizations {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::None(_) => f.write_str("Organizations::None"),
            Self::Local(_) => f.write_str("Organizations::Local"),
            Self::Http { .. } => f.write_str("Organizations::Http"),
        }
    }
}

/// The body of a call.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Question {
    /// The organization's id or slug.
    pub organization: String,
    /// The user id claim.
    pub user_id: String,
}

/// The body of an answer with status 200; any other status answers nothing.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Answer {
    /// The membership; `null`: there is none, or no such organization.
    // Without this, an answer that lacks the member would read as `null`.
    #[serde(deserialize_with = "Option::deserialize")]
    pub membership: Option<Membership>,
}

impl Organizations {
    /// No organization service.
    #[must_use]
    pub fn none() -> Self {
        Self::None(Arc::new(Once::new()))
    }

    /// The organization service of this process, which has yet to start.
    #[must_use]
    pub fn local() -> Self {
        Self::Local(Arc::new(OnceLock::new()))
    }

    /// An organization service over HTTP.
    pub fn http(url: url::Url, secret: Option<Secret<String>>) -> Result<Self, OrganizationsUnavailable> {
        let client = internal::client().map_err(|error| OrganizationsUnavailable(error.to_string()))?;
        Ok(Self::Http { url, secret, client })
    }

    /// The organization service of this process has started. The first that says so counts.
    pub fn fill(&self, memberships: Arc<dyn Memberships>) {
        let filled = matches!(self, Self::Local(place) if place.set(memberships).is_ok());
        if !filled {
            tracing::error!("memberships are asked for elsewhere: this organization service is not");
        }
    }

    /// The membership of `user_id` in the organization with this id or slug; none: there is no such
    /// organization, or the user is no member.
    pub async fn find(
        &self,
        organization: &str,
        user_id: &str,
    ) -> Result<Option<Membership>, OrganizationsUnavailable> {
        let question = Question { organization: organization.to_owned(), user_id: user_id.to_owned() };
        match self {
            Self::None(told) => {
                told.call_once(|| {
                    tracing::warn!("AUTH_ORG_URL is not set: tokens for an organization cannot be had");
                });
                Err(OrganizationsUnavailable("AUTH_ORG_URL is not set".into()))
            }
            Self::Local(place) => match place.get() {
                Some(memberships) => memberships.find(question.organization, question.user_id).await,
                None => Err(OrganizationsUnavailable("it has not started yet".into())),
            },
            Self::Http { url, secret, client } => {
                let peer = Peer { url, secret: secret.as_ref(), client };
                let answer: Result<Answer, String> = peer.ask(MEMBERSHIPS_PATH, &question).await;
                answer.map(|answer| answer.membership).map_err(OrganizationsUnavailable)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Everybody;

    impl Memberships for Everybody {
        fn find(
            &self,
            org_id: String,
            _: String,
        ) -> BoxFuture<'_, Result<Option<Membership>, OrganizationsUnavailable>> {
            let membership = Membership { org_id, role: "viewer".into(), permissions: None, version: 1 };
            Box::pin(async move { Ok(Some(membership)) })
        }
    }

    #[tokio::test]
    async fn who_cannot_be_asked_is_never_taken_for_a_no() {
        assert!(Organizations::none().find("acme", "1").await.is_err());
        let local = Organizations::local();
        assert!(local.find("acme", "1").await.is_err());
        local.clone().fill(Arc::new(Everybody));
        assert_eq!(local.find("acme", "1").await.unwrap().unwrap().org_id, "acme");
        let nobody = url::Url::parse("http://127.0.0.1:1").unwrap();
        let secret = Some(Secret::new("s".repeat(32)));
        for secret in [None, secret] {
            let http = Organizations::http(nobody.clone(), secret).unwrap();
            let error = http.find("acme", "1").await.unwrap_err().to_string();
            assert!(!error.contains("acme") && !error.contains("ssss"), "{error}");
        }
    }

    #[test]
    fn an_answer_must_say_that_there_is_no_membership() {
        let read = |text: &str| serde_json::from_str::<Answer>(text).map(|answer| answer.membership);
        assert_eq!(read(r#"{"membership": null}"#).unwrap(), None);
        let none_too_many =
            r#"{"membership": {"org_id": "o", "role": "r", "permissions": null, "version": 7}}"#;
        assert_eq!(read(none_too_many).unwrap().unwrap().version, 7);
        for nothing in ["{}", "[]", "null", r#"{"member": null}"#] {
            assert!(read(nothing).is_err(), "{nothing}");
        }
    }
}

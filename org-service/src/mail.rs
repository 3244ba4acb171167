//! [`Mailer`]: hands mails to a mail server, or to what stands for one, as the scheme of `ORG_MAIL_URL` says.
//!
//! It tries once and says what went wrong; when to try again is for [`delivery`](crate::delivery) to decide.
//! What it says holds no address: a mail server's own words may.

mod ca;
mod letter;
mod url;

use std::{
    error::Error as _,
    fmt, io,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor, transport::smtp};
use shared::{Timestamp, config::ConfigError};

pub use ca::MailCa;
pub use letter::{From, Letter, Link};
pub use url::MailUrl;

/// How long a mail server may take for one mail.
pub const PATIENCE: Duration = Duration::from_secs(30);
/// Mails that `memory:` keeps.
const KEPT: usize = 1000;

/// Where mails go and what they say.
#[derive(Debug, Clone)]
pub struct MailSettings {
    /// Where they go.
    pub url: MailUrl,
    /// Who vouches for the server there; none: whom the system trusts.
    pub ca: Option<MailCa>,
    /// Whom they come from.
    pub from: From,
    /// Where handles lead.
    pub link: Link,
    /// Whether `log:` keeps handles to itself.
    pub production: bool,
}

/// Hands mails over. Clones share it.
#[derive(Clone)]
pub struct Mailer {
    settings: Arc<MailSettings>,
    way: Way,
}

#[derive(Clone)]
enum Way {
    Log,
    Memory(Arc<Mutex<Vec<Kept>>>),
    Smtp(AsyncSmtpTransport<Tokio1Executor>),
}

/// A mail that `memory:` keeps.
#[derive(Clone, PartialEq, Eq)]
pub struct Kept {
    /// The address.
    pub to: String,
    /// The body, as it is read.
    pub text: String,
    /// The whole mail, as it would be sent.
    pub raw: String,
}

impl fmt::Debug for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kept").finish_non_exhaustive()
    }
}

impl fmt::Debug for Mailer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Mailer").field(&self.settings.url).finish()
    }
}

/// Why a mail was not handed over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Whether another try would end the same.
    pub is_permanent: bool,
    /// For operators and whoever invited; without addresses.
    pub what: String,
}

impl Mailer {
    /// A mailer; a URL that cannot be used is an error.
    pub fn new(settings: MailSettings) -> Result<Self, ConfigError> {
        let way = match &settings.url {
            MailUrl::Log => {
                if settings.production {
                    tracing::warn!("ORG_MAIL_URL=log: invitations are mailed to nobody");
                }
                Way::Log
            }
            MailUrl::Memory => Way::Memory(Arc::default()),
            MailUrl::Smtp(url) => {
                Way::Smtp(url::transport(url, settings.ca.as_ref(), settings.from.domain())?)
            }
        };
        Ok(Self { settings: Arc::new(settings), way })
    }

    /// What `memory:` keeps, oldest first.
    #[must_use]
    pub fn kept(&self) -> Vec<Kept> {
        match &self.way {
            Way::Memory(kept) => kept.lock().unwrap_or_else(PoisonError::into_inner).clone(),
            Way::Log | Way::Smtp(_) => Vec::new(),
        }
    }

    /// Hands one mail over.
    pub async fn send(&self, letter: &Letter, now: Timestamp) -> Result<(), Failure> {
        let text = letter.text(&self.settings.link);
        let message = letter.message(&self.settings.from, text.clone(), now);
        // Whoever invited was refused an address that no mail can be sent to.
        let unsendable = |_| Failure { is_permanent: true, what: "the mail cannot be written".to_owned() };
        let message = message.map_err(unsendable)?;
        match &self.way {
            Way::Log => self.log(letter),
            Way::Memory(kept) => {
                let raw = String::from_utf8_lossy(&message.formatted()).into_owned();
                let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
                if kept.len() >= KEPT {
                    kept.remove(0);
                }
                kept.push(Kept { to: letter.to.to_string(), text, raw });
            }
            Way::Smtp(transport) => return hand_over(transport, message).await,
        }
        Ok(())
    }

    fn log(&self, letter: &Letter) {
        match self.told(letter) {
            None => {
                tracing::info!(invitation.id = %letter.invitation_id, "an invitation is mailed to nobody");
            }
            Some(link) => {
                tracing::info!(invitation.id = %letter.invitation_id, link, "an invitation instead of a mail");
            }
        }
    }

    /// What the log is told of a mail: in production nothing that lets anybody in.
    fn told(&self, letter: &Letter) -> Option<String> {
        (!self.settings.production).then(|| self.settings.link.to(&letter.handle))
    }
}

async fn hand_over(transport: &AsyncSmtpTransport<Tokio1Executor>, message: Message) -> Result<(), Failure> {
    match tokio::time::timeout(PATIENCE, transport.send(message)).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => Err(failure(&error)),
        Err(_) => {
            Err(Failure { is_permanent: false, what: "the mail server did not answer in time".to_owned() })
        }
    }
}

/// What rustls cannot make anything of, a certificate for example, comes as an error of the connection.
fn is_garbled(error: &smtp::Error) -> bool {
    let mut causes = std::iter::successors(error.source(), |&cause| cause.source());
    causes.any(|cause| {
        let cause = cause.downcast_ref::<io::Error>();
        cause.is_some_and(|cause| cause.kind() == io::ErrorKind::InvalidData)
    })
}

/// What went wrong. A server's refusal of the mail is final; of our credentials it is not, for an operator
/// can mend that.
fn failure(error: &smtp::Error) -> Failure {
    let what = if let Some(code) = error.status() {
        format!("the mail server answered {code}")
    } else if error.is_timeout() {
        "the mail server did not answer in time".to_owned()
    } else if error.is_tls() || is_garbled(error) {
        "there is no safe connection to the mail server".to_owned()
    } else if error.is_client() {
        "the mail server does not offer what is needed".to_owned()
    } else if error.is_response() {
        "the mail server's answer cannot be read".to_owned()
    } else {
        "the mail server cannot be reached".to_owned()
    };
    let code = error.status().map(u16::from);
    let is_about_us = code.is_some_and(|code| (530..540).contains(&code));
    Failure { is_permanent: error.is_permanent() && !is_about_us, what }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{handle::Handle, store::invitations::InvitationId};

    #[test]
    fn a_log_in_production_lets_nobody_in() {
        let now = Timestamp::from_secs(1_795_444_848);
        let letter = Letter {
            invitation_id: InvitationId::new(now),
            to: "ada@example.org".parse().unwrap(),
            organization: "Acme".to_owned(),
            role: "member".to_owned(),
            expires_at: now,
            handle: Handle::random(),
        };
        let told = |production| {
            let from = From::parse("invitations@localhost").unwrap();
            let settings =
                MailSettings { url: MailUrl::Log, ca: None, from, link: Link::default(), production };
            Mailer::new(settings).unwrap().told(&letter)
        };
        assert_eq!(told(true), None);
        assert_eq!(told(false).as_deref(), Some(letter.handle.expose()));
        assert!(!format!("{letter:?}").contains("ada@example.org"));
    }
}

//! [`Letter`]: an invitation as a mail.
//!
//! The mail is put together by types that know how each part is written, so that no name of an organization
//! becomes a header or a line of the conversation with the server.

use std::{
    fmt,
    time::{Duration, SystemTime},
};

use lettre::{
    Address, Message,
    message::{
        Mailbox, SinglePart,
        header::{HeaderName, HeaderValue},
    },
};
use shared::{Timestamp, config::ConfigError, random};

use crate::{handle::Handle, store::invitations::InvitationId};

/// Where a handle stands in `ORG_INVITATION_URL`.
const PLACE: &str = "{handle}";

/// `ORG_MAIL_FROM`: whom mails come from.
#[derive(Debug, Clone)]
pub struct From(Mailbox);

impl From {
    /// Reads an address, or a name with an address in angle brackets.
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        let complaint = "not an address such as `Acme <no-reply@example.org>`";
        text.parse().map(Self).map_err(|_| ConfigError::new("ORG_MAIL_FROM", complaint))
    }

    /// The address's domain.
    #[must_use]
    pub fn domain(&self) -> &str {
        self.0.email.domain()
    }
}

/// `ORG_INVITATION_URL`: where handles lead.
#[derive(Debug, Clone, Default)]
pub struct Link(Option<String>);

impl Link {
    /// Reads a template, `https://app.example.org/invitations/{handle}`; none: mails carry the handle itself.
    pub fn parse(template: Option<&str>) -> Result<Self, ConfigError> {
        let complain = |complaint| Err(ConfigError::new("ORG_INVITATION_URL", complaint));
        let Some(template) = template else { return Ok(Self(None)) };
        if template.matches(PLACE).count() != 1 {
            return complain("has to contain {handle}, once");
        }
        match url::Url::parse(&template.replace(PLACE, "x")) {
            Ok(url) if matches!(url.scheme(), "http" | "https") => Ok(Self(Some(template.to_owned()))),
            _ => complain("not an http:// or https:// URL"),
        }
    }

    /// What the addressee needs: the link to this handle, or the handle.
    #[must_use]
    pub fn to(&self, handle: &Handle) -> String {
        match &self.0 {
            Some(template) => template.replace(PLACE, handle.expose()),
            None => handle.expose().to_owned(),
        }
    }
}

/// An invitation, ready to be mailed.
pub struct Letter {
    /// The invitation.
    pub invitation_id: InvitationId,
    /// To whom.
    pub to: Address,
    /// To what: the organization's name.
    pub organization: String,
    /// As what.
    pub role: String,
    /// Until when.
    pub expires_at: Timestamp,
    /// What lets the addressee in.
    pub handle: Handle,
}

impl fmt::Debug for Letter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Letter").field("invitation_id", &self.invitation_id).finish_non_exhaustive()
    }
}

impl Letter {
    /// The body.
    pub(super) fn text(&self, link: &Link) -> String {
        let how = match link.0 {
            Some(_) => "Open this address to accept:",
            None => "Sign in and accept with this handle:",
        };
        format!(
            "You are invited to join {organization} as {role}.\n\n\
             {how}\n\n    {to}\n\n\
             It is for you alone, and good until {expires}.\n\
             If you do not know what this is about, do nothing: nothing will happen.\n",
            organization = printable(&self.organization),
            role = self.role,
            to = link.to(&self.handle),
            expires = self.expires_at.as_jiff().strftime("%-d %B %Y, %H:%M UTC"),
        )
    }

    /// The mail with this body.
    pub(super) fn message(
        &self,
        from: &From,
        text: String,
        now: Timestamp,
    ) -> Result<Message, lettre::error::Error> {
        let seconds = u64::try_from(now.as_secs()).unwrap_or_default();
        let mut message = Message::builder()
            .from(from.0.clone())
            .to(Mailbox::new(None, self.to.clone()))
            .subject(format!("Invitation to {}", printable(&self.organization)))
            .date(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds))
            .message_id(Some(format!("<{}@{}>", random::hex32(), from.domain())))
            .singlepart(SinglePart::plain(text))?;
        // RFC 3834: an absence notice is of no use to anybody.
        let name = HeaderName::new_from_ascii_str("Auto-Submitted");
        message.headers_mut().insert_raw(HeaderValue::new(name, "auto-generated".to_owned()));
        Ok(message)
    }
}

/// The name on one line.
fn printable(name: &str) -> String {
    name.chars()
        .map(|c| if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') { ' ' } else { c })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letter(organization: &str) -> Letter {
        Letter {
            invitation_id: InvitationId::from_uuid(uuid::Uuid::from_u128(7)),
            to: "ada@example.org".parse().unwrap(),
            organization: organization.to_owned(),
            role: "member".to_owned(),
            expires_at: Timestamp::from_secs(1_795_444_848),
            handle: Handle::random(),
        }
    }

    fn raw(letter: &Letter) -> String {
        let from = From::parse("Acme <no-reply@acme.example>").unwrap();
        let text = letter.text(&Link::default());
        let message = letter.message(&from, text, Timestamp::from_secs(1_795_444_848)).unwrap();
        assert_eq!(message.envelope().to(), std::slice::from_ref(&letter.to));
        String::from_utf8(message.formatted()).unwrap()
    }

    #[test]
    fn a_mail_says_what_it_is_about() {
        let letter = letter("Acme");
        let raw = raw(&letter);
        for part in [
            "From: Acme <no-reply@acme.example>\r\n",
            "To: ada@example.org\r\n",
            "Subject: Invitation to Acme\r\n",
            "Date: Mon, 23 Nov 2026 14:40:48 +0000\r\n",
            "Auto-Submitted: auto-generated\r\n",
            "You are invited to join Acme as member.",
            "good until 23 November 2026, 14:40 UTC.",
        ] {
            assert!(raw.contains(part), "{part:?} is not in {raw}");
        }
        assert!(letter.text(&Link::default()).contains(&format!("\n    {}\n", letter.handle.expose())));
    }

    #[test]
    fn no_name_of_an_organization_becomes_a_header() {
        let honest = raw(&letter("Acme")).split("\r\n\r\n").next().unwrap().lines().count();
        for name in [
            "Acme\r\nBcc: eve@example.org",
            "Acme\nBcc: eve@example.org\n\nBody",
            "Acme\r\n\r\n.\r\nMAIL FROM:<eve@example.org>",
            "\u{2028}Bcc: eve@example.org",
            "=?utf-8?q?=0ABcc:_eve@example.org?=",
        ] {
            let raw = raw(&letter(name));
            let head = raw.split("\r\n\r\n").next().unwrap();
            let starts_a_line = |start: &str| head.lines().any(|line| line.to_lowercase().starts_with(start));
            assert!(!starts_a_line("bcc") && !starts_a_line("mail"), "{raw}");
            let unfolded = head.lines().filter(|line| !line.starts_with([' ', '\t'])).count();
            assert!(unfolded <= honest + 1, "{raw}");
        }
    }

    #[test]
    fn a_link_leads_where_the_template_says() {
        let handle = Handle::random();
        let link = Link::parse(Some("https://app.example.org/join#{handle}")).unwrap();
        assert_eq!(link.to(&handle), format!("https://app.example.org/join#{}", handle.expose()));
        for odd in
            ["https://app.example.org/", "{handle}", "javascript:{handle}", "https://a/{handle}{handle}"]
        {
            assert!(Link::parse(Some(odd)).is_err(), "{odd}");
        }
    }
}

//! What a fixture's setup did to the token its request presents: whose it is, which session it belongs
//! to, and what happened to both. The deviations' conditions are derived from this.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::{
    fixture::{Request, Step},
    settings::Variant,
    world::{World, payload},
};

/// The setup up to some request, seen from that request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct History<'a> {
    pub(crate) variant: &'a Variant,
    pub(crate) steps: &'a [Step],
    pub(crate) world: &'a World,
}

/// What became of the user a token names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Owner {
    Good,
    /// The claim is missing or empty, or nobody has that id.
    Nobody,
    Deleted,
    Inactive,
}

impl History<'_> {
    /// What became of the user the token names.
    pub(crate) fn owner(&self, token: &str) -> Owner {
        let Some(user) = self.user(token) else { return Owner::Nobody };
        let mut active = user != "ivan";
        for step in self.steps {
            match step {
                Step::DeleteUser { user: gone } if gone == user => return Owner::Deleted,
                Step::SetActive { user: changed, value } if changed == user => active = *value,
                _ => {}
            }
        }
        if active { Owner::Good } else { Owner::Inactive }
    }

    /// Whether the user a saved token names has changed the password since it was made.
    pub(crate) fn password_changed_since(&self, name: &str) -> bool {
        let Some(user) = self.world.saved.get(name).and_then(|token| self.user(token)) else { return false };
        let made = self.steps.iter().position(|step| saves(step).contains(&name)).unwrap_or(0);
        let later = self.steps.iter().skip(made);
        later
            .into_iter()
            .any(|step| matches!(step, Step::ChangePassword { user: changed } if changed == user))
    }

    /// Whether a refresh token of the same session was presented again after it had been spent.
    pub(crate) fn was_reused(&self, name: &str) -> bool {
        let sessions = self.sessions();
        let mut presented = Vec::new();
        self.variant.spends_refresh_tokens()
            && self.steps.iter().any(|step| {
                let Some(token) = presented_at(step, "/token/refresh/") else { return false };
                let again = presented.contains(&token) && sessions.get(token) == sessions.get(name);
                presented.push(token);
                again
            })
    }

    /// Whether the session was blacklisted and `flushexpiredtokens` ran afterwards.
    pub(crate) fn was_flushed_after_blacklisting(&self, name: &str) -> bool {
        let flushed = self.steps.iter().rposition(|step| matches!(step, Step::FlushExpiredTokens));
        self.blacklisted_at(name).zip(flushed).is_some_and(|(blacklisted, flushed)| blacklisted < flushed)
    }

    /// Whether a refresh token of the same session was blacklisted.
    pub(crate) fn was_blacklisted(&self, name: &str) -> bool {
        self.blacklisted_at(name).is_some()
    }

    fn blacklisted_at(&self, name: &str) -> Option<usize> {
        let sessions = self.sessions();
        let session = sessions.get(name).filter(|_| self.variant.has_blacklist())?;
        self.steps.iter().position(|step| {
            presented_at(step, "/token/blacklist/").is_some_and(|token| sessions.get(token) == Some(session))
        })
    }

    /// The session every saved token belongs to: a login's tokens and all that came of them.
    fn sessions(&self) -> BTreeMap<&str, usize> {
        let mut sessions: BTreeMap<&str, usize> = BTreeMap::new();
        for (index, step) in self.steps.iter().enumerate() {
            let parent = match step {
                Step::Alter { from, .. } => Some(from.as_str()),
                Step::Http { request, .. } => presented(request),
                _ => None,
            };
            let session = parent.and_then(|parent| sessions.get(parent).copied()).unwrap_or(index);
            sessions.extend(saves(step).into_iter().map(|name| (name, session)));
        }
        sessions
    }

    /// Which of the three users a token names.
    fn user(&self, token: &str) -> Option<&'static str> {
        let claims = payload(token)?;
        let id = match claims.get(self.variant.jwt_text("USER_ID_CLAIM")?)? {
            Value::String(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            _ => return None,
        };
        let by_name = self.variant.jwt_text("USER_ID_FIELD") == Some("username");
        let is =
            |user: &&str| if by_name { id == *user } else { self.world.users.id(user) == Some(id.as_str()) };
        ["alice", "bob", "ivan"].into_iter().find(is)
    }
}

/// The saved name of the token a request presents: `${R}` in its body or in a header.
pub(crate) fn presented(request: &Request) -> Option<&str> {
    let in_body = || body_fields(request).find_map(saved_name);
    let in_header = || request.headers.iter().find_map(|(_, value)| saved_name(value));
    in_body().or_else(in_header)
}

/// The token text a filled request presents.
pub(crate) fn presented_text(request: &Request) -> Option<&str> {
    const OTHERS: [&str; 4] = ["Content-Type", "Accept", "Host", "Origin"];
    let header = request.headers.iter();
    let header = header.filter(|(name, _)| !OTHERS.iter().any(|other| other.eq_ignore_ascii_case(name)));
    let words = header.flat_map(|(_, value)| value.split_whitespace());
    body_fields(request).next().or_else(|| words.into_iter().find(|word| word.matches('.').count() >= 2))
}

fn body_fields(request: &Request) -> impl Iterator<Item = &str> {
    let json = request.json.as_ref();
    let json = ["refresh", "token"].into_iter().filter_map(move |name| json?.get(name)?.as_str());
    let form = request.form.as_ref();
    let form = ["refresh", "token"].into_iter().filter_map(move |name| form?.get(name)?.as_str());
    let parts = request.multipart.iter().flatten();
    let parts = parts.filter(|part| matches!(part.name.as_str(), "refresh" | "token"));
    json.chain(form).chain(parts.map(|part| part.value.as_str()))
}

fn saved_name(text: &str) -> Option<&str> {
    text.split_once("${")?.1.split_once('}').map(|(name, _)| name)
}

fn presented_at<'a>(step: &'a Step, path: &str) -> Option<&'a str> {
    match step {
        Step::Http { request, .. } if request.path.ends_with(path) => presented(request),
        _ => None,
    }
}

fn saves(step: &Step) -> Vec<&str> {
    match step {
        Step::MintPair { refresh, access, .. } => vec![refresh, access],
        Step::MintSliding { token, .. } => vec![token],
        Step::Craft(craft) => vec![&craft.save],
        Step::Alter { save, .. } => vec![save],
        Step::Http { save, .. } => save.values().map(String::as_str).collect(),
        _ => Vec::new(),
    }
}

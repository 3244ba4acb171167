//! [`RevocationSet`]: exactly what is refused, compact enough for a million entries and quick enough to
//! ask on every request.

#[cfg(test)]
mod tests;

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{
        PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard,
        atomic::{AtomicUsize, Ordering},
    },
};

use aws_lc_rs::digest;
use serde_json::Value;
use uuid::Uuid;

use super::{Entry, Kind};
use crate::{
    Claims, Timestamp,
    claims::{MEMBERSHIP_VERSION, ORGANIZATION, ORGANIZATION_ROLE},
};

/// Sessions are spread over so many tables, so that none is locked for long while it grows or is swept.
const SHARDS: usize = 64;

/// Room is made for no more entries than this in advance, whatever somebody says.
const MOST_EXPECTED: usize = 4_000_000;

/// Seconds since 1970.
type Secs = i64;

/// What is refused. Sessions, which are most of it, take 20 bytes each.
#[derive(Debug)]
pub struct RevocationSet {
    sessions: Box<[RwLock<HashMap<SessionKey, u32>>]>,
    others: RwLock<Others>,
    sizes: Sizes,
}

#[derive(Debug, Default)]
struct Sizes {
    sessions: AtomicUsize,
    others: AtomicUsize,
}

/// Everything but sessions: bounds by key, with their expiry.
#[derive(Debug, Default)]
struct Others {
    jtis: HashMap<String, Secs>,
    keys: HashMap<String, Secs>,
    clients: HashMap<String, Secs>,
    users: HashMap<String, Bound>,
    all: Option<Bound>,
    members: HashMap<String, Bound>,
    organizations: HashMap<String, Bound>,
    roles: HashMap<String, Bound>,
}

#[derive(Debug, Clone, Copy)]
struct Bound {
    bound: i64,
    ends: Secs,
}

/// A session as the set knows it: the UUID, or a digest of an id that is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SessionKey([u8; 16]);

impl SessionKey {
    /// The key of a `sid` claim.
    #[must_use]
    pub fn of(sid: &str) -> Self {
        Self(Uuid::parse_str(sid).map_or_else(|_| cut_digest(sid), Uuid::into_bytes))
    }

    /// The session that a token belongs to; one of the original's belongs to the session that it is
    /// adopted under.
    #[must_use]
    pub fn of_token(claims: &Claims) -> Self {
        match claims.session() {
            Some(sid) => Self::of(sid),
            None => Self(adopted_session_id(claims.jti()).into_bytes()),
        }
    }

    const fn shard(self) -> usize {
        // The last byte of a UUIDv7 and of a digest is random.
        self.0[15] as usize % SHARDS
    }
}

/// The session id of a token minted by the original: SHA-256 of its `jti`, cut to a UUID (version 8,
/// RFC 9562).
#[must_use]
pub fn adopted_session_id(jti: &str) -> Uuid {
    uuid::Builder::from_custom_bytes(cut_digest(jti)).into_uuid()
}

fn cut_digest(text: &str) -> [u8; 16] {
    let digest = digest::digest(&digest::SHA256, text.as_bytes());
    let mut bytes = [0; 16];
    for (to, from) in bytes.iter_mut().zip(digest.as_ref()) {
        *to = *from;
    }
    bytes
}

impl Default for RevocationSet {
    fn default() -> Self {
        let shard = || RwLock::new(HashMap::new());
        let sessions = std::iter::repeat_with(shard).take(SHARDS).collect();
        Self { sessions, others: RwLock::default(), sizes: Sizes::default() }
    }
}

impl RevocationSet {
    /// Adds an entry. Adding it again, or an older one after a newer, changes nothing.
    pub fn insert(&self, entry: &Entry) {
        // Rounded up, like everything that ends here.
        let ends = entry.expires_at.as_secs().saturating_add(1);
        if entry.kind == Kind::Session {
            let key = SessionKey::of(&entry.key);
            let Some(shard) = self.sessions.get(key.shard()) else { return };
            let mut shard = write(shard);
            let ends = u32::try_from(ends).unwrap_or(u32::MAX);
            let known = shard.entry(key).or_insert_with(|| {
                self.sizes.sessions.fetch_add(1, Ordering::Relaxed);
                ends
            });
            *known = ends.max(*known);
            return;
        }
        let mut others = write(&self.others);
        others.insert(entry, ends);
        self.sizes.others.store(others.len(), Ordering::Release);
    }

    /// Makes room for so many entries in all: a table that grows step by step leaves as much memory
    /// behind as it ends with.
    pub fn expect(&self, entries: usize) {
        // Sessions are most of it, and chance puts somewhat more into one table than into another.
        let each = entries.min(MOST_EXPECTED) / SHARDS;
        let room = each + each / 32;
        for shard in &self.sessions {
            let mut shard = write(shard);
            let more = room.saturating_sub(shard.len());
            shard.reserve(more);
        }
    }

    /// Which kind of entry refuses this token, if any does. `kid` is its header's.
    #[must_use]
    pub fn refuses(&self, claims: &Claims, kid: Option<&str>) -> Option<Kind> {
        let session = (self.sizes.sessions.load(Ordering::Acquire) > 0).then(|| SessionKey::of_token(claims));
        self.refuses_of(session, claims, kid)
    }

    /// The same for whoever keeps the token's [`SessionKey`], which takes longer to make than to look up.
    #[must_use]
    pub fn refuses_in(&self, session: SessionKey, claims: &Claims, kid: Option<&str>) -> Option<Kind> {
        let any = self.sizes.sessions.load(Ordering::Acquire) > 0;
        self.refuses_of(any.then_some(session), claims, kid)
    }

    fn refuses_of(&self, session: Option<SessionKey>, claims: &Claims, kid: Option<&str>) -> Option<Kind> {
        if let Some(key) = session
            && self.sessions.get(key.shard()).is_some_and(|shard| read(shard).contains_key(&key))
        {
            return Some(Kind::Session);
        }
        if self.sizes.others.load(Ordering::Acquire) == 0 {
            return None;
        }
        read(&self.others).refuse(claims, kid)
    }

    /// How many entries there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.sizes.sessions.load(Ordering::Relaxed) + self.sizes.others.load(Ordering::Relaxed)
    }

    /// Whether nothing is refused.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Forgets entries that can refuse nothing any more.
    pub fn sweep(&self, now: Timestamp) {
        let now = now.as_secs();
        for shard in &self.sessions {
            let mut shard = write(shard);
            let before = shard.len();
            shard.retain(|_, ends| i64::from(*ends) > now);
            self.sizes.sessions.fetch_sub(before - shard.len(), Ordering::Relaxed);
            if shard.capacity() > 4 * shard.len().max(16) {
                shard.shrink_to_fit();
            }
        }
        let mut others = write(&self.others);
        others.sweep(now);
        self.sizes.others.store(others.len(), Ordering::Release);
    }
}

impl Others {
    fn insert(&mut self, entry: &Entry, ends: Secs) {
        // An entry that needs a bound and has none refuses whatever it could.
        let bound = Bound { bound: entry.bound.unwrap_or(i64::MAX), ends };
        let key = entry.key.clone();
        match entry.kind {
            // The caller keeps those elsewhere.
            Kind::Session => {}
            Kind::Jti => later(&mut self.jtis, key, ends),
            Kind::Key => later(&mut self.keys, key, ends),
            Kind::Client => later(&mut self.clients, key, ends),
            Kind::User => raise(&mut self.users, key, bound),
            Kind::All => self.all = Some(self.all.map_or(bound, |known| known.and(bound))),
            Kind::Member => raise(&mut self.members, key, bound),
            Kind::Organization => raise(&mut self.organizations, key, bound),
            Kind::Role => raise(&mut self.roles, key, bound),
        }
    }

    fn len(&self) -> usize {
        let plain = self.jtis.len() + self.keys.len() + self.clients.len();
        let bound = self.users.len() + self.members.len() + self.organizations.len() + self.roles.len();
        plain + bound + usize::from(self.all.is_some())
    }

    fn sweep(&mut self, now: Secs) {
        for plain in [&mut self.jtis, &mut self.keys, &mut self.clients] {
            plain.retain(|_, ends| *ends > now);
        }
        for bound in [&mut self.users, &mut self.members, &mut self.organizations, &mut self.roles] {
            bound.retain(|_, known| known.ends > now);
        }
        self.all = self.all.filter(|known| known.ends > now);
    }

    fn refuse(&self, claims: &Claims, kid: Option<&str>) -> Option<Kind> {
        let text = |name: &str| claims.get(name).and_then(Value::as_str);
        // A token that does not say when it was issued could have been issued at any time.
        let issued = claims.issued_at().map_or(i64::MIN, Timestamp::as_secs);
        let issued_by = |known: &Bound| issued <= known.bound;
        if self.jtis.contains_key(claims.jti()) {
            return Some(Kind::Jti);
        }
        if kid.is_some_and(|kid| self.keys.contains_key(kid)) {
            return Some(Kind::Key);
        }
        if text("client_id").is_some_and(|client| self.clients.contains_key(client)) {
            return Some(Kind::Client);
        }
        let user = claims.user_id().unwrap_or_default();
        if claims.session().is_none() && self.users.get(user).is_some_and(issued_by) {
            return Some(Kind::User);
        }
        if self.all.as_ref().is_some_and(issued_by) {
            return Some(Kind::All);
        }
        self.refuse_member(claims, text(ORGANIZATION)?, user)
    }

    /// A token that speaks for an organization is refused if its membership version is too low.
    fn refuse_member(&self, claims: &Claims, organization: &str, user: &str) -> Option<Kind> {
        let version = claims.get(MEMBERSHIP_VERSION).and_then(Value::as_i64).unwrap_or(i64::MIN);
        let outdated = |known: Option<&Bound>| known.is_some_and(|known| version < known.bound);
        if outdated(self.organizations.get(organization)) {
            return Some(Kind::Organization);
        }
        if outdated(self.members.get(&format!("{organization}/{user}"))) {
            return Some(Kind::Member);
        }
        let role = claims.get(ORGANIZATION_ROLE).and_then(Value::as_str)?;
        outdated(self.roles.get(&format!("{organization}/{role}"))).then_some(Kind::Role)
    }
}

impl Bound {
    /// Both at once.
    fn and(self, other: Self) -> Self {
        Self { bound: self.bound.max(other.bound), ends: self.ends.max(other.ends) }
    }
}

fn later(map: &mut HashMap<String, Secs>, key: String, ends: Secs) {
    let known = map.entry(key).or_insert(ends);
    *known = ends.max(*known);
}

fn raise(map: &mut HashMap<String, Bound>, key: String, bound: Bound) {
    let known = map.entry(key).or_insert(bound);
    *known = known.and(bound);
}

// A panic elsewhere leaves the tables whole: each change is one insertion or removal.
fn read<T>(lock: &RwLock<T>) -> RwLockReadGuard<'_, T> {
    lock.read().unwrap_or_else(PoisonError::into_inner)
}

fn write<T>(lock: &RwLock<T>) -> RwLockWriteGuard<'_, T> {
    lock.write().unwrap_or_else(PoisonError::into_inner)
}

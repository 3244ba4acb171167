//! [`TokenCache`]: tokens whose signatures were found good, so that each is verified once.
//!
//! It holds what cannot change while the token's text is the same; whatever can, revocation above all, is for
//! the verifier to check on every hit. Only what the issuer made gets in, so nobody without a token can push
//! anything out, and a hit is an equal text, so the hash may be short and quick.
//!
//! A look-up takes no lock and writes nothing that other threads read, except that the entry was used.
//! A table of small sets: the hash chooses a set, one line of tags says where in it the token may be.
//! Memory is bounded by the number of entries and the size of the largest. When it is full, expired
//! entries go first, then those not used since the hand passed them last (CLOCK): tokens that are
//! shown once go before those that come back, however many of them there are.

mod size;
#[cfg(test)]
mod tests;

use std::{
    hash::{BuildHasher, RandomState},
    sync::{
        Arc, Mutex, TryLockError,
        atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering},
    },
};

use arc_swap::ArcSwapOption;

use crate::{Claims, keys::Fingerprint, revocation::SessionKey, token::Times};

/// The largest cache: with entries of ordinary size it takes 2 GB.
pub(super) const MOST_TOKENS: usize = 1_000_000;
/// An entry that takes more bytes than this is not kept. Ours take about 2,000.
const LARGEST: usize = 8 * 1024;
/// Slots in a set: its tags fill one cache line.
const WAYS: usize = 16;
/// So many slots for each entry let hardly any set overflow.
const SLOTS_PER_ENTRY: usize = 2;
/// How many bytes at the end of a token are hashed: signature, which nobody can choose.
const HASHED: usize = 48;
/// How far the hand looks for an entry that was not used; then it takes the next one.
const LONGEST_WALK: usize = 1024;

/// What is known of a token whose signature is good.
pub(super) struct Known {
    /// Its header's `kid`.
    pub(super) kid: Option<String>,
    /// The key that verified it.
    pub(super) key: Fingerprint,
    /// Its times.
    pub(super) times: Times,
    /// Its session, as the revocation set knows it.
    pub(super) session: SessionKey,
    /// What it says.
    pub(super) claims: Arc<Claims>,
}

struct Entry {
    token: Box<str>,
    known: Known,
}

/// Tokens that were verified before.
pub(super) struct TokenCache {
    sets: Box<[Set]>,
    capacity: usize,
    held: AtomicUsize,
    hasher: RandomState,
    /// Whoever changes anything holds it.
    hand: Mutex<Hand>,
}

/// The parts of slots lie side by side, for a search reads all tags and hardly any entry.
#[repr(align(64))]
struct Set {
    tags: [AtomicU32; WAYS],
    /// When the entry is of no use any more, in seconds since 1970.
    over_at: [AtomicU32; WAYS],
    used: [AtomicBool; WAYS],
    entries: [ArcSwapOption<Entry>; WAYS],
}

struct Slot<'a> {
    tag: &'a AtomicU32,
    over_at: &'a AtomicU32,
    used: &'a AtomicBool,
    entry: &'a ArcSwapOption<Entry>,
}

#[derive(Default)]
struct Hand {
    /// The slot from which it looks for an entry to evict.
    slot: usize,
    /// The set from which it looks for expired ones.
    set: usize,
}

impl std::fmt::Debug for TokenCache {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let held = self.held.load(Ordering::Relaxed);
        f.debug_struct("TokenCache")
            .field("capacity", &self.capacity)
            .field("held", &held)
            .finish_non_exhaustive()
    }
}

impl TokenCache {
    /// A cache of at most so many tokens; of none, it does nothing.
    pub(super) fn new(capacity: usize) -> Self {
        let sets = (capacity * SLOTS_PER_ENTRY).div_ceil(WAYS);
        Self {
            sets: std::iter::repeat_with(Set::default).take(sets).collect(),
            capacity,
            held: AtomicUsize::new(0),
            // Keyed at random, so that nobody can choose tokens that share a set.
            hasher: RandomState::new(),
            hand: Mutex::default(),
        }
    }

    /// Shows what is known of exactly this token to `look`, if anything is.
    pub(super) fn find<T>(&self, token: &str, look: impl FnOnce(&Known) -> T) -> Option<T> {
        let (set, tag) = self.place(token)?;
        for slot in set.slots().filter(|slot| slot.tag.load(Ordering::Relaxed) == tag) {
            let entry = slot.entry.load();
            let Some(entry) = entry.as_deref().filter(|entry| *entry.token == *token) else { continue };
            slot.note_use();
            return Some(look(&entry.known));
        }
        None
    }

    /// Keeps a token that is good now, until `over_at`; both in seconds since 1970. If somebody else is
    /// just keeping one, this one is let go: nobody waits.
    pub(super) fn insert(&self, token: &str, known: Known, over_at: i64, now: i64) {
        let Some((set, tag)) = self.place(token) else { return };
        if size::of(token, &known) > LARGEST {
            return;
        }
        let mut hand = match self.hand.try_lock() {
            Ok(hand) => hand,
            // A panic elsewhere leaves the table whole: each slot is changed at once.
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return,
        };
        let now = seconds(now);
        self.sweep(&mut hand, now);
        let entry = Arc::new(Entry { token: token.into(), known });
        if let Some(slot) = set.slots().find(|slot| slot.holds(tag, token)) {
            return slot.fill(tag, seconds(over_at), entry);
        }
        if self.held.load(Ordering::Relaxed) >= self.capacity {
            self.evict(&mut hand, now);
        }
        if let Some(slot) = set.slots().find(Slot::is_free) {
            self.held.fetch_add(1, Ordering::Relaxed);
            slot.fill(tag, seconds(over_at), entry);
        } else if let Some(slot) = set.slots().min_by_key(Slot::worth) {
            slot.fill(tag, seconds(over_at), entry);
        }
    }

    /// The set of a token, and its tag.
    fn place(&self, token: &str) -> Option<(&Set, u32)> {
        let bytes = token.as_bytes();
        let hashed = bytes.get(bytes.len().saturating_sub(HASHED)..)?;
        if self.sets.is_empty() {
            return None;
        }
        let hash = self.hasher.hash_one(hashed);
        #[expect(
            clippy::cast_possible_truncation,
            reason = "the high half chooses the set, the low half is the tag"
        )]
        let (high, tag) = ((hash >> 32) as usize, hash as u32);
        Some((self.sets.get((high * self.sets.len()) >> 32)?, tag))
    }

    fn slot(&self, number: usize) -> Option<Slot<'_>> {
        self.sets.get(number / WAYS)?.slots().nth(number % WAYS)
    }

    /// Empties one set of expired entries, another one each time.
    fn sweep(&self, hand: &mut Hand, now: u32) {
        let set = self.sets.get(hand.set);
        hand.set = (hand.set + 1) % self.sets.len();
        for slot in set.into_iter().flat_map(Set::slots).filter(|slot| slot.is_over(now)) {
            self.empty(&slot);
        }
    }

    /// Empties one slot of the table.
    fn evict(&self, hand: &mut Hand, now: u32) {
        let slots = self.sets.len() * WAYS;
        for step in 0..LONGEST_WALK + slots {
            let slot = self.slot(hand.slot);
            hand.slot = (hand.slot + 1) % slots;
            let Some(slot) = slot.filter(|slot| !slot.is_free()) else { continue };
            if slot.is_over(now) || !slot.used.swap(false, Ordering::Relaxed) || step >= LONGEST_WALK {
                return self.empty(&slot);
            }
        }
    }

    fn empty(&self, slot: &Slot<'_>) {
        if slot.entry.swap(None).is_some() {
            self.held.fetch_sub(1, Ordering::Relaxed);
        }
        slot.over_at.store(NEVER, Ordering::Relaxed);
    }
}

/// `over_at` of a slot without an entry.
const NEVER: u32 = u32::MAX;

/// Seconds since 1970 in half the space: the year 2106 is as good as any later one.
fn seconds(at: i64) -> u32 {
    u32::try_from(at.clamp(0, i64::from(NEVER - 1))).unwrap_or(0)
}

impl Default for Set {
    fn default() -> Self {
        Self {
            tags: Default::default(),
            over_at: std::array::from_fn(|_| AtomicU32::new(NEVER)),
            used: Default::default(),
            entries: Default::default(),
        }
    }
}

impl Set {
    fn slots(&self) -> impl Iterator<Item = Slot<'_>> {
        let parts = self.tags.iter().zip(&self.over_at).zip(self.used.iter().zip(&self.entries));
        parts.map(|((tag, over_at), (used, entry))| Slot { tag, over_at, used, entry })
    }
}

impl Slot<'_> {
    /// Puts an entry in. A reader in between finds a tag and a text that do not belong together, which
    /// is no hit.
    fn fill(&self, tag: u32, over_at: u32, entry: Arc<Entry>) {
        self.over_at.store(over_at, Ordering::Relaxed);
        self.used.store(false, Ordering::Relaxed);
        self.entry.store(Some(entry));
        self.tag.store(tag, Ordering::Relaxed);
    }

    /// Written once, so that threads that read one token do not take its line from each other.
    fn note_use(&self) {
        if !self.used.load(Ordering::Relaxed) {
            self.used.store(true, Ordering::Relaxed);
        }
    }

    fn is_free(&self) -> bool {
        self.over_at.load(Ordering::Relaxed) == NEVER
    }

    fn is_over(&self, now: u32) -> bool {
        self.over_at.load(Ordering::Relaxed) <= now
    }

    fn holds(&self, tag: u32, token: &str) -> bool {
        self.tag.load(Ordering::Relaxed) == tag
            && self.entry.load().as_deref().is_some_and(|entry| *entry.token == *token)
    }

    /// Which of the entries of a full set goes first: one that was not used, then the next to expire.
    fn worth(&self) -> (bool, u32) {
        (self.used.load(Ordering::Relaxed), self.over_at.load(Ordering::Relaxed))
    }
}

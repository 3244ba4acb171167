//! Cost parameters as stored texts spell them, and the bounds on memory-hard ones.

use std::fmt;

use super::Malformed;

/// Ceiling for the memory of one hash, in KiB: 2 GiB, the first choice of RFC 9106.
pub(super) const MAX_MEMORY_KIB: u64 = 2 << 20;
/// Ceiling for memory times passes (Argon2) or times parallelism (scrypt), in KiB: 4 GiB.
pub(super) const MAX_MEMORY_WORK_KIB: u64 = 4 << 20;
/// Ceiling for Argon2 lanes, scrypt block size and scrypt parallelism.
pub(super) const MAX_LANES: u32 = 255;

/// Cost of Argon2: memory in KiB, passes over it, lanes. A value that exists is within the ceilings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Argon2Params {
    memory_kib: u32,
    passes: u32,
    lanes: u32,
}

impl Default for Argon2Params {
    /// 19 MiB, two passes, one lane: the OWASP Password Storage Cheat Sheet's choice for Argon2id.
    fn default() -> Self {
        Self { memory_kib: 19_456, passes: 2, lanes: 1 }
    }
}

impl Argon2Params {
    /// Checks the bounds: at least 8 KiB per lane, one pass, one lane; at most 2 GiB of memory, 4 GiB
    /// times passes, 255 lanes.
    ///
    /// Lanes run one after another here, so more of them gain nothing; they matter for reading hashes
    /// made elsewhere. Errors: [`Malformed::Parameter`], [`Malformed::TooCostly`].
    pub fn new(memory_kib: u32, passes: u32, lanes: u32) -> Result<Self, Malformed> {
        let memory = u64::from(memory_kib);
        if lanes == 0 || passes == 0 || memory < 8 * u64::from(lanes) {
            return Err(Malformed::Parameter);
        }
        if memory > MAX_MEMORY_KIB || memory * u64::from(passes) > MAX_MEMORY_WORK_KIB || lanes > MAX_LANES {
            return Err(Malformed::TooCostly);
        }
        Ok(Self { memory_kib, passes, lanes })
    }

    /// Reads `m=…,t=…,p=…`, in this order, as libargon2 writes and demands it.
    pub(super) fn read(text: &str) -> Result<Self, Malformed> {
        let mut parts = text.split(',');
        let mut next = |key| {
            let value = parts.next().and_then(|part| part.strip_prefix(key)).ok_or(Malformed::Parameter)?;
            number(value)
        };
        let params = [next("m=")?, next("t=")?, next("p=")?];
        if parts.next().is_some() {
            return Err(Malformed::Parameter);
        }
        let [memory_kib, passes, lanes] = params;
        Self::new(memory_kib, passes, lanes)
    }

    /// Memory, in KiB.
    #[must_use]
    pub fn memory_kib(&self) -> u32 {
        self.memory_kib
    }

    /// Passes over the memory.
    #[must_use]
    pub fn passes(&self) -> u32 {
        self.passes
    }

    /// Lanes.
    #[must_use]
    pub fn lanes(&self) -> u32 {
        self.lanes
    }
}

impl fmt::Display for Argon2Params {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { memory_kib, passes, lanes } = self;
        write!(f, "m={memory_kib},t={passes},p={lanes}")
    }
}

/// A number as Django and libargon2 print it: digits only, no leading zero.
pub(super) fn number(text: &str) -> Result<u32, Malformed> {
    let is_canonical = text.bytes().all(|byte| byte.is_ascii_digit())
        && !text.is_empty()
        && (text == "0" || !text.starts_with('0'));
    if !is_canonical {
        return Err(Malformed::Parameter);
    }
    // Digits alone fail to parse only by being too many.
    text.parse().map_err(|_| Malformed::TooCostly)
}

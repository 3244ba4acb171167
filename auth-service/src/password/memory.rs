//! Argon2's memory, which a thread keeps from one hash to the next.
//!
//! Fresh from the system it comes page by page, at the first touch of each: with the default parameters that
//! takes a sixth of the time of a hash. What a hash leaves in it says no more of a password than memory that is
//! given back; the threads of [`super::HashPool`] give it back when no work comes.

use std::cell::RefCell;

use argon2::Block;

/// The most that is kept, in blocks of a KiB: three times what new hashes take. Stored ones may demand more, and
/// are rare.
const MOST: usize = 64 << 10;

thread_local! {
    static BLOCKS: RefCell<Vec<Block>> = const { RefCell::new(Vec::new()) };
}

/// Lends so many blocks of a KiB, of any content; none if they cannot be had.
pub(super) fn with<T>(count: usize, work: impl FnOnce(&mut [Block]) -> T) -> Option<T> {
    let mut blocks = BLOCKS.take();
    let missing = count.saturating_sub(blocks.len());
    if missing > 0 {
        blocks.try_reserve_exact(missing).ok()?;
        blocks.resize(count, Block::new());
    }
    let done = blocks.get_mut(..count).map(work);
    if blocks.len() <= MOST {
        BLOCKS.set(blocks);
    }
    done
}

/// Gives the calling thread's memory back.
pub(super) fn release() {
    BLOCKS.take();
}

/// How many blocks the calling thread keeps.
#[cfg(test)]
pub(super) fn kept() -> usize {
    BLOCKS.with_borrow(Vec::len)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_kept_up_to_a_limit_until_it_is_released() {
        assert_eq!(with(8, |blocks| blocks.len()), Some(8));
        assert_eq!(with(4, |blocks| blocks.len()), Some(4), "no more than was asked for");
        assert_eq!(kept(), 8);
        release();
        assert_eq!(kept(), 0);
        assert_eq!(with(MOST + 1, |blocks| blocks.len()), Some(MOST + 1));
        assert_eq!(kept(), 0);
        assert!(with(usize::MAX / 1024, |_| ()).is_none());
    }
}

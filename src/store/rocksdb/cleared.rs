//! Cleared — the ranges that batches have cleared, kept for the node that frees their disk space. In memory, behind a lock.
//!
//! Whoever writes a range deletion, a command, an entry or the removal of a dead key, need not think of the space: each batch
//! passes through here.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Maximum number of ranges that are kept. Beyond it, ranges are forgotten: their space comes back when RocksDB merges their files
/// by itself.
const RANGES_MAX: usize = 10_000;

/// A range of raw keys: start (included) and end (excluded).
pub type Range = (Vec<u8>, Vec<u8>);

/// The ranges that were cleared and not taken yet.
#[derive(Debug, Default)]
pub(super) struct Cleared {
    ranges: Mutex<Vec<Range>>,
}

impl Cleared {
    fn lock(&self) -> MutexGuard<'_, Vec<Range>> {
        self.ranges.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds the ranges that a batch has cleared, once it is written.
    pub(super) fn note(&self, cleared: Vec<Range>) {
        if cleared.is_empty() {
            return;
        }
        let mut ranges = self.lock();
        let room = RANGES_MAX - ranges.len();
        ranges.extend(cleared.into_iter().take(room));
    }

    /// Takes all ranges.
    pub(super) fn take(&self) -> Vec<Range> {
        std::mem::take(&mut *self.lock())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cleared_ranges_are_taken_once_and_bounded() {
        let cleared = Cleared::default();
        let range = |n: usize| (n.to_be_bytes().to_vec(), (n + 1).to_be_bytes().to_vec());
        cleared.note(vec![range(1), range(2)]);
        cleared.note(vec![range(3)]);
        assert_eq!(cleared.take(), [range(1), range(2), range(3)]);
        assert!(cleared.take().is_empty());
        cleared.note((0..RANGES_MAX - 1).map(range).collect());
        cleared.note(vec![range(0); 3]);
        assert_eq!(cleared.take().len(), RANGES_MAX);
    }
}

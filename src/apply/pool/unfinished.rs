//! Unfinished — entries admitted, in log order → found by number, and given up as they are finished. Pure.

use crate::binlog::{Entry, Lsn};
use std::collections::VecDeque;
use std::sync::Arc;

/// The entries that are admitted and not finished, with their bytes.
///
/// Invariants: the front is unfinished; `entries` and `bytes` are the number and the sum of those that are there.
pub(super) struct Unfinished {
    /// The entry after the last one admitted.
    next: Lsn,
    /// One place an entry from the oldest unfinished one on; `None`: finished.
    places: VecDeque<Option<(Arc<Entry>, usize)>>,
    entries: usize,
    bytes: usize,
}

impl Unfinished {
    /// Nothing; the entry after `admitted` comes next.
    pub(super) fn after(admitted: Lsn) -> Unfinished {
        Unfinished { next: admitted.next(), places: VecDeque::new(), entries: 0, bytes: 0 }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries == 0
    }

    /// How many.
    pub(super) fn entries(&self) -> usize {
        self.entries
    }

    /// Their bytes, as they were given.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Adds the entry after the last one.
    pub(super) fn push(&mut self, entry: Arc<Entry>, bytes: usize) {
        self.next = entry.lsn.next();
        self.places.push_back(Some((entry, bytes)));
        self.entries += 1;
        self.bytes = self.bytes.saturating_add(bytes);
    }

    /// Entry `lsn`, if it is there.
    pub(super) fn get(&self, lsn: Lsn) -> Option<&Arc<Entry>> {
        let (entry, _) = self.places.get(self.place(lsn)?)?.as_ref()?;
        Some(entry)
    }

    /// Gives up entry `lsn`.
    pub(super) fn remove(&mut self, lsn: Lsn) -> Option<Arc<Entry>> {
        let place = self.place(lsn)?;
        let (entry, bytes) = self.places.get_mut(place)?.take()?;
        self.entries -= 1;
        self.bytes = self.bytes.saturating_sub(bytes);
        while let Some(None) = self.places.front() {
            self.places.pop_front();
        }
        Some(entry)
    }

    fn place(&self, lsn: Lsn) -> Option<usize> {
        // Places end before `next`; there are no more of them than fit in memory.
        let from_end = usize::try_from(self.next.0.checked_sub(lsn.0)?).ok()?;
        self.places.len().checked_sub(from_end)
    }
}

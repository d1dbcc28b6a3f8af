//! Watermark — entries that are done, in any order → the highest LSN up to which all entries are done. Pure.

use crate::binlog::Lsn;
use std::collections::BTreeSet;

/// The highest L such that every entry ≤ L is done, and the entries above it that are done.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Watermark {
    low: Lsn,
    above: BTreeSet<Lsn>,
}

impl Watermark {
    /// A watermark at `low`: all entries up to `low` are done.
    pub fn at(low: Lsn) -> Watermark {
        Watermark { low, above: BTreeSet::new() }
    }

    /// The watermark.
    pub fn low(&self) -> Lsn {
        self.low
    }

    /// Records that entry `lsn` is done. Entries at or below the watermark are done already.
    pub fn done(&mut self, lsn: Lsn) {
        // Most entries are done in order, so they need no place in the set.
        if lsn == self.low.next() {
            self.low = lsn;
        } else if lsn > self.low {
            self.above.insert(lsn);
        }
        while self.above.remove(&self.low.next()) {
            self.low = self.low.next();
        }
    }

    /// Whether entry `lsn` is done.
    pub fn is_done(&self, lsn: Lsn) -> bool {
        lsn <= self.low || self.above.contains(&lsn)
    }

    /// The watermark that would result if `lsns`, in ascending order, were done, too.
    pub fn with(&self, lsns: &[Lsn]) -> Lsn {
        // The set is not copied: it may be as large as the queue, and this is called for each batch.
        let mut above = self.above.iter().peekable();
        let mut lsns = lsns.iter().peekable();
        let mut low = self.low;
        loop {
            let next = low.next();
            // Both are always advanced: an entry may be written again, and is then in both.
            let is_above = above.next_if(|&&lsn| lsn <= next).is_some();
            let is_new = lsns.next_if(|&&lsn| lsn <= next).is_some_and(|&lsn| lsn == next);
            if is_above || is_new {
                low = next;
            } else if lsns.peek().is_none_or(|&&lsn| lsn > next) {
                return low;
            }
        }
    }
}

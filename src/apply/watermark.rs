//! Watermark — entries done, in any order → the highest LSN up to which all are done. Pure.

use crate::binlog::Lsn;
use std::collections::BTreeSet;

/// The highest L such that every entry ≤ L is done, and what is done above it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Watermark {
    low: Lsn,
    above: BTreeSet<Lsn>,
}

impl Watermark {
    /// All entries up to `low` are done.
    pub fn at(low: Lsn) -> Watermark {
        Watermark { low, above: BTreeSet::new() }
    }

    /// The watermark.
    pub fn low(&self) -> Lsn {
        self.low
    }

    /// Notes that entry `lsn` is done. Entries at or below the watermark are done already.
    pub fn done(&mut self, lsn: Lsn) {
        // As most are done in order, they need no place in the set.
        if lsn == self.low.next() {
            self.low = lsn;
        } else if lsn > self.low {
            self.above.insert(lsn);
        }
        while self.above.remove(&self.low.next()) {
            self.low = self.low.next();
        }
    }

    /// What the watermark would be if `lsns` were done, too.
    pub fn with(&self, lsns: impl Iterator<Item = Lsn>) -> Lsn {
        // No copy of what is done ahead: that may be the whole queue, and each batch asks.
        let lsns: BTreeSet<Lsn> = lsns.collect();
        let mut low = self.low;
        while self.above.contains(&low.next()) || lsns.contains(&low.next()) {
            low = low.next();
        }
        low
    }
}

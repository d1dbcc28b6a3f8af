//! `serial` — one job at a time in log order, a run of entries as one batch. Pure.
//!
//! The default. Readers see only prefixes of the log: a batch is atomic, and no second one is under way.

use super::{Admission, Job, OrderingStrategy, Reads, Refused};
use crate::binlog::Lsn;

/// One batch after the other, in log order. Promises prefix.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Serial {
    batch_entries_max: u64,
    /// The first entry that is admitted and not taken; past `last` if there is none.
    next: Lsn,
    /// The last admitted entry.
    last: Lsn,
    /// Whether a job is in flight.
    busy: bool,
}

impl Serial {
    /// No entries; a batch holds at most `batch_entries_max` (at least 1).
    pub fn new(batch_entries_max: usize) -> Serial {
        let batch_entries_max = u64::try_from(batch_entries_max).unwrap_or(u64::MAX).max(1);
        Serial { batch_entries_max, next: Lsn(1), last: Lsn(0), busy: false }
    }
}

impl OrderingStrategy for Serial {
    fn admit(&mut self, entry: &Admission<'_>) -> Result<(), Refused> {
        if self.next > self.last {
            self.next = entry.lsn;
        }
        self.last = entry.lsn;
        Ok(())
    }

    fn take(&mut self, _worker: usize) -> Option<Job> {
        if self.busy || self.next > self.last {
            return None;
        }
        let last = Lsn(self.last.0.min(self.next.0.saturating_add(self.batch_entries_max - 1)));
        let job = Job::run(self.next, last);
        self.next = last.next();
        self.busy = true;
        Some(job)
    }

    fn finish(&mut self, _worker: usize, _job: &Job) {
        self.busy = false;
    }

    fn reads(&self) -> Reads {
        Reads::BetweenBatches
    }

    fn interchangeable_workers(&self) -> bool {
        true
    }
}

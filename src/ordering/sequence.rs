//! `sequence` — workers decode entries and build batches in parallel; batches are written in log order. Pure.
//!
//! A global sequence: the expensive part is parallel, the visible part is not. A command entry is executed when
//! its turn to be written comes, so it reads what all entries before it wrote.
//!
//! The engine's pool builds and writes in one step, at the entry's turn: only the taking of jobs is parallel there.
//!
//! ```text
//! worker 0:  build 1 ── write 1                 worker 1:  build 2 ──────── (1 is finished) ── write 2
//! ```

use super::{Admission, Job, OrderingStrategy, Reads, Refused};
use crate::binlog::Lsn;

/// Batches that are written in log order. Promises prefix.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Sequence {
    batch_entries_max: u64,
    /// The first entry that is not taken.
    next: Lsn,
    /// The last admitted entry.
    last: Lsn,
    /// The first entry of the batch that may be written.
    turn: Lsn,
}

impl Sequence {
    /// No entries; a batch holds at most `batch_entries_max` (at least 1).
    pub fn new(batch_entries_max: usize) -> Sequence {
        let batch_entries_max = u64::try_from(batch_entries_max).unwrap_or(u64::MAX).max(1);
        Sequence { batch_entries_max, next: Lsn(0), last: Lsn(0), turn: Lsn(0) }
    }
}

impl OrderingStrategy for Sequence {
    fn admit(&mut self, entry: &Admission<'_>) -> Result<(), Refused> {
        if self.last == Lsn(0) {
            (self.next, self.turn) = (entry.lsn, entry.lsn);
        }
        self.last = entry.lsn;
        Ok(())
    }

    fn take(&mut self, _worker: usize) -> Option<Job> {
        if self.next > self.last || self.last == Lsn(0) {
            return None;
        }
        let last = Lsn(self.last.0.min(self.next.0.saturating_add(self.batch_entries_max - 1)));
        let job = Job::run(self.next, last);
        self.next = last.next();
        Some(job)
    }

    fn may_write(&self, job: &Job) -> bool {
        job.first() == self.turn
    }

    fn finish(&mut self, _worker: usize, job: &Job) {
        self.turn = job.last().next();
    }

    fn reads(&self) -> Reads {
        Reads::BetweenBatches
    }

    fn interchangeable_workers(&self) -> bool {
        true
    }
}

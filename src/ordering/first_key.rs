//! `first_key` — worker by the hash of the first argument; a command without keys goes to any worker. Pure.
//!
//! The oldest Pika (#1608, #1638). Unsafe on purpose: an entry with two keys is ordered against the entries of
//! its first key only, and FLUSHDB against nothing.
//!
//! ```text
//! MSET a 1 c 1 → lane of a          SET c 2 → lane of c, which may be done first: c ends as 1
//! ```

use super::lanes::Lanes;
use super::{Admission, Job, OrderingStrategy, Queued, Refused};

/// Lanes by the first key. Promises nothing.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct FirstKey {
    lanes: Lanes,
}

impl FirstKey {
    /// No entries, `workers` lanes; a batch holds at most `batch_entries_max` (at least 1).
    pub fn new(workers: usize, batch_entries_max: usize) -> FirstKey {
        FirstKey { lanes: Lanes::new(workers, batch_entries_max) }
    }
}

impl OrderingStrategy for FirstKey {
    fn admit(&mut self, entry: &Admission<'_>) -> Result<(), Refused> {
        match &entry.first_key {
            Some(key) => self.lanes.push(key, entry.lsn),
            None => self.lanes.push_keyless(entry.lsn),
        }
        Ok(())
    }

    fn take(&mut self, worker: usize) -> Option<Job> {
        self.lanes.pop(worker)
    }

    fn finish(&mut self, _worker: usize, _job: &Job) {}

    fn queued(&self) -> Option<Queued> {
        Some(self.lanes.queued())
    }

    fn has_lanes(&self) -> bool {
        true
    }
}

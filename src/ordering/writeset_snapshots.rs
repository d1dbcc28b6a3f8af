//! `writeset_snapshots` — writeset, with readers on published snapshots. Pure.
//!
//! Workers run ahead of each other as under [`writeset`](super::writeset), so the store passes through states
//! that the master never had. Readers do not see them: at a cut, admission closes and the workers finish what was
//! admitted. The store then holds what the master held after the last admitted entry, and a snapshot of it is published.
//!
//! ```text
//! admit 1 2 3 │ cut at 3 │ drain … │ snapshot, publish (3) │ admit 4 …       readers: 0 0 0 0 3 3 3
//! ```

use super::writeset::Writeset;
use super::{Admission, Job, OrderingStrategy, Refused, Snapshots};
use crate::binlog::Lsn;

/// Dependencies by last writer, reads from snapshots. Promises prefix.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct WritesetSnapshots {
    writeset: Writeset,
    last: Lsn,
    /// The last entry before the cut, while admission is closed.
    cut: Option<Lsn>,
}

impl WritesetSnapshots {
    /// No entries; a batch holds at most `batch_entries_max` (at least 1).
    pub fn new(batch_entries_max: usize) -> WritesetSnapshots {
        WritesetSnapshots { writeset: Writeset::new(batch_entries_max), last: Lsn::NONE, cut: None }
    }
}

impl OrderingStrategy for WritesetSnapshots {
    fn admits(&self) -> bool {
        self.cut.is_none()
    }

    fn admit(&mut self, entry: &Admission<'_>) -> Result<(), Refused> {
        self.last = entry.lsn;
        self.writeset.admit(entry)
    }

    fn take(&mut self, worker: usize) -> Option<Job> {
        self.writeset.take(worker)
    }

    fn finish(&mut self, worker: usize, job: &Job) {
        self.writeset.finish(worker, job);
    }

    fn snapshots(&self) -> Option<&dyn Snapshots> {
        Some(self)
    }

    fn snapshots_mut(&mut self) -> Option<&mut dyn Snapshots> {
        Some(self)
    }

    fn held_up_by(&self, worker: usize) -> Option<Lsn> {
        self.writeset.held_up_by(worker)
    }

    fn interchangeable_workers(&self) -> bool {
        true
    }
}

impl Snapshots for WritesetSnapshots {
    fn cut(&mut self) {
        self.cut = Some(self.last);
    }

    fn publishable(&self) -> Option<Lsn> {
        self.cut.filter(|_| self.writeset.is_idle())
    }

    fn published(&mut self) {
        self.cut = None;
    }
}

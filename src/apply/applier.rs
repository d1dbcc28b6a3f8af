//! Applier — a strategy and its workers: entries admitted → jobs for workers → watermark. Pure.
//!
//! ```text
//! worker   idle ─ take ─▶ given ─ begin ─▶ writing, with its marker ─ wrote ─▶ written ─ finish ─▶ idle
//! ```
//!
//! A worker's marker is the watermark that holds once its batch is written. It is computed when the worker begins to
//! write: it counts jobs that other workers finished before that, and none that they finish during the write.
//!
//! A pool of threads keeps an applier behind one lock; a model drives it step by step. Both call these functions
//! and no others.

use super::Watermark;
use crate::binlog::Lsn;
use crate::effect::KeySet;
use crate::invariant;
use crate::ordering::{Admission, Job, OrderingStrategy, Refused};
use std::collections::BTreeMap;
use std::mem;

/// The state of a worker.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Worker {
    /// It has no job.
    #[default]
    Idle,
    /// It has a job that it has not begun to write.
    Taken(Job),
    /// It is writing a job as one batch with this marker in it.
    Writing(Job, Lsn),
    /// It has written a job, and the strategy does not know it yet.
    Written(Job),
}

impl Worker {
    /// Its job.
    pub fn job(&self) -> Option<&Job> {
        match self {
            Worker::Idle => None,
            Worker::Taken(job) | Worker::Writing(job, _) | Worker::Written(job) => Some(job),
        }
    }
}

/// The pure part of a worker pool: a strategy, its workers, and the watermark.
///
/// Invariants: entries are admitted without gaps; the watermark never goes back.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Applier<O> {
    ordering: O,
    workers: Vec<Worker>,
    watermark: Watermark,
    admitted: Lsn,
    /// The marker of the store when the applier began: the strategy does not know the entries up to here.
    began_at: Lsn,
    /// For entries with several keys, which may be applied part by part: the number of parts that are not
    /// finished.
    parts: BTreeMap<Lsn, usize>,
}

impl<O: OrderingStrategy> Applier<O> {
    /// An applier with nothing admitted and `workers` (at least 1) idle workers; the store holds all entries
    /// up to `marker`.
    pub fn new(ordering: O, workers: usize, marker: Lsn) -> Applier<O> {
        Applier {
            ordering,
            workers: vec![Worker::Idle; workers.max(1)],
            watermark: Watermark::at(marker),
            admitted: marker,
            began_at: marker,
            parts: BTreeMap::new(),
        }
    }

    /// The strategy.
    pub fn ordering(&self) -> &O {
        &self.ordering
    }

    /// The workers.
    pub fn workers(&self) -> &[Worker] {
        &self.workers
    }

    /// Sorts the workers. A checker does this if the strategy treats workers alike
    /// ([`OrderingStrategy::interchangeable_workers`]): states that differ only in which worker does what then become
    /// equal.
    pub fn sort_workers(&mut self) {
        self.workers.sort_unstable();
    }

    /// The last entry admitted.
    pub fn admitted(&self) -> Lsn {
        self.admitted
    }

    /// The highest L with all entries ≤ L written.
    pub fn watermark(&self) -> Lsn {
        self.watermark.low()
    }

    /// Whether entry `lsn` was admitted, and all its parts are written.
    pub fn is_finished(&self, lsn: Lsn) -> bool {
        self.watermark.is_done(lsn)
    }

    /// Whether the next entry may be admitted now.
    pub fn admits(&self) -> bool {
        self.ordering.admits()
    }

    /// Admits the entry after the last admitted one. Errors: [`Refused`]: the replica stops. Panics: on a gap,
    /// which is a bug of the caller.
    pub fn admit(&mut self, entry: &Admission<'_>) -> Result<(), Refused> {
        assert_eq!(entry.lsn, self.admitted.next(), "lsn gap at admission");
        self.ordering.admit(entry)?;
        self.admitted = entry.lsn;
        if let KeySet::Keys(keys) = &*entry.keys
            && keys.len() > 1
        {
            self.parts.insert(entry.lsn, keys.len());
        }
        Ok(())
    }

    /// Gives `worker` a job, if it is idle and there is one for it. Panics: there is no such worker.
    pub fn take(&mut self, worker: usize) -> Option<&Job> {
        if self.workers[worker] != Worker::Idle {
            return None;
        }
        self.workers[worker] = Worker::Taken(self.ordering.take(worker)?);
        self.workers[worker].job()
    }

    /// Whether `worker` has a job that the strategy lets it write now. Panics: there is no such worker.
    pub fn may_begin(&self, worker: usize) -> bool {
        matches!(&self.workers[worker], Worker::Taken(job) if self.ordering.may_write(job))
    }

    /// Lets `worker` begin to write its job. Returns the marker of its batch; `None`: it has no job that may be
    /// written now. Panics: there is no such worker.
    pub fn begin(&mut self, worker: usize) -> Option<Lsn> {
        let Worker::Taken(job) = &self.workers[worker] else { return None };
        if !self.ordering.may_write(job) {
            return None;
        }
        let is_last_part = |lsn| self.parts.get(lsn).is_none_or(|&parts| parts == 1);
        let completes = job.part.is_none() || job.lsns.iter().all(is_last_part);
        let marker = self.watermark.with(if completes { job.lsns.as_slice() } else { &[] });
        debug_assert!(invariant::marker_in_reach(self.watermark(), marker, self.admitted), "marker {marker}");
        self.change(worker, |before| match before {
            Worker::Taken(job) => Worker::Writing(job, marker),
            other => other,
        });
        Some(marker)
    }

    /// Records that the batch of `worker` is written. Does nothing if it writes none. Panics: there is no
    /// such worker.
    pub fn wrote(&mut self, worker: usize) {
        self.change(worker, |before| match before {
            Worker::Writing(job, _) => Worker::Written(job),
            other => other,
        });
    }

    fn change(&mut self, worker: usize, to: impl FnOnce(Worker) -> Worker) {
        let slot = &mut self.workers[worker];
        *slot = to(mem::take(slot));
    }

    /// Tells the strategy that `worker` has written its job. Returns the job; `None`: it has written none. Panics: there
    /// is no such worker.
    pub fn finish(&mut self, worker: usize) -> Option<Job> {
        let job = match mem::take(&mut self.workers[worker]) {
            Worker::Written(job) => job,
            other => {
                self.workers[worker] = other;
                return None;
            }
        };
        self.ordering.finish(worker, &job);
        for &lsn in &job.lsns {
            let left = self.parts.get(&lsn).map_or(0, |parts| parts.saturating_sub(1));
            if job.part.is_some() && left > 0 {
                self.parts.insert(lsn, left);
            } else {
                self.parts.remove(&lsn);
                self.watermark.done(lsn);
            }
        }
        Some(job)
    }

    /// See [`crate::ordering::Snapshots::cut`]. Nothing happens if the strategy publishes no snapshots.
    pub fn cut(&mut self) {
        if let Some(snapshots) = self.ordering.snapshots_mut() {
            snapshots.cut();
        }
    }

    /// See [`crate::ordering::Snapshots::publishable`]. Before it gets its first entry, a strategy may publish the state with
    /// which the store began.
    pub fn publishable(&self) -> Option<Lsn> {
        self.ordering.snapshots()?.publishable().map(|at| at.max(self.began_at))
    }

    /// See [`crate::ordering::Snapshots::published`]. Nothing happens if the strategy publishes no snapshots.
    pub fn published(&mut self) {
        if let Some(snapshots) = self.ordering.snapshots_mut() {
            snapshots.published();
        }
    }
}

//! Holds — a schedule forced on the worker pool: this entry is not written before that one is finished. Pure.
//!
//! A counterexample is a schedule. To show it on the real engine, the worker that took an entry is kept from writing it:
//!
//! ```text
//! log        1 SET a   2 SET a   3 FLUSHDB           hold 1 until 3 is finished
//! key_hash   took 1 ─ held ──────┐ writes 1, 2       kept: the replica keeps a
//!                     writes 3 ──┘
//! barrier    took 1 ─ held ─ no worker may take 3    yielded: 1, 2, 3, and the replica is empty
//! ```

use crate::binlog::Lsn;
use crate::ordering::Job;

/// A hold: the worker that takes `entry` does not write it before `until_finished` is finished, unless nothing
/// could continue then.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Hold {
    /// The entry that is held.
    pub entry: Lsn,
    /// The entry that it waits for.
    pub until_finished: Lsn,
}

/// The outcome of a hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// Its entry is not written yet, and the other one may still come first.
    Open,
    /// Its entry was written after the other one was finished.
    Kept,
    /// Nothing could continue, so its entry was released.
    Yielded,
}

/// The holds, each with its outcome.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Holds(Vec<(Hold, Outcome)>);

impl Holds {
    pub(super) fn new(holds: Vec<Hold>) -> Holds {
        Holds(holds.into_iter().map(|hold| (hold, Outcome::Open)).collect())
    }

    pub(super) fn outcomes(&self) -> &[(Hold, Outcome)] {
        &self.0
    }

    /// The open holds on an entry of `job` that wait for an unfinished entry.
    pub(super) fn on<'a>(
        &'a self,
        job: &'a Job,
        finished: impl Fn(Lsn) -> bool + 'a,
    ) -> impl Iterator<Item = Hold> + 'a {
        let on = move |hold: &Hold| job.lsns.contains(&hold.entry) && !finished(hold.until_finished);
        self.0.iter().filter(|(_, outcome)| *outcome == Outcome::Open).map(|(hold, _)| *hold).filter(on)
    }

    /// Records that `job` is being written: the holds on it are kept.
    pub(super) fn keep(&mut self, job: &Job) {
        self.close(|hold| job.lsns.contains(&hold.entry), Outcome::Kept);
    }

    /// Releases `entry`: the holds on it have yielded.
    pub(super) fn release(&mut self, entry: Lsn) {
        self.close(|hold| hold.entry == entry, Outcome::Yielded);
    }

    fn close(&mut self, which: impl Fn(&Hold) -> bool, to: Outcome) {
        for (hold, outcome) in &mut self.0 {
            if *outcome == Outcome::Open && which(hold) {
                *outcome = to;
            }
        }
    }
}

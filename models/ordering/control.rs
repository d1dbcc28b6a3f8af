//! Control — the strategy, the workers and what readers may see: one interned part of a state, moved by the engine's own
//! code.

use crate::apply::{Applier, Worker};
use crate::binlog::Lsn;
use crate::effect::KeySet;
use crate::expiry::LogTime;
use crate::node::{Readers, Replica};
use crate::ordering::{Admission, Job, Ordering, Reads, Refused};
use crate::time::{Elapsed, Millis};

/// A batch to be written.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Task {
    /// Its entries, or the part of one.
    pub job: Job,
    /// Its marker; `None`: its last entry, as at a restart.
    pub marker: Option<Lsn>,
}

/// A step that needs nothing but the strategy and the workers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Move {
    /// Worker takes a job.
    Take(u8),
    /// Worker writes its batch; it begins in the same step, if it has not yet.
    Write(u8),
    /// Worker says that it is done.
    Finish(u8),
    /// Admission closes, so that a snapshot can be published.
    Cut,
    /// A snapshot is taken and published; admission goes on.
    Publish,
    /// Worker begins to write, and no more: its marker is settled. Only a crash brings a marker back, so it is offered only
    /// where one may follow.
    Begin(u8),
}

/// A step of a strategy that no pool can follow. Nothing comes after it, so it breaks *progress*.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fault {
    /// A job without entries.
    EmptyJob,
    /// A job with an entry that was not admitted.
    NotAdmitted(Lsn),
    /// A job with an entry that each worker may have had already: it would go on for ever.
    Again(Lsn),
    /// A snapshot at an entry that is not after the one of the last snapshot.
    PublishedAgain(Lsn),
}

impl std::fmt::Display for Fault {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Fault::EmptyJob => write!(out, "a job without entries"),
            Fault::NotAdmitted(lsn) => write!(out, "entry {lsn}, which was not admitted"),
            Fault::Again(lsn) => write!(out, "entry {lsn} again, more often than there are workers"),
            Fault::PublishedAgain(lsn) => write!(out, "a snapshot at entry {lsn}, which is not a newer one"),
        }
    }
}

/// The strategy, its workers, and what readers may see.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Control<O> {
    /// The pure part of the worker pool.
    pub applier: Applier<O>,
    /// What is published, and whether readers are let in. Nothing here asks for log time.
    pub replica: Replica,
    /// Whether a snapshot was asked for and is not published yet.
    pub cutting: bool,
    /// The last entry of the log that the replica had when it started.
    log: Lsn,
    /// Whether a crash may follow.
    may_crash: bool,
    /// Entries and parts that were admitted, and that were finished, since the start.
    pieces: (usize, usize),
    /// The last fault of the strategy.
    pub fault: Option<Fault>,
}

/// The core of a replica that has just started with all up to `published`. `tail`: the last entry of its master's log, which
/// readers wait for; `None`: readers are let in at once.
pub fn started(published: Lsn, tail: Option<Lsn>) -> Replica {
    let readers = if tail.is_some() { Readers::WaitForMaster } else { Readers::In };
    let mut replica = Replica::new(published, LogTime::default(), None, readers);
    if let Some(tail) = tail {
        replica.resumed(tail);
        replica.heartbeat(tail, Millis::ZERO, Elapsed::default());
    }
    replica
}

impl<O: Ordering + Clone> Control<O> {
    /// Idle workers and a store that holds what `replica` has published. `log`: the last entry of its log. `may_crash`:
    /// whether a crash may follow.
    pub fn new(ordering: O, workers: usize, replica: Replica, log: Lsn, may_crash: bool) -> Control<O> {
        let applier = Applier::new(ordering, workers, replica.published());
        Control { applier, replica, cutting: false, log, may_crash, pieces: (0, 0), fault: None }
    }

    /// With the log applied up to `lsn` by a restart; `ordering` knows nothing of it.
    pub fn recovered(&self, ordering: O, lsn: Lsn) -> Control<O> {
        let mut replica = self.replica.clone();
        replica.publish(lsn);
        Control::new(ordering, self.applier.workers().len(), replica, self.log, self.may_crash)
    }

    /// How many entries of its log the replica has not applied since it started.
    pub fn to_recover(&self) -> u64 {
        self.log.0.saturating_sub(self.applier.admitted().0)
    }

    /// How far the workers are: of each entry or part, 1 if it is given, 2 begun, 3 written, 4 finished.
    pub fn work(&self) -> usize {
        let in_hand = self.applier.workers().iter().map(|worker| match worker {
            Worker::Idle => 0,
            Worker::Given(job) => job.lsns.len(),
            Worker::Writing(job, _) => 2 * job.lsns.len(),
            Worker::Written(job) => 3 * job.lsns.len(),
        });
        4 * self.pieces.1 + in_hand.sum::<usize>()
    }

    /// The fault of a job that was just taken.
    fn fault_of(&self, job: &Job) -> Option<Fault> {
        let beyond = job.lsns.iter().find(|lsn| !(Lsn(1)..=self.applier.admitted()).contains(lsn));
        let in_hand = self.applier.workers().iter().filter_map(Worker::job).map(|job| job.lsns.len());
        // Each worker may run an entry once (`flush_in_every_flow`, where each lane does).
        let taken = self.pieces.1 + in_hand.sum::<usize>() + job.lsns.len();
        match (beyond, job.lsns.is_empty()) {
            (_, true) => Some(Fault::EmptyJob),
            (Some(&lsn), _) => Some(Fault::NotAdmitted(lsn)),
            _ if taken > self.pieces.0 * self.applier.workers().len() => Some(Fault::Again(job.first())),
            _ => None,
        }
    }

    /// With the next entry admitted; `None` while the strategy admits nothing.
    pub fn admit(&self, entry: &Admission) -> Option<Result<Control<O>, Refused>> {
        if !self.applier.admits() {
            return None;
        }
        let mut next = self.clone();
        next.pieces.0 += match &*entry.keys {
            KeySet::Keys(keys) => keys.len().max(1),
            KeySet::Everything => 1,
        };
        Some(next.applier.admit(entry).map(|()| next))
    }

    /// The moves that are possible, each with what comes of it and, for [`Move::Write`], with the task. With
    /// `canonical`, workers that a strategy cannot tell apart are sorted. [`Move::Begin`] comes last: of paths equally long
    /// the plainest is told.
    pub fn moves(&self, canonical: bool) -> Vec<(Move, Control<O>, Option<Task>)> {
        let interchangeable = canonical && self.applier.ordering().interchangeable_workers();
        let mut moves = Vec::new();
        if self.fault.is_some() {
            return moves;
        }
        let workers = self.applier.workers();
        // Workers alike do alike: one of them is enough.
        let is_first = |worker: usize| !interchangeable || !workers[..worker].contains(&workers[worker]);
        let numbered = || (0..workers.len()).zip(0u8..).filter(|(worker, _)| is_first(*worker));
        moves.extend(numbered().filter_map(|(worker, number)| self.step_of(worker, number)));
        moves.extend(self.publication());
        if self.may_crash {
            moves.extend(numbered().filter_map(|(worker, number)| {
                let mut next = self.clone();
                next.applier.begin(worker).map(|_| (Move::Begin(number), next, None))
            }));
        }
        if interchangeable {
            moves.iter_mut().for_each(|(_, next, _)| next.applier.sort_workers());
        }
        moves
    }

    /// The next step of `worker`, whose number is `number`: it takes, writes or finishes.
    fn step_of(&self, worker: usize, number: u8) -> Option<(Move, Control<O>, Option<Task>)> {
        let mut next = self.clone();
        match &self.applier.workers()[worker] {
            Worker::Idle => {
                next.fault = self.fault_of(next.applier.take(worker)?);
                Some((Move::Take(number), next, None))
            }
            Worker::Written(job) => {
                next.applier.finish(worker)?;
                next.pieces.1 += job.lsns.len();
                next.publish_latest();
                Some((Move::Finish(number), next, None))
            }
            Worker::Given(_) | Worker::Writing(..) => {
                next.applier.begin(worker);
                let Worker::Writing(job, marker) = &next.applier.workers()[worker] else { return None };
                let task = Task { job: job.clone(), marker: Some(*marker) };
                next.applier.wrote(worker);
                Some((Move::Write(number), next, Some(task)))
            }
        }
    }

    /// Publishes the watermark, unless readers of the strategy are given snapshots.
    fn publish_latest(&mut self) {
        let low = self.applier.watermark();
        if self.applier.ordering().reads() != Reads::Published && low > self.replica.published() {
            self.replica.publish(low);
        }
    }

    fn publication(&self) -> Option<(Move, Control<O>, Option<Task>)> {
        let mut next = self.clone();
        if let Some(at) = self.applier.publishable() {
            next.applier.published();
            next.cutting = false;
            if at > self.replica.published() {
                next.replica.publish(at);
            } else {
                next.fault = Some(Fault::PublishedAgain(at));
            }
            return Some((Move::Publish, next, None));
        }
        let worth_it = self.applier.ordering().reads() == Reads::Published
            && self.applier.admits()
            && self.applier.admitted() > self.replica.published()
            && !self.cutting;
        worth_it.then(|| {
            next.applier.cut();
            next.cutting = true;
            (Move::Cut, next, None)
        })
    }
}

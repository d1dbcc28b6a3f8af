//! Control — the strategy, the workers and what readers may see: one interned part of a state. The engine's own code
//! moves it.

use super::action::Move;
use crate::apply::{Applier, Worker};
use crate::binlog::Lsn;
use crate::effect::KeySet;
use crate::expiry::LogTime;
use crate::node::{Readers, Replica};
use crate::ordering::{Admission, Job, OrderingStrategy, Reads, Refused};
use crate::time::{Elapsed, Millis};

/// A batch to be written.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Task {
    /// Its entries, or the part of one entry for one key.
    pub job: Job,
    /// Its marker. `None`: its last entry, as at a restart.
    pub marker: Option<Lsn>,
}

/// A step of a strategy that no worker pool can carry out. No step follows it, so it breaks *progress*.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fault {
    /// A job without entries.
    EmptyJob,
    /// A job with an entry that was not admitted.
    NotAdmitted(Lsn),
    /// A job with an entry that every worker may have had already: the strategy would give it out for ever.
    Again(Lsn),
    /// A snapshot at an entry that is not later than the entry of the last snapshot.
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
    /// The published watermark, and whether readers are let in. The ordering model does not use its log time.
    pub replica: Replica,
    /// Whether a cut was made whose snapshot is not published yet.
    pub cutting: bool,
    /// The last entry of the log that the replica had when it started.
    log: Lsn,
    /// Whether a crash may follow.
    may_crash: bool,
    /// Number of entries and parts that were admitted since the start, and number of those that were finished.
    pieces: (usize, usize),
    /// The fault that the strategy committed, if any.
    pub fault: Option<Fault>,
}

/// The core of a replica that has just started with all entries up to `published` applied. `tail`: the last entry of its
/// master's log, which readers wait for; `None`: readers are let in at once.
pub fn started(published: Lsn, tail: Option<Lsn>) -> Replica {
    let readers = if tail.is_some() { Readers::WaitForMaster } else { Readers::In };
    let mut replica = Replica::new(published, LogTime::default(), None, readers);
    if let Some(tail) = tail {
        replica.resumed(tail);
        replica.heartbeat(tail, Millis::ZERO, Elapsed::default());
    }
    replica
}

impl<O: OrderingStrategy + Clone> Control<O> {
    /// Makes a control of idle workers and a store that holds what `replica` has published. `log`: the last entry of its
    /// log. `may_crash`: whether a crash may follow.
    pub fn new(ordering: O, workers: usize, replica: Replica, log: Lsn, may_crash: bool) -> Control<O> {
        let applier = Applier::new(ordering, workers, replica.published());
        Control { applier, replica, cutting: false, log, may_crash, pieces: (0, 0), fault: None }
    }

    /// The control after a restart has applied the log up to `lsn`. `ordering` is a new strategy that has not seen these
    /// entries.
    pub fn recovered(&self, ordering: O, lsn: Lsn) -> Control<O> {
        let mut replica = self.replica.clone();
        replica.publish(lsn);
        Control::new(ordering, self.applier.workers().len(), replica, self.log, self.may_crash)
    }

    /// How many entries of its log the replica has not applied since it started.
    pub fn to_recover(&self) -> u64 {
        self.log.0.saturating_sub(self.applier.admitted().0)
    }

    /// How far along the workers are: the sum over entries and parts of 1 if taken, 2 if begun, 3 if written, 4 if
    /// finished.
    pub fn work(&self) -> usize {
        let in_hand = self.applier.workers().iter().map(|worker| match worker {
            Worker::Idle => 0,
            Worker::Taken(job) => job.lsns.len(),
            Worker::Writing(job, _) => 2 * job.lsns.len(),
            Worker::Written(job) => 3 * job.lsns.len(),
        });
        4 * self.pieces.1 + in_hand.sum::<usize>()
    }

    /// The fault in a job that was just taken, if there is one.
    fn fault_of(&self, job: &Job) -> Option<Fault> {
        let beyond = job.lsns.iter().find(|lsn| !(Lsn(1)..=self.applier.admitted()).contains(lsn));
        let in_hand = self.applier.workers().iter().filter_map(Worker::job).map(|job| job.lsns.len());
        // Each worker may get an entry once: in `flush_in_every_flow` each lane gets the flush.
        let taken = self.pieces.1 + in_hand.sum::<usize>() + job.lsns.len();
        match (beyond, job.lsns.is_empty()) {
            (_, true) => Some(Fault::EmptyJob),
            (Some(&lsn), _) => Some(Fault::NotAdmitted(lsn)),
            _ if taken > self.pieces.0 * self.applier.workers().len() => Some(Fault::Again(job.first())),
            _ => None,
        }
    }

    /// The control with the next entry admitted; `None` while the strategy admits nothing.
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

    /// The possible moves, each with the control that it leads to and, for [`Move::Write`], with its task. With
    /// `canonical`, workers that the strategy cannot tell apart are sorted. [`Move::Begin`] comes last, so that of
    /// equally long paths the simplest one is found first.
    pub fn moves(&self, canonical: bool) -> Vec<(Move, Control<O>, Option<Task>)> {
        let interchangeable = canonical && self.applier.ordering().interchangeable_workers();
        let mut moves = Vec::new();
        if self.fault.is_some() {
            return moves;
        }
        let workers = self.applier.workers();
        // Equal workers have equal steps, so the first of them is enough.
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

    /// The next step of `worker`, whose number as a `u8` is `number`: it takes, writes or finishes.
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
            Worker::Taken(_) | Worker::Writing(..) => {
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

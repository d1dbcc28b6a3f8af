//! Control — the strategy and the workers: one interned part of a state, moved by the engine's own code.

use crate::apply::Applier;
use crate::binlog::Lsn;
use crate::effect::KeySet;
use crate::ordering::{Admission, Job, Ordering, Reads, Refused};

/// A job that was taken, with the marker that its batch will carry if that is settled yet.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Task {
    /// What to do.
    pub job: Job,
    /// `None` until the strategy lets the batch be written.
    pub marker: Option<Lsn>,
}

/// What a worker is at.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Phase {
    /// Nothing.
    Idle,
    /// It has taken a task and built its batch.
    Taken(Task),
    /// It has written its batch and not said so yet.
    Written(Job),
}

/// A step that needs nothing but the strategy and the workers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Move {
    /// Worker takes a task.
    Take(u8),
    /// Worker writes its batch.
    Write(u8),
    /// Worker says that it is done.
    Finish(u8),
    /// Admission closes, so that a snapshot can be published.
    Cut,
    /// A snapshot is taken and published; admission goes on.
    Publish,
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

/// How far a replica is. Every step raises it, so no run of a finite log is endless.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rank {
    admitted: Lsn,
    /// Of each entry or part: 1 taken, 2 written, 3 finished.
    work: usize,
    published: Lsn,
    cutting: bool,
}

/// The strategy and what each worker is at.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Control<O> {
    /// The pure part of the worker pool.
    pub applier: Applier<O>,
    /// What each worker is at.
    pub workers: Vec<Phase>,
    /// The last entry of the snapshot that was published last.
    pub published: Lsn,
    /// Whether a snapshot was asked for and is not published yet.
    pub cutting: bool,
    /// Entries and parts that were admitted, and that were finished, since the start.
    pieces: (usize, usize),
    /// The last fault of the strategy.
    pub fault: Option<Fault>,
}

impl<O: Ordering> Control<O> {
    /// Whether every admitted entry is written and said to be.
    pub fn is_quiet(&self) -> bool {
        self.applier.watermark() == self.applier.admitted()
    }
}

impl<O: Ordering + Clone> Control<O> {
    /// Idle workers and a store that holds all up to `marker`.
    pub fn new(ordering: O, workers: usize, marker: Lsn) -> Control<O> {
        Control {
            applier: Applier::new(ordering, marker),
            workers: vec![Phase::Idle; workers],
            published: Lsn::NONE,
            cutting: false,
            pieces: (0, 0),
            fault: None,
        }
    }

    /// Whether it began with some entries of a log of that length in its store, and not with all of them.
    pub fn began_within(&self, length: Lsn) -> bool {
        (Lsn(1)..length).contains(&self.applier.began_at())
    }

    /// How far it is.
    pub fn rank(&self) -> Rank {
        let in_hand = self.workers.iter().map(|phase| match phase {
            Phase::Idle => 0,
            Phase::Taken(task) => task.job.lsns.len(),
            Phase::Written(job) => 2 * job.lsns.len(),
        });
        Rank {
            admitted: self.applier.admitted(),
            work: 3 * self.pieces.1 + in_hand.sum::<usize>(),
            published: self.published,
            cutting: self.cutting,
        }
    }

    /// The fault of a job that was just taken.
    fn fault_of(&self, job: &Job) -> Option<Fault> {
        let beyond = job.lsns.iter().find(|lsn| !(Lsn(1)..=self.applier.admitted()).contains(lsn));
        let in_hand = self.workers.iter().map(|phase| match phase {
            Phase::Idle => 0,
            Phase::Taken(Task { job, .. }) | Phase::Written(job) => job.lsns.len(),
        });
        // Each worker may run an entry once (`flush_in_every_flow`, where each lane does).
        let taken = self.pieces.1 + in_hand.sum::<usize>() + job.lsns.len();
        match (beyond, job.lsns.is_empty()) {
            (_, true) => Some(Fault::EmptyJob),
            (Some(&lsn), _) => Some(Fault::NotAdmitted(lsn)),
            _ if taken > self.pieces.0 * self.workers.len() => Some(Fault::Again(job.first())),
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
    /// `canonical`, workers that a strategy cannot tell apart are sorted.
    pub fn moves(&self, canonical: bool) -> Vec<(Move, Control<O>, Option<Task>)> {
        let interchangeable = canonical && self.applier.ordering().interchangeable_workers();
        let mut moves = Vec::new();
        if self.fault.is_some() {
            return moves;
        }
        for (worker, number) in (0..self.workers.len()).zip(0u8..) {
            // Workers alike do alike: one of them is enough.
            if interchangeable && self.workers[..worker].contains(&self.workers[worker]) {
                continue;
            }
            let mut next = self.clone();
            let (step, task) = match &self.workers[worker] {
                Phase::Idle => {
                    let Some(job) = next.applier.take(worker) else { continue };
                    next.fault = self.fault_of(&job);
                    let marker = next.applier.marker(&job);
                    next.workers[worker] = Phase::Taken(Task { job, marker });
                    (Move::Take(number), None)
                }
                Phase::Taken(task) => {
                    let Some(marker) = task.marker.or_else(|| self.applier.marker(&task.job)) else {
                        continue;
                    };
                    next.workers[worker] = Phase::Written(task.job.clone());
                    let task = Task { marker: Some(marker), ..task.clone() };
                    (Move::Write(number), Some(task))
                }
                Phase::Written(job) => {
                    next.applier.finish(worker, job);
                    next.pieces.1 += job.lsns.len();
                    next.workers[worker] = Phase::Idle;
                    (Move::Finish(number), None)
                }
            };
            if interchangeable {
                next.workers.sort();
            }
            moves.push((step, next, task));
        }
        moves.extend(self.publication());
        moves
    }

    fn publication(&self) -> Option<(Move, Control<O>, Option<Task>)> {
        let mut next = self.clone();
        if let Some(at) = self.applier.publishable() {
            next.applier.published();
            next.fault = (at <= self.published).then_some(Fault::PublishedAgain(at));
            (next.published, next.cutting) = (at, false);
            return Some((Move::Publish, next, None));
        }
        let worth_it = self.applier.ordering().reads() == Reads::Published
            && self.applier.admits()
            && self.applier.admitted() > self.published
            && !self.cutting;
        worth_it.then(|| {
            next.applier.cut();
            next.cutting = true;
            (Move::Cut, next, None)
        })
    }
}

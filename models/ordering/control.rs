//! Control — the strategy and the workers: one interned part of a state, moved by the engine's own code.

use crate::apply::Applier;
use crate::binlog::Lsn;
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

/// The strategy and what each worker is at.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Control<O> {
    /// The pure part of the worker pool.
    pub applier: Applier<O>,
    /// What each worker is at.
    pub workers: Vec<Phase>,
    /// The last entry of the snapshot that was published last.
    pub published: Lsn,
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
        }
    }

    /// With the next entry admitted; `None` while the strategy admits nothing.
    pub fn admit(&self, entry: &Admission) -> Option<Result<Control<O>, Refused>> {
        if !self.applier.admits() {
            return None;
        }
        let mut next = self.clone();
        Some(next.applier.admit(entry).map(|()| next))
    }

    /// The moves that are possible, each with what comes of it and, for [`Move::Write`], with the task. With
    /// `canonical`, workers that a strategy cannot tell apart are sorted.
    pub fn moves(&self, canonical: bool) -> Vec<(Move, Control<O>, Option<Task>)> {
        let interchangeable = canonical && self.applier.ordering().interchangeable_workers();
        let mut moves = Vec::new();
        for (worker, number) in (0..self.workers.len()).zip(0u8..) {
            // Workers alike do alike: one of them is enough.
            if interchangeable && self.workers[..worker].contains(&self.workers[worker]) {
                continue;
            }
            let mut next = self.clone();
            let (step, task) = match &self.workers[worker] {
                Phase::Idle => {
                    let Some(job) = next.applier.take(worker) else { continue };
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
            next.published = at;
            return Some((Move::Publish, next, None));
        }
        let worth_it = self.applier.ordering().reads() == Reads::Published
            && self.applier.admits()
            && self.applier.admitted() > self.published;
        worth_it.then(|| {
            next.applier.cut();
            (Move::Cut, next, None)
        })
    }
}

//! Safe strategies, each with a fault that the tools must find.

use replicheck::binlog::Lsn;
use replicheck::effect::KeySet;
use replicheck::ordering::{Admission, AnyOrdering, Job, Ordering, Reads, Refused, Strategy};

/// The fault of a strategy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// An entry counts as finished for the strategy as soon as it is taken.
    ForgetsWhatIsInFlight,
    /// Batches are written as soon as they are built.
    WritesOutOfTurn,
    /// FLUSHDB conflicts with nothing.
    OverlooksEverything,
    /// A snapshot is published without draining.
    PublishesWithoutDraining,
}

/// One mutant of each safe strategy.
pub const MUTANTS: [(Strategy, Fault); 5] = [
    (Strategy::Serial, Fault::ForgetsWhatIsInFlight),
    (Strategy::Barrier, Fault::ForgetsWhatIsInFlight),
    (Strategy::Sequence, Fault::WritesOutOfTurn),
    (Strategy::Writeset, Fault::OverlooksEverything),
    (Strategy::WritesetSnapshots, Fault::PublishesWithoutDraining),
];

/// A strategy with a fault, or without one.
#[derive(Clone, Debug)]
pub struct Mutant {
    pub inner: AnyOrdering,
    pub fault: Option<Fault>,
    last: Lsn,
    cut: bool,
}

impl Mutant {
    pub fn new(inner: AnyOrdering, fault: Option<Fault>) -> Mutant {
        Mutant { inner, fault, last: Lsn::NONE, cut: false }
    }
}

impl Ordering for Mutant {
    fn admits(&self) -> bool {
        self.inner.admits()
    }

    fn admit(&mut self, entry: &Admission) -> Result<(), Refused> {
        let mut entry = entry.clone();
        if self.fault == Some(Fault::OverlooksEverything) && *entry.keys == KeySet::Everything {
            entry.keys = std::borrow::Cow::Owned(KeySet::empty());
        }
        self.last = entry.lsn;
        self.inner.admit(&entry)
    }

    fn take(&mut self, worker: usize) -> Option<Job> {
        let job = self.inner.take(worker)?;
        if self.fault == Some(Fault::ForgetsWhatIsInFlight) {
            self.inner.finish(worker, &job);
        }
        Some(job)
    }

    fn may_write(&self, job: &Job) -> bool {
        self.fault == Some(Fault::WritesOutOfTurn) || self.inner.may_write(job)
    }

    fn finish(&mut self, worker: usize, job: &Job) {
        if self.fault != Some(Fault::ForgetsWhatIsInFlight) {
            self.inner.finish(worker, job);
        }
    }

    fn reads(&self) -> Reads {
        self.inner.reads()
    }

    fn cut(&mut self) {
        self.cut = true;
        self.inner.cut();
    }

    fn publishable(&self) -> Option<Lsn> {
        if self.fault == Some(Fault::PublishesWithoutDraining) {
            return self.cut.then_some(self.last);
        }
        self.inner.publishable()
    }

    fn published(&mut self) {
        self.cut = false;
        self.inner.published();
    }

    fn interchangeable_workers(&self) -> bool {
        self.inner.interchangeable_workers()
    }
}

//! Safe strategies, each with a fault that the tools must find.

use replicheck::binlog::Lsn;
use replicheck::effect::KeySet;
use replicheck::ordering::{
    self, Admission, AnyStrategy, Job, OrderingStrategy, Refused, Snapshots, Strategy,
};

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

/// A fault that a strategy does not stand: `None` where it promises nothing.
fn fault_of(strategy: Strategy) -> Option<Fault> {
    match strategy {
        Strategy::FirstKey | Strategy::KeyHash => None,
        Strategy::Serial | Strategy::Barrier => Some(Fault::ForgetsWhatIsInFlight),
        Strategy::Sequence => Some(Fault::WritesOutOfTurn),
        Strategy::Writeset => Some(Fault::OverlooksEverything),
        Strategy::WritesetSnapshots => Some(Fault::PublishesWithoutDraining),
    }
}

/// One mutant of each safe strategy.
pub fn mutants() -> impl Iterator<Item = (Strategy, Fault)> {
    Strategy::safe().map(|strategy| (strategy, fault_of(strategy).expect("a fault of a safe strategy")))
}

/// A strategy with a fault, or without one.
#[derive(Clone, Debug)]
pub struct Mutant {
    pub inner: AnyStrategy,
    pub fault: Option<Fault>,
    last: Lsn,
    cut: bool,
}

impl Mutant {
    pub fn new(inner: AnyStrategy, fault: Option<Fault>) -> Mutant {
        Mutant { inner, fault, last: Lsn::NONE, cut: false }
    }
}

impl ordering::Wrapper for Mutant {
    type Inner = AnyStrategy;

    fn inner(&self) -> &AnyStrategy {
        &self.inner
    }

    fn inner_mut(&mut self) -> &mut AnyStrategy {
        &mut self.inner
    }

    fn admit(&mut self, entry: &Admission) -> Result<(), Refused> {
        let mut entry = entry.clone();
        if self.fault == Some(Fault::OverlooksEverything) && *entry.keys == KeySet::Everything {
            entry.keys = std::borrow::Cow::Owned(KeySet::empty());
        }
        self.last = entry.lsn;
        OrderingStrategy::admit(&mut self.inner, &entry)
    }

    fn take(&mut self, worker: usize) -> Option<Job> {
        let job = OrderingStrategy::take(&mut self.inner, worker)?;
        if self.fault == Some(Fault::ForgetsWhatIsInFlight) {
            OrderingStrategy::finish(&mut self.inner, worker, &job);
        }
        Some(job)
    }

    fn may_write(&self, job: &Job) -> bool {
        self.fault == Some(Fault::WritesOutOfTurn) || OrderingStrategy::may_write(&self.inner, job)
    }

    fn finish(&mut self, worker: usize, job: &Job) {
        if self.fault != Some(Fault::ForgetsWhatIsInFlight) {
            OrderingStrategy::finish(&mut self.inner, worker, job);
        }
    }

    fn snapshots(&self) -> Option<&dyn Snapshots> {
        OrderingStrategy::snapshots(&self.inner).map(|_| self as &dyn Snapshots)
    }

    fn snapshots_mut(&mut self) -> Option<&mut dyn Snapshots> {
        if OrderingStrategy::snapshots(&self.inner).is_some() { Some(self) } else { None }
    }
}

impl Snapshots for Mutant {
    fn cut(&mut self) {
        self.cut = true;
        self.inner.snapshots_mut().into_iter().for_each(Snapshots::cut);
    }

    fn publishable(&self) -> Option<Lsn> {
        if self.fault == Some(Fault::PublishesWithoutDraining) {
            return self.cut.then_some(self.last);
        }
        self.inner.snapshots()?.publishable()
    }

    fn published(&mut self) {
        self.cut = false;
        self.inner.snapshots_mut().into_iter().for_each(Snapshots::published);
    }
}

//! Wrappers — a machine around another one. Pure.

use super::{Admission, Job, OrderingStrategy, Queued, Reads, Refused, Snapshots};
use crate::binlog::Lsn;

/// A machine around another one: each method does what the inner machine does, unless the wrapper says otherwise. A wrapper
/// is an [`OrderingStrategy`].
///
/// The two traits have methods of the same names. So a file that calls them imports [`OrderingStrategy`] alone, and implements this
/// trait by its path: `impl ordering::Wrapper for …`. In such an `impl`, a call of the inner machine names the trait:
/// `OrderingStrategy::take(&mut self.inner, worker)`.
pub trait Wrapper {
    /// The type of the inner machine.
    type Inner: OrderingStrategy + ?Sized;

    /// The inner machine.
    fn inner(&self) -> &Self::Inner;

    /// The inner machine.
    fn inner_mut(&mut self) -> &mut Self::Inner;

    /// See [`OrderingStrategy::admits`].
    fn admits(&self) -> bool {
        self.inner().admits()
    }

    /// See [`OrderingStrategy::admit`].
    fn admit(&mut self, entry: &Admission<'_>) -> Result<(), Refused> {
        self.inner_mut().admit(entry)
    }

    /// See [`OrderingStrategy::take`].
    fn take(&mut self, worker: usize) -> Option<Job> {
        self.inner_mut().take(worker)
    }

    /// See [`OrderingStrategy::may_write`].
    fn may_write(&self, job: &Job) -> bool {
        self.inner().may_write(job)
    }

    /// See [`OrderingStrategy::finish`].
    fn finish(&mut self, worker: usize, job: &Job) {
        self.inner_mut().finish(worker, job);
    }

    /// See [`OrderingStrategy::snapshots`].
    fn snapshots(&self) -> Option<&dyn Snapshots> {
        self.inner().snapshots()
    }

    /// See [`OrderingStrategy::snapshots_mut`].
    fn snapshots_mut(&mut self) -> Option<&mut dyn Snapshots> {
        self.inner_mut().snapshots_mut()
    }

    /// See [`OrderingStrategy::reads`].
    fn reads(&self) -> Reads {
        self.inner().reads()
    }

    /// See [`OrderingStrategy::queued`].
    fn queued(&self) -> Option<Queued> {
        self.inner().queued()
    }

    /// See [`OrderingStrategy::held_up_by`].
    fn held_up_by(&self, worker: usize) -> Option<Lsn> {
        self.inner().held_up_by(worker)
    }

    /// See [`OrderingStrategy::interchangeable_workers`].
    fn interchangeable_workers(&self) -> bool {
        self.inner().interchangeable_workers()
    }

    /// See [`OrderingStrategy::has_lanes`].
    fn has_lanes(&self) -> bool {
        self.inner().has_lanes()
    }
}

impl<O: OrderingStrategy + ?Sized> Wrapper for Box<O> {
    type Inner = O;

    fn inner(&self) -> &O {
        self
    }

    fn inner_mut(&mut self) -> &mut O {
        self
    }
}

impl<W: Wrapper> OrderingStrategy for W {
    fn admits(&self) -> bool {
        Wrapper::admits(self)
    }

    fn admit(&mut self, entry: &Admission<'_>) -> Result<(), Refused> {
        Wrapper::admit(self, entry)
    }

    fn take(&mut self, worker: usize) -> Option<Job> {
        Wrapper::take(self, worker)
    }

    fn may_write(&self, job: &Job) -> bool {
        Wrapper::may_write(self, job)
    }

    fn finish(&mut self, worker: usize, job: &Job) {
        Wrapper::finish(self, worker, job);
    }

    fn snapshots(&self) -> Option<&dyn Snapshots> {
        Wrapper::snapshots(self)
    }

    fn snapshots_mut(&mut self) -> Option<&mut dyn Snapshots> {
        Wrapper::snapshots_mut(self)
    }

    fn reads(&self) -> Reads {
        Wrapper::reads(self)
    }

    fn queued(&self) -> Option<Queued> {
        Wrapper::queued(self)
    }

    fn held_up_by(&self, worker: usize) -> Option<Lsn> {
        Wrapper::held_up_by(self, worker)
    }

    fn interchangeable_workers(&self) -> bool {
        Wrapper::interchangeable_workers(self)
    }

    fn has_lanes(&self) -> bool {
        Wrapper::has_lanes(self)
    }
}

//! By hand — runs single steps of a node's threads and of its periodic work on request. Does I/O.
//!
//! A counterexample fixes the moments at which a heartbeat is sent, a dead key is removed, a batch is written. With
//! [`Clock::ByHand`](super::Clock) and [`Schedule::Gated`](crate::apply::pool::Schedule) each of these steps happens only
//! when it is requested here. A call runs the same code as the node's own threads.

use super::node::{Engine, Role};
use super::writer::Request;
use super::{NodeError, SharedFiles};
use crate::effect::Key;
use crate::ordering::Job;
use crate::store::{Dump, StoreError, dump};
use crate::sync::lock;
use crate::time::Millis;
use tokio::sync::oneshot;

/// The state and the instant that a node's readers are given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReaderView {
    /// Everything that is stored, dead keys included.
    pub stored: Dump,
    /// The instant by which readers judge what is dead.
    pub judged_at: Millis,
}

/// Why readers are given nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ViewError {
    /// The store cannot be read: the node stops.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The state was compacted meanwhile: ask again.
    #[error("the state was compacted meanwhile")]
    Compacted,
    /// The node is stopped, or changes its role.
    #[error("the node is stopped")]
    Stopped,
}

impl<F: SharedFiles> Engine<F> {
    /// The state and the instant that readers are given now. Errors: see [`ViewError`].
    pub fn given(&self) -> Result<ReaderView, ViewError> {
        match self.role() {
            Role::Master(shared) => {
                let sight = shared.publication.read(shared.clock.moment());
                Ok(ReaderView { stored: dump(&*sight.snapshot)?, judged_at: sight.clock })
            }
            Role::Replica(shared) => {
                let sight = shared.applied.sight().ok_or(ViewError::Compacted)?;
                Ok(ReaderView { stored: dump(&*sight.snapshot)?, judged_at: sight.clock })
            }
            Role::None => Err(ViewError::Stopped),
        }
    }

    /// On a master: sends replicas the log time after its last entry. On a replica: does nothing.
    pub fn heartbeat(&self) {
        if let Role::Master(shared) = self.role() {
            shared.heartbeat();
        }
    }

    /// Removes `key` if it is dead under the node's policy, and if the policy lets this node remove it. The removal is done
    /// when this returns. It blocks, so it must not be called within an async runtime. Errors: the store's; the node is
    /// stopped.
    pub fn remove(&self, key: &Key) -> Result<(), NodeError> {
        match self.role() {
            Role::Master(shared) => {
                shared.queue.push(Request::Expire(vec![key.clone()]))?;
                // The writer handles its requests in order, so the answer to this one comes after the removal.
                let (reply, done) = oneshot::channel();
                let fsync = lock(&self.settings).fsync;
                shared.queue.push(Request::Fsync { fsync, reply })?;
                Ok(done.blocking_recv().map_err(|_| NodeError::Stopped)??)
            }
            Role::Replica(shared) => Ok(shared.applied.remove(key)?),
            Role::None => Err(NodeError::Stopped),
        }
    }

    /// On a replica: requests a snapshot at its last admitted entry, if its strategy publishes snapshots. On a master: does
    /// nothing.
    pub fn cut(&self) {
        if let Role::Replica(shared) = self.role() {
            shared.pool.request_cut(&shared.applied);
        }
    }

    /// On a replica: makes the log durable, and flushes the store as it is, with its marker, so that both survive a crash.
    /// On a master: does nothing. Errors: the disk's.
    pub fn flush(&self) -> Result<(), NodeError> {
        let Role::Replica(shared) = self.role() else { return Ok(()) };
        // The log is synced first: otherwise a crash between the two could leave a store that is ahead of its log.
        shared.log.sync()?;
        Ok(shared.applied.flush()?)
    }

    /// Whether readers are let in. The readers of a replica that was killed wait until it has caught up.
    pub fn lets_readers_in(&self) -> bool {
        match self.role() {
            Role::Master(_) => true,
            Role::Replica(shared) => shared.applied.lets_readers_in(),
            Role::None => false,
        }
    }

    /// On a replica: ends all writes for good. Jobs that wait at the gate are never written.
    pub fn abandon(&self) {
        if let Role::Replica(shared) = self.role() {
            shared.pool.abandon();
        }
    }

    /// Settles the marker of a job at the gate of a replica's worker pool. It still waits there to be written.
    pub fn let_begin(&self, job: &Job) {
        if let Role::Replica(shared) = self.role() {
            shared.pool.let_begin(job);
        }
    }

    /// Lets a job through the gate of a replica's worker pool, to be written.
    pub fn let_write(&self, job: Job) {
        if let Role::Replica(shared) = self.role() {
            shared.pool.let_write(job);
        }
    }

    /// Lets a job that is written through the same gate, to be finished.
    pub fn let_finish(&self, job: Job) {
        if let Role::Replica(shared) = self.role() {
            shared.pool.let_finish(job);
        }
    }
}

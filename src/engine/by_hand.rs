//! By hand — what a node does by the clock, or as its threads come, done when somebody says so. Does I/O.
//!
//! A counterexample says at which moment a heartbeat is sent, a dead key removed, a batch written. Under
//! [`Clock::ByHand`](super::Clock) and [`Schedule::Gated`](crate::apply::pool::Schedule) nothing of that happens unless it
//! is asked for here. Each call does what the node's own threads do, by the same code.

use super::Place;
use super::node::{Engine, Role};
use super::writer::Request;
use crate::effect::Key;
use crate::ordering::Job;
use crate::store::{Dump, StoreError, dump};
use crate::sync::lock;
use crate::time::Millis;
use tokio::sync::oneshot;

/// What readers of a node are given at this instant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Given {
    /// All that is stored: dead keys are in it.
    pub stored: Dump,
    /// The instant by which they judge what is dead.
    pub judged_at: Millis,
}

/// Why readers are given nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GivenError {
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

impl<F: Place> Engine<F> {
    /// What readers are given now. Errors: see [`GivenError`].
    pub fn given(&self) -> Result<Given, GivenError> {
        match self.role() {
            Role::Master(shared) => {
                let sight = shared.publication.read(shared.clock.moment());
                Ok(Given { stored: dump(&*sight.snapshot)?, judged_at: sight.clock })
            }
            Role::Replica(shared) => {
                let sight = shared.applied.sight().ok_or(GivenError::Compacted)?;
                Ok(Given { stored: dump(&*sight.snapshot)?, judged_at: sight.clock })
            }
            Role::None => Err(GivenError::Stopped),
        }
    }

    /// A master shows its replicas the time after its last entry; a replica does nothing.
    pub fn heartbeat(&self) {
        if let Role::Master(shared) = self.role() {
            shared.heartbeat();
        }
    }

    /// Removes `key` if the node's policy finds it dead and leaves its removal to this node; it is done on return. Not
    /// from within a runtime: it blocks. Errors: the store's; a node that is stopped.
    pub fn remove(&self, key: &Key) -> Result<(), String> {
        match self.role() {
            Role::Master(shared) => {
                let in_words = |error: crate::queue::NotQueued| error.to_string();
                shared.queue.push(Request::Expire(vec![key.clone()])).map_err(in_words)?;
                // The writer takes its requests in order: this one is answered after the removal.
                let (reply, done) = oneshot::channel();
                let fsync = lock(&self.settings).fsync;
                shared.queue.push(Request::Fsync { fsync, reply }).map_err(in_words)?;
                done.blocking_recv().map_err(|_| "the node is stopped".to_owned())?
            }
            Role::Replica(shared) => shared.applied.remove(key).map_err(|error| error.to_string()),
            Role::None => Err("the node is stopped".to_owned()),
        }
    }

    /// A replica publishes a snapshot at its last admitted entry, if its strategy knows that.
    pub fn cut(&self) {
        if let Role::Replica(shared) = self.role() {
            shared.pool.request_cut(&shared.applied);
        }
    }

    /// A replica flushes its store as it is, marker and all: what was written so far outlives a crash, and so does the
    /// log. Errors: the disk's.
    pub fn flush(&self) -> Result<(), String> {
        let Role::Replica(shared) = self.role() else { return Ok(()) };
        // In this order, or a crash between the two leaves a store that is ahead of its log.
        shared.log.sync().map_err(|error| error.to_string())?;
        shared.applied.flush().map_err(|error| error.to_string())
    }

    /// Whether readers are let in: those of a replica that was killed wait until it has caught up.
    pub fn lets_readers_in(&self) -> bool {
        match self.role() {
            Role::Master(_) => true,
            Role::Replica(shared) => shared.applied.lets_readers_in(),
            Role::None => false,
        }
    }

    /// A replica writes nothing more, for good: what stands at the gate stays there.
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

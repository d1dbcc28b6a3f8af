//! Upstream — a node as its replicas see it: a master, or a replica that passes its master's log on. Does I/O: of the second kind,
//! a full sync waits for the workers.
//!
//! ```text
//! master ── entries, heartbeats, offsets ──▶ replica ── the same entries, heartbeats, offsets ──▶ replica of the replica
//! ```
//!
//! A replica passes on what is in its own log, whether it is applied or not, and the log time that it has heard, never an
//! estimate. It begins no epoch, so its replicas are in the master's history. If it loses entries in a crash, its replicas may
//! have more than it has; they wait until it has received these entries again.

use super::feeds::Feeds;
use super::following::ReplicaState;
use super::log::SharedLog;
use super::master::MasterState;
use super::tail::SharedTail;
use super::{SharedFiles, checkpoint::Needed};
use crate::binlog::{Epoch, Files};
use crate::expiry::Policy;
use crate::publication::Sight;
use crate::store::rocksdb::{RocksStore, Snapshot};
use crate::sync::{Arc, lock};
use crate::time::Millis;

/// The parts of a node that feed its replicas.
pub(super) struct Outlet<'a, F: Files> {
    /// The log.
    pub log: &'a SharedLog<F>,
    /// The end of the log, as replicas may see it.
    pub tail: &'a SharedTail,
    /// The first LSN that a replica still needs.
    pub needed: &'a Needed,
    /// The replicas.
    pub feeds: &'a Feeds,
    /// The expiry policy of the log's entries.
    pub expiry: Policy,
    /// The store that a full sync copies.
    pub store: &'a RocksStore,
}

/// A node that feeds replicas.
pub(super) trait Upstream<F: Files>: Send + Sync + 'static {
    /// Its parts.
    fn outlet(&self) -> Outlet<'_, F>;

    /// The epoch of the next entry, as far as it is known.
    fn epoch(&self) -> Epoch;

    /// Log time at the end of the log.
    fn time(&self) -> Millis;

    /// Whether it is a replica itself.
    fn follows(&self) -> bool;

    /// The state after one entry, for a full sync. Errors: a text; the node is stopping, or the store was compacted meanwhile.
    fn copied(&self) -> Result<Sight<Snapshot>, String>;
}

impl<F: SharedFiles> Upstream<F> for MasterState<F> {
    fn outlet(&self) -> Outlet<'_, F> {
        let MasterState { log, tail, needed, feeds, expiry, store, .. } = self;
        Outlet { log, tail, needed, feeds, expiry: *expiry, store }
    }

    fn epoch(&self) -> Epoch {
        self.epoch
    }

    fn time(&self) -> Millis {
        self.last().1
    }

    fn follows(&self) -> bool {
        false
    }

    fn copied(&self) -> Result<Sight<Snapshot>, String> {
        Ok(self.sight())
    }
}

impl<F: SharedFiles> Upstream<F> for ReplicaState<F> {
    fn outlet(&self) -> Outlet<'_, F> {
        let ReplicaState { log, tail, needed, feeds, expiry, .. } = self;
        Outlet { log, tail, needed, feeds, expiry: *expiry, store: self.applied.store() }
    }

    fn epoch(&self) -> Epoch {
        self.log.state().epochs.last().map_or(Epoch::default(), |&(epoch, _)| epoch)
    }

    fn time(&self) -> Millis {
        self.tail.get().time
    }

    fn follows(&self) -> bool {
        true
    }

    /// No entry is received until all that were received are applied. Otherwise the store might hold a later entry and lack an
    /// earlier one.
    fn copied(&self) -> Result<Sight<Snapshot>, String> {
        let received = lock(&self.received);
        self.pool.wait_for(received.last).map_err(|stopped| stopped.to_string())?;
        let clock = self.tail.get().time;
        let snapshot = self.applied.store().snapshot(clock).ok_or("the state was compacted meanwhile")?;
        let offset_ms = self.applied.offset_ms();
        Ok(Sight { snapshot: Arc::new(snapshot), lsn: received.last, clock, offset_ms })
    }
}

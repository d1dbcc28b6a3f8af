//! Serial replica — a replica with a store, which applies its entries in log order, one after the other. Pure, except for
//! the store.
//!
//! ```text
//! receive   the entry waits to be applied; its arrival ends the silence
//! apply     the entry is written to the store
//! publish   readers are given the store as it is now, and the times up to its last entry are heard
//! ```

use super::{Replica, removal_of_dead};
use crate::apply;
use crate::binlog::{Entry, Lsn};
use crate::effect::Key;
use crate::expiry::ExpiryPolicy;
use crate::store::{Store, StoreError};
use crate::time::{Elapsed, Millis, Moment};
use std::collections::VecDeque;

/// A replica with its store.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SerialReplica<S> {
    replica: Replica,
    store: S,
    /// The received entries that still have to be applied, oldest first.
    received: VecDeque<Entry>,
    /// The last entry that the store holds.
    applied: Lsn,
    /// The store that readers are given; `None`: the store as it is.
    shown: Option<S>,
}

impl<S: Store + Clone> SerialReplica<S> {
    /// A replica whose store holds exactly the entries that it has published.
    pub fn new(replica: Replica, store: S) -> SerialReplica<S> {
        let applied = replica.published();
        SerialReplica { replica, store, received: VecDeque::new(), applied, shown: None }
    }

    /// Its state without the store.
    pub fn replica(&self) -> &Replica {
        &self.replica
    }

    /// The store that its readers are given.
    pub fn shown(&self) -> &S {
        self.shown.as_ref().unwrap_or(&self.store)
    }

    /// The received entries that still have to be applied, oldest first.
    pub fn received(&self) -> impl Iterator<Item = &Entry> {
        self.received.iter()
    }

    /// The last entry that was received.
    fn last(&self) -> Lsn {
        self.received.back().map_or(self.applied, |entry| entry.lsn)
    }

    /// Receives the next entry at `now`. Panics: there is a gap between the entries, which is a bug of the caller.
    pub fn receive(&mut self, policy: &dyn ExpiryPolicy, entry: Entry, now: Moment) {
        assert_eq!(entry.lsn, self.last().next(), "lsn gap at the replica");
        self.replica.receive(entry.lsn, entry.time, now.elapsed);
        self.received.push_back(policy.arrived(entry, now.wall));
    }

    /// Applies the oldest received entry when the wall clock says `wall`. Returns the entry's LSN; `None`: no entry waits.
    /// Errors: the store's; the node then stops.
    pub fn apply(&mut self, policy: &dyn ExpiryPolicy, wall: Millis) -> Result<Option<Lsn>, StoreError> {
        let Some(entry) = self.received.pop_front() else { return Ok(None) };
        let instants = |entry: &Entry| policy.instants(entry, wall);
        self.shown.get_or_insert_with(|| self.store.clone());
        apply::write_batch(&mut self.store, &[&entry], None, entry.lsn, &instants)?;
        self.applied = entry.lsn;
        Ok(Some(entry.lsn))
    }

    /// Gives readers the store as it is.
    pub fn publish(&mut self) {
        self.shown = None;
        self.replica.publish(self.applied);
    }

    /// Notes that the master resumes the stream, and that its log ends with entry `tail`.
    pub fn resumed(&mut self, tail: Lsn) {
        self.replica.resumed(tail);
    }

    /// See [`Replica::set_ceiling`].
    pub fn set_ceiling(&mut self, ceiling: Millis) {
        self.replica.set_ceiling(ceiling);
    }

    /// Receives a heartbeat when the elapsed clock says `now`. `time`: the master's time, after all entries received so far.
    pub fn heartbeat(&mut self, time: Millis, now: Elapsed) {
        self.replica.heartbeat(self.last(), time, now);
    }

    /// Receives the master's offset when the elapsed clock says `now`. It holds after all entries received so far, from log time
    /// `time` on.
    pub fn offset(&mut self, time: Millis, offset_ms: i64, now: Elapsed) {
        self.replica.offset(self.last(), time, offset_ms, now);
    }

    /// Removes `key` if it is dead under the policy when the wall clock says `wall`. Readers that are given an earlier
    /// store still find the dead key there. Errors: the store's.
    pub fn remove(&mut self, policy: &dyn ExpiryPolicy, key: &Key, wall: Millis) -> Result<(), StoreError> {
        let Some(now) = self.replica.removes_at(policy, wall) else { return Ok(()) };
        let effect = removal_of_dead(&self.store, key, now)?;
        self.store.write(&effect.writes)
    }
}

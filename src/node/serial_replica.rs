//! Serial replica — a replica with a store that applies each entry as it arrives, one after the other. Pure, but for the
//! store.

use super::{Replica, removal_of_dead};
use crate::apply;
use crate::binlog::Entry;
use crate::effect::Key;
use crate::expiry::ExpiryPolicy;
use crate::store::{Store, StoreError};
use crate::time::Millis;

/// A replica with its store.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SerialReplica<S> {
    replica: Replica,
    store: S,
}

impl<S: Store> SerialReplica<S> {
    /// A replica whose store holds what it has published.
    pub fn new(replica: Replica, store: S) -> SerialReplica<S> {
        SerialReplica { replica, store }
    }

    /// Its state without the store.
    pub fn replica(&self) -> &Replica {
        &self.replica
    }

    /// Its store.
    pub fn store(&self) -> &S {
        &self.store
    }

    /// Receives, applies and publishes the next entry when the replica's own clock says `local`. Errors: the store's; the
    /// node stops. Panics: on a gap between entries, which is a bug of the caller.
    pub fn deliver(
        &mut self,
        policy: &dyn ExpiryPolicy,
        entry: Entry,
        local: Millis,
    ) -> Result<(), StoreError> {
        let lsn = entry.lsn;
        assert_eq!(lsn, self.replica.published().next(), "lsn gap at the replica");
        self.replica.receive(lsn, entry.time, local);
        let entry = policy.arrived(entry, local);
        apply::write_batch(&mut self.store, &[&entry], None, lsn, &|entry| policy.instants(entry, local))?;
        self.replica.publish(lsn);
        Ok(())
    }

    /// Receives a heartbeat. `time`: the master's time, after all entries so far.
    pub fn heartbeat(&mut self, time: Millis, local: Millis) {
        self.replica.heartbeat(self.replica.published(), time, local);
    }

    /// Removes `key` if the policy finds it dead when the replica's own clock says `local`. Errors: the store's.
    pub fn remove(&mut self, policy: &dyn ExpiryPolicy, key: &Key, local: Millis) -> Result<(), StoreError> {
        let Some(now) = self.replica.removes_at(policy, local) else { return Ok(()) };
        let effect = removal_of_dead(&self.store, key, now)?;
        self.store.write(&effect.writes)
    }
}

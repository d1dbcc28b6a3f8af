//! Replica — received entries and heartbeats → own log → pool → store → what readers are shown. Does I/O.
//!
//! ```text
//! link ─▶ append (one write a group) ─▶ admit ─▶ workers ─▶ store
//!           received, durable              │        └▶ watermark, log time ─▶ readers
//!                                          └ waits while the pool is full: the link then reads no more
//! ```
//!
//! Log time moves with the watermark: the time of an entry, and of a heartbeat after it, is heard when the entry is
//! written.

use super::{Clock, Settings};
use crate::apply;
use crate::apply::pool::Work;
use crate::binlog::{Entry, Lsn};
use crate::effect::Key;
use crate::expiry::log_clock::Reading;
use crate::expiry::{ExpiryPolicy, Judging, LogTime, Removal};
use crate::node::removal_of_dead;
use crate::publication::ReplicaPublication;
use crate::store::rocksdb::{RocksStore, Snapshot};
use crate::store::{Store, StoreError};
use crate::sync::Arc;
use crate::time::Millis;
use crate::trace::Trace;

/// What readers of a replica are given.
pub struct Sight {
    /// The state.
    pub snapshot: Arc<Snapshot>,
    /// The instant to judge by.
    pub clock: Millis,
}

/// What the workers do, and what readers see of it.
pub struct Applied {
    store: RocksStore,
    policy: Arc<dyn ExpiryPolicy + Send + Sync>,
    shows_prefixes: bool,
    trace: Option<Arc<Trace>>,
    clock: Clock,
    publication: ReplicaPublication<Snapshot>,
}

impl Applied {
    /// A store that holds all through `watermark`, at log time `time`.
    pub fn new(settings: &Settings, store: RocksStore, watermark: Lsn, time: Millis) -> Applied {
        let log_time = LogTime::at(time, settings.clock.now());
        let applied = Applied {
            store,
            policy: settings.policy(),
            shows_prefixes: settings.ordering.shows_prefixes(),
            trace: settings.trace.clone(),
            clock: settings.clock.clone(),
            publication: ReplicaPublication::new(log_time, Some(settings.log_clock_limit_ms), watermark),
        };
        applied.publish(watermark);
        applied
    }

    /// What a reader is given now; `None` if compaction overtook him, and he asks again.
    pub fn sight(&self) -> Option<Sight> {
        let local = self.clock.now();
        let (_, log_time, published) = self.publication.read(local);
        let clock = match self.policy.judging() {
            Judging::Local => local,
            Judging::LogTime => log_time.time,
        };
        let snapshot = match published {
            Some(snapshot) => snapshot,
            None => Arc::new(self.store.snapshot(clock)?),
        };
        Some(Sight { snapshot, clock })
    }

    /// The last LSN that readers see, and log time as they are given it.
    pub fn seen(&self) -> (Lsn, Reading) {
        let (lsn, log_time, _) = self.publication.read(self.clock.now());
        (lsn, log_time)
    }

    /// The log time that was heard last.
    pub fn heard(&self) -> Millis {
        self.publication.heard()
    }

    /// The instant at which what is dead may be removed; `None`: the master sees to it.
    pub fn removes_at(&self) -> Option<Millis> {
        match self.policy.removal() {
            Removal::LogTime => Some(self.heard()),
            Removal::Local => Some(self.clock.now()),
            Removal::ByMaster => None,
        }
    }

    /// What the workers write to.
    pub fn store(&self) -> &RocksStore {
        &self.store
    }

    /// Removes `key` if it is dead. No worker may write meanwhile: an effect must not find half of a key.
    pub fn remove(&self, key: &Key) -> Result<(), StoreError> {
        let Some(now) = self.removes_at() else { return Ok(()) };
        let effect = removal_of_dead(&self.store, key, now)?;
        self.store.clone().write(&effect.writes)?;
        // Readers who are given snapshots see it as they would see it after the next entry.
        let (watermark, _) = self.seen();
        self.publish(watermark);
        Ok(())
    }

    /// Flushes the store as it is. The caller has made the log durable through the last entry written.
    pub fn flush(&self) -> Result<(), StoreError> {
        self.store.flush()
    }

    /// Notes that the master's time after entry `after` was `time`.
    pub fn hear(&self, after: Lsn, time: Millis) {
        self.publication.hear(after, time, self.clock.now());
    }
}

impl Work for Applied {
    fn write(&self, entries: &[Arc<Entry>], part: Option<&Key>, marker: Lsn) -> Result<(), StoreError> {
        let local = self.clock.now();
        let instants = |entry: &Entry| self.policy.instants(entry, local);
        let write = || apply::write_batch(&mut self.store.clone(), entries, part, marker, &instants);
        match &self.trace {
            Some(trace) => trace.note(entries.iter().map(|entry| entry.lsn), part, marker, write),
            None => write(),
        }
    }

    fn publish(&self, watermark: Lsn) {
        // Its reader judges by log time, or by the local clock, under which the gate stays shut.
        let snapshot = |judged_at| self.store.snapshot(judged_at).filter(|_| self.shows_prefixes);
        self.publication.publish(watermark, self.clock.now(), snapshot);
    }
}

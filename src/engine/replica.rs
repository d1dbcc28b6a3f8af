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
use crate::expiry::{ExpiryPolicy, LogTime, Reading};
use crate::node::{Readers, Replica, removal_of_dead};
use crate::publication::ReplicaPublication;
use crate::replication::Heartbeat;
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
    /// A store that holds all entries up to `watermark`. `heard`: the master's time as far as it was heard; `told`: the latest
    /// instant that readers were told. `readers`: whether readers are let in.
    pub fn new(
        settings: &Settings,
        store: RocksStore,
        watermark: Lsn,
        (heard, told): (Millis, Millis),
        readers: Readers,
    ) -> Applied {
        let log_time = LogTime::resumed(heard, told, settings.clock.now());
        let replica = Replica::new(watermark, log_time, Some(settings.log_clock_limit_ms), readers);
        let applied = Applied {
            store,
            policy: settings.policy(),
            shows_prefixes: settings.ordering.shows_prefixes(),
            trace: settings.trace.clone(),
            clock: settings.clock.clone(),
            publication: ReplicaPublication::new(replica),
        };
        applied.publish(watermark);
        applied
    }

    /// What a reader is given now. `None`: compaction overtook the reader, which has to ask again.
    pub fn sight(&self) -> Option<Sight> {
        let (_, Reading { time: clock, .. }, published) =
            self.publication.read(&*self.policy, self.clock.now());
        let snapshot = match published {
            Some(snapshot) => snapshot,
            None => Arc::new(self.store.snapshot(clock)?),
        };
        Some(Sight { snapshot, clock })
    }

    /// The last LSN that readers see, and log time as they are given it.
    pub fn seen(&self) -> (Lsn, Reading) {
        let local = self.clock.now();
        self.publication.look(|replica| (replica.published(), replica.log_time(local)))
    }

    /// The log time that was heard last.
    pub fn heard(&self) -> Millis {
        self.publication.look(Replica::heard)
    }

    /// Whether readers are let in.
    pub fn lets_readers_in(&self) -> bool {
        self.publication.look(|replica| replica.readers() == Readers::In)
    }

    /// The instant at which what is dead may be removed; `None`: the master sees to it.
    pub fn removes_at(&self) -> Option<Millis> {
        let local = self.clock.now();
        self.publication.look(|replica| replica.removes_at(&*self.policy, local))
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

    /// Notes that the link received these entries. None of them is admitted yet.
    pub fn receive(&self, entries: &[Entry]) {
        let local = self.clock.now();
        self.publication
            .tell(|replica| entries.iter().for_each(|entry| replica.receive(entry.lsn, entry.time, local)));
    }

    /// Notes that the link received a heartbeat.
    pub fn heartbeat(&self, heartbeat: Heartbeat) {
        let local = self.clock.now();
        self.publication.tell(|replica| replica.heartbeat(heartbeat.after, heartbeat.time, local));
    }

    /// Notes that the master resumes the stream, and that the master's log ends with entry `tail`.
    pub fn resumed(&self, tail: Lsn) {
        self.publication.tell(|replica| replica.resumed(tail));
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
        self.publication.publish(watermark, snapshot);
    }
}

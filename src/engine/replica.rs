//! Replica — applies received entries and heartbeats to the store, and publishes states to readers. Does I/O.
//!
//! ```text
//! link ─▶ append (a write per group) ─▶ admit ─▶ workers ─▶ store
//!           received, durable              │        └▶ watermark, log time ─▶ readers
//!                                          └ waits while the pool is full: then the link stops reading
//! ```
//!
//! Log time advances with the watermark: the time of an entry, and of a heartbeat after it, is heard when the entry is
//! published.

use super::disk_errors::{DiskErrors, Refused};
use super::{Clock, Meters, Settings};
use crate::apply;
use crate::apply::pool::Work;
use crate::binlog::{Entry, Lsn};
use crate::effect::Key;
use crate::expiry::{ExpiryPolicy, Judging, LogTime, Reading, Removal};
use crate::node::{Readers, Replica, removal_with_deadline};
use crate::ordering::Reads;
use crate::publication::{ReplicaPublication, ReplicaSight};
use crate::replication::session::Stop;
use crate::replication::{Heartbeat, Offset};
use crate::store::rocksdb::{RocksStore, Snapshot};
use crate::store::{Store, StoreError};
use crate::sync::Arc;
use crate::sync::atomic::Ordering;
use crate::time::Millis;
use crate::trace::Trace;
use std::time::Duration;

/// The pause between two tries when the disk refuses.
pub const DISK_PAUSE: Duration = Duration::from_secs(1);

/// The state and the times that a replica's reader is given.
pub struct Sight {
    /// The state.
    pub snapshot: Arc<Snapshot>,
    /// The instant by which the reader judges deadlines.
    pub clock: Millis,
    /// The master's offset, milliseconds.
    pub offset_ms: i64,
}

/// The work of a replica's workers, and the publication of its results to readers.
pub struct Applied {
    store: RocksStore,
    policy: Arc<dyn ExpiryPolicy + Send + Sync>,
    reads: Reads,
    trace: Option<Arc<Trace>>,
    clock: Clock,
    publication: ReplicaPublication<Snapshot>,
    /// What the node measures.
    meters: Arc<Meters>,
    /// The current errors of the disks.
    errors: Arc<DiskErrors>,
    /// Set when refused writes must not be retried, because the node stops.
    stop: Stop,
}

impl Applied {
    /// The state of a replica whose store holds all entries up to `watermark`. `heard`: the latest time heard from the
    /// master. `told`: the latest instant that readers were told. `offset_ms`: the master's offset at `watermark`.
    /// `readers`: whether readers are let in.
    pub fn new(
        settings: &Settings,
        store: RocksStore,
        watermark: Lsn,
        (heard, told, offset_ms): (Millis, Millis, i64),
        readers: Readers,
    ) -> Applied {
        let log_time = LogTime::resumed(heard, told, settings.clock.elapsed());
        let limit_ms = Some(settings.log_clock_limit_ms);
        let mut replica = Replica::new(watermark, log_time, limit_ms, readers).with_offset(offset_ms);
        // If the clocks are set by hand, no thread raises the ceiling, so there is none.
        if !settings.clock.is_by_hand() {
            replica.set_ceiling(told);
        }
        let applied = Applied {
            store,
            policy: settings.policy(),
            reads: settings.reads(),
            trace: settings.trace.clone(),
            clock: settings.clock.clone(),
            publication: ReplicaPublication::new(replica),
            meters: Arc::clone(&settings.meters),
            errors: Arc::new(DiskErrors::new(Arc::clone(&settings.meters))),
            stop: Stop::new(),
        };
        if let Some(trace) = &applied.trace {
            trace.restart();
        }
        applied.publish(watermark);
        applied
    }

    /// The state and the times for a reader now. `None`: compaction is already beyond the reader's instant, and the reader
    /// has to retry.
    pub fn sight(&self) -> Option<Sight> {
        let ReplicaSight { reading: Reading { time: clock, .. }, offset_ms, snapshot, .. } =
            self.publication.read(&*self.policy, self.clock.moment());
        let snapshot = match snapshot {
            Some(snapshot) => snapshot,
            None => Arc::new(self.store.snapshot(clock)?),
        };
        Some(Sight { snapshot, clock, offset_ms })
    }

    /// The last LSN that readers see, and the log time that they are told.
    pub fn seen(&self) -> (Lsn, Reading) {
        let now = self.clock.elapsed();
        self.publication.look(|replica| (replica.published(), replica.log_time(now)))
    }

    /// The master's offset at the state that readers see, in milliseconds.
    pub fn offset_ms(&self) -> i64 {
        self.publication.look(Replica::offset_ms)
    }

    /// The master's time now, counted from the last time received; `None`: nothing was received since the start.
    pub fn counted(&self) -> Option<Millis> {
        self.publication.counted(self.clock.elapsed())
    }

    /// See [`Replica::set_ceiling`].
    pub fn set_ceiling(&self, ceiling: Millis) {
        self.publication.tell(|replica| replica.set_ceiling(ceiling));
    }

    /// The current errors of the disks.
    pub fn errors(&self) -> &Arc<DiskErrors> {
        &self.errors
    }

    /// What the node measures.
    pub fn meters(&self) -> &Arc<Meters> {
        &self.meters
    }

    /// The request to stop. Once it is set, a batch for which the disk has no room is not retried.
    pub fn stop(&self) -> &Stop {
        &self.stop
    }

    /// How often all clients were disconnected, because they had been told a log time far beyond the master's.
    pub fn forgotten(&self) -> u64 {
        self.meters.forgotten.load(Ordering::Relaxed)
    }

    /// The latest log time that was heard.
    pub fn heard(&self) -> Millis {
        self.publication.look(Replica::heard)
    }

    /// See [`Replica::bounded`].
    pub fn bounded(&self, time: Millis) -> Millis {
        self.publication.look(|replica| replica.bounded(time))
    }

    /// Whether readers are let in.
    pub fn lets_readers_in(&self) -> bool {
        self.publication.look(|replica| replica.readers() == Readers::In)
    }

    /// The instant by which dead keys may be removed; `None`: only the master removes them.
    pub fn removes_at(&self) -> Option<Millis> {
        let wall = self.clock.moment().wall;
        self.publication.look(|replica| replica.removes_at(&*self.policy, wall))
    }

    /// The store that the workers write.
    pub fn store(&self) -> &RocksStore {
        &self.store
    }

    /// Removes `key` if it is dead. No worker may write meanwhile: an effect must not find a key that is partly removed.
    /// Errors: the store's.
    pub fn remove(&self, key: &Key) -> Result<(), StoreError> {
        let Some(now) = self.removes_at() else { return Ok(()) };
        self.remove_dead([key], now)
    }

    /// Removes those of `keys` that are dead at `now`, and writes their latest deadline to the store. No worker may write
    /// meanwhile. Errors: the store's, except for a disk without room.
    pub fn remove_dead<'a>(
        &self,
        keys: impl IntoIterator<Item = &'a Key>,
        now: Millis,
    ) -> Result<(), StoreError> {
        let (mut writes, mut latest) = (Vec::new(), Millis::ZERO);
        for key in keys {
            if let Some((effect, deadline)) = removal_with_deadline(&self.store, key, now)? {
                writes.extend(effect.writes);
                latest = latest.max(deadline);
            }
        }
        // Under any other policy the deadline depends on the replica's own clock, and the master could not compare it with
        // its log time.
        if self.policy.removal() == Removal::LogTime && latest > apply::removed(&self.store)? {
            writes.push(apply::removed_write(latest));
        }
        match self.store.clone().write(&writes) {
            // Without room nothing is removed: the keys will be found again.
            Err(StoreError::NoSpace(_)) => return Ok(()),
            written => written?,
        }
        // A snapshot from before would keep the space of what was removed.
        if !writes.is_empty() {
            let (watermark, _) = self.seen();
            self.publish(watermark);
        }
        Ok(())
    }

    /// Flushes the store as it is. The caller must have made the log durable through the last entry written. Errors: the
    /// store's.
    pub fn flush(&self) -> Result<(), StoreError> {
        self.store.flush()
    }

    /// Notes that the link received these entries. It is called before any of them is admitted.
    pub fn receive(&self, entries: &[Entry]) {
        let now = self.clock.elapsed();
        self.publication.receive(entries.iter().map(|entry| (entry.lsn, entry.time)), now);
    }

    /// Notes that the link received a heartbeat. Returns whether all clients have to be disconnected.
    pub fn heartbeat(&self, heartbeat: Heartbeat) -> bool {
        let Heartbeat { after, time, tail } = heartbeat;
        let is_forgotten = self.publication.heartbeat(after, time, tail.time, self.clock.elapsed());
        // Where readers judge by the replica's own clock alone, none was given the forgotten estimate.
        let is_forgotten = is_forgotten && self.policy.judging() != Judging::Local;
        self.meters.forgotten.fetch_add(u64::from(is_forgotten), Ordering::Relaxed);
        is_forgotten
    }

    /// Notes that the link received the master's offset.
    pub fn offset(&self, offset: Offset) {
        let Offset { time, after, offset_ms } = offset;
        let now = self.clock.elapsed();
        self.publication.tell(|replica| replica.offset(after, time, offset_ms, now));
    }

    /// Notes that the master resumes the stream, and that its log ends with entry `tail`.
    pub fn resumed(&self, tail: Lsn) {
        self.publication.tell(|replica| replica.resumed(tail));
    }
}

impl Work for Applied {
    fn write(&self, entries: &[Arc<Entry>], part: Option<&Key>, marker: Lsn) -> Result<(), StoreError> {
        let wall = self.clock.moment().wall;
        let instants = |entry: &Entry| self.policy.instants(entry, wall);
        let write = || apply::write_batch(&mut self.store.clone(), entries, part, marker, &instants);
        // The entries are in the log, so if there is no space the worker waits and retries. Meanwhile the pool fills, and the
        // link and the master wait.
        let write_until_there_is_space = || {
            loop {
                match write() {
                    Err(StoreError::NoSpace(error)) => {
                        self.errors.set(Refused::Batch, Some(error.clone()));
                        if self.stop.wait(DISK_PAUSE) {
                            return Err(StoreError::NoSpace(error));
                        }
                    }
                    written => return written,
                }
            }
        };
        match &self.trace {
            Some(trace) => trace.note(entries, part, marker, write_until_there_is_space)?,
            None => write_until_there_is_space()?,
        }
        self.errors.set(Refused::Batch, None);
        self.meters.wrote(entries.len());
        Ok(())
    }

    fn publish(&self, watermark: Lsn) {
        // The gate does not prevent this snapshot: its readers judge by log time, or by the local clock, under which the
        // gate is never raised.
        let snapshot = |judged_at| self.store.snapshot(judged_at).filter(|_| self.reads != Reads::Latest);
        self.publication.publish(watermark, snapshot);
    }
}

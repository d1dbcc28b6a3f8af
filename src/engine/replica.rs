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

use super::disk_errors::{DiskErrors, Refused};
use super::{Clock, Settings};
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
use crate::sync::atomic::{AtomicU64, Ordering};
use crate::time::Millis;
use crate::trace::Trace;
use std::time::Duration;

/// From one try to the next when a disk refuses.
pub const DISK_PAUSE: Duration = Duration::from_secs(1);

/// What readers of a replica are given.
pub struct Sight {
    /// The state.
    pub snapshot: Arc<Snapshot>,
    /// The instant to judge by.
    pub clock: Millis,
    /// The master's offset, milliseconds.
    pub offset_ms: i64,
}

/// What the workers do, and what readers see of it.
pub struct Applied {
    store: RocksStore,
    policy: Arc<dyn ExpiryPolicy + Send + Sync>,
    reads: Reads,
    trace: Option<Arc<Trace>>,
    clock: Clock,
    publication: ReplicaPublication<Snapshot>,
    /// How often clients were disconnected.
    forgotten: AtomicU64,
    /// What the disks refuse.
    errors: Arc<DiskErrors>,
    /// Asked for when nothing is to be tried again.
    stop: Stop,
}

impl Applied {
    /// A store that holds all entries up to `watermark`. `heard`: the master's time as far as it was heard; `told`: the latest
    /// instant that readers were told. `offset_ms`: the master's offset there. `readers`: whether readers are let in.
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
        // While clocks are set by hand no thread makes a higher one durable.
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
            forgotten: AtomicU64::new(0),
            errors: Arc::default(),
            stop: Stop::new(),
        };
        applied.publish(watermark);
        applied
    }

    /// What a reader is given now. `None`: compaction overtook the reader, which has to ask again.
    pub fn sight(&self) -> Option<Sight> {
        let ReplicaSight { reading: Reading { time: clock, .. }, offset_ms, snapshot, .. } =
            self.publication.read(&*self.policy, self.clock.moment());
        let snapshot = match snapshot {
            Some(snapshot) => snapshot,
            None => Arc::new(self.store.snapshot(clock)?),
        };
        Some(Sight { snapshot, clock, offset_ms })
    }

    /// The last LSN that readers see, and log time as they are given it.
    pub fn seen(&self) -> (Lsn, Reading) {
        let now = self.clock.elapsed();
        self.publication.look(|replica| (replica.published(), replica.log_time(now)))
    }

    /// The master's offset at what readers see, milliseconds.
    pub fn offset_ms(&self) -> i64 {
        self.publication.look(Replica::offset_ms)
    }

    /// The master's time now, counted from what was received last; `None`: nothing since the start.
    pub fn counted(&self) -> Option<Millis> {
        self.publication.counted(self.clock.elapsed())
    }

    /// See [`Replica::set_ceiling`].
    pub fn set_ceiling(&self, ceiling: Millis) {
        self.publication.tell(|replica| replica.set_ceiling(ceiling));
    }

    /// What the disks refuse.
    pub fn errors(&self) -> &Arc<DiskErrors> {
        &self.errors
    }

    /// Where it is told that the node stops: a batch without room is not tried again.
    pub fn stop(&self) -> &Stop {
        &self.stop
    }

    /// How often clients were disconnected, because they had been told a log time far beyond the master's.
    pub fn forgotten(&self) -> u64 {
        self.forgotten.load(Ordering::Relaxed)
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
        let wall = self.clock.moment().wall;
        self.publication.look(|replica| replica.removes_at(&*self.policy, wall))
    }

    /// What the workers write to.
    pub fn store(&self) -> &RocksStore {
        &self.store
    }

    /// Removes `key` if it is dead. No worker may write meanwhile: an effect must not find half of a key.
    pub fn remove(&self, key: &Key) -> Result<(), StoreError> {
        let Some(now) = self.removes_at() else { return Ok(()) };
        self.remove_dead([key], now)?;
        // Readers who are given snapshots see it as they would see it after the next entry.
        let (watermark, _) = self.seen();
        self.publish(watermark);
        Ok(())
    }

    /// Removes those of `keys` that are dead at `now`, and notes their latest deadline in the store. No worker may write meanwhile.
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
        // A master cannot compare deadlines that were given by the replica's own clock.
        if self.policy.removal() == Removal::LogTime && latest > apply::removed(&self.store)? {
            writes.push(apply::removed_write(latest));
        }
        match self.store.clone().write(&writes) {
            // They are found again.
            Err(StoreError::NoSpace(_)) => Ok(()),
            written => written,
        }
    }

    /// Flushes the store as it is. The caller has made the log durable through the last entry written.
    pub fn flush(&self) -> Result<(), StoreError> {
        self.store.flush()
    }

    /// Notes that the link received these entries. None of them is admitted yet.
    pub fn receive(&self, entries: &[Entry]) {
        let now = self.clock.elapsed();
        self.publication.receive(entries.iter().map(|entry| (entry.lsn, entry.time)), now);
    }

    /// Notes that the link received a heartbeat. Whether all clients have to be disconnected.
    pub fn heartbeat(&self, heartbeat: Heartbeat) -> bool {
        let Heartbeat { after, time, tail } = heartbeat;
        let is_forgotten = self.publication.heartbeat(after, time, tail.time, self.clock.elapsed());
        // Under any other policy readers judge by the replica's own clock.
        let is_forgotten = is_forgotten && self.policy.judging() == Judging::LogTime;
        self.forgotten.fetch_add(u64::from(is_forgotten), Ordering::Relaxed);
        is_forgotten
    }

    /// Notes that the link received the master's offset.
    pub fn offset(&self, offset: Offset) {
        let Offset { time, after, offset_ms } = offset;
        let now = self.clock.elapsed();
        self.publication.tell(|replica| replica.offset(after, time, offset_ms, now));
    }

    /// Notes that the master resumes the stream, and that the master's log ends with entry `tail`.
    pub fn resumed(&self, tail: Lsn) {
        self.publication.tell(|replica| replica.resumed(tail));
    }
}

impl Work for Applied {
    fn write(&self, entries: &[Arc<Entry>], part: Option<&Key>, marker: Lsn) -> Result<(), StoreError> {
        let wall = self.clock.moment().wall;
        let instants = |entry: &Entry| self.policy.instants(entry, wall);
        let write = || apply::write_batch(&mut self.store.clone(), entries, part, marker, &instants);
        loop {
            let written = match &self.trace {
                Some(trace) => trace.note(entries.iter().map(|entry| entry.lsn), part, marker, write),
                None => write(),
            };
            match written {
                // The entries are in the log: they wait, and behind them the link, and with it the master.
                Err(StoreError::NoSpace(error)) => {
                    self.errors.set(Refused::Batch, Some(error.clone()));
                    if self.stop.wait(DISK_PAUSE) {
                        return Err(StoreError::NoSpace(error));
                    }
                }
                Ok(()) => {
                    self.errors.set(Refused::Batch, None);
                    return Ok(());
                }
                Err(error) => return Err(error),
            }
        }
    }

    fn publish(&self, watermark: Lsn) {
        // Its reader judges by log time, or by the local clock, under which the gate stays shut.
        let snapshot = |judged_at| self.store.snapshot(judged_at).filter(|_| self.reads != Reads::Latest);
        self.publication.publish(watermark, snapshot);
    }
}

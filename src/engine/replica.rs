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

use super::Settings;
use super::clock;
use crate::apply;
use crate::apply::pool::Work;
use crate::binlog::{Entry, Lsn};
use crate::effect::Key;
use crate::expiry::{ExpiryPolicy, Judging, LogTime};
use crate::ordering::Strategy;
use crate::store::StoreError;
use crate::store::rocksdb::{RocksStore, Snapshot};
use crate::sync::{Arc, Mutex, lock};
use crate::time::Millis;
use std::collections::VecDeque;

/// What readers of a replica are given.
pub struct Sight {
    /// The state.
    pub snapshot: Arc<Snapshot>,
    /// The instant to judge by.
    pub clock: Millis,
}

/// Log time and the times that wait for their entries.
#[derive(Debug)]
struct Times {
    log_time: LogTime,
    /// Times that are heard when all up to the LSN is written, in order.
    waiting: VecDeque<(Lsn, Millis)>,
    /// The last LSN of which all before is written.
    watermark: Lsn,
    /// What readers of a strategy that shows prefixes are given.
    published: Option<Arc<Snapshot>>,
}

/// What the workers do, and what readers see of it.
pub struct Applied {
    store: RocksStore,
    policy: Arc<dyn ExpiryPolicy + Send + Sync>,
    shows_prefixes: bool,
    limit_ms: Option<u64>,
    times: Mutex<Times>,
}

impl Applied {
    /// A store that holds all through `watermark`, at log time `time`.
    pub fn new(settings: &Settings, store: RocksStore, watermark: Lsn, time: Millis) -> Applied {
        let policy = settings.expiry.get();
        let limit_ms = Some(settings.log_clock_limit_ms);
        let log_time = LogTime::resume(time, clock::now());
        let times = Times { log_time, waiting: VecDeque::new(), watermark, published: None };
        let applied = Applied {
            store,
            policy,
            shows_prefixes: shows_prefixes(settings.ordering),
            limit_ms,
            times: Mutex::new(times),
        };
        applied.publish(watermark);
        applied
    }

    /// What a reader is given now; `None` if compaction overtook him, and he asks again.
    pub fn sight(&self) -> Option<Sight> {
        let local = clock::now();
        let times = lock(&self.times);
        let clock = match self.policy.judging() {
            Judging::Local => local,
            Judging::LogTime => times.log_time.read(local, self.limit_ms).time,
        };
        let published = times.published.clone().filter(|_| self.shows_prefixes);
        drop(times);
        let snapshot = match published {
            Some(snapshot) => snapshot,
            None => Arc::new(self.store.snapshot(clock)?),
        };
        Some(Sight { snapshot, clock })
    }

    /// Log time as readers are given it, and whether it is estimated.
    pub fn log_time(&self) -> (Millis, bool) {
        let reading = lock(&self.times).log_time.read(clock::now(), self.limit_ms);
        (reading.time, reading.estimated)
    }

    /// The last LSN that readers see.
    pub fn watermark(&self) -> Lsn {
        lock(&self.times).watermark
    }

    /// The log time that was heard last.
    pub fn heard(&self) -> Millis {
        lock(&self.times).log_time.heard()
    }

    /// Notes that the master's time after entry `after` was `time`.
    pub fn hear(&self, after: Lsn, time: Millis) {
        let mut times = lock(&self.times);
        times.waiting.push_back((after, time));
        self.hear_what_is_due(&mut times);
    }

    fn hear_what_is_due(&self, times: &mut Times) {
        let local = clock::now();
        while let Some(&(after, time)) = times.waiting.front() {
            if after > times.watermark {
                break;
            }
            times.log_time.hear(time, local, self.limit_ms);
            times.waiting.pop_front();
        }
    }
}

impl Work for Applied {
    fn write(&self, entries: &[Arc<Entry>], part: Option<&Key>, marker: Lsn) -> Result<(), StoreError> {
        let entries: Vec<&Entry> = entries.iter().map(|entry| &**entry).collect();
        let local = clock::now();
        let instants = |entry: &Entry| self.policy.instants(entry, local);
        apply::write_batch(&mut self.store.clone(), &entries, part, marker, &instants).map(|_| ())
    }

    fn publish(&self, watermark: Lsn) {
        let mut times = lock(&self.times);
        times.watermark = watermark;
        self.hear_what_is_due(&mut times);
        if self.shows_prefixes {
            // Its reader judges by log time, or by the local clock, under which the gate stays shut.
            let judged_at = times.log_time.heard();
            if let Some(snapshot) = self.store.snapshot(judged_at) {
                times.published = Some(Arc::new(snapshot));
            }
        }
    }
}

/// Whether every state between two batches of the strategy is a state of the master. Readers are then given what was
/// published with its clock; otherwise the store as it is.
fn shows_prefixes(strategy: Strategy) -> bool {
    match strategy {
        Strategy::Serial | Strategy::Sequence | Strategy::WritesetSnapshots => true,
        Strategy::FirstKey | Strategy::KeyHash | Strategy::Barrier | Strategy::Writeset => false,
    }
}

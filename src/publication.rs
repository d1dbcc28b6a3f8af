//! Publication — what readers are given: (lsn, clock, snapshot), and no clock beyond what they see.
//! Threads through [`crate::sync`].
//!
//! ```text
//! master's writer   begin(20)  executes, logs, writes   publish(8)
//! lsn               7                                   8
//! clock             17 → 20    20     20     20         20 → as time passes
//! ```
//!
//! While a group is under way the clock stands still: its entries are stamped with the instant at which it stands, and
//! a reader of the state before them must not judge at a later one. A replica's clock moves with what it publishes
//! ([`Replica`]).

use crate::binlog::Lsn;
use crate::expiry::{ExpiryPolicy, Reading};
use crate::invariant;
use crate::node::{MasterClock, Replica, Step};
use crate::sync::{Mutex, lock};
use crate::time::{Elapsed, Millis, Moment};
// A snapshot is only read, so nothing about sharing it is to be explored: not the one of `sync`.
use std::sync::Arc;

/// One state with the instant to judge it by.
#[derive(Debug)]
pub struct Sight<S> {
    /// The last entry whose effect it shows.
    pub lsn: Lsn,
    /// The instant to judge by.
    pub clock: Millis,
    /// Wall time − log time, milliseconds: what EXPIRETIME answers by.
    pub offset_ms: i64,
    /// The state.
    pub snapshot: Arc<S>,
}

#[derive(Debug)]
struct Published<S> {
    clock: MasterClock,
    lsn: Lsn,
    snapshot: Arc<S>,
}

/// What a master's readers are given.
#[derive(Debug)]
pub struct MasterPublication<S> {
    published: Mutex<Published<S>>,
}

impl<S> MasterPublication<S> {
    /// The state after entry `lsn`, and a clock.
    pub fn new(clock: MasterClock, lsn: Lsn, snapshot: S) -> MasterPublication<S> {
        let snapshot = Arc::new(snapshot);
        MasterPublication { published: Mutex::new(Published { clock, lsn, snapshot }) }
    }

    /// State and clock for a read at `now`.
    pub fn read(&self, now: Moment) -> Sight<S> {
        let mut published = lock(&self.published);
        let clock = published.clock.read(now);
        let offset_ms = published.clock.offset_ms();
        Sight { lsn: published.lsn, clock, offset_ms, snapshot: Arc::clone(&published.snapshot) }
    }

    /// See [`MasterClock::heartbeat`]; with the entry after which it stands in the stream. `stepped`: as in
    /// [`MasterPublication::begin`].
    pub fn heartbeat(&self, now: Moment, stepped: impl FnOnce(Lsn, Step)) -> Option<(Lsn, Millis)> {
        let mut published = lock(&self.published);
        let lsn = published.lsn;
        let time = published.clock.heartbeat(now)?;
        if let Some(step) = published.clock.measure(now) {
            stepped(lsn, step);
        }
        Some((lsn, time))
    }

    /// See [`MasterClock::begin`]; gives the offset, too. If the wall clock was set, this calls `stepped` with the entry after which the
    /// offset changes, before any entry of the group is published.
    pub fn begin(&self, now: Moment, stepped: impl FnOnce(Lsn, Step)) -> (Millis, i64) {
        let mut published = lock(&self.published);
        if let Some(step) = published.clock.measure(now) {
            stepped(published.lsn, step);
        }
        (published.clock.begin(now), published.clock.offset_ms())
    }

    /// The group that began is written: readers see it from now on.
    pub fn publish(&self, lsn: Lsn, snapshot: S) {
        let snapshot = Arc::new(snapshot);
        let before = {
            let mut published = lock(&self.published);
            published.clock.end();
            debug_assert!(invariant::published_in_order(published.lsn, lsn), "{lsn} after {}", published.lsn);
            published.lsn = lsn;
            std::mem::replace(&mut published.snapshot, snapshot)
        };
        // Outside the lock: the last reader gone, a snapshot gives back what it held.
        drop(before);
    }

    /// The group that began was refused: nothing has changed.
    pub fn refuse(&self) {
        lock(&self.published).clock.end();
    }

    /// See [`MasterClock::raise`].
    pub fn raise(&self, ceiling: Millis) {
        lock(&self.published).clock.raise(ceiling);
    }

    /// The clock as it is.
    pub fn clock(&self) -> MasterClock {
        lock(&self.published).clock.clone()
    }
}

/// What readers of a replica are given: the replica's state and the published snapshot, behind one lock.
#[derive(Debug)]
pub struct ReplicaPublication<S> {
    state: Mutex<Shown<S>>,
}

#[derive(Debug)]
struct Shown<S> {
    replica: Replica,
    /// The latest instant by which a reader was answered.
    told: Millis,
    /// The master's time that was received last, with what the elapsed clock said; `None`: none since the start.
    received: Option<(Millis, Elapsed)>,
    /// The published snapshot; `None`: readers are given the store as it is.
    snapshot: Option<Arc<S>>,
}

/// State and clock for a read of a replica.
#[derive(Debug)]
pub struct ReplicaSight<S> {
    /// The last entry that it shows, unless readers are given the store as it is.
    pub lsn: Lsn,
    /// The instant to judge by.
    pub reading: Reading,
    /// The master's offset, milliseconds: what EXPIRETIME answers by.
    pub offset_ms: i64,
    /// The published snapshot; `None`: the store as it is.
    pub snapshot: Option<Arc<S>>,
}

impl<S> ReplicaPublication<S> {
    /// The publication of `replica`, without a snapshot.
    pub fn new(replica: Replica) -> ReplicaPublication<S> {
        let (told, received, snapshot) = (Millis::ZERO, None, None);
        ReplicaPublication { state: Mutex::new(Shown { replica, told, received, snapshot }) }
    }

    /// State and clock for a read at `now`.
    pub fn read(&self, policy: &dyn ExpiryPolicy, now: Moment) -> ReplicaSight<S> {
        let mut state = lock(&self.state);
        let reading = state.replica.reads_at(policy, now, state.told);
        state.told = state.told.max(reading.time);
        let (lsn, offset_ms) = (state.replica.published(), state.replica.offset_ms());
        ReplicaSight { lsn, reading, offset_ms, snapshot: state.snapshot.clone() }
    }

    /// What `look` finds in the replica's state.
    pub fn look<T>(&self, look: impl FnOnce(&Replica) -> T) -> T {
        look(&lock(&self.state).replica)
    }

    /// Changes the replica's state: the link tells what it received.
    pub fn tell(&self, tell: impl FnOnce(&mut Replica)) {
        tell(&mut lock(&self.state).replica);
    }

    /// Receives entries at `now`: the number of each, and the master's time.
    pub fn receive(&self, entries: impl Iterator<Item = (Lsn, Millis)>, now: Elapsed) {
        let mut state = lock(&self.state);
        for (lsn, time) in entries {
            state.replica.receive(lsn, time, now);
            state.received = Some((time, now));
        }
    }

    /// Receives a heartbeat at `now`: `time` after entry `after`, `tail` at the end of the master's log. Whether readers were told far
    /// more than `tail`, see [`Replica::ends`]: the caller then disconnects them.
    pub fn heartbeat(&self, after: Lsn, time: Millis, tail: Millis, now: Elapsed) -> bool {
        let mut state = lock(&self.state);
        state.replica.heartbeat(after, time, now);
        state.received = Some((time, now));
        let is_forgotten = state.replica.ends(tail);
        if is_forgotten {
            state.told = Millis::ZERO;
        }
        is_forgotten
    }

    /// The master's time at `now`, counted from what was received last by the elapsed clock; `None`: nothing since the start.
    pub fn counted(&self, now: Elapsed) -> Option<Millis> {
        let (time, at) = lock(&self.state).received?;
        Some(Millis(time.0.saturating_add(now.since(at))))
    }

    /// Publishes all entries up to `lsn`, which are applied. `snapshot` takes a snapshot to be judged at the instant that it is
    /// given; `None`: the snapshot before stays.
    pub fn publish(&self, lsn: Lsn, snapshot: impl FnOnce(Millis) -> Option<S>) {
        let before = {
            let mut state = lock(&self.state);
            state.replica.publish(lsn);
            match snapshot(state.replica.heard()) {
                Some(snapshot) => state.snapshot.replace(Arc::new(snapshot)),
                None => None,
            }
        };
        // Outside the lock: the last reader gone, a snapshot gives back what it held.
        drop(before);
    }
}

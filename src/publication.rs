//! Publication — the state that readers are given: (lsn, clock, snapshot). The clock is never later than the state allows.
//! Threads through [`crate::sync`].
//!
//! ```text
//! master's writer   begin(20)  executes, logs, writes   publish(8)
//! lsn               7                                   8
//! clock             17 → 20    20     20     20         20 → as time passes
//! ```
//!
//! While a group is executing, the clock does not advance. The group's entries have this instant as their time, and a
//! reader of the state before them must not judge at a later instant. A replica's clock advances with the entries that it
//! publishes ([`Replica`]).

use crate::binlog::Lsn;
use crate::expiry::{ExpiryPolicy, Reading};
use crate::invariant;
use crate::node::{MasterClock, Replica, Step};
use crate::sync::{Mutex, lock};
use crate::time::{Elapsed, Millis, Moment};
// This is not the `Arc` of `sync`: a snapshot is only read, so there is nothing for the thread explorer to explore in
// sharing it.
use std::sync::Arc;

/// A state, with the instant by which its reader judges deadlines.
#[derive(Debug)]
pub struct Sight<S> {
    /// The last entry whose effect the state shows.
    pub lsn: Lsn,
    /// The instant by which the reader judges deadlines.
    pub clock: Millis,
    /// Wall time − log time, in milliseconds. EXPIRETIME uses it for its reply.
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

/// The state that a master's readers are given, and the master's clock.
#[derive(Debug)]
pub struct MasterPublication<S> {
    published: Mutex<Published<S>>,
}

impl<S> MasterPublication<S> {
    /// A publication of the state after entry `lsn`, with a clock.
    pub fn new(clock: MasterClock, lsn: Lsn, snapshot: S) -> MasterPublication<S> {
        let snapshot = Arc::new(snapshot);
        MasterPublication { published: Mutex::new(Published { clock, lsn, snapshot }) }
    }

    /// The state and the clock for a read at `now`.
    pub fn read(&self, now: Moment) -> Sight<S> {
        let mut published = lock(&self.published);
        let clock = published.clock.read(now);
        let offset_ms = published.clock.offset_ms();
        Sight { lsn: published.lsn, clock, offset_ms, snapshot: Arc::clone(&published.snapshot) }
    }

    /// The time for a heartbeat, see [`MasterClock::heartbeat`], and the entry after which the heartbeat is sent.
    /// `stepped`: as in [`MasterPublication::begin`].
    pub fn heartbeat(&self, now: Moment, stepped: impl FnOnce(Lsn, Step)) -> Option<(Lsn, Millis)> {
        let mut published = lock(&self.published);
        let lsn = published.lsn;
        let time = published.clock.heartbeat(now)?;
        if let Some(step) = published.clock.measure(now) {
            stepped(lsn, step);
        }
        Some((lsn, time))
    }

    /// Begins a group, see [`MasterClock::begin`]. Returns the instant of the group and the offset. If the wall clock was
    /// set, this calls `stepped` with the entry after which the offset changes, before any entry of the group is published.
    pub fn begin(&self, now: Moment, stepped: impl FnOnce(Lsn, Step)) -> (Millis, i64) {
        let mut published = lock(&self.published);
        if let Some(step) = published.clock.measure(now) {
            stepped(published.lsn, step);
        }
        (published.clock.begin(now), published.clock.offset_ms())
    }

    /// Ends the group that began, and publishes its state: readers see it from now on.
    pub fn publish(&self, lsn: Lsn, snapshot: S) {
        let snapshot = Arc::new(snapshot);
        let before = {
            let mut published = lock(&self.published);
            published.clock.end();
            debug_assert!(invariant::published_in_order(published.lsn, lsn), "{lsn} after {}", published.lsn);
            published.lsn = lsn;
            std::mem::replace(&mut published.snapshot, snapshot)
        };
        // The old snapshot is dropped outside the lock: if no reader holds it, its resources are freed here.
        drop(before);
    }

    /// Ends the group that began, which was refused. The state does not change.
    pub fn refuse(&self) {
        lock(&self.published).clock.end();
    }

    /// See [`MasterClock::raise`].
    pub fn raise(&self, ceiling: Millis) {
        lock(&self.published).clock.raise(ceiling);
    }

    /// A copy of the clock.
    pub fn clock(&self) -> MasterClock {
        lock(&self.published).clock.clone()
    }
}

/// The state that a replica's readers are given: the state of the replica and the published snapshot, behind one lock.
#[derive(Debug)]
pub struct ReplicaPublication<S> {
    state: Mutex<Shown<S>>,
}

#[derive(Debug)]
struct Shown<S> {
    replica: Replica,
    /// The latest instant by which a reader was answered.
    told: Millis,
    /// The last time received from the master, with the reading of the elapsed clock; `None`: none since the start.
    received: Option<(Millis, Elapsed)>,
    /// The published snapshot; `None`: readers are given the store as it is.
    snapshot: Option<Arc<S>>,
}

/// The state and the times for a read on a replica.
#[derive(Debug)]
pub struct ReplicaSight<S> {
    /// The last entry that the snapshot shows. The store may be ahead of it, if readers are given the store as it is.
    pub lsn: Lsn,
    /// The instant by which the reader judges deadlines.
    pub reading: Reading,
    /// The master's offset, in milliseconds. EXPIRETIME uses it for its reply.
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

    /// The state and the clock for a read at `now`.
    pub fn read(&self, policy: &dyn ExpiryPolicy, now: Moment) -> ReplicaSight<S> {
        let mut state = lock(&self.state);
        let reading = state.replica.reads_at(policy, now, state.told);
        state.told = state.told.max(reading.time);
        let (lsn, offset_ms) = (state.replica.published(), state.replica.offset_ms());
        ReplicaSight { lsn, reading, offset_ms, snapshot: state.snapshot.clone() }
    }

    /// Calls `look` with the replica's state, and returns its result.
    pub fn look<T>(&self, look: impl FnOnce(&Replica) -> T) -> T {
        look(&lock(&self.state).replica)
    }

    /// Calls `tell` to change the replica's state, for something that the link received.
    pub fn tell(&self, tell: impl FnOnce(&mut Replica)) {
        tell(&mut lock(&self.state).replica);
    }

    /// Notes that entries were received at `now`: the LSN of each, and the master's time.
    pub fn receive(&self, entries: impl Iterator<Item = (Lsn, Millis)>, now: Elapsed) {
        let mut state = lock(&self.state);
        for (lsn, time) in entries {
            state.replica.receive(lsn, time, now);
            state.received = Some((time, now));
        }
    }

    /// Notes that a heartbeat was received at `now`. `time`: log time after entry `after`. `tail`: log time at the end of
    /// the master's log. Returns whether readers were told an instant far beyond `tail`, see [`Replica::ends`]; the caller
    /// then has to disconnect them.
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

    /// The master's time at `now`, counted by the elapsed clock from the last time received; `None`: nothing was received
    /// since the start.
    pub fn counted(&self, now: Elapsed) -> Option<Millis> {
        let (time, at) = lock(&self.state).received?;
        Some(Millis(time.0.saturating_add(now.since(at))))
    }

    /// Publishes all entries up to `lsn`, which are applied. `snapshot` is called with the instant at which readers will
    /// judge, and takes the snapshot; if it returns `None`, the previous snapshot is kept.
    pub fn publish(&self, lsn: Lsn, snapshot: impl FnOnce(Millis) -> Option<S>) {
        let before = {
            let mut state = lock(&self.state);
            state.replica.publish(lsn);
            match snapshot(state.replica.heard()) {
                Some(snapshot) => state.snapshot.replace(Arc::new(snapshot)),
                None => None,
            }
        };
        // The old snapshot is dropped outside the lock: if no reader holds it, its resources are freed here.
        drop(before);
    }
}

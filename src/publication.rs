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
use crate::node::Replica;
use crate::sync::{Mutex, lock};
use crate::time::Millis;
// A snapshot is only read, so nothing about sharing it is to be explored: not the one of `sync`.
use std::sync::Arc;

/// The clock of a master's log. Pure.
///
/// Invariants: it never goes back, and never beyond the ceiling that is durable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogClock {
    clock: Millis,
    ceiling: Millis,
    /// Whether a group is executing that is not published.
    under_way: bool,
}

impl LogClock {
    /// A clock that goes on from `clock`; it stands still until it has a higher ceiling.
    pub fn new(clock: Millis) -> LogClock {
        LogClock { clock, ceiling: clock, under_way: false }
    }

    /// The clock when the system's says `now`.
    pub fn read(&mut self, now: Millis) -> Millis {
        if !self.under_way {
            self.clock = self.clock.max(now.min(self.ceiling));
        }
        self.clock
    }

    /// A group begins: the instant of its entries, and of all readers until it is published.
    pub fn begin(&mut self, now: Millis) -> Millis {
        let clock = self.read(now);
        self.under_way = true;
        clock
    }

    /// The group is published, or was refused.
    pub fn end(&mut self) {
        self.under_way = false;
    }

    /// The clock to tell replicas; `None` while a group is under way, whose entries will tell it.
    pub fn heartbeat(&mut self, now: Millis) -> Option<Millis> {
        (!self.under_way).then(|| self.read(now))
    }

    /// A higher ceiling is durable; a lower one changes nothing.
    pub fn raise(&mut self, ceiling: Millis) {
        self.ceiling = self.ceiling.max(ceiling);
    }
}

/// One state with the instant to judge it by.
#[derive(Debug)]
pub struct Sight<S> {
    /// The last entry whose effect it shows.
    pub lsn: Lsn,
    /// The instant to judge by.
    pub clock: Millis,
    /// The state.
    pub snapshot: Arc<S>,
}

#[derive(Debug)]
struct Published<S, C> {
    clock: C,
    lsn: Lsn,
    snapshot: Arc<S>,
}

/// What a master's readers are given.
#[derive(Debug)]
pub struct MasterPublication<S> {
    published: Mutex<Published<S, LogClock>>,
}

impl<S> MasterPublication<S> {
    /// The state after entry `lsn`, and a clock.
    pub fn new(clock: LogClock, lsn: Lsn, snapshot: S) -> MasterPublication<S> {
        let snapshot = Arc::new(snapshot);
        MasterPublication { published: Mutex::new(Published { clock, lsn, snapshot }) }
    }

    /// What a reader is given when the system's clock says `now`.
    pub fn read(&self, now: Millis) -> Sight<S> {
        let mut published = lock(&self.published);
        let clock = published.clock.read(now);
        Sight { lsn: published.lsn, clock, snapshot: Arc::clone(&published.snapshot) }
    }

    /// See [`LogClock::heartbeat`]; with the entry after which it stands in the stream.
    pub fn heartbeat(&self, now: Millis) -> Option<(Lsn, Millis)> {
        let mut published = lock(&self.published);
        let time = published.clock.heartbeat(now)?;
        Some((published.lsn, time))
    }

    /// See [`LogClock::begin`].
    pub fn begin(&self, now: Millis) -> Millis {
        lock(&self.published).clock.begin(now)
    }

    /// The group that began is written: readers see it from now on.
    pub fn publish(&self, lsn: Lsn, snapshot: S) {
        let snapshot = Arc::new(snapshot);
        let before = {
            let mut published = lock(&self.published);
            published.clock.end();
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

    /// See [`LogClock::raise`].
    pub fn raise(&self, ceiling: Millis) {
        lock(&self.published).clock.raise(ceiling);
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
    /// The published snapshot; `None`: readers are given the store as it is.
    snapshot: Option<Arc<S>>,
}

impl<S> ReplicaPublication<S> {
    /// The publication of `replica`, without a snapshot.
    pub fn new(replica: Replica) -> ReplicaPublication<S> {
        ReplicaPublication { state: Mutex::new(Shown { replica, told: Millis::ZERO, snapshot: None }) }
    }

    /// The last entry that readers see, the instant to judge by when the replica's own clock says `local`, and the published
    /// snapshot.
    pub fn read(&self, policy: &dyn ExpiryPolicy, local: Millis) -> (Lsn, Reading, Option<Arc<S>>) {
        let mut state = lock(&self.state);
        let reading = state.replica.reads_at(policy, local, state.told);
        state.told = state.told.max(reading.time);
        (state.replica.published(), reading, state.snapshot.clone())
    }

    /// What `look` finds in the replica's state.
    pub fn look<T>(&self, look: impl FnOnce(&Replica) -> T) -> T {
        look(&lock(&self.state).replica)
    }

    /// Changes the replica's state: the link tells what it received.
    pub fn tell(&self, tell: impl FnOnce(&mut Replica)) {
        tell(&mut lock(&self.state).replica);
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

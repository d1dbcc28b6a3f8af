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
//! a reader of the state before them must not judge at a later one. A replica's clock is its [`LogTime`], which moves
//! with what is applied.

use crate::binlog::Lsn;
use crate::expiry::LogTime;
use crate::expiry::log_clock::Reading;
use crate::sync::{Mutex, lock};
use crate::time::Millis;
use std::collections::VecDeque;
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

/// What readers of a replica are given, and log time, which moves with what is applied.
///
/// ```text
/// stream     6 (t 40)   heartbeat 45   7 (t 50)
/// applied    5          6              6             7
/// log time   38         45             45            50          the times of 6 are heard when 6 is applied
/// ```
#[derive(Debug)]
pub struct ReplicaPublication<S> {
    limit_ms: Option<u64>,
    state: Mutex<Applied<S>>,
}

#[derive(Debug)]
struct Applied<S> {
    lsn: Lsn,
    log_time: LogTime,
    /// Times that are heard once all up to the LSN is applied, in order.
    waiting: VecDeque<(Lsn, Millis)>,
    /// The state after `lsn`; `None` where readers are given the store as it is.
    snapshot: Option<Arc<S>>,
}

impl<S> ReplicaPublication<S> {
    /// Nothing beyond entry `lsn` is applied; `limit_ms` as in [`LogTime::read`].
    pub fn new(log_time: LogTime, limit_ms: Option<u64>, lsn: Lsn) -> ReplicaPublication<S> {
        let state = Applied { lsn, log_time, waiting: VecDeque::new(), snapshot: None };
        ReplicaPublication { limit_ms, state: Mutex::new(state) }
    }

    /// The last entry applied, log time when the replica's own clock says `local`, and the state if one is published.
    pub fn read(&self, local: Millis) -> (Lsn, Reading, Option<Arc<S>>) {
        let state = lock(&self.state);
        (state.lsn, state.log_time.read(local, self.limit_ms), state.snapshot.clone())
    }

    /// The log time that was heard last.
    pub fn heard(&self) -> Millis {
        lock(&self.state).log_time.heard()
    }

    /// Notes that the master's time after entry `after` was `time`; called in log order, for an entry before it is
    /// applied.
    pub fn hear(&self, after: Lsn, time: Millis, local: Millis) {
        let mut state = lock(&self.state);
        match state.waiting.back_mut() {
            // Both are heard at once, and the later one counts: heartbeats do not pile up while nothing is applied.
            Some((last, waiting)) if *last == after => *waiting = (*waiting).max(time),
            _ => state.waiting.push_back((after, time)),
        }
        state.hear_what_is_due(local, self.limit_ms);
    }

    /// All through `lsn` is applied. `snapshot` takes the state, to be judged at the instant it is given; `None`: the
    /// one before stays.
    pub fn publish(&self, lsn: Lsn, local: Millis, snapshot: impl FnOnce(Millis) -> Option<S>) {
        let before = {
            let mut state = lock(&self.state);
            state.lsn = lsn;
            state.hear_what_is_due(local, self.limit_ms);
            match snapshot(state.log_time.heard()) {
                Some(snapshot) => state.snapshot.replace(Arc::new(snapshot)),
                None => None,
            }
        };
        // Outside the lock: the last reader gone, a snapshot gives back what it held.
        drop(before);
    }
}

impl<S> Applied<S> {
    fn hear_what_is_due(&mut self, local: Millis, limit_ms: Option<u64>) {
        while let Some(&(after, time)) = self.waiting.front() {
            if after > self.lsn {
                break;
            }
            self.log_time.hear(time, local, limit_ms);
            self.waiting.pop_front();
        }
    }
}

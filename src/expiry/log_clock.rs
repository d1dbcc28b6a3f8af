//! `log_clock` — effects; readers of the replica judge by log time, never by the replica's own clock. Pure.
//!
//! Log time is the master's time as the log carried it: entries and heartbeats bring it, in the order of the
//! log. With n entries applied, the clock c satisfies t(n) ≤ c ≤ t(n+1), so a read of the replica is a read
//! that the master could have answered at c.
//!
//! While nothing is received, log time stands still. After a silence of `limit` it goes on at the rate of the replica's elapsed
//! clock, and reads are *estimated* until the master's time has caught up. An estimate stops at the time of the first entry that
//! was received and is not published:
//!
//! ```text
//! heard 5000 at elapsed 200, limit 10000
//! elapsed   200   10200   11200   heard 6000   heard 17000
//! clock    5000    5000    6000         6000         17000
//! ```

use super::{ExpiryPolicy, Judging};
use crate::time::{Elapsed, Millis};

/// Bytes in the log, log time at reads.
#[derive(Clone, Copy, Debug)]
pub struct LogClock;

impl ExpiryPolicy for LogClock {
    fn judging(&self) -> Judging {
        Judging::LogTime
    }
}

/// A replica's log time.
///
/// Invariants: what [`LogTime::read`] gives never goes back, except after [`LogTime::forget_estimate`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct LogTime {
    /// The master's time that was heard last.
    heard: Millis,
    /// The elapsed clock at the last receipt.
    received_at: Elapsed,
    /// The latest estimate that was given, if it is later than what was heard; else 0. Log time never goes back before it.
    estimate: Millis,
}

/// A reading of log time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Reading {
    /// The instant to judge by.
    pub time: Millis,
    /// Whether it is later than what was heard: an estimate at the rate of the replica's own clock.
    pub estimated: bool,
}

impl LogTime {
    /// Log time `time`, as if it was heard when the elapsed clock said `now`: a node continues from there after a start. After
    /// [`LogTime::hear`] instead, all the time before `now` would count as silence and be estimated.
    pub fn at(time: Millis, now: Elapsed) -> LogTime {
        LogTime { heard: time, received_at: now, estimate: Millis::ZERO }
    }

    /// As [`LogTime::at`], for a replica whose readers were given the instant `told` before it stopped. If `told` is later than
    /// `heard`, it was an estimate: log time does not go back before it, but keys that are dead only by the estimate are not
    /// removed.
    pub fn resumed(heard: Millis, told: Millis, now: Elapsed) -> LogTime {
        let estimate = if told > heard { told } else { Millis::ZERO };
        LogTime { estimate, ..LogTime::at(heard, now) }
    }

    /// Notes a receipt when the elapsed clock said `now`: silence is counted from there. `limit_ms` and `next` as in
    /// [`LogTime::read`]; `next` is the value before the receipt.
    pub fn receive(&mut self, now: Elapsed, limit_ms: Option<u64>, next: Option<Millis>) {
        let Reading { time, estimated } = self.read(now, limit_ms, next);
        self.estimate = if estimated { time } else { Millis::ZERO };
        // Without a limit the moment of the receipt does not matter.
        self.received_at = if limit_ms.is_some() { now } else { Elapsed::default() };
    }

    /// Notes the master's time of what readers see.
    pub fn hear(&mut self, time: Millis) {
        self.heard = self.heard.max(time);
        if self.estimate <= self.heard {
            self.estimate = Millis::ZERO;
        }
    }

    /// The master's time that was heard last.
    pub fn heard(&self) -> Millis {
        self.heard
    }

    /// The elapsed clock at the last receipt; 0 if log time is never estimated.
    pub fn received_at(&self) -> Elapsed {
        self.received_at
    }

    /// Forgets the estimate that was given, if it is later than `limit`. Gives whether it did: log time then goes back, so readers that
    /// were given it must be disconnected.
    pub fn forget_estimate(&mut self, limit: Millis) -> bool {
        let is_beyond = self.estimate > limit;
        if is_beyond {
            self.estimate = Millis::ZERO;
        }
        is_beyond
    }

    /// Log time when the elapsed clock says `now`. `limit_ms`: milliseconds of silence after which log time is estimated;
    /// `None`: never. `next`: the time of the first entry that was received and is not published; no estimate passes it.
    pub fn read(&self, now: Elapsed, limit_ms: Option<u64>, next: Option<Millis>) -> Reading {
        let silent = now.since(self.received_at);
        let beyond = limit_ms.map_or(0, |limit| silent.saturating_sub(limit));
        let estimate = Millis(self.heard.0.saturating_add(beyond));
        let estimate = next.map_or(estimate, |next| estimate.min(next.max(self.heard)));
        let time = estimate.max(self.estimate);
        Reading { time, estimated: time > self.heard }
    }
}

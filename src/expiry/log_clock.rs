//! `log_clock` — effects; readers of the replica judge by log time, never by the replica's own clock. Pure.
//!
//! Log time is the master's time as the log carried it: entries and heartbeats bring it, in the order of the
//! log. With n entries applied, the clock c satisfies t(n) ≤ c ≤ t(n+1), so a read of the replica is a read
//! that the master could have answered at c.
//!
//! While nothing is received, log time stands still. After a silence of `limit` it goes on at the replica's own rate, and
//! reads are *estimated* until log time has caught up. An estimate stops at the time of the first entry that was received and
//! is not published:
//!
//! ```text
//! heard 5000 at local 5200, limit 10000
//! local    5200   15200   16200   heard 6000   heard 17000
//! clock    5000    5000    6000         6000         17000
//! ```

use super::{ExpiryPolicy, Judging};
use crate::time::Millis;

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
/// Invariants: what [`LogTime::read`] gives never goes back while the replica's own clock does not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct LogTime {
    /// The master's time that was heard last.
    heard: Millis,
    /// The replica's own clock at the last receipt.
    received_at: Millis,
    /// The latest estimate that was given, if it is later than what was heard; else 0. Log time never goes back behind it.
    estimate: Millis,
}

/// What a log clock says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Reading {
    /// The instant to judge by.
    pub time: Millis,
    /// Whether it runs ahead of what was heard, at the replica's own rate.
    pub estimated: bool,
}

impl LogTime {
    /// Log time `time`, as if heard when the replica's own clock said `local`: where a node goes on after a start. To
    /// `hear` it instead would take all the time before `local` for silence, and make an estimate of it.
    pub fn at(time: Millis, local: Millis) -> LogTime {
        LogTime { heard: time, received_at: local, estimate: Millis::ZERO }
    }

    /// As [`LogTime::at`], for a replica whose readers were told `told` before it stopped. It may be later than what was heard: an
    /// estimate. Log time does not go back behind it, and what is dead by it only is not removed.
    pub fn resumed(heard: Millis, told: Millis, local: Millis) -> LogTime {
        let estimate = if told > heard { told } else { Millis::ZERO };
        LogTime { estimate, ..LogTime::at(heard, local) }
    }

    /// Notes a receipt when the replica's own clock said `local`: silence begins anew. `limit_ms` and `next` as in
    /// [`LogTime::read`]; `next` is the value before the receipt.
    pub fn receive(&mut self, local: Millis, limit_ms: Option<u64>, next: Option<Millis>) {
        let Reading { time, estimated } = self.read(local, limit_ms, next);
        self.estimate = if estimated { time } else { Millis::ZERO };
        // Without a limit the moment of the receipt does not matter.
        self.received_at = if limit_ms.is_some() { local } else { Millis::ZERO };
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

    /// The replica's own clock at the last receipt; 0 if log time is never estimated.
    pub fn received_at(&self) -> Millis {
        self.received_at
    }

    /// Log time when the replica's own clock says `local`. `limit_ms`: milliseconds of silence after which log time is estimated;
    /// `None`: never. `next`: the time of the first entry that was received and is not published; no estimate passes it.
    pub fn read(&self, local: Millis, limit_ms: Option<u64>, next: Option<Millis>) -> Reading {
        let silent = local.since(self.received_at);
        let beyond = limit_ms.map_or(0, |limit| silent.saturating_sub(limit));
        let estimate = Millis(self.heard.0.saturating_add(beyond));
        let estimate = next.map_or(estimate, |next| estimate.min(next.max(self.heard)));
        let time = estimate.max(self.estimate);
        Reading { time, estimated: time > self.heard }
    }
}

//! `log_clock` — effects; readers of the replica judge by log time, never by the replica's own clock. Pure.
//!
//! Log time is the master's time as the log carried it: entries and heartbeats bring it, in the order of the
//! log. With n entries applied, the clock c satisfies t(n) ≤ c ≤ t(n+1), so a read of the replica is a read
//! that the master could have answered at c.
//!
//! While nothing is heard, log time stands still; when that has lasted `limit`, it goes on by the replica's own
//! rate, and reads are *estimated* until log time has caught up:
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
    /// The replica's own clock at that moment.
    heard_at: Millis,
    /// The latest estimate given out; log time never goes behind it.
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
        LogTime { heard: time, heard_at: local, estimate: Millis::ZERO }
    }

    /// Notes that the log brought the master's time `time` while the replica's own clock said `local`.
    /// `limit_ms` as in [`LogTime::read`].
    pub fn hear(&mut self, time: Millis, local: Millis, limit_ms: Option<u64>) {
        self.estimate = self.read(local, limit_ms).time;
        self.heard = self.heard.max(time);
        // A clock that is never estimated does not ask when it was heard.
        self.heard_at = if limit_ms.is_some() { local } else { Millis::ZERO };
    }

    /// The master's time that was heard last.
    pub fn heard(&self) -> Millis {
        self.heard
    }

    /// The replica's own clock when the log was last heard.
    pub fn heard_at(&self) -> Millis {
        self.heard_at
    }

    /// The clock when the replica's own says `local`; `limit_ms` is how long silence may last before it is
    /// estimated, `None` = for ever.
    pub fn read(&self, local: Millis, limit_ms: Option<u64>) -> Reading {
        let silent = local.since(self.heard_at);
        let beyond = limit_ms.map_or(0, |limit| silent.saturating_sub(limit));
        let time = Millis(self.heard.0.saturating_add(beyond)).max(self.estimate);
        Reading { time, estimated: time > self.heard }
    }
}

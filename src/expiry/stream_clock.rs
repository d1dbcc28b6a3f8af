//! `stream_clock` — the command as it came, without chance, run at the time that its entry carries; readers judge by log time, but
//! by no instant that is further behind the replica's own clock than a floor. Pure.
//!
//! Logged and run as under [`at_entry_time`](super::at_entry_time), so the replica's state is the master's. Readers do better than
//! there as long as entries and heartbeats are less late than the floor, plus what the replica's clock is behind: they judge by
//! log time. Where the log is later than that, the floor decides, as a clock of the replica's own:
//!
//! ```text
//! SETEX k 60 v at 0, PERSIST k at 50 s, which is 80 s late; floor 60 s
//! replica's clock   100 s   120 s        130 s
//! log time            0 s     0 s         50 s: PERSIST
//! readers judge by   40 s    60 s: no k   70 s: k is back
//! ```
//!
//! The floor compares log time with wall clocks, so the master's log time is its wall clock, as where readers judge by the
//! replica's clock alone. A wall clock that is set back takes the floor back with it, but never behind log time.

use super::{ExpiryPolicy, Judging};
use crate::binlog::Payload;
use crate::command::Command;
use crate::effect::Effect;
use crate::time::Millis;

/// How far readers of the engine may judge behind the replica's own clock, in milliseconds: that of the design.
pub const FLOOR_MS: u64 = 60_000;

/// Commands as they came, without chance, at the entry's time; log time with a floor at reads.
#[derive(Clone, Copy, Debug)]
pub struct StreamClock {
    /// How far readers may judge behind the replica's own clock, in milliseconds.
    pub floor_ms: u64,
}

impl ExpiryPolicy for StreamClock {
    fn logged(&self, command: &Command, effect: Effect, _now: Millis) -> Payload {
        Payload::Command(command.without_chance(&effect))
    }

    fn judging(&self) -> Judging {
        Judging::LogTimeWithFloor { floor_ms: self.floor_ms }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expiry::{Clocks, Reading};

    #[test]
    fn stream_clock_readers_judge_by_log_time_but_at_most_the_floor_behind_their_own_clock() {
        let at = |log_time, local, estimated| {
            let log_time = Reading { time: Millis(log_time), estimated };
            let read = StreamClock { floor_ms: 100 }.reads_at(Clocks {
                log_time,
                local: Millis(local),
                told: Millis(900),
            });
            (read.time.0, read.estimated)
        };
        assert_eq!(at(500, 600, false), (500, false), "100 ms behind is near enough");
        assert_eq!(at(500, 601, false), (501, false), "the floor");
        assert_eq!(at(500, 400, false), (500, false), "a clock that is behind changes nothing");
        assert_eq!(at(500, 560, true), (500, true), "log time that is estimated");
        assert_eq!(at(500, 700, true), (600, false), "the floor is no estimate");
        assert_eq!(at(0, 50, false), (0, false), "the clock is not far from its beginning");
    }
}

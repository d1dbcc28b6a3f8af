//! Clock — computes log time and the offset of the wall clock from a master's two clocks. Pure.
//!
//! ```text
//! elapsed      0      5      6           a clock that cannot be set
//! wall      1000   1005   4606           it is set an hour ahead
//! log time  1000   1005   1006           base 1000 at elapsed 0
//! offset       0      0   3600           wall − log time
//! ```
//!
//! Log time is counted by the elapsed clock, so a step of the wall clock neither delays nor advances it. Wall time is read
//! for two purposes: to translate the instants that clients name (EXPIREAT), by the offset; and to continue log time after
//! a start, because the elapsed clock restarts with the machine.
//!
//! Under a policy that judges by local clocks, log time is wall time that never goes back, and the offset is 0. That is
//! intended.

use crate::expiry::Judging;
use crate::time::{Elapsed, Millis, Moment};

/// A change of the offset by more than this is a step of the wall clock, in milliseconds. A smaller change is drift between
/// the two clocks, and is ignored.
pub const STEP_MS: u64 = 50;

/// Log time and wall time at one moment. The pair is stored in the node's folder, and a start continues from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Pair {
    /// Log time, as the elapsed clock had counted it.
    pub log: Millis,
    /// Wall time at the same moment.
    pub wall: Millis,
}

impl Pair {
    /// Log time after a start, when the wall clock says `wall`. The downtime is measured by the wall clock. It counts as at
    /// least 0 and at most `downtime_max_ms`.
    pub fn resumed(self, wall: Millis, downtime_max_ms: u64) -> Millis {
        Millis(self.log.0.saturating_add(wall.since(self.wall).min(downtime_max_ms)))
    }
}

/// A step of the wall clock, as the master measured it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Step {
    /// Log time at the measurement.
    pub time: Millis,
    /// Wall time − log time from now on, milliseconds.
    pub offset_ms: i64,
    /// By how much the wall clock was set ahead, milliseconds; below 0: back.
    pub by_ms: i64,
}

/// The clock of a master's log.
///
/// Invariants: log time never goes back, and never beyond the ceiling that is durable.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct MasterClock {
    judging: Judging,
    /// Log time at the reading `since` of the elapsed clock.
    base: Millis,
    since: Elapsed,
    /// Wall time − log time at the last measurement, in milliseconds.
    offset_ms: i64,
    /// The latest log time that readers or replicas were told.
    told: Millis,
    ceiling: Millis,
    /// Whether a group is executing and is not published yet.
    under_way: bool,
}

impl MasterClock {
    /// A clock that counts from `base`, which was log time at the reading `since` of the elapsed clock. Log time is at
    /// least `floor`, and does not advance from there until a higher ceiling is set. `now`: the time on both clocks.
    pub fn new(
        judging: Judging,
        (base, since): (Millis, Elapsed),
        floor: Millis,
        now: Moment,
    ) -> MasterClock {
        let clock =
            MasterClock { judging, base, since, offset_ms: 0, told: floor, ceiling: floor, under_way: false };
        let offset_ms = clock.difference(now);
        MasterClock { offset_ms, ..clock }
    }

    /// The clock of a node that starts as a master. `saved`: the folder's pair; `None`: the folder is new or of version 1,
    /// and log time begins at wall time. `floor`: an instant such that no reader and no replica was told a later one.
    pub fn started(
        judging: Judging,
        saved: Option<Pair>,
        downtime_max_ms: u64,
        floor: Millis,
        now: Moment,
    ) -> MasterClock {
        let base = saved.map_or(now.wall, |pair| pair.resumed(now.wall, downtime_max_ms));
        MasterClock::new(judging, (base, now.elapsed), floor, now)
    }

    /// Log time as the clocks alone count it, without floor and ceiling.
    pub fn counted(&self, now: Moment) -> Millis {
        match self.judging {
            // A floor compares log time with wall clocks.
            Judging::Local | Judging::LogTimeWithFloor { .. } => now.wall,
            Judging::LogTime => Millis(self.base.0.saturating_add(now.elapsed.since(self.since))),
        }
    }

    /// The current log time.
    pub fn read(&mut self, now: Moment) -> Millis {
        if !self.under_way {
            self.told = self.told.max(self.counted(now).min(self.ceiling));
        }
        self.told
    }

    /// Begins a group. Returns the instant of its entries, which is also that of all readers until the group is published.
    pub fn begin(&mut self, now: Moment) -> Millis {
        let time = self.read(now);
        self.under_way = true;
        time
    }

    /// Ends the group, which is published or refused.
    pub fn end(&mut self) {
        self.under_way = false;
    }

    /// The log time to send to replicas; `None` while a group is executing, because its entries will carry the time.
    pub fn heartbeat(&mut self, now: Moment) -> Option<Millis> {
        (!self.under_way).then(|| self.read(now))
    }

    /// Sets a higher ceiling, which is durable. A lower one changes nothing.
    pub fn raise(&mut self, ceiling: Millis) {
        self.ceiling = self.ceiling.max(ceiling);
    }

    /// The ceiling to make durable now: `lead_ms` milliseconds ahead of the counted time, and not below the current
    /// ceiling.
    pub fn next_ceiling(&self, now: Moment, lead_ms: u64) -> Millis {
        self.ceiling.max(self.told).max(Millis(self.counted(now).0.saturating_add(lead_ms)))
    }

    /// Measures the offset. Returns the step if the offset changed by more than [`STEP_MS`] and no group is executing;
    /// otherwise the offset is kept.
    pub fn measure(&mut self, now: Moment) -> Option<Step> {
        let difference = self.difference(now);
        let by_ms = difference.saturating_sub(self.offset_ms);
        if self.under_way || by_ms.unsigned_abs() <= STEP_MS {
            return None;
        }
        self.offset_ms = difference;
        Some(Step { time: self.read(now), offset_ms: difference, by_ms })
    }

    /// Wall time − log time at the last measurement, in milliseconds.
    pub fn offset_ms(&self) -> i64 {
        self.offset_ms
    }

    /// The pair at `now`, to be stored in the folder.
    pub fn pair(&self, now: Moment) -> Pair {
        Pair { log: self.counted(now), wall: now.wall }
    }

    fn difference(&self, now: Moment) -> i64 {
        let counted = self.counted(now);
        let signed = |ms: u64| i64::try_from(ms).unwrap_or(i64::MAX);
        signed(now.wall.since(counted)).saturating_sub(signed(counted.since(now.wall)))
    }
}

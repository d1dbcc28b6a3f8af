//! Clock — a master's two clocks → log time, and the offset of its wall clock. Pure.
//!
//! ```text
//! elapsed      0      5      6           a clock that nobody sets
//! wall      1000   1005   4606           somebody sets it an hour ahead
//! log time  1000   1005   1006           base 1000 at elapsed 0
//! offset       0      0   3600           wall − log time
//! ```
//!
//! Log time is counted by the elapsed clock, so a step of the wall clock neither stops nor hurries it. Wall time is read for two
//! things: to translate instants that clients name (EXPIREAT), by the offset, and to go on after a start, as the elapsed clock
//! does not outlive the machine.
//!
//! A policy that judges by local clocks stamps by wall time that never goes back, and has the offset 0: that is its point.

use crate::expiry::Judging;
use crate::time::{Elapsed, Millis, Moment};

/// A difference from the offset of more than this is a step, milliseconds. A smaller one is drift between the two clocks, and changes
/// nothing.
pub const STEP_MS: u64 = 50;

/// Log time and wall time at one moment. The node's folder keeps it, and a start goes on from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Pair {
    /// Log time, as far as the elapsed clock had counted it.
    pub log: Millis,
    /// Wall time at the same moment.
    pub wall: Millis,
}

impl Pair {
    /// Log time after a start at which the wall clock says `wall`: the time that the node was down is taken from the wall clock,
    /// at most `downtime_max_ms` of it, and at least nothing.
    pub fn resumed(self, wall: Millis, downtime_max_ms: u64) -> Millis {
        Millis(self.log.0.saturating_add(wall.since(self.wall).min(downtime_max_ms)))
    }
}

/// A step of the wall clock, as the master measured it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Step {
    /// Log time when it was measured.
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
    /// Log time when the elapsed clock said `since`.
    base: Millis,
    since: Elapsed,
    /// Wall time − log time, milliseconds, as it was measured last.
    offset_ms: i64,
    /// The latest log time that was told.
    told: Millis,
    ceiling: Millis,
    /// Whether a group is executing that is not published.
    under_way: bool,
}

impl MasterClock {
    /// A clock that counts from `base`, which was log time when the elapsed clock said `since`; log time is not before `floor`. It
    /// stands still there until it has a higher ceiling. `now`: what both clocks say.
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

    /// The clock of a node that starts as a master. `saved`: the folder's pair; `None`: the folder is new or of version 1, and log time
    /// begins at wall time. `floor`: no reader and no replica was told a later time.
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

    /// Log time by the clocks alone, without floor and ceiling.
    pub fn counted(&self, now: Moment) -> Millis {
        match self.judging {
            Judging::Local => now.wall,
            Judging::LogTime => Millis(self.base.0.saturating_add(now.elapsed.since(self.since))),
        }
    }

    /// Log time.
    pub fn read(&mut self, now: Moment) -> Millis {
        if !self.under_way {
            self.told = self.told.max(self.counted(now).min(self.ceiling));
        }
        self.told
    }

    /// A group begins: the instant of its entries, and of all readers until it is published.
    pub fn begin(&mut self, now: Moment) -> Millis {
        let time = self.read(now);
        self.under_way = true;
        time
    }

    /// The group is published, or was refused.
    pub fn end(&mut self) {
        self.under_way = false;
    }

    /// The time to tell replicas; `None` while a group is under way, whose entries will tell it.
    pub fn heartbeat(&mut self, now: Moment) -> Option<Millis> {
        (!self.under_way).then(|| self.read(now))
    }

    /// A higher ceiling is durable; a lower one changes nothing.
    pub fn raise(&mut self, ceiling: Millis) {
        self.ceiling = self.ceiling.max(ceiling);
    }

    /// The ceiling to make durable now: `lead_ms` ahead of what the clocks count, and not below the one before.
    pub fn next_ceiling(&self, now: Moment, lead_ms: u64) -> Millis {
        self.ceiling.max(self.told).max(Millis(self.counted(now).0.saturating_add(lead_ms)))
    }

    /// Measures the offset. It changes by more than [`STEP_MS`] or not at all, and between groups only.
    pub fn measure(&mut self, now: Moment) -> Option<Step> {
        let difference = self.difference(now);
        let by_ms = difference.saturating_sub(self.offset_ms);
        if self.under_way || by_ms.unsigned_abs() <= STEP_MS {
            return None;
        }
        self.offset_ms = difference;
        Some(Step { time: self.read(now), offset_ms: difference, by_ms })
    }

    /// Wall time − log time, milliseconds, as it was measured last.
    pub fn offset_ms(&self) -> i64 {
        self.offset_ms
    }

    /// The pair at `now`, for the folder.
    pub fn pair(&self, now: Moment) -> Pair {
        Pair { log: self.counted(now), wall: now.wall }
    }

    fn difference(&self, now: Moment) -> i64 {
        let counted = self.counted(now);
        let signed = |ms: u64| i64::try_from(ms).unwrap_or(i64::MAX);
        signed(now.wall.since(counted)).saturating_sub(signed(counted.since(now.wall)))
    }
}

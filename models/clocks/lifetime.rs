//! Lifetime — how long a key must live, and by how much a start of the master may change that.

use super::TICK_MS;
use crate::binlog::Lsn;

/// The lead of the ceiling, and the maximum of a downtime that counts, in milliseconds: small, because runs are short.
pub(super) const LEAD_MS: u64 = TICK_MS;
pub(super) const DOWNTIME_MAX_MS: u64 = TICK_MS;

/// By how much a lifetime may be longer or shorter, in milliseconds of elapsed time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Allowed {
    pub longer: u64,
    pub shorter: u64,
}

impl Allowed {
    /// By how much a start of the master may change a lifetime. `stepped_ms`: the sum of the wall clock's steps since the
    /// folder was written. `since_ms`: the time since then. `is_killed`: log time resumes from the ceiling.
    pub fn by_start(stepped_ms: i64, since_ms: u64, is_killed: bool) -> Allowed {
        let [back, ahead] = [stepped_ms.min(0), stepped_ms.max(0)].map(i64::unsigned_abs);
        let lead = if is_killed { LEAD_MS } else { 0 };
        Allowed { longer: back.max(since_ms.saturating_sub(DOWNTIME_MAX_MS)), shorter: ahead + lead }
    }
}

/// A key that was given a duration to live.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct GivenDuration {
    /// The entry that gave it.
    pub lsn: Lsn,
    /// When it was given, and for how long, in milliseconds of elapsed time.
    pub at: u64,
    pub duration: u64,
    pub allowed: Allowed,
}

impl GivenDuration {
    /// Whether the master may show the key as alive (`is_alive`) or as dead at `elapsed`.
    pub fn may_be(&self, is_alive: bool, elapsed: u64) -> bool {
        let end = self.at + self.duration;
        if is_alive { elapsed < end + self.allowed.longer } else { elapsed + self.allowed.shorter >= end }
    }
}

//! The node's two clocks. Does I/O: it reads the system's, unless they are set by hand. No other file of a node reads them.

use crate::sync::Arc;
use crate::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use crate::time::{Elapsed, Millis, Moment};
use rustix::time::{ClockId, clock_gettime};
use std::time::{SystemTime, UNIX_EPOCH};

/// How far the ceiling of log time is ahead of what the elapsed clock counts. After a crash log time goes on from it, and stands
/// there until the count has come so far: a key may die by so much early, and a new one live by so much longer. Many
/// crashes do not add up.
const CEILING_AHEAD_MS: u64 = 4_000;
/// The same of clocks that are set by hand: no thread raises the ceiling while they are set.
const CEILING_AHEAD_BY_HAND_MS: u64 = 1_000_000_000;

/// Where a node has the time from.
#[derive(Clone, Debug, Default)]
pub enum Clock {
    /// The system: `CLOCK_BOOTTIME`, which goes on while the machine sleeps and which nobody sets, and the wall clock. A host that
    /// pauses its guest stops both.
    #[default]
    System,
    /// The system, with a wall clock that somebody has set.
    SystemAhead(Ahead),
    /// Whoever sets it. Nothing that a node does by the clock happens then: no heartbeats, cuts, removals, syncs.
    ByHand(HandClock),
}

/// How far a wall clock is ahead of the system's. Clones are the same clock.
#[derive(Clone, Debug, Default)]
pub struct Ahead(Arc<AtomicI64>);

impl Ahead {
    /// Somebody sets the wall clock: so many milliseconds ahead of the system's from now on; below 0: behind.
    pub fn set(&self, ahead_ms: i64) {
        self.0.store(ahead_ms, Ordering::SeqCst);
    }
}

/// Clocks that go when they are told to. Clones are the same clocks; those of another node, by [`HandClock::skewed`], share the
/// elapsed time and have a wall clock of their own.
#[derive(Clone, Debug)]
pub struct HandClock {
    elapsed: Arc<AtomicU64>,
    /// How far the wall clock is ahead of the elapsed one.
    ahead_ms: Arc<AtomicI64>,
}

impl HandClock {
    /// Clocks whose wall clock says `now`, and so does the elapsed one.
    pub fn new(now: Millis) -> HandClock {
        HandClock { elapsed: Arc::new(AtomicU64::new(now.0)), ahead_ms: Arc::new(AtomicI64::new(0)) }
    }

    /// The clocks of another node, whose wall clock is so much ahead of this one; below 0: behind.
    #[must_use]
    pub fn skewed(&self, skew_ms: i64) -> HandClock {
        let ahead = self.ahead_ms.load(Ordering::SeqCst).saturating_add(skew_ms);
        HandClock { elapsed: Arc::clone(&self.elapsed), ahead_ms: Arc::new(AtomicI64::new(ahead)) }
    }

    /// What they say.
    pub fn moment(&self) -> Moment {
        let elapsed = self.elapsed.load(Ordering::SeqCst);
        Moment {
            elapsed: Elapsed(elapsed),
            wall: Millis(elapsed).offset(self.ahead_ms.load(Ordering::SeqCst)),
        }
    }

    /// What the wall clock says.
    pub fn now(&self) -> Millis {
        self.moment().wall
    }

    /// Time passes, on the clocks of all nodes that share it.
    pub fn advance(&self, by_ms: u64) {
        self.elapsed.fetch_add(by_ms, Ordering::SeqCst);
    }

    /// Somebody sets the wall clock of this node ahead; below 0: back.
    pub fn step(&self, by_ms: i64) {
        self.ahead_ms.fetch_add(by_ms, Ordering::SeqCst);
    }
}

impl Clock {
    /// What both clocks say. Wall time is in milliseconds since the Unix epoch; 0 for a clock that stands before it.
    pub fn moment(&self) -> Moment {
        match self {
            Clock::System => Moment { elapsed: boot_time(), wall: wall_time() },
            Clock::SystemAhead(Ahead(ahead)) => {
                Moment { elapsed: boot_time(), wall: wall_time().offset(ahead.load(Ordering::SeqCst)) }
            }
            Clock::ByHand(clock) => clock.moment(),
        }
    }

    /// What the elapsed clock says.
    pub fn elapsed(&self) -> Elapsed {
        match self {
            Clock::System | Clock::SystemAhead(_) => boot_time(),
            Clock::ByHand(clock) => clock.moment().elapsed,
        }
    }

    /// Whether time passes only when somebody says so.
    pub fn is_by_hand(&self) -> bool {
        matches!(self, Clock::ByHand(_))
    }

    pub(super) fn ceiling_ahead_ms(&self) -> u64 {
        if self.is_by_hand() { CEILING_AHEAD_BY_HAND_MS } else { CEILING_AHEAD_MS }
    }
}

fn boot_time() -> Elapsed {
    let since = clock_gettime(ClockId::Boottime);
    let seconds = u64::try_from(since.tv_sec).unwrap_or(0);
    Elapsed(seconds.saturating_mul(1000) + u64::try_from(since.tv_nsec).unwrap_or(0) / 1_000_000)
}

fn wall_time() -> Millis {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Millis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

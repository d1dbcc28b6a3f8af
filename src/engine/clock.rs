//! Clock — a node's two clocks. Does I/O: it reads the system's clocks, unless the clocks are set by hand. No other file of
//! a node reads the system's clocks.

use crate::sync::Arc;
use crate::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use crate::time::{Elapsed, Millis, Moment};
use rustix::time::{ClockId, clock_gettime};
use std::time::{SystemTime, UNIX_EPOCH};

/// How far the ceiling is ahead of the log time that the elapsed clock counts, in milliseconds. After a crash log time
/// continues from the ceiling, and does not advance until the counted time has reached it. So a key may die this much too
/// early, and a new key may live this much too long. The error does not add up over several crashes.
const CEILING_AHEAD_MS: u64 = 4_000;
/// The same for clocks that are set by hand: no thread raises the ceiling then.
const CEILING_AHEAD_BY_HAND_MS: u64 = 1_000_000_000;

/// The source of a node's time.
#[derive(Clone, Debug, Default)]
pub enum Clock {
    /// The system's clocks: `CLOCK_BOOTTIME`, which also runs while the machine sleeps and cannot be set, and the wall
    /// clock. A host that pauses its guest machine stops both.
    #[default]
    System,
    /// The system's clocks, with a wall clock that is shifted.
    SystemAhead(Ahead),
    /// Clocks that are set by hand. The node then does no periodic work: no heartbeats, cuts, removals or syncs.
    ByHand(HandClock),
}

/// How far a node's wall clock is ahead of the system's. Clones share the value.
#[derive(Clone, Debug, Default)]
pub struct Ahead(Arc<AtomicI64>);

impl Ahead {
    /// Sets the wall clock to `ahead_ms` milliseconds ahead of the system's; below 0: behind.
    pub fn set(&self, ahead_ms: i64) {
        self.0.store(ahead_ms, Ordering::SeqCst);
    }
}

/// Clocks that advance only when they are told to. Clones are the same clocks. The clocks of another node, made by
/// [`HandClock::skewed`], share the elapsed time, but have their own wall clock.
#[derive(Clone, Debug)]
pub struct HandClock {
    elapsed: Arc<AtomicU64>,
    /// Wall time less elapsed time, in milliseconds.
    ahead_ms: Arc<AtomicI64>,
}

impl HandClock {
    /// Clocks that both start at `now`.
    pub fn new(now: Millis) -> HandClock {
        HandClock { elapsed: Arc::new(AtomicU64::new(now.0)), ahead_ms: Arc::new(AtomicI64::new(0)) }
    }

    /// The clocks of another node, whose wall clock is `skew_ms` milliseconds ahead of this one; below 0: behind.
    #[must_use]
    pub fn skewed(&self, skew_ms: i64) -> HandClock {
        let ahead = self.ahead_ms.load(Ordering::SeqCst).saturating_add(skew_ms);
        HandClock { elapsed: Arc::clone(&self.elapsed), ahead_ms: Arc::new(AtomicI64::new(ahead)) }
    }

    /// The time on both clocks.
    pub fn moment(&self) -> Moment {
        let elapsed = self.elapsed.load(Ordering::SeqCst);
        Moment {
            elapsed: Elapsed(elapsed),
            wall: Millis(elapsed).offset(self.ahead_ms.load(Ordering::SeqCst)),
        }
    }

    /// The time on the wall clock.
    pub fn now(&self) -> Millis {
        self.moment().wall
    }

    /// Advances the time by `by_ms` milliseconds, on the clocks of all nodes that share the elapsed time.
    pub fn advance(&self, by_ms: u64) {
        self.elapsed.fetch_add(by_ms, Ordering::SeqCst);
    }

    /// Sets this node's wall clock ahead by `by_ms` milliseconds; below 0: back.
    pub fn step(&self, by_ms: i64) {
        self.ahead_ms.fetch_add(by_ms, Ordering::SeqCst);
    }
}

impl Clock {
    /// The time on both clocks. Wall time is in milliseconds since the Unix epoch; 0 if the wall clock is before it.
    pub fn moment(&self) -> Moment {
        match self {
            Clock::System => Moment { elapsed: boot_time(), wall: wall_time() },
            Clock::SystemAhead(Ahead(ahead)) => {
                Moment { elapsed: boot_time(), wall: wall_time().offset(ahead.load(Ordering::SeqCst)) }
            }
            Clock::ByHand(clock) => clock.moment(),
        }
    }

    /// The time on the elapsed clock.
    pub fn elapsed(&self) -> Elapsed {
        match self {
            Clock::System | Clock::SystemAhead(_) => boot_time(),
            Clock::ByHand(clock) => clock.moment().elapsed,
        }
    }

    /// Whether the clocks are set by hand.
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

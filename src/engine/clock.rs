//! The node's own clock. Does I/O: it reads the system's, unless it is set by hand.

use crate::sync::Arc;
use crate::sync::atomic::{AtomicU64, Ordering};
use crate::time::Millis;
use std::time::{SystemTime, UNIX_EPOCH};

/// How far the ceiling of log time is ahead of the system's clock. After a crash log time goes on from it, and stands
/// there until the clock has come so far: a key may die by so much early, and a new one live by so much longer. Many
/// crashes do not add up.
const CEILING_AHEAD_MS: u64 = 4_000;
/// The same of a clock that is set by hand: no thread raises the ceiling while it is set.
const CEILING_AHEAD_BY_HAND_MS: u64 = 1_000_000_000;

/// Where a node has the time from.
#[derive(Clone, Debug, Default)]
pub enum Clock {
    /// The system.
    #[default]
    System,
    /// Whoever sets it. Nothing that a node does by the clock happens then: no heartbeats, cuts, removals, syncs.
    ByHand(HandClock),
}

/// A clock that goes when it is told to. Clones show the same time, each with its own skew.
#[derive(Clone, Debug)]
pub struct HandClock {
    now: Arc<AtomicU64>,
    skew_ms: i64,
}

impl HandClock {
    /// A clock that says `now`.
    pub fn new(now: Millis) -> HandClock {
        HandClock { now: Arc::new(AtomicU64::new(now.0)), skew_ms: 0 }
    }

    /// The same clock, as one sees it that is so much ahead; below 0: behind.
    #[must_use]
    pub fn skewed(&self, skew_ms: i64) -> HandClock {
        HandClock { now: Arc::clone(&self.now), skew_ms }
    }

    /// What it says.
    pub fn now(&self) -> Millis {
        Millis(self.now.load(Ordering::SeqCst)).offset(self.skew_ms)
    }

    /// Time passes, on all its clones.
    pub fn advance(&self, by_ms: u64) {
        self.now.fetch_add(by_ms, Ordering::SeqCst);
    }
}

impl Clock {
    /// Milliseconds since the Unix epoch; 0 for a clock that stands before it.
    pub fn now(&self) -> Millis {
        match self {
            Clock::System => {
                let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
                Millis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
            }
            Clock::ByHand(clock) => clock.now(),
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

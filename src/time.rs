//! Time as data: instants and elapsed time in milliseconds. Nothing below the engine reads a clock; every function that needs
//! the time is given it.

use std::fmt;

/// An instant: milliseconds since the Unix epoch. Models use small numbers; only the order and the distance
/// of instants matter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Millis(pub u64);

impl Millis {
    /// The instant before all others: judged at it, no record has expired yet.
    pub const ZERO: Millis = Millis(0);

    /// This instant moved by `delta` milliseconds; stops at zero and at the end of time.
    pub fn offset(self, delta: i64) -> Millis {
        Millis(self.0.saturating_add_signed(delta))
    }

    /// Milliseconds from `earlier` to this instant; 0 if `earlier` is later.
    pub fn since(self, earlier: Millis) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// A reading of a clock that nobody sets: milliseconds since some moment, the same one as long as the machine is up. Only the
/// difference of two readings on one machine means anything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Elapsed(pub u64);

impl Elapsed {
    /// Milliseconds from `earlier` to this reading; 0 if `earlier` is later.
    pub fn since(self, earlier: Elapsed) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// The readings of a node's two clocks at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Moment {
    /// Elapsed time: it goes on evenly, whatever is done to the wall clock.
    pub elapsed: Elapsed,
    /// Wall time. Somebody may set it, ahead or back, at any time.
    pub wall: Millis,
}

impl fmt::Display for Millis {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} ms", self.0)
    }
}

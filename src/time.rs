//! Time as data: instants and elapsed time in milliseconds. No code below the engine reads a clock; every function that needs
//! the time gets it as an argument.

use std::fmt;

/// An instant: milliseconds since the Unix epoch. Models use small numbers; only the order and the distance
/// of instants matter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Millis(pub u64);

impl Millis {
    /// The earliest instant: no record is dead if it is judged at this instant.
    pub const ZERO: Millis = Millis(0);

    /// This instant moved by `delta` milliseconds; the result saturates at 0 and at `u64::MAX`.
    pub fn offset(self, delta: i64) -> Millis {
        Millis(self.0.saturating_add_signed(delta))
    }

    /// Milliseconds from `earlier` to this instant; 0 if `earlier` is later.
    pub fn since(self, earlier: Millis) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// A reading of a clock that is never set: milliseconds since a moment that stays the same as long as the machine is up. Only
/// the difference between two readings on one machine has a meaning.
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
    /// Elapsed time, which advances evenly even if the wall clock is set.
    pub elapsed: Elapsed,
    /// Wall time, which may be set ahead or back at any time.
    pub wall: Millis,
}

impl fmt::Display for Millis {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} ms", self.0)
    }
}

//! Time as data: instants in milliseconds. Nothing below the server reads a clock; every function that needs
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

impl fmt::Display for Millis {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} ms", self.0)
    }
}

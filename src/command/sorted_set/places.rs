//! Places — where members are in the order of a sorted set. Pure.
//!
//! A place is the eight bytes of a score followed by a member: places sort as members do. A place need not be that of a member
//! of the set.

use crate::store::element::Score;

/// A member with its score. Sorts as the set does.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Scored {
    pub(super) score: Score,
    pub(super) member: Vec<u8>,
}

impl Scored {
    /// The place of this member.
    pub(super) fn place(&self) -> Vec<u8> {
        place(self.score, &self.member)
    }
}

/// The place of `member` with that score.
pub(super) fn place(score: Score, member: &[u8]) -> Vec<u8> {
    [score.to_bytes().as_slice(), member].concat()
}

/// The place directly after `place`.
pub(super) fn after(place: &[u8]) -> Vec<u8> {
    [place, &[0]].concat()
}

/// A place after every member: no score has these bytes.
pub(super) const END: [u8; 8] = [u8::MAX; 8];

/// A part of the order: from a place (included) to a place (excluded).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Places {
    pub(super) from: Vec<u8>,
    pub(super) to: Vec<u8>,
}

impl Places {
    /// The whole order.
    pub(super) fn all() -> Places {
        Places::since(Vec::new())
    }

    /// No place.
    pub(super) fn none() -> Places {
        Places { from: Vec::new(), to: Vec::new() }
    }

    /// The order from a place on.
    pub(super) fn since(from: Vec<u8>) -> Places {
        Places { from, to: END.to_vec() }
    }

    /// The order before a place.
    pub(super) fn until(to: Vec<u8>) -> Places {
        Places { from: Vec::new(), to }
    }
}

/// The direction of a walk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Direction {
    /// From the lowest score up.
    Up,
    /// From the highest score down.
    Down,
}

//! Position — looks at one suspected key → a verdict: a difference counts only at an equal position. Pure.
//!
//! One look, in this order:
//!
//! ```text
//! master:   WATCH key · read the value · read the offset O ·                              · read again · MULTI, EXEC
//! replica:                                                  wait until applied ≥ O · read
//! ```
//!
//! If EXEC ran, no client touched the key on the master between WATCH and EXEC. Then the replica, which is at O or later and not
//! ahead of its master, must show that value: the argument is exact, even if other keys are written. If EXEC did not run, or
//! the server has no WATCH, the two reads of the master are compared; a value that changed and changed back is not noticed so,
//! and therefore a difference needs an exact look where the server allows one. Each difference must stand in two looks in a row.

use super::difference::{Comparison, Differences};

/// After so many looks a key that never stood still is undecided.
pub const LOOKS_MAX: usize = 8;

/// The state of the master's value during a look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Master {
    /// No client touched it, by WATCH.
    Untouched,
    /// It was the same before and after, and others may have written between.
    Same,
    /// As `Same`, and the server has no WATCH: more cannot be known.
    SameWithoutWatch,
    /// It changed.
    Changed,
}

/// Where the replica was when it was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reached {
    /// It had applied all that the master had when its value was read.
    Position,
    /// It had not within the time allowed.
    NotInTime,
    /// It cannot be known, as the server tells no position. `waited`: the time allowed has passed since the first look.
    Unknown {
        /// Whether it has passed.
        waited: bool,
    },
}

/// One look at a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Look {
    /// The master's value, compared with the replica's.
    pub comparison: Comparison,
    /// The master's value during the look.
    pub master: Master,
    /// The replica's position.
    pub reached: Reached,
}

/// The verdict on a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Both nodes showed the same: the difference before was lag.
    Equal,
    /// They differ at an equal position.
    Differs(Differences),
    /// They differ, and the replica's position was not reached or is not known.
    MayBeLag(Differences),
    /// Nothing can be said, and why.
    Undecided(Reason),
}

/// The reason why a key is undecided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// It is written too often.
    Hot,
    /// It is past its deadline by the clock of one node.
    Clock,
}

crate::names::named!(Reason, what "reason"; Hot "hot", Clock "clock");

impl Reason {
    /// The reason as a sentence.
    pub fn sentence(self) -> &'static str {
        match self {
            Reason::Hot => "the key was written on the master during each look",
            Reason::Clock => {
                "by the clock of one node the key is past its deadline, and the other node still shows it"
            }
        }
    }
}

/// A key that is suspected: the looks so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Suspect {
    looks: usize,
    /// The differences of the look before, if the master's value stood in it.
    standing: Option<Differences>,
    /// Whether the look before was prevented by a deadline.
    is_expiring: bool,
}

impl Suspect {
    /// Takes a look. `None`: look again.
    pub fn look(&mut self, look: Look) -> Option<Verdict> {
        self.looks += 1;
        let before = self.standing.take();
        self.is_expiring = look.comparison == Comparison::Expiring;
        match (look.comparison, look.master) {
            (Comparison::Equal, _) => return Some(Verdict::Equal),
            (Comparison::Changing | Comparison::Expiring, _) | (_, Master::Changed) => {}
            (Comparison::Differs(found), master) => {
                let is_exact = matches!(master, Master::Untouched | Master::SameWithoutWatch);
                let stands = is_exact && before.as_ref() == Some(&found);
                match look.reached {
                    Reached::Position if stands => return Some(Verdict::Differs(found)),
                    Reached::NotInTime => return Some(Verdict::MayBeLag(found)),
                    Reached::Unknown { waited: true } if stands => return Some(Verdict::MayBeLag(found)),
                    Reached::Position | Reached::Unknown { .. } => self.standing = Some(found),
                }
            }
        }
        let reason = if self.is_expiring { Reason::Clock } else { Reason::Hot };
        (self.looks >= LOOKS_MAX).then_some(Verdict::Undecided(reason))
    }

    /// The number of looks so far.
    pub fn looks(&self) -> usize {
        self.looks
    }
}

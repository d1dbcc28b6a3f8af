//! Expiry — a command that depends on time → what the log carries, and by which clock the replica runs and
//! judges it. Pure.
//!
//! ```text
//! SETEX k 10 100 ; INCR k          the master: 101, dead after 10 s
//! the replica gets both 30 s late  `absolute`: k is dead, INCR makes k = 1 without a deadline, for ever
//!                                  `effects`:  k = 101 with the master's deadline, whenever it arrives
//! ```
//!
//! | policy | logged | run at | readers judge by | promises |
//! |---|---|---|---|---|
//! | [`verbatim`] | the command | replica's clock | replica's clock | nothing |
//! | [`absolute`] | the command, deadlines absolute | replica's clock | replica's clock | nothing |
//! | [`at_entry_time`] | the command | entry's time | replica's clock | same_state |
//! | [`pksetat`] | result, if it depends on the old value | entry's time | replica's clock | same_state |
//! | [`master_expires`] | the command, deadlines absolute; a DEL for each expired key | as if nothing had expired | replica's clock | same_state |
//! | [`relative`] | effect with the remaining time | – | replica's clock | no_immortal_key |
//! | [`effects`] | effect | – | replica's clock | same_state |
//! | [`stream_clock`] | the command | entry's time | log time, at most 60 s behind the replica's clock | same_state |
//! | [`log_clock`] | effect | – | log time | same_reads |

pub mod absolute;
pub mod at_entry_time;
pub mod effects;
pub mod log_clock;
pub mod master_expires;
pub mod pksetat;
mod policy;
pub mod relative;
pub mod stream_clock;
pub mod verbatim;

pub use log_clock::{LogTime, Reading};
pub use policy::{Guarantee, Policy};

use crate::apply::Instants;
use crate::binlog::{Entry, Payload};
use crate::command::Command;
use crate::effect::Effect;
use crate::time::Millis;

/// The clock by which readers of a replica judge what is dead.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Judging {
    /// The replica's own clock.
    Local,
    /// Log time: the master's time as the log carried it here.
    LogTime,
    /// Log time, but no instant that is more than this behind the replica's own clock.
    LogTimeWithFloor {
        /// How far behind it may be, in milliseconds.
        floor_ms: u64,
    },
}

impl Judging {
    /// How far readers may judge behind the replica's own clock, in milliseconds; `None`: there is no such floor.
    pub fn floor_ms(self) -> Option<u64> {
        match self {
            Judging::Local | Judging::LogTime => None,
            Judging::LogTimeWithFloor { floor_ms } => Some(floor_ms),
        }
    }
}

/// What a replica may remove physically.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Removal {
    /// What is dead by its own clock.
    Local,
    /// What is dead by log time.
    LogTime,
    /// Nothing: the master logs a DEL for each key that it expires.
    ByMaster,
}

/// How often a master whose [`Removal`] is `ByMaster` logs a DEL for a key that it removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RemovalLog {
    /// Once, with the removal.
    Once,
    /// Twice, one after the other.
    Twice,
    /// Once, but not before its next heartbeat or the next command that it runs.
    Late,
    /// Never.
    Never,
}

/// The kind of data that a master removed because they were dead.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Removed {
    /// A key. A hash all of whose fields are dead is one.
    Key,
    /// Fields of a hash that has others.
    Fields,
}

/// The clocks of a replica when a reader asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Clocks {
    /// Log time.
    pub log_time: Reading,
    /// The replica's own clock.
    pub local: Millis,
    /// The latest instant by which an earlier reader was answered.
    pub told: Millis,
}

/// An expiry policy: what is logged for a command, and by which clock the replica runs and judges it.
///
/// The default methods are those of `effects`: the log carries bytes with absolute deadlines, and the replica
/// does nothing but write them.
///
/// A policy is a pure function: what a method gives depends on its arguments only. A checker asks once and keeps the
/// answer, so a policy with state would get wrong verdicts (`models::own_machine::judge_expiry` finds a policy that is not
/// pure).
pub trait ExpiryPolicy {
    /// What the log carries for `command`, which had the effect `effect` at `now` on the master.
    fn logged(&self, command: &Command, effect: Effect, now: Millis) -> Payload {
        let _ = (command, now);
        Payload::Effect(effect)
    }

    /// What the log carries for `command` before the payload of [`ExpiryPolicy::logged`]: each is an entry of its own.
    fn logged_before(&self, command: &Command, effect: &Effect, now: Millis) -> Vec<Payload> {
        let _ = (command, effect, now);
        Vec::new()
    }

    /// What the replica keeps of an entry that arrives when its own clock says `local`.
    fn arrived(&self, entry: Entry, local: Millis) -> Entry {
        let _ = local;
        entry
    }

    /// The instants at which the replica runs a command entry when its own clock says `local`.
    fn instants(&self, entry: &Entry, local: Millis) -> Instants {
        let _ = local;
        Instants { now: entry.time, judged_at: entry.time }
    }

    /// The clock by which readers of the replica judge.
    fn judging(&self) -> Judging {
        Judging::Local
    }

    /// The instant by which a reader of the replica judges what is dead.
    fn reads_at(&self, clocks: Clocks) -> Reading {
        match self.judging() {
            Judging::Local => Reading { time: clocks.local, estimated: false },
            Judging::LogTime => clocks.log_time,
            Judging::LogTimeWithFloor { floor_ms } => {
                let floor = Millis(clocks.local.0.saturating_sub(floor_ms));
                if floor > clocks.log_time.time {
                    Reading { time: floor, estimated: false }
                } else {
                    clocks.log_time
                }
            }
        }
    }

    /// What the replica may remove physically.
    fn removal(&self) -> Removal {
        Removal::LogTime
    }

    /// How often the master logs the DEL of a key that it removed, where [`ExpiryPolicy::removal`] is `ByMaster`.
    fn removal_log(&self) -> RemovalLog {
        RemovalLog::Once
    }

    /// Whether the master logs a removal of dead data under the keys of `command`, which is about to run. The master asks where
    /// [`ExpiryPolicy::removal`] is `ByMaster`. It logs every removal at another moment.
    fn logs_removal_before(&self, command: &Command, removed: Removed) -> bool {
        let _ = (command, removed);
        true
    }
}

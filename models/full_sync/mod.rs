//! Full sync — the model of a copy of a master's store, taken, sent and switched to while the master writes on.
//!
//! A replica has data of another history, so its master refuses its hello, and it asks for the whole store. Meanwhile the
//! master writes, purges its log and has keys die; the connection is cut; the replica is killed.
//!
//! ```text
//! master    SET a 1  SET b 1 │ snapshot after 2   SET b 2   FLUSHALL
//! link                       │ head 2   a   b   end                        3   4
//! replica   data of another history ──────────▶ current is renamed: {a, b}     applies the log from 3 on
//! ```
//!
//! The engine's own code runs the master ([`crate::node::Master`]), the replica ([`crate::node::SerialReplica`],
//! [`crate::apply`]), the handshake ([`crate::replication::handshake::answer`], the hello as a command and back) and the
//! messages ([`crate::replication::snapshot`]: each is encoded, decoded and taken by `Arrival`). The model repeats the
//! order of actions of code that does I/O. On the master this is `engine::copies`: the log is kept, then the snapshot is
//! taken, then the records are read in the order of their raw keys, one a message here. On the replica it is
//! `engine::full_sync`: records into a new generation, then marker and log; and `engine::node`: the new generation
//! becomes current in one step. A hello is made as `engine::following` makes it.
//!
//! It judges four invariants:
//! - *past_read*: readers of the replica see the old data as they were, or a state that the master had, and never go
//!   back. The old data count as the moment before the master's first one.
//! - *convergence*: when a copy and the log after it are applied through the master's last entry, the replica holds what
//!   the master holds.
//! - *resume*: a replica with a complete copy is not refused while the master keeps the log for it, which is a minute.
//! - *progress*: a replica at rest has applied everything; and from each state with a copy, without further faults and
//!   writes, it comes to rest.
//!
//! An entry is received, applied and published in one step, and a crash loses no applied entry: other orders and losses
//! are those of the ordering model. A message is sent and received in one step. The replica's last report arrives with
//! the end; if it were lost, the master would keep the log no longer, as after the minute. Disks do not fail, the master
//! does not restart, and its wall clock is never set. Two checksums are equal only if they cover equal entries.

mod acts;
mod copying;
mod model;
mod reads;
mod story;
mod world;

pub use model::{Action, FullSyncModel, Link, State};

use crate::models::invariants::{self, Invariant};

/// The invariants, in the order of the bits.
pub const INVARIANTS: &[Invariant] = invariants::FULL_SYNC.invariants;

macro_rules! choices {
    ($($(#[$doc:meta])* $variant:ident $name:literal [$($breaks:ident)*] $summary:literal)*) => {
        /// A way in which a replica that cannot resume gets its master's data. All but the first have a fault.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Choice {
            $($(#[$doc])* $variant,)*
        }

        impl Choice {
            /// All of them; the first one is the engine's.
            pub const ALL: &[Choice] = &[$(Choice::$variant,)*];

            /// The name that users write.
            pub fn name(self) -> &'static str {
                match self { $(Choice::$variant => $name,)* }
            }

            /// What it does, in a sentence.
            pub fn summary(self) -> &'static str {
                match self { $(Choice::$variant => $summary,)* }
            }

            /// The invariants that it is expected to break.
            pub fn breaks(self) -> &'static [Invariant] {
                match self { $(Choice::$variant => &[$(Invariant::$breaks,)*],)* }
            }
        }
    };
}

choices! {
    /// The engine's way.
    Pinned "pinned" []
        "The copy is that of one entry, arrives beside the old data and replaces them whole; the log after it is kept."
    /// Records are read from the store while writes go on.
    Unpinned "unpinned" [PastRead]
        "As pinned, but records are read from the master's store as it is when they are sent."
    /// The head is made later than the snapshot.
    LateHead "late_head" [Convergence PastRead]
        "As pinned, but the head names the master's last entry when it is sent, not that of the snapshot."
    /// The head has no log time.
    NoTime "no_time" [PastRead]
        "As pinned, but the head has no log time, so readers of the copy judge by no instant at all."
    /// A copy that was cut off counts.
    NoEnd "no_end" [Convergence PastRead]
        "As pinned, but what has arrived when the connection is cut is taken for the whole store."
    /// Entries are sent during the copy.
    Interleaved "interleaved" [Convergence PastRead]
        "As pinned, but entries are sent among the records, and each is written to the copy as it arrives."
    /// The old data are removed first.
    InPlace "in_place" [PastRead]
        "As pinned, but the replica empties its store first, and readers see the copy arrive."
    /// The log after the snapshot may be purged.
    LogNotKept "log_not_kept" [Resume]
        "As pinned, but the master keeps no log for a replica that has a copy and is not connected."
    /// The replica goes on saying that it has its old history.
    OldHistory "old_history" [Progress Resume]
        "As pinned, but after the copy the replica's hello still names its old history."
    /// There is no full sync.
    ByHand "by_hand" [Progress]
        "There is no full sync: a replica that cannot resume stops, and an operator has to copy the folder."
}

impl Choice {
    /// Whether anything puts the invariant to the test: without a copy, or without an entry after it, a verdict says nothing.
    pub fn tests(self, invariant: Invariant) -> bool {
        match self {
            Choice::ByHand => invariant == Invariant::Progress,
            Choice::OldHistory => invariant != Invariant::Convergence,
            _ => true,
        }
    }
}

/// The bounds of a search.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Setup {
    /// The choice.
    pub choice: Choice,
    /// The commands that clients may send.
    pub alphabet: &'static [&'static str],
    /// Maximum number of writes.
    pub writes_max: u8,
    /// Maximum number of times that a second passes.
    pub passes_max: u8,
    /// Maximum number of cut connections.
    pub cuts_max: u8,
    /// Maximum number of crashes of the replica.
    pub crashes_max: u8,
}

/// The commands of the master before the first step.
pub(super) const BEFORE: &[&str] = &["SET a 1", "SET b 1"];
/// The commands of the replica's old history.
pub(super) const OLD: &[&str] = &["SET a 0", "SET c 0"];
/// The commands of the searches without time.
const WRITES: &[&str] = &["SET a 2", "SET b 2", "DEL a", "FLUSHALL"];
/// The commands of the searches with time: a key that dies, one that loses its deadline, and a write beside it.
const TIMED: &[&str] = &["PSETEX a 1000 2", "PERSIST a", "SET b 2"];
/// How much time passes in a step, in milliseconds: a key of `TIMED` is then dead.
pub(super) const PASS_MS: u64 = 1000;

impl Setup {
    /// Writes and faults without time.
    pub fn of_writes(choice: Choice, writes_max: u8, cuts_max: u8, crashes_max: u8) -> Setup {
        Setup { choice, alphabet: WRITES, writes_max, passes_max: 0, cuts_max, crashes_max }
    }

    /// Keys that die.
    pub fn of_time(choice: Choice, writes_max: u8, passes_max: u8, cuts_max: u8) -> Setup {
        Setup { choice, alphabet: TIMED, writes_max, passes_max, cuts_max, crashes_max: 0 }
    }

    /// The bounds of one search, in words.
    pub fn in_words(&self) -> String {
        let up_to = |max: u8, what: &str| match max {
            0 => format!("no {what}"),
            1 => format!("at most 1 {what}"),
            max => format!("up to {max} {what}s"),
        };
        let commands = self.alphabet.join(", ");
        let mut words = vec![
            format!("up to {} writes of {commands} after {}", self.writes_max, BEFORE.join(", ")),
            up_to(self.cuts_max, "cut connection"),
            up_to(self.crashes_max, "kill of the replica"),
            "the log purged at any moment".to_owned(),
        ];
        if self.passes_max > 0 {
            words.push(format!("{PASS_MS} ms pass up to {} times", self.passes_max));
        }
        words.join(", ")
    }
}

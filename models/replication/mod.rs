//! Replication — the model of a session between a master and a replica over a network that loses, repeats, swaps and damages
//! messages, with starts of either side.
//!
//! ```text
//! replica   hello, last 2                                        ack 3, 2, 2      fsync
//! network                 ▶ +CONTINUE 3 …   offset   entry 3   heartbeat          a message is lost, twice there, late or damaged
//! master    1 2 3                                                                 fsync, kill: what was not durable may be lost
//! ```
//!
//! The engine's own code is the session: the master's side is [`crate::replication::sender::Sender`] with
//! [`crate::replication::order::Acks`], the replica's [`crate::replication::attempt::Attempt`] with
//! [`crate::replication::order::Receiver`]; the handshake is [`crate::replication::handshake`]. Messages are the bytes of
//! [`crate::replication::wire`], as they are on a socket without compression. The model repeats the order of calls of code that does
//! I/O: `replication::feed` on the master, `client::link` on the replica.
//!
//! It judges four invariants:
//! - *convergence*: while the replica follows, its log is a beginning of its master's.
//! - *resume*: a replica whose log is such a beginning is not refused.
//! - *durability*: what the master counts as durable on the replica is durable there.
//! - *progress*: from each state, without further faults and writes, the replica comes to have and to acknowledge the whole log. Each
//!   node does at once what it has to do, the replica's acks first.
//!
//! A message is one of the queue's elements: the answer, or what the master sends at a time (an offset, one entry, a heartbeat), or an
//! ack. The network holds two of each direction, and those that it repeats. A hello is sent and answered in one step; a full sync is
//! one step. TCP alone neither repeats nor swaps; a proxy may. The replica gives up a message that has arrived in part in one step: the
//! time limit of [`crate::replication::partial`] is left out. The master's log time stands, nothing is purged, and two checksums of a
//! hello are equal only if they cover equal entries.

mod acts;
mod model;
mod session;
mod story;

pub use model::{Action, Fault, ReplicationModel, Side, State};

use crate::models::invariants::{self, Invariant};

/// The invariants, in the order of the bits.
pub const INVARIANTS: &[Invariant] = invariants::REPLICATION.invariants;

macro_rules! choices {
    ($($(#[$doc:meta])* $variant:ident $name:literal [$($breaks:ident)*] $summary:literal)*) => {
        /// A way to run a session. All but the first have a fault.
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
    Checked "checked" []
        "Each side checks that a message may come next; the replica's hello alone says from where it resumes."
    /// The position is a maximum.
    ByMaximum "by_maximum" [Progress Convergence Durability]
        "As checked, but the replica takes every entry that comes, and its position is the largest LSN that has arrived."
    /// Received is durable.
    ReceivedIsDurable "received_is_durable" [Durability]
        "As checked, but the replica acknowledges as durable what it has received."
    /// The master keeps its window.
    KeepsWindow "keeps_window" [Progress]
        "As checked, but the master keeps what a replica has acknowledged, and checks acks after a reconnect against it."
    /// The master's table decides.
    FromTable "from_table" [Progress]
        "As checked, but the master resumes after the last entry that the replica has acknowledged, not after its hello's."
    /// A message that has arrived in part is waited for.
    WaitsForEver "waits_for_ever" [Progress]
        "As checked, but the replica waits for the rest of a message however little comes: a damaged length never ends."
    /// Starts keep the epoch.
    OldEpoch "old_epoch" []
        "As checked, but a master that starts goes on in its old epoch; the checksums of the hello alone tell histories apart."
    /// Starts keep the epoch, and nothing else is compared.
    NumbersOnly "numbers_only" [Convergence Durability]
        "As old_epoch, and no checksums are compared."
}

/// The bounds of a search.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Setup {
    /// The choice.
    pub choice: Choice,
    /// Maximum number of writes.
    pub writes_max: u8,
    /// Maximum number of faults of the network.
    pub faults_max: u8,
    /// Maximum number of kills, of either side.
    pub kills_max: u8,
}

/// The command that a client sends; each write has another value.
pub(super) const KEY: &str = "x";
/// The most messages that the network holds in one direction.
pub(super) const HELD_MAX: usize = 2;

impl Setup {
    /// The bounds of one search, in words.
    pub fn in_words(&self) -> String {
        let up_to = |max: u8, what: &str| match max {
            0 => format!("no {what}"),
            1 => format!("at most 1 {what}"),
            max => format!("up to {max} {what}s"),
        };
        [
            up_to(self.writes_max, "write"),
            format!(
                "{} (a message lost, repeated, swapped with the next, damaged, or the connection cut)",
                up_to(self.faults_max, "network fault")
            ),
            format!(
                "{} (of either side; it loses what was not durable, or a part of it)",
                up_to(self.kills_max, "kill")
            ),
            format!("{HELD_MAX} messages under way in each direction, and those that the network repeats"),
        ]
        .join(", ")
    }
}

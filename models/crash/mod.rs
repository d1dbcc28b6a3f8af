//! Crash — the model of one node that is killed or loses power at any moment of its write path, and starts again.
//!
//! ```text
//! log     append ─▶ fsync ─┐                              a kill keeps what is written, a power loss what is durable
//! store                    └▶ one batch, marker in it     both keep what the store had flushed
//! reader                                          └▶ sees it ─▶ reply to the client
//! flush   fsync the log ─▶ flush begins … ends ─▶ purge of the log
//! ```
//!
//! The engine's own code is the log ([`crate::binlog::SegmentLog`] with its recovery, its fsync points and its purge, on a disk that
//! forgets what was not synced), the master that executes commands ([`crate::node::Master`]), the batch with its marker and the
//! recovery of the store ([`crate::apply`]), what a start does with a store that is ahead of its log ([`crate::node::start()`]), and the
//! epoch that a start begins ([`crate::binlog::log::epoch_of_start`]). The model repeats the order of calls of code that does I/O:
//! `engine::writer`, `engine::checkpoint`, `engine::open`. [`Choice::order`] is that order as data.
//!
//! A crash comes between two steps, or within a step that changes the log's files: before each change of a file or of a name, of
//! which a write is then half done. That includes the start itself. A power loss leaves what `forgetful` says: of the writes that were
//! not synced any beginning, all but one, or one half of each. The flushed prefix of the store is that of any flush that had ended. On
//! a disk that lies, a power loss may also take what an fsync had promised.
//!
//! It judges six invariants:
//! - *durability*: each write that a client was told of is in the log after the start: after a kill each one; after a power loss
//!   those that an fsync had covered, which under `always` are all; where the disk lied, none.
//! - *monotonic_reads*: the same of what readers of a master have seen. (A replica's readers wait for its master.)
//! - *convergence*: the store holds what the entries of the log, or of the history that a new log goes on from, come to.
//! - *exactly_once*: it holds what each of the applied entries comes to if it is applied once.
//! - *one_history*: no entry that is given to followers has the epoch and the number of another one that they were given before.
//! - *progress*: the node starts again with its log. Only where the disk lied may it refuse, or begin a new log.
//!
//! A node is a master or a replica. A replica receives what its master has logged, and again what it has lost. Followers have received
//! all that readers have seen. Log time stands. The file `node` is durable before it counts. A store has one flush at a time, and what a
//! flush leaves is the state at which it began (atomic flush). A start's batches are one step, as nothing is flushed between them.

mod acts;
mod disk;
mod files;
pub mod forgetful;
mod held;
mod history;
mod model;
mod reads;
mod story;
mod world;

pub use model::{Accident, Action, CrashModel, Moment, Place, State};
pub use world::LogStep;

use crate::binlog::Fsync;
use crate::models::invariants::{self, Invariant};

/// The invariants, in the order of the bits.
pub const INVARIANTS: &[Invariant] = invariants::CRASH.invariants;

/// A step of a group of writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Step {
    /// The group is appended to the log, with one write.
    Append,
    /// The log is synced.
    Sync,
    /// The group is written to the store, with its marker if that is no step of its own.
    Apply,
    /// The marker is written to the store.
    Mark,
    /// Readers and followers are given the group.
    Publish,
    /// The clients are told that it is done.
    Reply,
}

/// A fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    /// A flush does not sync the log.
    FlushFirst,
    /// The log is purged when a flush begins.
    PurgeFirst,
    /// A start as master goes on in the old epoch.
    SameEpoch,
    /// A master goes on with its log where the store is ahead of it.
    NoNewLog,
    /// The marker is a batch of its own, and a flush may come between.
    MarkerApart,
}

macro_rules! choices {
    ($($(#[$doc:meta])* $variant:ident $name:literal $fsync:ident $commands:literal $order:ident $fault:expr,
       [$($breaks:ident)*] $summary:literal)*) => {
        /// A write path. The first four are the engine's; each other one has a fault.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Choice {
            $($(#[$doc])* $variant,)*
        }

        impl Choice {
            /// All of them.
            pub const ALL: &[Choice] = &[$(Choice::$variant,)*];

            /// The name that users write.
            pub fn name(self) -> &'static str {
                match self { $(Choice::$variant => $name,)* }
            }

            /// What it does, in a sentence.
            pub fn summary(self) -> &'static str {
                match self { $(Choice::$variant => $summary,)* }
            }

            /// When the log is synced.
            pub fn fsync(self) -> Fsync {
                match self { $(Choice::$variant => Fsync::$fsync,)* }
            }

            /// Whether the log has commands in place of effects.
            pub fn logs_commands(self) -> bool {
                match self { $(Choice::$variant => $commands,)* }
            }

            /// The steps of a group.
            pub fn order(self) -> &'static [Step] {
                match self { $(Choice::$variant => $order,)* }
            }

            /// Its fault, if the order is not the fault.
            pub fn fault(self) -> Option<Fault> {
                match self { $(Choice::$variant => $fault,)* }
            }

            /// The invariants that it is expected to break.
            pub fn breaks(self) -> &'static [Invariant] {
                match self { $(Choice::$variant => &[$(Invariant::$breaks,)*],)* }
            }
        }
    };
}

use Step::{Append, Apply, Mark, Publish, Reply, Sync};

/// The engine's order under `always`.
const SYNCED: &[Step] = &[Append, Sync, Apply, Publish, Reply];
/// The engine's order under `everysec` and `no`.
const WRITTEN: &[Step] = &[Append, Apply, Publish, Reply];
const REPLY_BEFORE_APPEND: &[Step] = &[Reply, Append, Sync, Apply, Publish];
const REPLY_BEFORE_FSYNC: &[Step] = &[Append, Reply, Sync, Apply, Publish];
const STORE_FIRST: &[Step] = &[Apply, Publish, Append, Reply];
const MARKER_LATER: &[Step] = &[Append, Apply, Mark, Publish, Reply];
const MARKER_FIRST: &[Step] = &[Append, Mark, Apply, Publish, Reply];

choices! {
    /// The engine under `always`.
    FsyncAlways "fsync_always" Always false SYNCED None, []
        "The engine with --appendfsync always: a group is durable before it is applied, shown and answered."
    /// The engine under `everysec`.
    FsyncEverySec "fsync_everysec" EverySec false WRITTEN None, []
        "The engine with --appendfsync everysec: the log is synced at any moment."
    /// The engine under `no`.
    FsyncNo "fsync_no" No false WRITTEN None, []
        "The engine with --appendfsync no: the log is synced before each flush of the store, and at no other time."
    /// Commands in the log.
    LogsCommands "logs_commands" EverySec true WRITTEN None, []
        "As fsync_everysec, with commands in the log, which a start executes again."
    /// The reply before the append.
    EarlyReply "early_reply" Always false REPLY_BEFORE_APPEND None, [Durability]
        "As fsync_always, but the client is told before the group is in the log."
    /// The reply before the fsync.
    ReplyBeforeFsync "reply_before_fsync" Always false REPLY_BEFORE_FSYNC None, [Durability]
        "As fsync_always, but the client is told before the log is synced."
    /// The store before the log.
    StoreFirst "store_first" EverySec false STORE_FIRST None, [Progress MonotonicReads]
        "As fsync_everysec, but a group is written to the store and shown before it is in the log."
    /// The flush before the fsync.
    FlushFirst "flush_first" EverySec false WRITTEN Some(Fault::FlushFirst), [Progress]
        "As fsync_everysec, but the store is flushed without an fsync of the log."
    /// The purge before the flush.
    PurgeFirst "purge_first" EverySec false WRITTEN Some(Fault::PurgeFirst), [Progress]
        "As fsync_everysec, but the log is purged when a flush begins, not when it has ended."
    /// The marker after the entries.
    MarkerLater "marker_later" EverySec true MARKER_LATER Some(Fault::MarkerApart), [Convergence ExactlyOnce]
        "As logs_commands, but the marker is a batch of its own after the entries, and a flush may begin between them."
    /// The marker before the entries.
    MarkerFirst "marker_first" EverySec false MARKER_FIRST Some(Fault::MarkerApart), [Convergence]
        "As fsync_everysec, but the marker is a batch of its own before the entries, and a flush may begin between them."
    /// One epoch.
    SameEpoch "same_epoch" EverySec false WRITTEN Some(Fault::SameEpoch), [OneHistory]
        "As fsync_everysec, but a start goes on in the old epoch."
    /// No new log.
    NoNewLog "no_new_log" EverySec false WRITTEN Some(Fault::NoNewLog), [Convergence]
        "As fsync_everysec, but a master whose store is ahead of its log goes on at the log's end."
}

/// The role of the node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Clients write on it.
    Master,
    /// It receives what another node has logged.
    Replica,
}

/// The events that may happen to the node, and the bounds of the search.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Setup {
    /// The choice.
    pub choice: Choice,
    /// The node's role.
    pub role: Role,
    /// Whether an fsync of the log may be a lie.
    pub lies: bool,
    /// Whether each group begins a segment of the log.
    pub segments: bool,
    /// The commands that clients may send.
    pub alphabet: &'static [&'static str],
    /// Maximum number of writes; a group has one or two.
    pub writes_max: u8,
    /// Maximum number of flushes that begin.
    pub flushes_max: u8,
    /// Maximum number of crashes.
    pub crashes_max: u8,
}

/// The commands that clients send: one that is the same each time, and one that is not.
const TWO: &[&str] = &["SET a 1", "INCR a"];
/// The same, and one that clears all.
const THREE: &[&str] = &["SET a 1", "INCR a", "FLUSHDB"];

impl Setup {
    /// A master that crashes once.
    pub fn of_master(choice: Choice) -> Setup {
        Setup {
            choice,
            role: Role::Master,
            lies: false,
            segments: false,
            alphabet: TWO,
            writes_max: 2,
            flushes_max: 1,
            crashes_max: 1,
        }
    }

    /// The searches of the quick bounds: a master that crashes twice, a master on a disk that lies, a master whose log has many
    /// segments, a replica, and a replica on a disk that lies.
    pub fn all(choice: Choice) -> [Setup; 5] {
        let master = Setup { alphabet: THREE, ..Setup::of_master(choice) };
        let replica = Setup { role: Role::Replica, ..master };
        [
            Setup { crashes_max: 2, ..Setup::of_master(choice) },
            Setup { lies: true, ..master },
            Setup { segments: true, writes_max: 3, ..Setup::of_master(choice) },
            replica,
            Setup { lies: true, ..replica },
        ]
    }

    /// The bounds of one search, in words.
    pub fn in_words(&self) -> String {
        let up_to = |max: u8, what: &str, more: &str| match max {
            0 => format!("no {what}"),
            1 => format!("at most 1 {what}"),
            max => format!("up to {max} {what}{more}"),
        };
        [
            format!("a {}", if self.role == Role::Master { "master" } else { "replica" }),
            format!("{} of {}", up_to(self.writes_max, "write", "s"), self.alphabet.join(", ")),
            up_to(self.flushes_max, "flush", "es"),
            up_to(self.crashes_max, "crash", "es (kills, power losses)"),
            (if self.segments { "a segment for each group" } else { "one segment" }).to_owned(),
            (if self.lies { "a disk that lies" } else { "an honest disk" }).to_owned(),
        ]
        .join(", ")
    }
}

//! Invariants — their names, what each promises, and which model judges it, in one table. Plain data.
//!
//! The functions that judge stand in [`crate::invariant`], under the same names.

use crate::names::{self, UnknownName};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

macro_rules! invariants {
    ($($(#[$doc:meta])* $variant:ident $name:literal $heading:literal $promise:literal)*) => {
        /// What must hold of a replica, in the order of the columns of a table.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum Invariant {
            $($(#[$doc])* #[serde(rename = $name)] $variant,)*
        }

        impl Invariant {
            /// All of them, in the order of the columns.
            pub const ALL: &[Invariant] = &[$(Invariant::$variant,)*];

            /// The name that users write, and that of the function in [`crate::invariant`].
            pub fn name(self) -> &'static str {
                match self { $(Invariant::$variant => $name,)* }
            }

            /// The name in the lines of a column's heading.
            pub fn heading(self) -> &'static str {
                match self { $(Invariant::$variant => $heading,)* }
            }

            /// What it promises, in a clause.
            pub fn promise(self) -> &'static str {
                match self { $(Invariant::$variant => $promise,)* }
            }
        }
    };
}

invariants! {
    /// A replica at rest has done all that it had to.
    Progress "progress" "pro-\ngress"
        "a replica that can do nothing more has applied and shown all that was logged, and would take more"
    /// At the end of the log the replica is as the master.
    Convergence "convergence" "conver-\ngence"
        "when the replica has applied the whole log, it holds what the master holds"
    /// No key goes back.
    PerKeyOrder "per_key_order" "per_key\n_order"
        "convergence, and no key goes back or shows a version that the master never had"
    /// Readers see prefixes of the log.
    Prefix "prefix" "prefix" "convergence, and a reader sees all keys as the master had them at one moment"
    /// No reader goes back.
    MonotonicReads "monotonic_reads" "monotonic\n_reads"
        "no reader sees an older version after a newer one, crash and restart included"
    /// Nothing is seen to be applied twice.
    ExactlyOnce "exactly_once" "exactly\n_once"
        "no entry is seen to have been applied twice, crash included"
    /// Both nodes store the same values.
    SameValue "same_value" "same\n_value"
        "with the same log applied, both nodes store the same value under every key"
    /// Both nodes store the same deadlines.
    SameDeadline "same_deadline" "same_\ndeadline"
        "with the same log applied, both store the same deadline, to the millisecond"
    /// No key lives for ever that should not.
    NoImmortalKey "no_immortal_key" "no_immor-\ntal_key"
        "no key lives for ever on the replica that has a deadline on the master"
    /// A duration is elapsed time.
    Lifetime "lifetime" "lifetime"
        "a key that is given a duration lives for that much elapsed time; on a replica no longer than its lag"
    /// A dead key stays dead.
    NoResurrection "no_resurrection" "no_resur-\nrection"
        "a key that a reader saw dead is not seen alive again unless written"
    /// No key is gone before its time.
    NoEarlyDeath "no_early_death" "no_early\n_death"
        "no key is gone on the replica before the master's time reached its deadline"
    /// A replica that may resume does.
    Resume "resume" "resume" "a replica whose log is a beginning of its master's is not refused"
    /// An epoch and a number name one entry.
    OneHistory "one_history" "one_\nhistory" "no two entries that followers were given have the same epoch and number"
    /// An acknowledged write stays.
    Durability "durability" "dura-\nbility"
        "no acknowledged write is lost: it is in the history of the node that was promoted last, or where it counts as durable"
    /// Readers see the master's past.
    PastRead "past_read" "past\n_read"
        "each read of the replica is one that the master could have answered by then"
}

/// What one search judges, in the order of its bits, each with what a run must have seen for a verdict *holds* to mean anything.
pub struct Judging {
    /// The invariants.
    pub invariants: &'static [Invariant],
    /// For each of them the event.
    pub sometimes: &'static [&'static str],
}

macro_rules! judging {
    ($($(#[$doc:meta])* $search:ident { $($variant:ident $sometimes:literal)* })*) => {
        $($(#[$doc])* pub const $search: Judging = Judging {
            invariants: &[$(Invariant::$variant,)*],
            sometimes: &[$($sometimes,)*],
        };)*
    };
}

judging! {
    /// The ordering model.
    ORDERING {
        Progress "a replica at rest that was sent an entry"
        Convergence "the watermark reaches the end of a log of two entries or more"
        PerKeyOrder "a reader sees one key at two versions"
        Prefix "a reader sees a state between the first and the last of its log"
        MonotonicReads "a reader that saw a key is let in again after a restart"
        ExactlyOnce "an entry is written a second time, or a crash leaves entries and the log goes on after them"
    }
    /// The expiry model, of what is stored.
    EXPIRY_STATE {
        Progress "the link is up and empty, and the master has logged an entry"
        SameValue "both nodes store the same key at the same LSN"
        SameDeadline "both nodes store a key that has a deadline, or a field with one, at the same LSN"
        NoImmortalKey "the replica stores a key that has a deadline, or a field with one, at the same LSN"
    }
    /// The expiry model, of reads.
    EXPIRY_READS {
        NoResurrection "a key that a reader saw dead is seen alive again, written anew"
        NoEarlyDeath "a reader sees a key die on the replica"
        PastRead "a reader of the replica sees what the master has left behind"
    }
    /// The model of both.
    BOTH {
        Progress "a replica at rest that was sent an entry"
        PastRead "a reader that sees what the master has left behind, of two keys"
    }
    /// The model of clocks.
    CLOCKS {
        Progress "a replica at rest that was sent an entry"
        Lifetime "a key that was given a duration, judged when it was over"
        NoResurrection "a reader that saw a key alive and sees it dead"
        NoEarlyDeath "a reader that sees a stored key dead"
        PastRead "a reader that sees what the master has left behind"
    }
    /// The model of the handshake.
    HANDSHAKE {
        Convergence "a replica that connects with an entry which its master has not"
        Resume "a replica with entries that resumes after a start or a revert"
    }
    /// The model of a full sync.
    FULL_SYNC {
        Progress "a replica with a copy at rest, after the master wrote on"
        Convergence "a replica that has applied its copy and entries after it"
        Resume "a replica with a copy that resumes after the master wrote on"
        PastRead "a reader of a copy that sees what the master has left behind"
    }
    /// The model of a session.
    REPLICATION {
        Convergence "a replica that follows after a fault, with two entries logged"
        Resume "a replica with entries that resumes after a fault"
        Durability "an entry acknowledged as durable"
        Progress "a master that knows that everything is applied"
    }
    /// The model of a fail-over.
    FAILOVER {
        Progress "a node that follows a promoted one and has all of its entries"
        Convergence "a node that follows a promoted one and has all of its entries"
        Resume "a node with entries that resumes after a promotion"
        Durability "a promotion of another node than the one that acknowledged a write"
    }
    /// The model of a crash.
    CRASH {
        Progress "a start that applies entries"
        Convergence "a start that applies entries to a store that was flushed"
        MonotonicReads "a start with entries that readers had seen"
        ExactlyOnce "a start that applies an entry which was applied before the crash"
        OneHistory "followers are given an entry with the number of one that is lost"
        Durability "a start with a write that was acknowledged"
    }
}

impl fmt::Display for Invariant {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(self.name())
    }
}

impl FromStr for Invariant {
    type Err = UnknownName;

    fn from_str(name: &str) -> Result<Invariant, UnknownName> {
        names::find("invariant", name, Invariant::ALL, Invariant::name)
    }
}

/// Names joined by commas.
pub fn listed(invariants: &[Invariant]) -> String {
    invariants.iter().map(|invariant| invariant.name()).collect::<Vec<_>>().join(", ")
}

/// A test may name an invariant.
impl PartialEq<str> for Invariant {
    fn eq(&self, name: &str) -> bool {
        self.name() == name
    }
}

/// As with `str`.
impl PartialEq<&str> for Invariant {
    fn eq(&self, name: &&str) -> bool {
        self.name() == *name
    }
}

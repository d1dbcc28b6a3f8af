//! Choices — when a write is acknowledged, which node is promoted, and which fault there is. Plain data.

use super::{Scenario, Victim};
use crate::models::invariants::Invariant;

/// When a client's write is acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Acknowledged {
    /// When the master has applied it.
    Applied,
    /// When it is durable on the master.
    Durable,
    /// When all replicas that happen to be connected have received it: at once if there are none.
    WaitConnected,
    /// WAIT: when this many replicas have received it.
    Wait(usize),
    /// WAITAOF: when it is durable on the master and on this many replicas.
    WaitAof(usize),
}

impl Acknowledged {
    /// Whether it asks what is durable.
    pub fn counts_durable(self) -> bool {
        matches!(self, Acknowledged::Durable | Acknowledged::WaitAof(_))
    }
}

/// Which replica may be promoted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Promoted {
    /// Any, at any moment.
    Any,
    /// One whose log has the most entries of all replicas.
    Furthest,
    /// Of the two nodes that are not the last promoted one, the one whose last entry is later by epoch and number. The other one
    /// is told to follow it in the same step, so that no third node takes an entry of an old master.
    Newest,
    /// FAILOVER: a connected replica that has all entries of the last promoted node. Writes on that node then wait until it is told
    /// to follow the new master.
    CaughtUp,
    /// As [`Promoted::Newest`], if both were accepted as followers of the last promoted one since they were told to follow it.
    Quorum,
}

/// A fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    /// A replica acknowledges an entry before it has written it.
    EarlyAck,
    /// A replica empties its log before a full sync.
    EmptiedFirst,
    /// A promoted node goes on in the old epoch.
    SameEpoch,
    /// The same, and no checksums are compared.
    SameEpochUnchecked,
    /// A promoted node does not know the history in which it was replica.
    NewHistory,
    /// A refused node stops.
    NoCopy,
}

/// When a choice is expected to lose an acknowledged write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Loses {
    /// In no scenario.
    Never,
    /// When a node loses power.
    WithPower,
    /// When a node is killed, or a master loses power.
    WithMaster,
    /// When a node is killed, or loses power.
    WithKill,
    /// In each scenario.
    Always,
}

macro_rules! choices {
    ($($(#[$doc:meta])* $variant:ident $name:literal $acknowledged:expr, $promoted:ident, $fault:expr,
       $loses:ident [$($breaks:ident)*] $summary:literal)*) => {
        /// A rule of acknowledgement with a rule of promotion, and perhaps a fault.
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

            /// When a write is acknowledged.
            pub fn acknowledged(self) -> Acknowledged {
                match self { $(Choice::$variant => $acknowledged,)* }
            }

            /// The nodes that may be promoted.
            pub fn promoted(self) -> Promoted {
                match self { $(Choice::$variant => Promoted::$promoted,)* }
            }

            /// Its fault.
            pub fn fault(self) -> Option<Fault> {
                match self { $(Choice::$variant => $fault,)* }
            }

            /// When it is expected to lose an acknowledged write.
            pub fn loses(self) -> Loses {
                match self { $(Choice::$variant => Loses::$loses,)* }
            }

            /// The other invariants that it is expected to break, in each scenario.
            pub fn breaks(self) -> &'static [Invariant] {
                match self { $(Choice::$variant => &[$(Invariant::$breaks,)*],)* }
            }
        }
    };
}

use Acknowledged::{Applied, Durable, Wait, WaitAof, WaitConnected};

choices! {
    /// Asynchronous.
    Asynchronous "asynchronous" Applied, Any, None, Always []
        "A write is acknowledged when the master has applied it; any replica is promoted at any moment."
    /// FAILOVER.
    Coordinated "coordinated" Applied, CaughtUp, None, WithMaster []
        "FAILOVER: as asynchronous, but a connected replica that has everything is promoted, and writes on the old master wait."
    /// Durable on the master.
    DurableMaster "durable_master" Durable, Any, None, Always []
        "As asynchronous, but when the write is durable on the master."
    /// All that are connected.
    WaitConnected "wait_connected" WaitConnected, Any, None, Always []
        "As asynchronous, but when all replicas that happen to be connected have received the write."
    /// One replica.
    WaitOne "wait_one" Wait(1), Any, None, Always []
        "WAIT 1: one of the two replicas has received the write; any replica is promoted."
    /// One replica, and the log with the most entries.
    WaitOneFurthest "wait_one_furthest" Wait(1), Furthest, None, Always []
        "As wait_one, but the replica whose log has the most entries is promoted."
    /// One replica, and the latest log of two nodes that follow no old master.
    WaitOneNewest "wait_one_newest" Wait(1), Newest, None, WithKill []
        "As wait_one, but two nodes leave the old master, and the one with the later last entry is promoted."
    /// One replica, and a quorum of followers.
    WaitOneQuorum "wait_one_quorum" Wait(1), Quorum, None, WithPower []
        "As wait_one_newest, but only where the last promoted master has accepted both nodes as followers."
    /// All replicas.
    WaitAll "wait_all" Wait(2), Any, None, WithPower []
        "WAIT 2: both configured replicas have received the write; any replica is promoted."
    /// One durable replica, and a quorum of followers.
    WaitAofOneQuorum "waitaof_one_quorum" WaitAof(1), Quorum, None, Never []
        "As wait_one_quorum, but with WAITAOF 1 1: durable on the master and on one replica."
    /// All durable.
    WaitAofAll "waitaof_all" WaitAof(2), Any, None, Never []
        "WAITAOF 1 2: durable on the master and on both configured replicas; any replica is promoted."
    /// Too early.
    EarlyAck "early_ack" Wait(2), Any, Some(Fault::EarlyAck), WithKill []
        "As wait_all, but a replica acknowledges an entry before it has written it."
    /// The old data are removed first.
    EmptiedFirst "emptied_first" WaitAof(2), Any, Some(Fault::EmptiedFirst), Always []
        "As waitaof_all, but a replica empties its log before a full sync."
    /// One epoch, compared by checksums.
    SameEpoch "same_epoch" WaitAof(2), Any, Some(Fault::SameEpoch), Never []
        "As waitaof_all, but a promoted node goes on in the old epoch; checksums alone tell histories apart."
    /// One epoch, compared by numbers.
    SameEpochUnchecked "same_epoch_unchecked" WaitAof(2), Any, Some(Fault::SameEpochUnchecked), Always [Convergence]
        "As same_epoch, and no checksums are compared."
    /// A promoted node has a history of its own.
    NewHistory "new_history" WaitAof(2), Any, Some(Fault::NewHistory), Never [Resume]
        "As waitaof_all, but a promoted node does not know its former master's history: each node gets a copy."
    /// No full sync.
    NoCopy "no_copy" WaitAof(2), Any, Some(Fault::NoCopy), Never [Progress]
        "As waitaof_all, but there is no full sync: a node that cannot resume stops."
}

impl Choice {
    /// Whether it is expected to break the invariant in the scenario.
    pub fn is_expected_to_break(self, invariant: Invariant, scenario: &Scenario) -> bool {
        let loses = match self.loses() {
            Loses::Never => false,
            Loses::WithPower => scenario.losses_max > 0,
            Loses::WithMaster => {
                let loses_power = scenario.losses_max > 0 && scenario.victim != Victim::Replica;
                loses_power || scenario.kills_max > 0
            }
            Loses::WithKill => scenario.losses_max + scenario.kills_max > 0,
            Loses::Always => true,
        };
        self.breaks().contains(&invariant) || (invariant == Invariant::Durability && loses)
    }
}

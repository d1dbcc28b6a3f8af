//! Fail-over — the model of three nodes of which one is promoted, and then another: what is an acknowledgement worth?
//!
//! One node is master and two follow it. Clients write on each node that acts as master, a former one included. A
//! replica is promoted at any moment, while the old master lives. Nodes are told to follow the node that was promoted last.
//! Nodes are killed, and lose power.
//!
//! ```text
//! node A  master   1:SET a 1 ─▶ client: acknowledged          follows B: full sync, entry 1 is lost
//! node B  replica                                promoted, in a new epoch
//! ```
//!
//! The engine's own code decides which epoch a start or a promotion begins ([`crate::binlog::log::epoch_of_start`]), which
//! entries a log takes ([`crate::binlog::Log`]), whether a follower resumes ([`crate::replication::handshake::answer`], the
//! hello as a command and back) and which replicas count for WAIT and WAITAOF ([`crate::replication::Ack::counts`]). A log
//! stands for a node's data: effects are absolute, so a store is a function of the log.
//!
//! It judges four invariants:
//! - *durability*: after a promotion, each acknowledged write is in the history of the node that was promoted last, and so is
//!   each one that any node acknowledges later.
//! - *convergence*: a node that follows a master and has as many entries has the same ones.
//! - *resume*: a node whose log is a beginning of its master's is not refused.
//! - *progress*: a node that follows the last promoted one receives everything in the end, if no further fault occurs.
//!
//! Each of these is one step: an entry is received, written, applied and published; a refused follower gets a whole copy, durable
//! as the engine's is (the model `full_sync` has the steps of a copy); a killed node starts again. A killed node keeps all written
//! entries, and a node that loses power keeps the durable ones. Acks arrive at once, and only those of connected followers count.
//! A node that changes its role or its master first writes all received entries, and its log is durable then, as the engine's is.
//! A replica that does not receive stands for a cut link. Nothing is purged. No two starts draw the same bits, and two checksums
//! are equal only if they cover equal entries. The file `node` is durable before it counts.

mod acts;
mod choice;
mod model;
mod promotion;
mod reads;
mod story;

pub use choice::{Acknowledged, Choice, Fault, Loses, Promoted};
pub use model::{Action, FailoverModel, Link, Member, Node, Role, State, Written};

use crate::models::invariants::{self, Invariant};

/// The invariants, in the order of the bits.
pub const INVARIANTS: &[Invariant] = invariants::FAILOVER.invariants;

/// The most writes in any bounds.
pub const WRITES_MAX: usize = 4;

/// The commands that clients send, in this order, so that no two writes are alike.
pub(super) const CONTENTS: [&str; WRITES_MAX] = ["SET a 1", "SET b 2", "SET c 3", "SET d 4"];

/// Which nodes may lose power.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Victim {
    /// Each one that follows.
    Replica,
    /// Each one that acts as master.
    Master,
    /// Any.
    Any,
}

/// A kind of accident, and the bounds of its search.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scenario {
    /// Its name.
    pub name: &'static str,
    /// Maximum number of writes.
    pub writes_max: u8,
    /// Maximum number of promotions.
    pub promotions_max: u8,
    /// Maximum number of kills.
    pub kills_max: u8,
    /// Maximum number of losses of power.
    pub losses_max: u8,
    /// The nodes that may lose power.
    pub victim: Victim,
}

const PROMOTION: Scenario = Scenario {
    name: "promotion",
    writes_max: 2,
    promotions_max: 2,
    kills_max: 0,
    losses_max: 0,
    victim: Victim::Any,
};

/// The accidents, each by itself.
pub const SCENARIOS: &[Scenario] = &[
    PROMOTION,
    Scenario { name: "kill", kills_max: 1, ..PROMOTION },
    Scenario { name: "replica_power", losses_max: 1, victim: Victim::Replica, ..PROMOTION },
    Scenario { name: "master_power", losses_max: 1, victim: Victim::Master, ..PROMOTION },
];

/// All accidents together, with one write.
pub const EVERYTHING: Scenario =
    Scenario { name: "everything", writes_max: 1, kills_max: 1, losses_max: 1, ..PROMOTION };

impl Scenario {
    /// The same scenario with this many writes, kills and losses of power more, each where there are any.
    #[must_use]
    pub fn and(self, more: u8) -> Scenario {
        let also = |max: u8| if max == 0 { 0 } else { max + more };
        let (kills_max, losses_max) = (also(self.kills_max), also(self.losses_max));
        Scenario { writes_max: self.writes_max + more, kills_max, losses_max, ..self }
    }
}

/// The bounds of a search.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Setup {
    /// The choice.
    pub choice: Choice,
    /// The accidents that may happen, and the bounds.
    pub scenario: Scenario,
}

impl Setup {
    /// The bounds of one search, in words.
    pub fn in_words(&self) -> String {
        let Scenario { writes_max, promotions_max, kills_max, losses_max, victim, .. } = self.scenario;
        let up_to = |max: u8, what: &str, of: &str| match max {
            0 => format!("no {what}"),
            1 => format!("at most 1 {what}{of}"),
            max => format!("up to {max} {what}s{of}"),
        };
        let victims = match victim {
            Victim::Replica => " of nodes that follow",
            Victim::Master => " of nodes that are master",
            Victim::Any => "",
        };
        [
            "three nodes".to_owned(),
            up_to(writes_max, "write", ""),
            up_to(promotions_max, "promotion", ""),
            up_to(kills_max, "kill", ""),
            up_to(losses_max, "power loss", victims).replace("losss", "losses"),
        ]
        .join(", ")
    }
}

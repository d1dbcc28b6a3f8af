//! Clocks — the model of wall clocks that somebody sets, and of nodes that start again.
//!
//! The expiry model has clocks that are apart by as much for a whole run, and no start. Here either wall clock may be set, once, and
//! either node may stop or be killed, once, and be down for a while. Master and replica are the engine's own machines
//! ([`crate::node::Master`], [`crate::node::MasterClock`], [`crate::node::SerialReplica`]). A start goes on from the engine's
//! [`crate::node::Pair`].
//!
//! ```text
//! elapsed   0        1 s                  2 s
//! master    PSETEX k 1000 1   +1 h        k is dead: it was given a second, whatever the wall clock says
//! ```
//!
//! Judged are *progress*, the invariants of reads, where a reader also learns what EXPIRETIME answers, and *lifetime*. A start
//! may lengthen a lifetime and shorten it: `lifetime.rs` says by how much.
//!
//! One key, whole ticks; an entry that is delivered is applied and published in the same step, and a killed node keeps its store
//! and its log. The expiry model covers the rest.

mod acts;
mod lifetime;
mod model;
mod reads;
mod story;
mod world;

pub use model::{Action, ClocksModel, Node, State};

use crate::command::Command;
use crate::expiry::Policy;
use crate::models::invariants::{self, Invariant};
use crate::models::scenario;

/// The invariants, in the order of the bits.
pub const INVARIANTS: &[Invariant] = invariants::CLOCKS.invariants;

/// Milliseconds a tick: keys live for one, clocks are set by whole ones.
pub const TICK_MS: u64 = 1_000;

/// A policy, and whether wall clocks are set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Choice {
    /// What the log carries, and by which clock readers judge.
    pub policy: Policy,
    /// Whether either wall clock may be set.
    pub steps: bool,
}

impl Choice {
    /// Each policy without steps, and with them.
    pub fn all() -> Vec<Choice> {
        let with = |steps| Policy::ALL.iter().map(move |&policy| Choice { policy, steps });
        [false, true].into_iter().flat_map(with).collect()
    }

    /// `log_clock`, `log_clock+steps`.
    pub fn name(self) -> String {
        let steps = if self.steps { "+steps" } else { "" };
        format!("{}{steps}", self.policy.name())
    }
}

/// A fault to put in. The engine had each of them until it had two clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Log time follows the wall clock, on both nodes.
    WallClock,
    /// A replica tells its master a log time at each start, and the master goes there.
    FollowerLiftsMaster,
    /// A replica that starts takes the time that it told its readers for a time that it heard.
    ToldTakenForHeard,
}

/// The bounds of a search.
#[derive(Clone, Debug)]
pub struct Setup {
    /// The choice.
    pub choice: Choice,
    /// The commands that a client may send.
    pub alphabet: Vec<Command>,
    /// Whether the alphabet is a program: each of it is sent once, in order.
    pub is_program: bool,
    /// How many commands at most.
    pub length_max: usize,
    /// How many ticks may pass at most, those of a downtime not counted.
    pub passes_max: u8,
    /// Whether either node may start again, once.
    pub restarts: bool,
    /// The fault.
    pub fault: Option<Fault>,
}

/// A key that dies of itself, one that does not, an instant that a client names.
const ALPHABET: &[&str] = &["PSETEX k 1000 1", "SET k 2", "PEXPIREAT k 1000002000"];

impl Setup {
    /// Every program of the alphabet up to `length_max`, with up to `passes_max` ticks.
    pub fn new(choice: Choice, length_max: usize, passes_max: u8, restarts: bool) -> Setup {
        let alphabet = scenario::commands(ALPHABET);
        Setup { choice, alphabet, is_program: false, length_max, passes_max, restarts, fault: None }
    }

    /// The same of one program.
    #[must_use]
    pub fn of_program(&self, commands: &[Command]) -> Setup {
        let (alphabet, length_max) = (commands.to_vec(), commands.len());
        Setup { alphabet, is_program: true, length_max, ..self.clone() }
    }

    /// What one search explores, in words.
    pub fn in_words(&self) -> String {
        let named: Vec<String> = self.alphabet.iter().map(ToString::to_string).collect();
        let steps = if self.choice.steps {
            "either wall clock set once by up to ±2 ticks"
        } else {
            "clocks that agree"
        };
        let restarts = if self.restarts {
            "either node stopped or killed once, down for up to 2 ticks, of which 1 counts"
        } else {
            "no restart"
        };
        format!(
            "programs up to {} of {}, up to {} of {TICK_MS} ms, {steps}, {restarts}, log time estimated after 2 silent ticks",
            self.length_max,
            named.join(", "),
            if self.passes_max == 1 { "1 tick".to_owned() } else { format!("{} ticks", self.passes_max) }
        )
    }
}

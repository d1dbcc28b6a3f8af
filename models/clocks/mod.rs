//! Clocks — the model of wall clocks that are set during a run, and of nodes that restart.
//!
//! In the expiry model the skew is constant for a whole run, and there is no restart. Here one of the wall clocks may be
//! set once, and one of the nodes may be stopped or killed once and be down for a while. Master and replica are the
//! engine's own machines ([`crate::node::Master`], [`crate::node::MasterClock`], [`crate::node::SerialReplica`]). A start
//! resumes from the engine's [`crate::node::Pair`].
//!
//! ```text
//! elapsed   0        1 s                  2 s
//! master    PSETEX k 1000 1   +1 h        k is dead: it was given a second, whatever the wall clock says
//! ```
//!
//! The model judges *progress*, *lifetime* and the invariants of reads; here a reader also sees the answer of EXPIRETIME.
//! A start may lengthen or shorten a lifetime: `lifetime.rs` says by how much.
//!
//! There is one key, and time passes in whole ticks. A delivered entry is applied and published in the same step, and a
//! killed node keeps its store and its log. The expiry model covers the rest.

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
use crate::models::{scaled, scenario};

/// The invariants, in the order of the bits.
pub const INVARIANTS: &[Invariant] = invariants::CLOCKS.invariants;

/// Length of a tick in milliseconds: keys live for one tick, and clocks are set by whole ticks.
pub const TICK_MS: u64 = 1_000;

/// An expiry policy, and whether wall clocks are set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Choice {
    /// The policy: what the log carries, and by which clock readers judge.
    pub policy: Policy,
    /// Whether either wall clock may be set.
    pub steps: bool,
}

impl Choice {
    /// All choices: each policy without steps of the wall clock, and with them.
    pub fn all() -> Vec<Choice> {
        let with = |steps| Policy::ALL.iter().map(move |&policy| Choice { policy, steps });
        [false, true].into_iter().flat_map(with).collect()
    }

    /// The name of the choice, like `log_clock` or `log_clock+steps`.
    pub fn name(self) -> String {
        let steps = if self.steps { "+steps" } else { "" };
        format!("{}{steps}", self.policy.name())
    }
}

/// A fault that the catalogue seeds. The engine had each of them before it distinguished wall time from elapsed time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Log time follows the wall clock, on both nodes.
    WallClock,
    /// At each start a replica sends its master a log time, and the master moves its log time there.
    FollowerLiftsMaster,
    /// A replica that starts takes the time that it told its readers for a time that it has heard.
    ToldTakenForHeard,
}

/// The bounds of a search.
#[derive(Clone, Debug)]
pub struct Setup {
    /// The choice.
    pub choice: Choice,
    /// The commands that a client may send.
    pub alphabet: Vec<Command>,
    /// Whether the alphabet is a program: each of its commands is sent once, in order.
    pub is_program: bool,
    /// Maximum number of commands.
    pub length_max: usize,
    /// Maximum number of ticks that pass; the ticks of a downtime do not count.
    pub passes_max: u8,
    /// Whether one of the nodes may restart, once.
    pub restarts: bool,
    /// The seeded fault, if any.
    pub fault: Option<Fault>,
}

/// The commands: one that makes a key that dies, one that makes a key without a deadline, one with an instant that a
/// client names.
const ALPHABET: &[&str] = &["PSETEX k 1000 1", "SET k 2", "PEXPIREAT k 1000002000"];

impl Setup {
    /// The setup of every program of the alphabet up to `length_max`, with up to `passes_max` ticks.
    pub fn new(choice: Choice, length_max: usize, passes_max: u8, restarts: bool) -> Setup {
        let alphabet = scenario::commands(ALPHABET);
        Setup { choice, alphabet, is_program: false, length_max, passes_max, restarts, fault: None }
    }

    /// The same setup for one program.
    #[must_use]
    pub fn of_program(&self, commands: &[Command]) -> Setup {
        let (alphabet, length_max) = (commands.to_vec(), commands.len());
        Setup { alphabet, is_program: true, length_max, ..self.clone() }
    }

    /// The bounds of one search, in words.
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
        let floor = scaled::floor_as_bound(self.choice.policy, TICK_MS);
        format!(
            "programs up to {} of {}, up to {} of {TICK_MS} ms, {steps}, {restarts}, log time estimated after 2 silent ticks{floor}",
            self.length_max,
            named.join(", "),
            if self.passes_max == 1 { "1 tick".to_owned() } else { format!("{} ticks", self.passes_max) }
        )
    }
}

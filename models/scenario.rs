//! Named scenarios — fixed programs beside the search over every program: the stories that one tells.

use super::choice::{OrderingChoice, splits_entries, writes_out_of_order};
use super::invariants::Invariant;
use super::request::{self, Request};
use super::verdict::Verdict;
use crate::command::Command;
use crate::expiry::{Guarantee, Policy};
use crate::ordering::Level;

/// A fixed program for the ordering model.
#[derive(Clone, Copy, Debug)]
pub struct OrderingScenario {
    /// Its name.
    pub name: &'static str,
    /// The commands.
    pub program: &'static [&'static str],
    /// The invariant that it is about.
    pub invariant: Invariant,
    /// Which choices break it.
    pub broken_by: fn(OrderingChoice) -> bool,
}

/// The scenarios of the ordering model.
pub const ORDERING: &[OrderingScenario] = &[
    OrderingScenario {
        name: "flushdb_reordered",
        program: &["SET a b", "SET a c", "FLUSHDB"],
        invariant: Invariant::Convergence,
        broken_by: |choice| choice.strategy.promises() == Level::Nothing,
    },
    OrderingScenario {
        name: "flushdb_reordered_then_set",
        program: &["SET a b", "SET a c", "FLUSHDB", "SET a d"],
        invariant: Invariant::Convergence,
        broken_by: |choice| choice.strategy.promises() == Level::Nothing,
    },
    OrderingScenario {
        name: "multi_key_by_first_key",
        program: &["MSET a 1 c 1", "SET c 2"],
        invariant: Invariant::Convergence,
        broken_by: |choice| choice.strategy.promises() == Level::Nothing && !splits_entries(choice.strategy),
    },
    OrderingScenario {
        name: "incr_twice_after_crash",
        program: &["SET a 1", "INCR c"],
        invariant: Invariant::ExactlyOnce,
        broken_by: |choice| choice.commands && writes_out_of_order(choice.strategy),
    },
    OrderingScenario {
        name: "hash_seen_half_again",
        program: &["SET a 1", "HSET h f 1", "HSET h g 2"],
        invariant: Invariant::ExactlyOnce,
        broken_by: |choice| choice.reads_after_crash,
    },
];

/// A fixed program for the expiry model.
#[derive(Clone, Copy, Debug)]
pub struct ExpiryScenario {
    /// Its name.
    pub name: &'static str,
    /// The commands.
    pub program: &'static [&'static str],
    /// Milliseconds a tick.
    pub tick_ms: u64,
    /// The invariant that it is about.
    pub invariant: Invariant,
    /// Which policies break it.
    pub broken_by: fn(Policy) -> bool,
}

/// The scenarios of the expiry model. Entries are delivered up to three ticks late: 30 seconds in the first.
pub const EXPIRY: &[ExpiryScenario] = &[
    ExpiryScenario {
        name: "incr_after_expiry",
        program: &["SETEX k 10 100", "INCR k"],
        tick_ms: 10_000,
        invariant: Invariant::NoImmortalKey,
        broken_by: |policy| policy.promises() < Guarantee::NoImmortalKey,
    },
    ExpiryScenario {
        name: "persist_arrives_late",
        program: &["SETEX k 10 100", "PERSIST k"],
        tick_ms: 10_000,
        invariant: Invariant::NoResurrection,
        // At the replica's clock PERSIST finds the key dead, and leaves it so.
        broken_by: |policy| (Guarantee::NoImmortalKey..Guarantee::SameReads).contains(&policy.promises()),
    },
];

/// The requests of lines that are known to be good: MULTI, the lines after it and EXEC are one. Panics: on a line that is not good.
pub fn requests(lines: &[&str]) -> Vec<Request> {
    request::of_ours(lines)
}

/// The commands of lines that are known to be good, without transactions. Panics: on a line that is not good.
pub fn commands(lines: &[&str]) -> Vec<Command> {
    let one = |request: Request| request.command().cloned().expect("a command, not a transaction");
    requests(lines).into_iter().map(one).collect()
}

/// What a scenario is expected to come to.
pub fn expected(broken: bool) -> Verdict {
    if broken { Verdict::Violated } else { Verdict::Holds }
}

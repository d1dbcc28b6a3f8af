//! The scenarios of the demo: three programs, what each choice promises, and the way in which it is made to fail if it can.

use replicheck::apply::pool::Hold;
use replicheck::binlog::Lsn;
use replicheck::expiry::{Guarantee, Policy};
use replicheck::ordering::{Level, Strategy};
use std::time::Duration;

/// A scenario: a founding bug, or a clock that is set.
pub struct Scenario {
    /// Its name in JSON.
    pub name: &'static str,
    /// A sentence about its subject.
    pub title: &'static str,
    /// The model that covers it.
    pub model: &'static str,
    /// The commands that the client sends to the master.
    pub program: &'static [&'static str],
    /// How the failure is brought about.
    pub how: &'static str,
    /// Entries that are kept from being written, as far as the strategy allows.
    pub holds: Vec<Hold>,
    /// How late the replica receives anything.
    pub delay: Duration,
    /// How far the replica's wall clock is set ahead once all is applied; then the keys that readers see are compared, not the
    /// stored keys.
    pub sets_ahead_ms: Option<i64>,
    /// The choices.
    pub choices: Vec<Choice>,
}

/// A way of replicating.
#[derive(Clone, Copy)]
pub struct Choice {
    /// The ordering strategy.
    pub ordering: Strategy,
    /// The expiry policy.
    pub expiry: Policy,
    /// The name of the strategy or the policy, whichever this scenario is about.
    pub name: &'static str,
    /// What the strategy or the policy promises, in words.
    pub promise: &'static str,
    /// Whether it is expected to diverge: it promises less than what this scenario compares.
    pub may_diverge: bool,
}

/// All scenarios.
pub fn scenarios() -> Vec<Scenario> {
    vec![order(), expiry(), clock()]
}

fn of_strategy(strategy: Strategy) -> &'static str {
    match strategy.promises() {
        Level::Nothing => "nothing",
        Level::PerKeyOrder => "per_key_order: the master's state at the end, no key goes back",
        Level::Prefix => "prefix: readers see only states that the master had",
    }
}

fn of_policy(policy: Policy) -> &'static str {
    match policy.promises() {
        Guarantee::Nothing => "nothing",
        Guarantee::NoImmortalKey => "no_immortal_key: no key that never dies, but for the master's",
        Guarantee::SameState => "same_state: the master's values and deadlines, not its reads",
        Guarantee::SameReads => "same_reads: the master's values, deadlines and reads",
    }
}

fn order() -> Scenario {
    let choices = Strategy::ALL.iter().map(|&ordering| Choice {
        ordering,
        expiry: Policy::LogClock,
        name: ordering.name(),
        promise: of_strategy(ordering),
        may_diverge: ordering.promises() == Level::Nothing,
    });
    Scenario {
        name: "order",
        title: "FLUSHDB has no key, so any worker may run it, before or after the writes that precede it",
        model: "ordering",
        program: &["SET a b", "SET a c", "FLUSHDB"],
        how: "the worker that takes entry 1 is held until entry 3 is written, as far as the strategy allows it",
        holds: vec![Hold { entry: Lsn(1), until_finished: Lsn(3) }],
        delay: Duration::ZERO,
        sets_ahead_ms: None,
        choices: choices.collect(),
    }
}

fn expiry() -> Scenario {
    let choices = Policy::ALL.iter().map(|&expiry| Choice {
        ordering: Strategy::Serial,
        expiry,
        name: expiry.name(),
        promise: of_policy(expiry),
        may_diverge: expiry.promises() < Guarantee::NoImmortalKey,
    });
    Scenario {
        name: "expiry",
        title: "a counter with two seconds to live, received three seconds late",
        model: "expiry",
        program: &["SETEX k 2 100", "INCR k"],
        how: "the link to the replica delivers everything three seconds late",
        holds: Vec::new(),
        delay: Duration::from_secs(3),
        sets_ahead_ms: None,
        choices: choices.collect(),
    }
}

fn clock() -> Scenario {
    let choices = [Policy::Effects, Policy::LogClock].map(|expiry| Choice {
        ordering: Strategy::Serial,
        expiry,
        name: expiry.name(),
        promise: of_policy(expiry),
        may_diverge: expiry.promises() < Guarantee::SameReads,
    });
    Scenario {
        name: "clock",
        title: "a key with ten minutes to live, and a replica whose wall clock is set an hour ahead",
        model: "expiry",
        program: &["SETEX k 600 v"],
        how: "once the entry is applied, the replica's wall clock is set ahead; elapsed time advances as before",
        holds: Vec::new(),
        delay: Duration::ZERO,
        sets_ahead_ms: Some(3_600_000),
        choices: choices.to_vec(),
    }
}

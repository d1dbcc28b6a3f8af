//! What the demo shows: three programs, and how each choice is made to fail if it can.

use replicheck::apply::pool::Hold;
use replicheck::binlog::Lsn;
use replicheck::expiry::{Guarantee, Policy};
use replicheck::ordering::{Level, Strategy};
use std::time::Duration;

/// A founding bug, or a clock that is set.
pub struct Scenario {
    /// Its name in JSON.
    pub name: &'static str,
    /// What it is about.
    pub title: &'static str,
    /// The model that knows it.
    pub model: &'static str,
    /// What the client sends to the master.
    pub program: &'static [&'static str],
    /// How it is brought about.
    pub how: &'static str,
    /// Kept from being written, as far as the strategy allows.
    pub holds: Vec<Hold>,
    /// How late the replica receives anything.
    pub delay: Duration,
    /// How far the replica's wall clock is set ahead once all is applied; then what readers see is compared, not what is stored.
    pub sets_ahead_ms: Option<i64>,
    /// The choices.
    pub choices: Vec<Choice>,
}

/// A way of replicating.
#[derive(Clone, Copy)]
pub struct Choice {
    /// In which order.
    pub ordering: Strategy,
    /// With which policy.
    pub expiry: Policy,
    /// The one of the two that this scenario is about.
    pub name: &'static str,
    /// Whether it is expected to diverge.
    pub is_legacy: bool,
}

/// All scenarios.
pub fn scenarios() -> Vec<Scenario> {
    vec![order(), expiry(), clock()]
}

fn order() -> Scenario {
    let choices = Strategy::ALL.iter().map(|&ordering| Choice {
        ordering,
        expiry: Policy::LogClock,
        name: ordering.name(),
        is_legacy: ordering.promises() == Level::Nothing,
    });
    Scenario {
        name: "order",
        title: "FLUSHDB has no key, so any worker may run it, before or after the writes that came first",
        model: "ordering",
        program: &["SET a b", "SET a c", "FLUSHDB"],
        how: "the worker that takes entry 1 is held until entry 3 is written, as far as the strategy allows that",
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
        is_legacy: expiry.promises() < Guarantee::NoImmortalKey,
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
        is_legacy: expiry.promises() < Guarantee::SameReads,
    });
    Scenario {
        name: "clock",
        title: "a key with ten minutes to live, and a replica whose wall clock somebody sets an hour ahead",
        model: "expiry",
        program: &["SETEX k 600 v"],
        how: "once the entry is applied, the replica's wall clock is set ahead; elapsed time goes on as before",
        holds: Vec::new(),
        delay: Duration::ZERO,
        sets_ahead_ms: Some(3_600_000),
        choices: choices.to_vec(),
    }
}

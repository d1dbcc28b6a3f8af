//! Both — ordering and expiry together: what a reader of several keys sees of a replica with workers, lag, clocks and a crash.
//!
//! The ordering model has no clocks, the expiry model applies in log order. Here one replica has all: the master's commands
//! and heartbeats, a link that delays them, a strategy with its workers, publication, log time, a clock that is ahead, a crash
//! with its recovery. Each part is the engine's own machine ([`crate::node::Master`], [`crate::node::Replica`],
//! [`crate::apply::Applier`]), moved as the other two models move it.
//!
//! ```text
//! master's moments   {}   {a}   {a, c}   {c}            a dies between the last two
//! reader             {}         {a, c}   {c}   ✓        {c} before {a, c}, or {c} alone at first  ✗ past_read
//! ```
//!
//! Judged are *past_read*, over all keys at once, and *progress*, so that a replica which shows nothing does not pass.
//!
//! A crash keeps the replica's log. After it the log is applied in batches, the link starts anew, and readers wait as
//! [`crate::node::Replica`] says. Dead keys are not removed here, and log time is never estimated: the expiry model has both.

mod acts;
mod model;
mod reads;
mod story;

pub use model::{Action, BothModel, State};

use crate::command::Command;
use crate::expiry::Policy;
use crate::models::bounds::{self, ExpiryBounds};
use crate::models::expiry::{self, Judges};
use crate::models::invariants::{self, Invariant};
use crate::models::scenario;
use crate::ordering::Strategy;

/// The invariants, in the order of the bits.
pub const INVARIANTS: &[Invariant] = invariants::BOTH.invariants;

/// A way to apply the log and a way to judge what is dead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Choice {
    /// How the log is applied.
    pub strategy: Strategy,
    /// What the log carries, and by which clock readers judge: `effects` or `log_clock`. Both log effects.
    pub policy: Policy,
}

impl Choice {
    /// Each strategy with each of the two policies.
    pub fn all() -> Vec<Choice> {
        let policies = [Policy::LogClock, Policy::Effects];
        let with = |policy| Strategy::ALL.iter().map(move |&strategy| Choice { strategy, policy });
        policies.into_iter().flat_map(with).collect()
    }

    /// `serial+log_clock`.
    pub fn name(self) -> String {
        format!("{}+{}", self.strategy.name(), self.policy.name())
    }

    /// Whether its reads are the master's past, whatever lag and skew are.
    pub fn reads_the_past(self) -> bool {
        self.strategy.shows_prefixes() && self.policy == Policy::LogClock
    }
}

/// Two keys, which two workers share between them: one that dies, a write of both that takes its deadline away.
const ALPHABET: &[&str] = &["PSETEX a 2003 1", "SET c 1", "MSET a 2 c 2"];

/// What is explored.
#[derive(Clone, Debug)]
pub struct Setup {
    /// The choice.
    pub choice: Choice,
    /// Commands, time, delay and skew.
    pub times: expiry::Setup,
    /// Workers of the replica.
    pub workers: usize,
    /// Crashes at most.
    pub crashes_max: u8,
    /// Whether readers are given a snapshot that is published together with log time, as by the engine under a strategy that
    /// shows prefixes; otherwise the store as it is.
    pub snapshots: bool,
}

impl Setup {
    /// Every program of the alphabet within `bounds`, with at most `crashes_max` crashes.
    pub fn new(choice: Choice, bounds: ExpiryBounds, crashes_max: u8) -> Setup {
        let mut times = bounds.setup(Judges::Reads, scenario::commands(ALPHABET));
        // The replica's clock is ahead. Clocks that agree, or with the other sign, are cases of the expiry model.
        times.skews_ms.retain(|skew| *skew > 0);
        Setup {
            choice,
            times,
            workers: bounds::OrderingBounds::QUICK.workers,
            crashes_max,
            snapshots: choice.strategy.shows_prefixes(),
        }
    }

    /// The same of one program.
    #[must_use]
    pub fn of_program(&self, commands: &[Command]) -> Setup {
        let (begins, length_max) = (commands.len(), commands.len());
        let times = expiry::Setup { alphabet: commands.to_vec(), begins, length_max, ..self.times.clone() };
        Setup { times, ..self.clone() }
    }

    /// What one search explores, in words.
    pub fn in_words(&self) -> String {
        let named: Vec<String> = self.times.alphabet.iter().map(ToString::to_string).collect();
        let programs = format!("programs up to {} of {}", self.times.length_max, named.join(", "));
        let crash = if self.crashes_max == 0 { "no crash" } else { "at most 1 crash at any moment" };
        format!("{}, {} workers, {crash}", self.times.in_words(&programs), self.workers)
    }
}

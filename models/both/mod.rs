//! Both — ordering and expiry together: what a reader of several keys sees on a replica with workers, lag, clocks and a
//! crash.
//!
//! The ordering model has no clocks, and the expiry model applies entries in log order. Here one replica has everything:
//! the master's commands and heartbeats, a link that delays them, a strategy with its workers, publication, log time, a
//! clock that is ahead, and a crash with its recovery. Each part is the engine's own machine ([`crate::node::Master`],
//! [`crate::node::Replica`], [`crate::apply::Applier`]), and is moved as the other two models move it.
//!
//! ```text
//! master's moments   {}   {a}   {a, c}   {c}            a dies between the last two
//! reader             {}         {a, c}   {c}   ✓        {c} before {a, c}, or {c} first          ✗ past_read
//! ```
//!
//! The model judges *past_read*, over all keys at once. It also judges *progress*, so that a replica that publishes
//! nothing does not pass.
//!
//! A crash keeps the replica's log. Afterwards the replica applies the log in batches, its link connects again, and
//! readers wait as [`crate::node::Replica`] says. Dead keys are not removed here, and log time is never estimated: the
//! expiry model covers both.

mod acts;
mod model;
mod reads;
mod story;

pub use model::{Action, BothModel, State};

use crate::expiry::{Guarantee, Policy};
use crate::models::bounds::{self, ExpiryBounds};
use crate::models::expiry::{self, Judges};
use crate::models::invariants::{self, Invariant};
use crate::models::request::Request;
use crate::models::scenario;
use crate::ordering::{Level, Reads, Strategy};

/// The invariants, in the order of the bits.
pub const INVARIANTS: &[Invariant] = invariants::BOTH.invariants;

/// An ordering strategy together with an expiry policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Choice {
    /// The strategy that orders the application of the log.
    pub strategy: Strategy,
    /// The policy: what the log carries, and by which clock readers judge. `effects` or `log_clock`; both log effects.
    pub policy: Policy,
}

impl Choice {
    /// All choices: each strategy with each of the two policies.
    pub fn all() -> Vec<Choice> {
        let policies = [Policy::LogClock, Policy::Effects];
        let with = |policy| Strategy::ALL.iter().map(move |&strategy| Choice { strategy, policy });
        policies.into_iter().flat_map(with).collect()
    }

    /// The name of the choice, like `serial+log_clock`.
    pub fn name(self) -> String {
        format!("{}+{}", self.strategy.name(), self.policy.name())
    }

    /// Whether its reads always show a past state of the master, whatever the lag and the skew are.
    pub fn reads_the_past(self) -> bool {
        self.strategy.promises() == Level::Prefix && self.policy.promises() == Guarantee::SameReads
    }
}

/// The commands. Two keys, which go to different workers: one key that dies, and a write of both keys that removes its
/// deadline.
const ALPHABET: &[&str] = &["PSETEX a 2003 1", "SET c 1", "MSET a 2 c 2"];

/// The choice, bounds and options of a search.
#[derive(Clone, Debug)]
pub struct Setup {
    /// The choice.
    pub choice: Choice,
    /// Commands, time, delay and skew.
    pub times: expiry::Setup,
    /// Number of the replica's workers.
    pub workers: usize,
    /// Maximum number of crashes.
    pub crashes_max: u8,
    /// Whether readers see a snapshot that is published together with log time, as the engine does. Otherwise they see the live
    /// store ([`Reads::Latest`]).
    pub snapshots: bool,
}

impl Setup {
    /// The setup of every program of the alphabet within `bounds`, with at most `crashes_max` crashes.
    pub fn new(choice: Choice, bounds: ExpiryBounds, crashes_max: u8) -> Setup {
        let mut times = bounds.setup(Judges::Reads, scenario::requests(ALPHABET));
        // Only skews with the replica's clock ahead. Equal clocks and clocks that are behind are cases of the expiry
        // model.
        times.clocks.skews_ms.retain(|skew| *skew > 0);
        Setup {
            choice,
            times,
            workers: bounds::OrderingBounds::QUICK.workers,
            crashes_max,
            snapshots: choice.strategy.reads() != Reads::Latest,
        }
    }

    /// The same setup for one program.
    #[must_use]
    pub fn of_program(&self, requests: &[Request]) -> Setup {
        let (begins, length_max) = (requests.len(), requests.len());
        let times = expiry::Setup { alphabet: requests.to_vec(), begins, length_max, ..self.times.clone() };
        Setup { times, ..self.clone() }
    }

    /// The bounds of one search, in words.
    pub fn in_words(&self) -> String {
        let named: Vec<String> = self.times.alphabet.iter().map(ToString::to_string).collect();
        let programs = format!("programs up to {} of {}", self.times.length_max, named.join(", "));
        let crash = if self.crashes_max == 0 { "no crash" } else { "at most 1 crash at any moment" };
        format!("{programs}, {}, {} workers, {crash}", self.times.clocks.in_words(), self.workers)
    }
}

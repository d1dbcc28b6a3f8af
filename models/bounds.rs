//! Bounds — how far programs, time and faults go, as numbers and in words.

use super::expected::OrderingChoice;
use super::expiry::{self, Judges, READ_INVARIANTS};
use super::invariants::Invariant;
use super::ordering::{self, Programs};
use super::scenario;
use crate::command::Command;
use crate::ordering::Strategy;
use crate::time::Millis;
use std::str::FromStr;

/// How far programs and time go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bounds {
    /// Within a minute on two cores.
    Quick,
    /// One more of each: commands, workers, passes of time.
    Deep,
}

impl FromStr for Bounds {
    type Err = String;

    fn from_str(name: &str) -> Result<Bounds, String> {
        match name {
            "quick" => Ok(Bounds::Quick),
            "deep" => Ok(Bounds::Deep),
            _ => Err(format!("unknown bounds '{name}' (known: quick, deep)")),
        }
    }
}

impl Bounds {
    /// Those of the ordering model.
    pub fn ordering(self) -> OrderingBounds {
        match self {
            Bounds::Quick => OrderingBounds::QUICK,
            Bounds::Deep => OrderingBounds::DEEP,
        }
    }

    /// Those of the expiry model.
    pub fn expiry(self) -> ExpiryBounds {
        match self {
            Bounds::Quick => ExpiryBounds::QUICK,
            Bounds::Deep => ExpiryBounds::DEEP,
        }
    }
}

/// When a story in round numbers begins: far later than any time that a key is given to live.
pub(super) const START: Millis = Millis(1_000_000_000);

/// When a catalogue row's run begins: an instant of our days, as deadlines in bugs are.
pub const RECENT_START: Millis = Millis(1_700_000_000_000);

/// When any other run of the expiry model begins: no whole second, so that what is cut to seconds is seen to be.
pub(super) const ODD_START: Millis = Millis(1_000_000_457);

/// The latest instant at which a run may begin, and the longest tick, in milliseconds: each 285 thousand years. However
/// many ticks a run has (at most 255, and 128 of skew), its clocks stay far below the end of the instants that commands can
/// name, 2^63.
pub(super) const INSTANT_MAX: Millis = Millis(1 << 53);
pub(super) const TICK_MS_MAX: u64 = 1 << 53;

/// Entries in one batch at most, in the searches whose counterexamples are told first: two of `serial`; one of the others,
/// so that their counterexamples tell of entries. [`BATCHES`] are searched beside them.
pub fn batch_entries_max(strategy: Strategy) -> usize {
    if strategy == Strategy::Serial { 2 } else { 1 }
}

/// Batch sizes that are searched for each strategy.
pub const BATCHES: std::ops::RangeInclusive<usize> = 1..=3;

/// The commands on strings of the ordering model. Of two workers, `a` and `b` have one, `c` has the other.
const STRINGS: &[&str] =
    &["SET a 1", "SET a 2", "SET b 1", "SET c 1", "MSET a 3 c 3", "INCR b", "DEL a", "FLUSHDB"];

/// Writes of a part of a value: what an effect leaves depends on what was there.
const HASHES: &[&str] = &["HSET h f 1", "HINCRBY h f 1"];

/// The commands on strings of the ordering model.
pub fn ordering_strings() -> Vec<Command> {
    scenario::commands(STRINGS)
}

/// All commands of the ordering model.
pub fn ordering_alphabet() -> Vec<Command> {
    scenario::commands(&[STRINGS, HASHES].concat())
}

/// The commands of the expiry model: every program is over one of these sets.
pub const EXPIRY_ALPHABETS: &[(&str, &[&str])] = &[
    ("one string", &["SET k 5", "PSETEX k 2003 5", "INCR k", "PEXPIRE k 1507", "PERSIST k", "DEL k"]),
    ("one hash", &["HSET h f 1", "HINCRBY h g 1", "PEXPIRE h 2003", "PERSIST h", "DEL h"]),
    ("two strings", &["PSETEX k 2003 5", "INCR j", "PERSIST k"]),
];

/// Bounds of the ordering model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OrderingBounds {
    /// Commands of a program, at least 1. With a crash at any moment, with other lanes, with other batches: one less.
    pub length_max: usize,
    /// Workers.
    pub workers: usize,
    /// Crashes.
    pub crashes_max: u8,
    /// Whether one more search loses the end of the log with a crash. It needs twice the memory a state.
    pub loses_tails: bool,
    /// Unique states of one search.
    pub states_max: usize,
}

impl OrderingBounds {
    /// Within half a minute on two cores.
    pub const QUICK: OrderingBounds = OrderingBounds {
        length_max: 4,
        workers: 2,
        crashes_max: 1,
        loses_tails: true,
        states_max: 40_000_000,
    };
    /// One more of each.
    pub const DEEP: OrderingBounds = OrderingBounds {
        length_max: 5,
        workers: 3,
        crashes_max: 1,
        loses_tails: true,
        states_max: 200_000_000,
    };

    /// What one search explores, in words.
    pub fn in_words(&self, length: usize, alphabet: &[Command], crash_when_quiet: bool) -> String {
        let moment = if crash_when_quiet { "when the replica is quiet" } else { "at any moment" };
        format!(
            "programs up to {length} of {} commands{}, {} workers, at most {} crash {moment}",
            alphabet.len(),
            ordering::alike_in_words(alphabet),
            self.workers,
            self.crashes_max,
        )
    }

    /// The model's setup for these programs.
    pub fn setup(
        &self,
        choice: OrderingChoice,
        programs: Programs,
        crash_when_quiet: bool,
    ) -> ordering::Setup {
        ordering::Setup {
            programs,
            workers: self.workers,
            crashes_max: self.crashes_max,
            reads_after_crash: choice.reads_after_crash,
            canonical: true,
            crash_when_quiet,
            position: ordering::Position::Marker,
            tail_may_be_lost: false,
            shipped_batches: true,
            routes: None,
        }
    }
}

/// Bounds of the expiry model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExpiryBounds {
    /// Commands of a program.
    pub length_max: usize,
    /// How many times time may pass.
    pub passes_max: u8,
    /// Ticks (half of the longest lifetime each) that a message may be under way.
    pub delay_ticks_max: u8,
    /// Ticks between the two clocks.
    pub skew_ticks_max: i8,
    /// Unique states of one search.
    pub states_max: usize,
}

impl ExpiryBounds {
    /// Within half a minute on two cores.
    pub const QUICK: ExpiryBounds = ExpiryBounds {
        length_max: 3,
        passes_max: 2,
        delay_ticks_max: 3,
        skew_ticks_max: 1,
        states_max: 40_000_000,
    };
    /// One more of each.
    pub const DEEP: ExpiryBounds = ExpiryBounds {
        length_max: 4,
        passes_max: 3,
        delay_ticks_max: 4,
        skew_ticks_max: 2,
        states_max: 200_000_000,
    };

    /// The model's setup for programs over this alphabet.
    pub fn setup(&self, judges: Judges, alphabet: Vec<Command>) -> expiry::Setup {
        self.setup_from(judges, alphabet, ODD_START)
    }

    /// The setups for a user's own program or alphabet, from `start` on. There are three for each group of invariants: a link that
    /// stays up; skews of just under and just over a lifetime, where time passes once less; a link that goes down once.
    pub fn own_setups(&self, alphabet: &[Command], start: Millis) -> Vec<expiry::Setup> {
        let of = |judges| {
            let setup = self.setup_from(judges, alphabet.to_vec(), start);
            let skews_ms = expiry::skews_at_lifetimes(alphabet, start);
            let passes_max = self.passes_max.saturating_sub(1).max(1);
            let at_lifetimes = expiry::Setup { skews_ms, passes_max, ..setup.clone() };
            let is_apart = self.skew_ticks_max > 0 && !at_lifetimes.skews_ms.is_empty();
            [Some(setup.clone()), is_apart.then_some(at_lifetimes), Some(setup.with_link_down())]
        };
        [of(Judges::State), of(Judges::Reads)].into_iter().flatten().flatten().collect()
    }

    /// The model's setup for programs over this alphabet, from `start` on.
    pub fn setup_from(&self, judges: Judges, alphabet: Vec<Command>, start: Millis) -> expiry::Setup {
        // No skew first: of counterexamples equally long the plainest comes first.
        let mut skews: Vec<i8> = (-self.skew_ticks_max..=self.skew_ticks_max).collect();
        skews.sort_by_key(|skew| (skew.unsigned_abs(), *skew));
        let tick_ms = expiry::tick_ms(&alphabet, start);
        expiry::Setup {
            judges,
            start,
            passing: expiry::Passing::Instants,
            tick_ms,
            alphabet,
            begins: 0,
            length_max: self.length_max,
            passes_max: self.passes_max,
            delay_ticks_max: self.delay_ticks_max,
            skews_ms: skews.iter().map(|skew| expiry::skew_ms(*skew, tick_ms, start)).collect(),
            log_clock_limit_ticks: None,
            link_down: false,
            apart: false,
            readers_see_the_dead: false,
        }
    }

    /// The setup for a family of commands: every program begins alike and goes on with up to two of the other commands, or with
    /// one if programs have at most two commands. With three there would be nine times as many programs, which is too many.
    pub fn family_setup(&self, judges: Judges, family: &expiry::Family) -> expiry::Setup {
        let begins = family.begins.len();
        let mut setup = self.setup(judges, family.alphabet());
        // Clocks that agree are searched with the other alphabets.
        setup.skews_ms.retain(|skew| *skew != 0 || self.skew_ticks_max == 0);
        let others = self.length_max.saturating_sub(1).clamp(1, 2);
        expiry::Setup { begins, length_max: begins + others, ..setup }
    }
}

/// Which search judges an invariant of the expiry model.
pub fn judges(invariant: Invariant) -> Judges {
    if READ_INVARIANTS.contains(&invariant) { Judges::Reads } else { Judges::State }
}

//! Bounds — limits on programs, time and faults, as numbers and in words.

use super::choice::OrderingChoice;
use super::expiry::{self, Judges};
use super::ordering::{self, Programs};
use super::scenario;
use super::setting::{Clocks, Passing};
use crate::command::Command;
use crate::names::named;
use crate::ordering::Strategy;
use crate::time::Millis;

/// A pair of bounds: for programs and for time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bounds {
    /// A check of all choices ends within a minute on two cores.
    Quick,
    /// One more of each than `Quick`: commands, workers, passages of time.
    Deep,
}

named!(Bounds, what "bounds"; Quick "quick", Deep "deep");

impl Bounds {
    /// The bounds of the ordering model.
    pub fn ordering(self) -> OrderingBounds {
        match self {
            Bounds::Quick => OrderingBounds::QUICK,
            Bounds::Deep => OrderingBounds::DEEP,
        }
    }

    /// The bounds of the expiry model.
    pub fn expiry(self) -> ExpiryBounds {
        match self {
            Bounds::Quick => ExpiryBounds::QUICK,
            Bounds::Deep => ExpiryBounds::DEEP,
        }
    }
}

/// The instant at which a story in round numbers begins: far later than any lifetime that a key is given.
pub(super) const START: Millis = Millis(1_000_000_000);

/// The instant at which the run of a catalogue row begins: a recent date, as the deadlines of reported bugs are.
pub const RECENT_START: Millis = Millis(1_700_000_000_000);

/// The instant at which any other run of the expiry model begins. It is not a whole second, so that rounding to seconds
/// shows.
pub(super) const ODD_START: Millis = Millis(1_000_000_457);

/// The latest instant at which a run may begin, and the longest tick, in milliseconds: each 285 thousand years. With any
/// possible number of ticks (at most 255, plus 128 of skew) the clocks of a run stay far below 2^63, the end of the
/// instants that commands can name.
pub(super) const INSTANT_MAX: Millis = Millis(1 << 53);
pub(super) const TICK_MS_MAX: u64 = 1 << 53;

/// Maximum number of entries in a batch, in the searches whose counterexamples are shown first: two for `serial`, one for
/// the other strategies, so that their counterexamples concern single entries. Further searches use the other sizes of
/// [`BATCHES`].
pub fn batch_entries_max(strategy: Strategy) -> usize {
    if strategy == Strategy::Serial { 2 } else { 1 }
}

/// The batch sizes that are searched for each strategy.
pub const BATCHES: std::ops::RangeInclusive<usize> = 1..=3;

/// The ordering model's commands on strings. With two workers, `a` and `b` go to one worker and `c` to the other.
const STRINGS: &[&str] =
    &["SET a 1", "SET a 2", "SET b 1", "SET c 1", "MSET a 3 c 3", "INCR b", "DEL a", "FLUSHDB"];

/// Writes of a part of a value: the result of such an effect depends on what was there before.
const HASHES: &[&str] = &["HSET h f 1", "HINCRBY h f 1"];

/// The ordering model's commands on strings, parsed.
pub fn ordering_strings() -> Vec<Command> {
    scenario::commands(STRINGS)
}

/// All commands of the ordering model.
pub fn ordering_alphabet() -> Vec<Command> {
    scenario::commands(&[STRINGS, HASHES].concat())
}

/// The command sets of the expiry model: every program uses one of these sets.
pub const EXPIRY_ALPHABETS: &[(&str, &[&str])] = &[
    ("one string", &["SET k 5", "PSETEX k 2003 5", "INCR k", "PEXPIRE k 1507", "PERSIST k", "DEL k"]),
    ("one hash", &["HSET h f 1", "HINCRBY h g 1", "PEXPIRE h 2003", "PERSIST h", "DEL h"]),
    ("two strings", &["PSETEX k 2003 5", "INCR j", "PERSIST k"]),
];

/// Bounds of the ordering model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OrderingBounds {
    /// Maximum length of a program, at least 1. Searches with a crash at any moment, with other lanes or with other
    /// batches: one less.
    pub length_max: usize,
    /// Number of workers.
    pub workers: usize,
    /// Maximum number of crashes.
    pub crashes_max: u8,
    /// Whether one more search loses the end of the log in a crash. It needs twice the memory per state.
    pub loses_tails: bool,
    /// Maximum number of unique states of one search.
    pub states_max: usize,
    /// Number of schedules that are drawn of a program that is too long for a search. `None`: by the program's length.
    pub schedules: Option<u64>,
}

impl OrderingBounds {
    /// The quick bounds: half a minute on two cores.
    pub const QUICK: OrderingBounds = OrderingBounds {
        length_max: 4,
        workers: 2,
        crashes_max: 1,
        loses_tails: true,
        states_max: 40_000_000,
        schedules: None,
    };
    /// The deep bounds: one more of each.
    pub const DEEP: OrderingBounds = OrderingBounds {
        length_max: 5,
        workers: 3,
        crashes_max: 1,
        loses_tails: true,
        states_max: 200_000_000,
        schedules: None,
    };

    /// The bounds of one search, in words.
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

    /// The setup of the model for these programs.
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
    /// Maximum length of a program.
    pub length_max: usize,
    /// Maximum number of times that time passes.
    pub passes_max: u8,
    /// Maximum delay of a message in ticks; a tick is half of the longest lifetime.
    pub delay_ticks_max: u8,
    /// Maximum number of ticks between the two clocks.
    pub skew_ticks_max: i8,
    /// Maximum number of unique states of one search.
    pub states_max: usize,
    /// Number of schedules that are drawn of a program that is too long for a search. `None`: by the program's length.
    pub schedules: Option<u64>,
}

impl ExpiryBounds {
    /// The quick bounds: half a minute on two cores.
    pub const QUICK: ExpiryBounds = ExpiryBounds {
        length_max: 3,
        passes_max: 2,
        delay_ticks_max: 3,
        skew_ticks_max: 1,
        states_max: 40_000_000,
        schedules: None,
    };
    /// The deep bounds: one more of each.
    pub const DEEP: ExpiryBounds = ExpiryBounds {
        length_max: 4,
        passes_max: 3,
        delay_ticks_max: 4,
        skew_ticks_max: 2,
        states_max: 200_000_000,
        schedules: None,
    };

    /// The setup of the model for programs over this alphabet.
    pub fn setup(&self, judges: Judges, alphabet: Vec<Command>) -> expiry::Setup {
        self.setup_from(judges, alphabet, ODD_START)
    }

    /// The setups for a user's own program or alphabet, starting at `start`. For each group of invariants there are
    /// three: a link that stays up; skews of just under and just over a lifetime, where time passes once less; a link
    /// that goes down once.
    pub fn own_setups(&self, alphabet: &[Command], start: Millis) -> Vec<expiry::Setup> {
        let of = |judges| {
            let setup = self.setup_from(judges, alphabet.to_vec(), start);
            let skews_ms = expiry::skews_at_lifetimes(alphabet, start);
            let passes_max = self.passes_max.saturating_sub(1).max(1);
            let is_apart = self.skew_ticks_max > 0 && !skews_ms.is_empty();
            let clocks = Clocks { skews_ms, passes_max, ..setup.clocks.clone() };
            let at_lifetimes = expiry::Setup { clocks, ..setup.clone() };
            [Some(setup.clone()), is_apart.then_some(at_lifetimes), Some(setup.with_link_down())]
        };
        [of(Judges::State), of(Judges::Reads)].into_iter().flatten().flatten().collect()
    }

    /// The setup of the model for programs over this alphabet, starting at `start`.
    pub fn setup_from(&self, judges: Judges, alphabet: Vec<Command>, start: Millis) -> expiry::Setup {
        expiry::Setup {
            judges,
            clocks: self.clocks(&alphabet, start),
            alphabet,
            begins: 0,
            length_max: self.length_max,
            readers_see_the_dead: false,
        }
    }

    /// How time passes in programs of these commands that start at `start`.
    pub fn clocks(&self, commands: &[Command], start: Millis) -> Clocks {
        // The skew 0 comes first, so that of equally long counterexamples the simplest one is found first.
        let mut skews: Vec<i8> = (-self.skew_ticks_max..=self.skew_ticks_max).collect();
        skews.sort_by_key(|skew| (skew.unsigned_abs(), *skew));
        let tick_ms = expiry::tick_ms(commands, start);
        Clocks {
            start,
            passing: Passing::Instants,
            tick_ms,
            passes_max: self.passes_max,
            delay_ticks_max: self.delay_ticks_max,
            skews_ms: skews.iter().map(|skew| expiry::skew_ms(*skew, tick_ms, start)).collect(),
            log_clock_limit_ticks: None,
            link_down: false,
            apart: false,
        }
    }

    /// The setup for a family of commands: every program begins with the same commands and continues with up to two of
    /// the others, or with one if programs have at most two commands. Three would mean nine times as many programs, which
    /// is too many.
    pub fn family_setup(&self, judges: Judges, family: &expiry::Family) -> expiry::Setup {
        let begins = family.begins.len();
        let mut setup = self.setup(judges, family.alphabet());
        // Equal clocks are searched with the other alphabets.
        setup.clocks.skews_ms.retain(|skew| *skew != 0 || self.skew_ticks_max == 0);
        let others = self.length_max.saturating_sub(1).clamp(1, 2);
        expiry::Setup { begins, length_max: begins + others, ..setup }
    }
}

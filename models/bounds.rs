//! Bounds — limits on programs, time and faults, as numbers and in words.

use super::choice::OrderingChoice;
use super::expiry::{self, Judges};
use super::ordering::{self, Programs};
use super::request::Request;
use super::scenario;
use super::setting::{Clocks, Passing, Schedules};
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

/// The random number that a master draws for each command. A replica that runs a command draws 0 (`apply::effect_of`), so
/// that commands with a random outcome differ on the two nodes.
pub const DRAWN: u64 = 1;

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
pub fn ordering_strings() -> Vec<Request> {
    scenario::requests(STRINGS)
}

/// Writes of lists, sets and sorted sets. With two workers, the two lists are in different lanes, and so are the two sets.
const COLLECTIONS: &[&str] = &[
    "RPUSH a 1",
    "LPOP a",
    "LMOVE a c LEFT RIGHT",
    "SADD l 1",
    "SPOP l",
    "SMOVE l k 1",
    "ZADD z 1 m",
    "ZADD z GT 2 m",
    "FLUSHDB",
];

/// The ordering model's commands on lists, sets and sorted sets, parsed. They have a search of their own.
pub fn ordering_collections() -> Vec<Request> {
    scenario::requests(COLLECTIONS)
}

/// Transactions, beside writes of their keys: one of two keys, which are in different lanes with two workers, and one with FLUSHDB
/// as its last or its first command.
const TRANSACTIONS: &[&str] = &[
    "SET a 1", "SET c 1", "DEL a", //
    "MULTI", "SET a 2", "SET c 2", "EXEC", //
    "MULTI", "SET a 3", "FLUSHDB", "EXEC", //
    "MULTI", "FLUSHDB", "SET a 4", "EXEC",
];

/// The ordering model's transactions, and writes beside them, parsed. They have a search of their own.
pub fn ordering_transactions() -> Vec<Request> {
    scenario::requests(TRANSACTIONS)
}

/// All commands of the ordering model's other searches.
pub fn ordering_alphabet() -> Vec<Request> {
    scenario::requests(&[STRINGS, HASHES].concat())
}

/// The command sets of the expiry model: every program uses one of these sets.
pub const EXPIRY_ALPHABETS: [(&str, &[&str]); 3] = [
    ("one string", &["SET k 5", "PSETEX k 2003 5", "INCR k", "PEXPIRE k 1507", "PERSIST k", "DEL k"]),
    ("one hash", &["HSET h f 1", "HINCRBY h g 1", "PEXPIRE h 2003", "PERSIST h", "DEL h"]),
    ("two strings", &["PSETEX k 2003 5", "INCR j", "PERSIST k"]),
];

/// Maximum number of unique states of one search within the quick bounds.
pub(super) const QUICK_STATES_MAX: usize = 40_000_000;

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
    pub draws: Option<u64>,
}

impl OrderingBounds {
    /// The quick bounds: half a minute on two cores.
    pub const QUICK: OrderingBounds = OrderingBounds {
        length_max: 4,
        workers: 2,
        crashes_max: 1,
        loses_tails: true,
        states_max: QUICK_STATES_MAX,
        draws: None,
    };
    /// The deep bounds: one more of each.
    pub const DEEP: OrderingBounds = OrderingBounds {
        length_max: 5,
        workers: 3,
        crashes_max: 1,
        loses_tails: true,
        states_max: 200_000_000,
        draws: None,
    };

    /// The limits on workers and crashes.
    pub fn schedules(&self) -> Schedules {
        Schedules { workers: self.workers, crashes_max: self.crashes_max }
    }

    /// The setup of the model for these programs.
    pub fn setup(&self, choice: OrderingChoice, programs: Programs) -> ordering::Setup {
        ordering::Setup {
            programs,
            workers: self.workers,
            crashes_max: self.crashes_max,
            reads_after_crash: choice.reads_after_crash,
            canonical: true,
            crash_when_quiet: false,
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
    pub draws: Option<u64>,
}

impl ExpiryBounds {
    /// The quick bounds: half a minute on two cores.
    pub const QUICK: ExpiryBounds = ExpiryBounds {
        length_max: 3,
        passes_max: 2,
        delay_ticks_max: 3,
        skew_ticks_max: 1,
        states_max: QUICK_STATES_MAX,
        draws: None,
    };
    /// The deep bounds: one more of each.
    pub const DEEP: ExpiryBounds = ExpiryBounds {
        length_max: 4,
        passes_max: 3,
        delay_ticks_max: 4,
        skew_ticks_max: 2,
        states_max: 200_000_000,
        draws: None,
    };

    /// The setup of the model for programs over this alphabet.
    pub fn setup(&self, judges: Judges, alphabet: Vec<Request>) -> expiry::Setup {
        expiry::Setup {
            judges,
            clocks: self.clocks(&alphabet, ODD_START),
            alphabet,
            begins: 0,
            length_max: self.length_max,
            readers_see_the_dead: false,
        }
    }

    /// How time passes in programs of these commands that start at `start`.
    pub fn clocks(&self, requests: &[Request], start: Millis) -> Clocks {
        // The skew 0 comes first, so that of equally long counterexamples the simplest one is found first.
        let mut skews: Vec<i8> = (-self.skew_ticks_max..=self.skew_ticks_max).collect();
        skews.sort_by_key(|skew| (skew.unsigned_abs(), *skew));
        let tick_ms = expiry::tick_ms(requests, start);
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

    /// How time passes in a user's own programs of these commands, which start at `start`: with a link that stays up; with
    /// skews of just under and just over a lifetime, where time passes once less; with a link that goes down once.
    pub fn own_clocks(&self, requests: &[Request], start: Millis) -> Vec<Clocks> {
        let clocks = self.clocks(requests, start);
        let skews_ms = expiry::skews_at_lifetimes(requests, start);
        let passes_max = self.passes_max.saturating_sub(1).max(1);
        let is_apart = self.skew_ticks_max > 0 && !skews_ms.is_empty();
        let at_lifetimes = is_apart.then(|| Clocks { skews_ms, passes_max, ..clocks.clone() });
        [Some(clocks.clone()), at_lifetimes, Some(clocks.with_link_down())].into_iter().flatten().collect()
    }
}

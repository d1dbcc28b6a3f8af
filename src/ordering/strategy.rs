//! The strategies by name: one row each. Pure.

use super::barrier::Barrier;
use super::first_key::FirstKey;
use super::key_hash::KeyHash;
use super::sequence::Sequence;
use super::serial::Serial;
use super::writeset::Writeset;
use super::writeset_snapshots::WritesetSnapshots;
use super::{OrderingStrategy, Reads, Wrapper};
use crate::names::choices;

/// What a strategy promises of what readers of the replica see, for any log of effects. Weakest first: each level includes the
/// one before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// Nothing: even after the whole log is applied the replica may differ from the master.
    Nothing,
    /// The values of each key come in the master's order, and the end is the master's state.
    PerKeyOrder,
    /// Each state that a reader sees is a state that the master had.
    Prefix,
}

impl Level {
    /// `nothing`, `per_key_order` or `prefix`.
    pub fn name(self) -> &'static str {
        match self {
            Level::Nothing => "nothing",
            Level::PerKeyOrder => "per_key_order",
            Level::Prefix => "prefix",
        }
    }
}

/// Makes [`Strategy`] and [`AnyStrategy`] of a row for each strategy: its variant, its name, what it promises, its machine with the
/// function (workers, entries in a batch at most) that makes one, its summary, and when to choose it.
macro_rules! strategies {
    ($($variant:ident $name:literal promises $level:ident, $machine:ty = $new:expr, $summary:literal, choose $when:literal;)*) => {
        choices! {
            /// An ordering strategy by name.
            Strategy, what "ordering", promises Level;
            $($variant $name promises $level, $summary;)*
        }

        impl Strategy {
            /// The strategies that promise something.
            pub fn safe() -> impl Iterator<Item = Strategy> + Clone {
                Strategy::ALL.iter().copied().filter(|strategy| strategy.promises() > Level::Nothing)
            }

            /// When to choose it, in a few words.
            pub fn when_to_choose(self) -> &'static str {
                match self { $(Strategy::$variant => $when,)* }
            }

            /// A machine with no entries for `workers` (at least 1); a batch holds at most `batch_entries_max`
            /// (at least 1).
            pub fn machine(self, workers: usize, batch_entries_max: usize) -> AnyStrategy {
                match self {
                    $(Strategy::$variant => {
                        let new: fn(usize, usize) -> $machine = $new;
                        AnyStrategy::$variant(new(workers, batch_entries_max))
                    })*
                }
            }

            /// What readers are given of its machines: see [`OrderingStrategy::reads`].
            pub fn reads(self) -> Reads {
                OrderingStrategy::reads(&self.machine(1, 1))
            }
        }

        /// A machine of any of the strategies.
        #[derive(Clone, Debug, PartialEq, Eq, Hash)]
        pub enum AnyStrategy {
            $(#[doc = concat!("`", $name, "`")] $variant($machine),)*
        }

        impl Wrapper for AnyStrategy {
            type Inner = dyn OrderingStrategy;

            fn inner(&self) -> &(dyn OrderingStrategy + 'static) {
                match self { $(AnyStrategy::$variant(machine) => machine,)* }
            }

            fn inner_mut(&mut self) -> &mut (dyn OrderingStrategy + 'static) {
                match self { $(AnyStrategy::$variant(machine) => machine,)* }
            }
        }
    };
}

strategies! {
    FirstKey "first_key" promises Nothing, FirstKey = FirstKey::new,
        "Each entry goes to the worker of its first key, FLUSHDB to any. No worker waits. (The oldest Pika.)",
        choose "never";
    KeyHash "key_hash" promises Nothing, KeyHash = KeyHash::new,
        "Each key has its worker, an entry of several keys is split, FLUSHDB goes to any. No worker waits. (Pika before #2808.)",
        choose "never";
    Serial "serial" promises Prefix, Serial = |_, batch| Serial::new(batch),
        "One entry after the other in the order of the log, a run of them as one batch.",
        choose "first";
    Barrier "barrier" promises PerKeyOrder, Barrier = Barrier::new,
        "Each key has its worker; an entry of several keys waits for all of theirs, FLUSHDB for all entries before it.",
        choose "many cores?";
    Sequence "sequence" promises Prefix, Sequence = |_, batch| Sequence::new(batch),
        "Workers build batches side by side, which are written in the order of the log.",
        choose "as `serial`";
    Writeset "writeset" promises PerKeyOrder, Writeset = |_, batch| Writeset::new(batch),
        "An entry starts when the last entry before it on each of its keys is done.",
        choose "many cores?";
    WritesetSnapshots "writeset_snapshots" promises Prefix, WritesetSnapshots = |_, batch| WritesetSnapshots::new(batch),
        "As writeset, but readers are given snapshots, each of a prefix of the log.",
        choose "many cores?, late readers";
}

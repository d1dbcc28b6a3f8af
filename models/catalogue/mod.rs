//! Catalogue — real replication bugs of Pika and its peers, as data: what breaks, on which program, and what cures it.
//!
//! A row that counts is judged twice by the models, on one program: under the configuration that has the bug, which
//! must break the invariant with a shortest counterexample of the recorded length, and under the cure, which must
//! hold. A row that does not count says in a line why not.
//!
//! ```text
//! R01   SET k a; SET k b; FLUSHDB; SET k c     key_hash breaks convergence in 12 steps     barrier holds
//! ```
//!
//! Some bugs are strategies and policies of this crate; the others are [`Seeded`]: small faults around the engine's own
//! machines that nothing but the catalogue, `replay` and tests can reach.

mod determinism;
mod drawn;
mod expiry;
mod found_here;
mod judge;
mod layers;
mod ordering;
mod position;
mod reach;
mod seeded;
mod seeded_machines;
mod subject;
mod table;

pub use super::bounds::RECENT_START as START;
pub use drawn::drawn;
pub use judge::{Judgement, judgements, tasks};
pub use layers::{Cell, LAYERS, Layers, ResultsError, TestResult, parse_results};
pub use seeded::Seeded;
pub use seeded_machines::Rigged;
pub use subject::{Base, Model, Subject};
pub use table::{facts, in_full, table, unlike_recorded};

use super::expected::OrderingChoice;
use super::expiry::skew_ms;
use crate::expiry::Policy;
use crate::models::invariants::Invariant;
use crate::ordering::Strategy;

/// One known bug.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    /// `R01`, `R02`, …
    pub id: &'static str,
    /// Whose bug it is.
    pub system: &'static str,
    /// Where it was reported; for a hypothesis, from what it was read.
    pub report: &'static str,
    /// What goes wrong, in a sentence.
    pub mechanism: &'static str,
    /// Whether nobody has reported or run it: then the verdict says *confirmed* or *refuted for this mechanism*.
    pub hypothesis: bool,
    /// What the catalogue does about it.
    pub standing: Standing,
}

/// What the catalogue does about a bug.
#[derive(Clone, Copy, Debug)]
pub enum Standing {
    /// The models show it: it counts.
    Counted(Bug),
    /// It needs what is not built yet.
    Later(&'static str),
    /// It is outside of what the engine does.
    OutOfScope(&'static str),
    /// The models cannot show it, or there is nothing to show; why.
    NotShown(&'static str),
    /// It was a fault of this kit: a verdict that was not true.
    FoundHere {
        /// The check that should have found it.
        missed: &'static str,
        /// The check that finds it now.
        finds: &'static str,
    },
}

/// How the models show a bug.
#[derive(Clone, Copy, Debug)]
pub struct Bug {
    /// The commands that clients send to the master, in order.
    pub program: &'static [&'static str],
    /// How the program stands for that of the report; empty where it is the same.
    pub stands_for: &'static str,
    /// What else may happen.
    pub setting: Setting,
    /// What has the bug.
    pub with: Configuration,
    /// What it breaks.
    pub invariant: Invariant,
    /// Steps of the shortest counterexample.
    pub steps: usize,
    /// What cures it, on the same program and in the same setting.
    pub cure: Configuration,
    /// Why the path is not replayed on real nodes; empty where it may be.
    pub no_replay: &'static str,
}

/// What may happen while a program runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Setting {
    /// The ordering model: two workers, every schedule.
    Schedules {
        /// Crashes at most.
        crashes: u8,
    },
    /// The expiry model: up to [`TICKS`] ticks pass.
    Clocks {
        /// Milliseconds a tick.
        tick_ms: u64,
        /// Ticks that a message may be under way.
        delay_ticks: u8,
        /// The replica's clocks: ticks that they are ahead of the master's.
        skews: &'static [i8],
    },
}

impl Setting {
    /// Skews of the replica's clock: milliseconds ahead of the master's. The ordering model has one clock that agrees.
    pub fn skews_ms(self) -> Vec<i64> {
        match self {
            Setting::Schedules { .. } => vec![0],
            Setting::Clocks { tick_ms, skews, .. } => {
                skews.iter().map(|ticks| skew_ms(*ticks, tick_ms, START)).collect()
            }
        }
    }
}

/// What a replica, or a whole system, is set to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Configuration {
    /// An ordering strategy, on effects or on commands.
    Ordering(OrderingChoice),
    /// An expiry policy.
    Expiry(Policy),
    /// One of these two with a fault.
    Seeded(Seeded),
}

impl Configuration {
    /// A strategy on a log of effects.
    pub const fn effects(strategy: Strategy) -> Configuration {
        Configuration::Ordering(OrderingChoice { strategy, commands: false, reads_after_crash: false })
    }

    /// A strategy on a log of commands.
    pub const fn commands(strategy: Strategy) -> Configuration {
        Configuration::Ordering(OrderingChoice { strategy, commands: true, reads_after_crash: false })
    }

    /// The name of the choice; of a seeded bug, that of the choice and of the fault: `serial!logged_late`.
    pub fn name(self) -> String {
        match self {
            Configuration::Ordering(choice) => choice.name(),
            Configuration::Expiry(policy) => policy.name().to_owned(),
            Configuration::Seeded(seeded) => format!("{}!{}", seeded.base().name(), seeded.name()),
        }
    }
}

impl Case {
    /// How the models show it, if it counts.
    pub fn bug(&self) -> Option<&Bug> {
        match &self.standing {
            Standing::Counted(bug) => Some(bug),
            _ => None,
        }
    }

    /// Why it does not count, in a line.
    pub fn reason(&self) -> Option<String> {
        match self.standing {
            Standing::Counted(_) => None,
            Standing::Later(what) => Some(format!("later: needs {what}")),
            Standing::OutOfScope(what) => Some(format!("outside of the engine's scope: {what}")),
            Standing::NotShown(why) => Some(format!("not shown: {why}")),
            Standing::FoundHere { missed, finds } => {
                Some(format!("found here: missed by {missed}; found now by {finds}"))
            }
        }
    }
}

/// Bugs of one kind.
#[derive(Clone, Copy, Debug)]
pub struct Section {
    /// A word.
    pub name: &'static str,
    /// What they are about.
    pub title: &'static str,
    /// The rows.
    pub cases: &'static [Case],
}

/// The kinds of bugs, in the order of their ids.
pub const SECTIONS: [Section; 5] = [
    Section { name: "ordering", title: "In which order writes are applied", cases: ordering::CASES },
    Section { name: "determinism", title: "What a command comes to elsewhere", cases: determinism::CASES },
    Section { name: "expiry", title: "When a key dies, and who says so", cases: expiry::CASES },
    Section { name: "position", title: "Where a replica goes on", cases: position::CASES },
    Section {
        name: "found_here",
        title: "Verdicts of this kit that were not true",
        cases: found_here::CASES,
    },
];

/// All rows, in the order of their ids.
pub fn all() -> impl Iterator<Item = &'static Case> {
    SECTIONS.iter().flat_map(|section| section.cases)
}

/// The row of that id, in upper or lower case.
pub fn find(id: &str) -> Option<&'static Case> {
    all().find(|case| case.id.eq_ignore_ascii_case(id))
}

/// A row: system, report, mechanism, standing.
const fn row(
    id: &'static str,
    (system, report): (&'static str, &'static str),
    mechanism: &'static str,
    standing: Standing,
) -> Case {
    Case { id, system, report, mechanism, hypothesis: false, standing }
}

/// A row that nobody has reported: it was read out of public code.
const fn hypothesis(
    id: &'static str,
    system: &'static str,
    mechanism: &'static str,
    standing: Standing,
) -> Case {
    let report = "hypothesis, read from its public code";
    Case { id, system, report, mechanism, hypothesis: true, standing }
}

/// A bug of an ordering that needs no crash.
const fn schedules(
    program: &'static [&'static str],
    with: Configuration,
    (invariant, steps): (Invariant, usize),
    cure: Configuration,
) -> Bug {
    let setting = Setting::Schedules { crashes: 0 };
    Bug { program, stands_for: "", setting, with, invariant, steps, cure, no_replay: "" }
}

/// Ticks that pass at most in a story of the expiry model.
pub const TICKS: u8 = 4;

/// A bug of expiry that needs no clock that is wrong: messages are up to three ticks late.
const fn clocks(
    program: &'static [&'static str],
    tick_ms: u64,
    with: Configuration,
    (invariant, steps): (Invariant, usize),
    cure: Configuration,
) -> Bug {
    let setting = Setting::Clocks { tick_ms, delay_ticks: 3, skews: &[0] };
    Bug { program, stands_for: "", setting, with, invariant, steps, cure, no_replay: "" }
}

impl Bug {
    /// With what the program stands for.
    const fn standing_for(self, stands_for: &'static str) -> Bug {
        Bug { stands_for, ..self }
    }

    /// In another setting.
    const fn in_setting(self, setting: Setting) -> Bug {
        Bug { setting, ..self }
    }

    /// Not to be replayed, and why.
    const fn not_replayed(self, no_replay: &'static str) -> Bug {
        Bug { no_replay, ..self }
    }
}

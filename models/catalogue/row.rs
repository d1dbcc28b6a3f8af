//! Row — what the catalogue knows of a bug: where it was reported, how the models show it, and what cures it. Pure.

use crate::models::bounds::{OrderingBounds, RECENT_START as START};
use crate::models::choice::Choice;
use crate::models::experiment::Experiment;
use crate::models::expiry::skew_ms;
use crate::models::scenario;
use crate::models::setting::{Clocks, Passing, Schedules, Setting, TICKS};

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
    pub given: Given,
    /// What has the bug.
    pub with: Choice,
    /// What it breaks.
    pub invariant: &'static str,
    /// Steps of the shortest counterexample.
    pub steps: usize,
    /// What cures it, on the same program and in the same setting.
    pub cure: Choice,
    /// Why the path is not replayed on real nodes; empty where it may be.
    pub no_replay: &'static str,
}

/// What a row says of its setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Given {
    /// Two workers, every schedule.
    Schedules {
        /// Crashes at most.
        crashes: u8,
    },
    /// Up to [`TICKS`] ticks pass.
    Clocks {
        /// Milliseconds a tick.
        tick_ms: u64,
        /// Ticks that a message may be under way.
        delay_ticks: u8,
        /// The replica's clocks: ticks that they are ahead of the master's.
        skews: &'static [i8],
    },
}

impl Given {
    /// The setting that is meant.
    pub fn setting(self) -> Setting {
        match self {
            Given::Schedules { crashes } => {
                let workers = OrderingBounds::QUICK.workers;
                Setting::Schedules(Schedules { workers, crashes_max: crashes })
            }
            Given::Clocks { tick_ms, delay_ticks, skews } => Setting::Clocks(Clocks {
                start: START,
                passing: Passing::Ticks,
                tick_ms,
                passes_max: TICKS,
                delay_ticks_max: delay_ticks,
                skews_ms: skews.iter().map(|ticks| skew_ms(*ticks, tick_ms, START)).collect(),
                log_clock_limit_ticks: None,
                link_down: false,
                apart: false,
            }),
        }
    }
}

impl Bug {
    /// The program on what has the bug, or on its cure. Panics: a command of the row that is none.
    pub fn experiment(&self, choice: Choice) -> Experiment {
        let program = scenario::commands(self.program);
        Experiment { choice, program, setting: self.given.setting() }
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

/// A row: system, report, mechanism, standing.
pub(super) const fn row(
    id: &'static str,
    (system, report): (&'static str, &'static str),
    mechanism: &'static str,
    standing: Standing,
) -> Case {
    Case { id, system, report, mechanism, hypothesis: false, standing }
}

/// A row that nobody has reported: it was read out of public code.
pub(super) const fn hypothesis(
    id: &'static str,
    system: &'static str,
    mechanism: &'static str,
    standing: Standing,
) -> Case {
    let report = "hypothesis, read from its public code";
    Case { id, system, report, mechanism, hypothesis: true, standing }
}

/// A bug of an ordering that needs no crash.
pub(super) const fn schedules(
    program: &'static [&'static str],
    with: Choice,
    (invariant, steps): (&'static str, usize),
    cure: Choice,
) -> Bug {
    let given = Given::Schedules { crashes: 0 };
    Bug { program, stands_for: "", given, with, invariant, steps, cure, no_replay: "" }
}

/// A bug of expiry that needs no clock that is wrong: messages are up to three ticks late.
pub(super) const fn clocks(
    program: &'static [&'static str],
    tick_ms: u64,
    with: Choice,
    (invariant, steps): (&'static str, usize),
    cure: Choice,
) -> Bug {
    let given = Given::Clocks { tick_ms, delay_ticks: 3, skews: &[0] };
    Bug { program, stands_for: "", given, with, invariant, steps, cure, no_replay: "" }
}

impl Bug {
    /// With what the program stands for.
    pub(super) const fn standing_for(self, stands_for: &'static str) -> Bug {
        Bug { stands_for, ..self }
    }

    /// In another setting.
    pub(super) const fn given(self, given: Given) -> Bug {
        Bug { given, ..self }
    }

    /// Not to be replayed, and why.
    pub(super) const fn not_replayed(self, no_replay: &'static str) -> Bug {
        Bug { no_replay, ..self }
    }
}

//! Row — what the catalogue knows about a bug: where it was reported, how the models show it, and what the cure is. Pure.

use crate::models::bounds::{OrderingBounds, RECENT_START as START};
use crate::models::choice::Choice;
use crate::models::experiment::{Experiment, Workload};
use crate::models::expiry::skew_ms;
use crate::models::invariants::Invariant;
use crate::models::scenario;
use crate::models::setting::{Clocks, Passing, Schedules, Setting, TICKS};

/// One known bug.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    /// The row's id: `R01`, `R02`, …
    pub id: &'static str,
    /// The system that has the bug.
    pub system: &'static str,
    /// Where it was reported; for a hypothesis, the source from which it was read.
    pub report: &'static str,
    /// What goes wrong, in a sentence.
    pub mechanism: &'static str,
    /// Whether the bug was neither reported nor observed. Then the verdict says *confirmed* or *refuted for this
    /// mechanism*.
    pub hypothesis: bool,
    /// How the catalogue treats it.
    pub standing: Standing,
}

/// How the catalogue treats a bug.
#[derive(Clone, Copy, Debug)]
pub enum Standing {
    /// The models show it, so it counts.
    Counted(Bug),
    /// It needs a feature that is not built yet.
    Later(&'static str),
    /// It is outside the engine's scope.
    OutOfScope(&'static str),
    /// A model without programs of its own shows it, so it has no row of its own that could count.
    ShownBy {
        /// The model.
        model: &'static str,
        /// The choice that has the bug.
        choice: &'static str,
        /// The invariant that the choice breaks.
        invariant: Invariant,
    },
    /// The models cannot show it, or there is nothing to show; the text says why.
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
    /// How the program differs from that of the report and stands for it; empty if it is the same.
    pub stands_for: &'static str,
    /// What else may happen.
    pub given: RowSetting,
    /// The choice that has the bug.
    pub with: Choice,
    /// The invariant that it breaks.
    pub invariant: Invariant,
    /// Number of steps of the shortest counterexample.
    pub steps: usize,
    /// The choice that cures it, on the same program and in the same setting.
    pub cure: Choice,
    /// Why the path is not replayed on real nodes; empty if it can be.
    pub no_replay: &'static str,
}

/// The setting as a row gives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowSetting {
    /// Two workers, every schedule.
    Schedules {
        /// Maximum number of crashes.
        crashes: u8,
    },
    /// Up to [`TICKS`] ticks pass.
    Clocks {
        /// Length of a tick in milliseconds.
        tick_ms: u64,
        /// Maximum delay of a message in ticks.
        delay_ticks: u8,
        /// The replica's skews, in ticks ahead of the master's clock.
        skews: &'static [i8],
    },
}

impl RowSetting {
    /// The setting that it means.
    pub fn setting(self) -> Setting {
        match self {
            RowSetting::Schedules { crashes } => {
                let workers = OrderingBounds::QUICK.workers;
                Schedules { workers, crashes_max: crashes }.setting()
            }
            RowSetting::Clocks { tick_ms, delay_ticks, skews } => Setting::Clocks(Clocks {
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
    /// The experiment of the program under `choice`: the bug's, or the cure's. Panics: if a line of the row is not a
    /// command.
    pub fn experiment(&self, choice: Choice) -> Experiment {
        let workload = Workload::Program(scenario::requests(self.program));
        Experiment { choice, workload, setting: self.given.setting() }
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

    /// Why it does not count, in one line; `None` if it counts.
    pub fn reason(&self) -> Option<String> {
        match self.standing {
            Standing::Counted(_) => None,
            Standing::Later(what) => Some(format!("later: needs {what}")),
            Standing::OutOfScope(what) => Some(format!("outside of the engine's scope: {what}")),
            Standing::ShownBy { model, choice, invariant } => {
                Some(format!("shown by check --model {model}: {choice} breaks {invariant}"))
            }
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

/// A row for a bug that was not reported, but read from public code.
pub(super) const fn hypothesis(
    id: &'static str,
    system: &'static str,
    mechanism: &'static str,
    standing: Standing,
) -> Case {
    let report = "hypothesis, read from its public code";
    Case { id, system, report, mechanism, hypothesis: true, standing }
}

/// A bug of ordering that needs no crash.
pub(super) const fn schedules(
    program: &'static [&'static str],
    with: Choice,
    (invariant, steps): (Invariant, usize),
    cure: Choice,
) -> Bug {
    let given = RowSetting::Schedules { crashes: 0 };
    Bug { program, stands_for: "", given, with, invariant, steps, cure, no_replay: "" }
}

/// A bug of expiry that needs no wrong clock: messages are up to three ticks late.
pub(super) const fn clocks(
    program: &'static [&'static str],
    tick_ms: u64,
    with: Choice,
    (invariant, steps): (Invariant, usize),
    cure: Choice,
) -> Bug {
    let given = RowSetting::Clocks { tick_ms, delay_ticks: 3, skews: &[0] };
    Bug { program, stands_for: "", given, with, invariant, steps, cure, no_replay: "" }
}

impl Bug {
    /// The bug with a note how its program stands for that of the report.
    pub(super) const fn standing_for(self, stands_for: &'static str) -> Bug {
        Bug { stands_for, ..self }
    }

    /// The bug in another setting.
    pub(super) const fn given(self, given: RowSetting) -> Bug {
        Bug { given, ..self }
    }

    /// The bug with the reason why it is not replayed.
    pub(super) const fn not_replayed(self, no_replay: &'static str) -> Bug {
        Bug { no_replay, ..self }
    }
}

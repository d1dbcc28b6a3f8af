//! Trace — a path through a model as a file: what was run and how it was set, and which of the possible steps was taken
//! each time. Pure.
//!
//! ```text
//! {"version": 2, "model": "ordering", "choice": "key_hash", "seeded": null, "program": ["SET a 1", "FLUSHDB"],
//!  "setting": {"workers": 2, "crashes": 0}, "invariant": "convergence", "path": [0, 1, 0, …],
//!  "steps": ["client: SET a 1 on the master; …", …]}
//! ```
//!
//! `path` is what counts ([`Path`]). `steps` says the same in words, for people.

use super::bounds::{ODD_START, RECENT_START, TICK_MS_MAX};
use super::choice::{Choice, Kind, UnknownName};
use super::experiment::{Clocks, Experiment, Model, Passing, Schedules, Setting};
use super::expiry::skew_ms;
use super::path::{self, Path, PathError};
use super::setting::TICKS;
use super::story::{Actions, Narrate, OwnPath, Story};
use crate::command::{Command, line};
use serde::{Deserialize, Serialize};

/// The version of the format that this program writes. It reads the earlier ones, too: version 1 had no `passes`.
pub const VERSION: u32 = 2;

/// Workers and crashes that a trace may ask for: what a state of the model has room for, and more than a person reads.
const WORKERS_MAX: usize = 8;
const CRASHES_MAX: u8 = 4;
/// Skews that a trace may name.
const SKEWS_MAX: usize = 256;

/// A path through a model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trace {
    /// [`VERSION`].
    pub version: u32,
    /// `ordering` or `expiry`.
    pub model: String,
    /// A strategy or a policy, by name.
    pub choice: String,
    /// A fault put on it, by name.
    pub seeded: Option<String>,
    /// The commands of clients, in order.
    pub program: Vec<String>,
    /// What else may happen.
    pub setting: Written,
    /// What the last step breaks; `None`: nothing is said of it.
    pub invariant: Option<String>,
    /// The number of each step among the possible ones.
    pub path: Path,
    /// The steps in words.
    pub steps: Vec<String>,
}

/// A setting as the file has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged, from = "AnyVersion")]
pub enum Written {
    /// Of the ordering model.
    Schedules {
        /// Workers of the replica.
        workers: usize,
        /// Crashes at most.
        crashes: u8,
    },
    /// Of the expiry model.
    Clocks {
        /// Milliseconds a tick.
        tick_ms: u64,
        /// Ticks that a message may be under way.
        delay_ticks: u8,
        /// The replica's clocks, in milliseconds ahead of the master's: the path is that of the first which has it.
        skews_ms: Vec<i64>,
        /// How many times time may pass, each time to an instant at which something changes. Not there: four ticks.
        #[serde(skip_serializing_if = "Option::is_none")]
        passes: Option<u8>,
    },
}

/// A setting of any version. In version 1 the clocks differ by ticks, and time passes in four ticks.
#[derive(Deserialize)]
#[serde(untagged, deny_unknown_fields)]
enum AnyVersion {
    Schedules { workers: usize, crashes: u8 },
    Clocks { tick_ms: u64, delay_ticks: u8, skews_ms: Vec<i64>, passes: Option<u8> },
    ClocksInTicks { tick_ms: u64, delay_ticks: u8, skews: Vec<i8> },
}

impl From<AnyVersion> for Written {
    fn from(read: AnyVersion) -> Written {
        match read {
            AnyVersion::Schedules { workers, crashes } => Written::Schedules { workers, crashes },
            AnyVersion::Clocks { tick_ms, delay_ticks, skews_ms, passes } => {
                Written::Clocks { tick_ms, delay_ticks, skews_ms, passes }
            }
            AnyVersion::ClocksInTicks { tick_ms, delay_ticks, skews } => {
                let skews_ms = skews.iter().map(|ticks| skew_ms(*ticks, tick_ms, RECENT_START)).collect();
                Written::Clocks { tick_ms, delay_ticks, skews_ms, passes: None }
            }
        }
    }
}

/// Why a trace cannot be followed.
#[derive(Debug, thiserror::Error)]
pub enum TraceError {
    /// It is no trace.
    #[error("not a trace: {0}")]
    Json(#[from] serde_json::Error),
    /// It is of another version.
    #[error("trace of version {0}; this program knows versions 1 to {VERSION}")]
    Version(u32),
    /// A name that nothing has.
    #[error(transparent)]
    Unknown(#[from] UnknownName),
    /// The setting is that of the other model, or beyond what a model takes.
    #[error("this setting does not fit the {model} model: it takes {needed}")]
    Setting {
        /// The model.
        model: &'static str,
        /// What it needs.
        needed: &'static str,
    },
    /// A line of the program.
    #[error("line {line} of the program: {reason}")]
    Program {
        /// The line, from 1 on.
        line: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// The path leaves the model, or does not end where it says.
    #[error(transparent)]
    Path(#[from] PathError),
}

impl Written {
    fn of(setting: &Setting) -> Written {
        match setting {
            Setting::Schedules(Schedules { workers, crashes_max }) => {
                Written::Schedules { workers: *workers, crashes: *crashes_max }
            }
            Setting::Clocks(clocks) => Written::Clocks {
                tick_ms: clocks.tick_ms,
                delay_ticks: clocks.delay_ticks_max,
                skews_ms: clocks.skews_ms.clone(),
                passes: (clocks.passing == Passing::Instants).then_some(clocks.passes_max),
            },
        }
    }

    /// The setting that is meant. A run in ticks begins at a round instant of our days.
    fn setting(&self) -> Setting {
        match self {
            Written::Schedules { workers, crashes } => {
                Setting::Schedules(Schedules { workers: *workers, crashes_max: *crashes })
            }
            Written::Clocks { tick_ms, delay_ticks, skews_ms, passes } => Setting::Clocks(Clocks {
                start: if passes.is_some() { ODD_START } else { RECENT_START },
                passing: if passes.is_some() { Passing::Instants } else { Passing::Ticks },
                tick_ms: *tick_ms,
                passes_max: passes.unwrap_or(TICKS),
                delay_ticks_max: *delay_ticks,
                skews_ms: skews_ms.clone(),
                log_clock_limit_ticks: None,
                link_down: false,
                apart: false,
            }),
        }
    }

    /// Errors: it does not fit the choice's model.
    fn check(&self, choice: Choice) -> Result<(), TraceError> {
        let fits = match (self, choice.kind()) {
            (Written::Schedules { workers, crashes }, Kind::Ordering(_)) => {
                (1..=WORKERS_MAX).contains(workers) && *crashes <= CRASHES_MAX
            }
            (Written::Clocks { tick_ms, skews_ms, passes, .. }, Kind::Expiry(_)) => {
                let start = if passes.is_some() { ODD_START } else { RECENT_START };
                (1..=TICK_MS_MAX).contains(tick_ms)
                    && (1..=SKEWS_MAX).contains(&skews_ms.len())
                    && skews_ms.iter().all(|ms| ms.unsigned_abs() < start.0)
            }
            _ => false,
        };
        let needed = match choice.kind() {
            Kind::Ordering(_) => "workers (1 to 8), crashes (0 to 4)",
            Kind::Expiry(_) => {
                "tick_ms (1 to 2^53), delay_ticks, skews_ms (1 to 256, from which no clock begins before 0)"
            }
        };
        if fits { Ok(()) } else { Err(TraceError::Setting { model: choice.model(), needed }) }
    }
}

impl Trace {
    /// A path of the experiment's model, which ends with `invariant` broken.
    pub fn of(experiment: &Experiment, invariant: Option<&str>, story: &Story) -> Trace {
        let choice = experiment.choice;
        Trace {
            version: VERSION,
            model: choice.model().to_owned(),
            choice: choice.without_fault().name(),
            seeded: choice.fault().map(|fault| fault.name().to_owned()),
            program: experiment.program.iter().map(ToString::to_string).collect(),
            setting: Written::of(&experiment.setting),
            invariant: invariant.map(str::to_owned),
            path: story.path.clone(),
            steps: story.in_words(),
        }
    }

    /// A story that a model told as a trace that can be replayed, of `choice` and the story's own program. `None`: the model of
    /// a trace has no such path or tells it otherwise, but for the instant at which it begins (replay has one database, four ticks,
    /// and no link that goes down); no real node runs by the choice; the story has no path of its own.
    pub fn of_story(
        choice: Choice,
        program: Vec<Command>,
        invariant: Option<&str>,
        story: &Story,
    ) -> Option<Trace> {
        if matches!(choice.kind(), Kind::Ordering(ordering) if ordering.reads_after_crash) {
            return None;
        }
        let own = story.own.as_ref()?;
        // A node publishes what it applies at once.
        if matches!(&own.setting, Setting::Clocks(clocks) if clocks.apart) {
            return None;
        }
        let experiment = Experiment { choice, program, setting: Written::of(&own.setting).setting() };
        Trace::retold(&experiment, invariant, story)
    }

    /// As [`Trace::of_story`], of an experiment that is known.
    pub fn retold(experiment: &Experiment, invariant: Option<&str>, story: &Story) -> Option<Trace> {
        let own = retold(&experiment.model().ok()?, story.own.as_ref()?)?;
        let trace = Trace::of(experiment, invariant, &own);
        let is_same = own.since_its_start() == story.since_its_start();
        (is_same && trace.experiment().is_ok_and(|read| read == *experiment)).then_some(trace)
    }

    /// What it is of. Errors: a version, a name, a command, a setting that is not known.
    pub fn experiment(&self) -> Result<Experiment, TraceError> {
        if !(1..=VERSION).contains(&self.version) {
            return Err(TraceError::Version(self.version));
        }
        let choice = Choice::named(&self.model, &self.choice, self.seeded.as_deref())?;
        self.setting.check(choice)?;
        let program = (1..).zip(&self.program).map(|(line, text)| parsed(line, text));
        let program: Vec<Command> = program.collect::<Result<_, _>>()?;
        if let Some(name) = &self.invariant {
            let known = choice.invariants();
            if !known.contains(&name.as_str()) {
                return Err(UnknownName::new("invariant", name, known).into());
            }
        }
        Ok(Experiment { choice, program, setting: self.setting.setting() })
    }
}

/// The story of a path, if the model has it.
fn retold(model: &Model, own: &OwnPath) -> Option<Story> {
    fn told<M: Narrate>(model: &M, actions: &[M::Action]) -> Option<Story> {
        Some(Story { path: path::numbers(model, actions)?, ..model.story(actions) })
    }
    match (model, &own.actions) {
        (Model::Ordering(model), Actions::Ordering(actions)) => told(&**model, actions),
        (Model::Expiry(models), Actions::Expiry(actions)) => told(&models[0], actions),
        _ => None,
    }
}

fn parsed(line: usize, text: &str) -> Result<Command, TraceError> {
    let wrong = |reason: String| TraceError::Program { line, reason };
    let argv = line::split(text.as_bytes()).map_err(|error| wrong(error.to_string()))?;
    let command = Command::parse(0, argv).map_err(|error| wrong(error.to_string()))?;
    if !command.is_write() {
        return Err(wrong(format!("'{}' writes nothing", command.name())));
    }
    Ok(command)
}

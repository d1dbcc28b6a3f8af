//! Path file — a path through a model as a file: the experiment that was run, and which of the possible steps was taken each
//! time. Pure.
//!
//! ```text
//! {"version": 2, "model": "ordering", "choice": "key_hash", "seeded": null, "program": ["SET a 1", "FLUSHDB"],
//!  "setting": {"workers": 2, "crashes": 0}, "invariant": "convergence", "path": [0, 1, 0, …],
//!  "steps": ["client: SET a 1 on the master; …", …]}
//! ```
//!
//! `path` is authoritative ([`Path`]); `steps` repeats it in words, for human readers.

use super::bounds::{ODD_START, RECENT_START, TICK_MS_MAX};
use super::choice::{Choice, Kind};
use super::experiment::{Clocks, Experiment, Model, Passing, Schedules, Setting, Workload};
use super::expiry::skew_ms;
use super::invariants::Invariant;
use super::path::{self, Path, PathError};
use super::request::{self, Request};
use super::setting::TICKS;
use super::story::{Actions, Narrate, OwnPath, Story};
use crate::command::{Command, line};
use crate::names::UnknownName;
use serde::{Deserialize, Serialize};

/// The version of the format that this program writes. It also reads the earlier one: version 1 had no `passes`.
pub const VERSION: u32 = 2;

/// Maximum number of workers in a path file. The limits are what a state of the model has room for, and more than a person
/// reads.
const WORKERS_MAX: usize = 8;
const CRASHES_MAX: u8 = 4;
/// Maximum number of skews in a path file.
const SKEWS_MAX: usize = 256;

/// A path through a model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PathFile {
    /// Version of the format: [`VERSION`].
    pub version: u32,
    /// The model: `ordering` or `expiry`.
    pub model: String,
    /// A strategy or a policy, by name.
    pub choice: String,
    /// The fault put on it, by name.
    pub seeded: Option<String>,
    /// The commands of clients, in order; `MULTI`, the commands of a transaction and `EXEC` are lines of their own.
    pub program: Vec<String>,
    /// The setting: what else may happen.
    pub setting: Written,
    /// The invariant that the last step breaks; `None`: not stated.
    pub invariant: Option<Invariant>,
    /// The number of each step among the possible ones.
    pub path: Path,
    /// The steps in words.
    pub steps: Vec<String>,
}

/// A setting as the file holds it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged, from = "AnyVersion")]
pub enum Written {
    /// A setting of the ordering model.
    Schedules {
        /// Number of the replica's workers.
        workers: usize,
        /// Maximum number of crashes.
        crashes: u8,
    },
    /// A setting of the expiry model.
    Clocks {
        /// Length of a tick in milliseconds.
        tick_ms: u64,
        /// Maximum delay of a message in ticks.
        delay_ticks: u8,
        /// The replica's skews, in milliseconds ahead of the master's clock. The path belongs to the first skew under
        /// which it exists.
        skews_ms: Vec<i64>,
        /// Maximum number of times that time passes, each time to an instant at which something changes. Missing: four
        /// ticks.
        #[serde(skip_serializing_if = "Option::is_none")]
        passes: Option<u8>,
    },
}

/// A setting of any version. In version 1 skews are given in ticks, and time passes in four ticks.
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

/// The reasons why a path file cannot be followed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PathFileError {
    /// The file is not a path file.
    #[error("not a path file: {0}")]
    Json(#[from] serde_json::Error),
    /// The path file is of an unknown version.
    #[error("path file of version {0}; this program knows versions 1 to {VERSION}")]
    Version(u32),
    /// An unknown name.
    #[error(transparent)]
    Unknown(#[from] UnknownName),
    /// The setting belongs to another model, or exceeds what the model takes.
    #[error("this setting does not fit the {model} model: it takes {needed}")]
    Setting {
        /// The model.
        model: &'static str,
        /// The values that its setting needs.
        needed: &'static str,
    },
    /// A line of the program is wrong.
    #[error("line {line} of the program: {reason}")]
    Program {
        /// The line, counted from 1.
        line: usize,
        /// The error in it.
        reason: String,
    },
    /// The path does not exist in the model, or does not end by breaking the named invariant.
    #[error(transparent)]
    Path(#[from] PathError),
}

impl Written {
    fn of(setting: &Setting) -> Written {
        match setting {
            Setting::Schedules(Schedules { workers, crashes_max }, _) => {
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

    /// The setting that the file means. A run in ticks begins at a recent, round instant.
    fn setting(&self) -> Setting {
        match self {
            Written::Schedules { workers, crashes } => {
                Schedules { workers: *workers, crashes_max: *crashes }.setting()
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

    /// Checks that the setting fits the choice's model. Errors: it does not.
    fn check(&self, choice: Choice) -> Result<(), PathFileError> {
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
        if fits { Ok(()) } else { Err(PathFileError::Setting { model: choice.model(), needed }) }
    }
}

impl PathFile {
    /// The path file of a story of the experiment's model that ends with `invariant` broken. The experiment has one program.
    pub fn of(experiment: &Experiment, invariant: Option<Invariant>, story: &Story) -> PathFile {
        let choice = experiment.choice;
        PathFile {
            version: VERSION,
            model: choice.model().to_owned(),
            choice: choice.without_fault().name(),
            seeded: choice.fault().map(|fault| fault.name().to_owned()),
            program: request::lines(experiment.workload.requests()),
            setting: Written::of(&experiment.setting),
            invariant,
            path: story.path.clone(),
            steps: story.in_words(),
        }
    }

    /// The replayable path file of a story that a model of `choice` told, with the story's own program. `None`: the story has
    /// no path of its own; or no real node can run the choice; or the model of a path file lacks the path or tells another
    /// story, apart from the instant at which it begins (replay has one database, four ticks, and no link that goes
    /// down).
    pub fn of_story(
        choice: Choice,
        program: Vec<Request>,
        invariant: Option<Invariant>,
        story: &Story,
    ) -> Option<PathFile> {
        if matches!(choice.kind(), Kind::Ordering(ordering) if ordering.reads_after_crash) {
            return None;
        }
        let own = story.own.as_ref()?;
        // A real node publishes at once what it applies.
        if matches!(&own.setting, Setting::Clocks(clocks) if clocks.apart) {
            return None;
        }
        let (workload, setting) = (Workload::Program(program), Written::of(&own.setting).setting());
        let experiment = Experiment { choice, workload, setting };
        PathFile::retold(&experiment, invariant, story)
    }

    /// Like [`PathFile::of_story`], for a known experiment.
    pub fn retold(experiment: &Experiment, invariant: Option<Invariant>, story: &Story) -> Option<PathFile> {
        let own = retold(&experiment.model().ok()?, story.own.as_ref()?)?;
        let file = PathFile::of(experiment, invariant, &own);
        let is_same = own.since_its_start() == story.since_its_start();
        (is_same && file.experiment().is_ok_and(|read| read == *experiment)).then_some(file)
    }

    /// The experiment of this file. Errors: an unknown version, name, command or setting.
    pub fn experiment(&self) -> Result<Experiment, PathFileError> {
        if !(1..=VERSION).contains(&self.version) {
            return Err(PathFileError::Version(self.version));
        }
        let choice = Choice::named(&self.model, &self.choice, self.seeded.as_deref())?;
        self.setting.check(choice)?;
        let program = request::of_lines(&self.program, parsed, |place| PathFileError::Program {
            line: place + 1,
            reason: "MULTI and EXEC are not in pairs".to_owned(),
        })?;
        if let Some(invariant) = self.invariant {
            let known = choice.invariants();
            if !known.contains(&invariant) {
                let known = known.into_iter().map(Invariant::name);
                return Err(UnknownName::new("invariant", invariant.name(), known).into());
            }
        }
        Ok(Experiment { choice, workload: Workload::Program(program), setting: self.setting.setting() })
    }
}

/// The story of a path, if the model has that path.
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

fn parsed(place: usize, text: &str) -> Result<Command, PathFileError> {
    let wrong = |reason: String| PathFileError::Program { line: place + 1, reason };
    let argv = line::split(text.as_bytes()).map_err(|error| wrong(error.to_string()))?;
    let command = Command::parse(0, argv).map_err(|error| wrong(error.to_string()))?;
    if !command.is_write() {
        return Err(wrong(format!("'{}' writes nothing", command.name())));
    }
    Ok(command)
}

//! Experiment — a choice, a workload and a setting → the model that runs them. Pure.
//!
//! A cell of `check`, `--program`, a named scenario, a row of the catalogue, a path file, an address of the explorer and an
//! exported test are experiments. Everything that is judged, walked or replayed for them is built here and nowhere else.
//!
//! | source | choice | workload | setting |
//! |---|---|---|---|
//! | a cell of `check`: several experiments | each choice of its model | every program of an alphabet | within the bounds; each dimension has its own |
//! | `--program`: several experiments | each choice of its model | the file's program | within the bounds; each dimension has its own |
//! | a trial of `own_machine` | a user's own strategy or policy | every program of an alphabet, or one | within the bounds |
//! | a named scenario | each choice of its model | the scenario's program | the quick bounds, or ticks |
//! | a row of the catalogue | the bug's, or the cure's | the row's program | the row's |
//! | a path file | by name | its lines | from the file |
//! | an address of the explorer | by name | from the address | from the address |
//!
//! The models `both`, `clocks`, `handshake`, `replication`, `full_sync`, `failover` and `crash` have choices and programs of their own, and take no experiment.

use super::bounds::{ExpiryBounds, OrderingBounds};
use super::choice::{Choice, Kind};
use super::expiry::{self, ExpiryModel, Judges, READ_INVARIANTS, STATE_INVARIANTS};
use super::fault::SeededFault;
use super::invariants::Invariant;
use super::machines::Machines;
use super::ordering::{self, OrderingModel, Position, Programs, ProgramsError};
use super::program::{self, Program, ProgramError};
use super::request::Request;
use super::rigged::Rigged;
pub use super::setting::{Clocks, Dimension, Passing, Schedules, Setting};
pub use super::workload::Workload;
use crate::names::UnknownName;
use crate::ordering::Refused;
use crate::time::Millis;

/// Programs, the choice that runs them, and what else may happen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Experiment<C = Choice> {
    /// The choice that runs the programs: a built-in one, or a user's own strategy or policy.
    pub choice: C,
    /// The programs that clients send.
    pub workload: Workload,
    /// The other events that may happen. Its variant fits the choice's model.
    pub setting: Setting,
}

/// The bounds of one program's run, as a user gives them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Extent {
    /// Number of the replica's workers, at least 1 (ordering).
    pub workers: usize,
    /// Maximum number of crashes (ordering).
    pub crashes: u8,
    /// Maximum number of times that time passes (expiry).
    pub passes: u8,
    /// Maximum delay of a message in ticks; a tick is half of the longest lifetime (expiry).
    pub delay: u8,
    /// By how many milliseconds the replica's clock is ahead of the master's (expiry).
    pub skew_ms: i64,
    /// Whether delivery, application and publication are separate steps (expiry).
    pub apart: bool,
}

impl Default for Extent {
    /// The extent of the quick bounds, with clocks that agree.
    fn default() -> Extent {
        let (ordering, expiry) = (OrderingBounds::QUICK, ExpiryBounds::QUICK);
        Extent {
            workers: ordering.workers,
            crashes: ordering.crashes_max,
            passes: expiry.passes_max,
            delay: expiry.delay_ticks_max,
            skew_ms: 0,
            apart: false,
        }
    }
}

/// The model that runs an experiment.
pub enum Model {
    /// A replica with worker threads.
    Ordering(Box<OrderingModel<Rigged>>),
    /// Nodes with clocks: the model that judges the stored state, and the model that judges reads. Both have the same
    /// steps.
    Expiry(Box<[ExpiryModel; 2]>),
}

/// The reasons why an experiment cannot be built.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ExperimentError {
    /// An unknown name.
    #[error(transparent)]
    Unknown(#[from] UnknownName),
    /// A line of the program is wrong.
    #[error(transparent)]
    Program(#[from] ProgramError),
    /// The program's log cannot be built.
    #[error(transparent)]
    Programs(#[from] ProgramsError),
    /// The setting belongs to another model.
    #[error("this setting does not fit the {0} model")]
    Setting(&'static str),
}

impl Experiment {
    /// An experiment with an ordering choice, by name. Errors: an unknown name, a line that is not a write.
    pub fn ordering(
        choice: &str,
        program: &[&str],
        schedules: Schedules,
    ) -> Result<Experiment, ExperimentError> {
        let choice = Choice::named("ordering", choice, None)?;
        Ok(Experiment { choice, workload: parsed(program)?, setting: schedules.setting() })
    }

    /// An experiment with an expiry policy, by name. Errors: an unknown name, a line that is not a write.
    pub fn expiry(policy: &str, program: &[&str], clocks: Clocks) -> Result<Experiment, ExperimentError> {
        let choice = Choice::named("expiry", policy, None)?;
        Ok(Experiment { choice, workload: parsed(program)?, setting: Setting::Clocks(clocks) })
    }

    /// An experiment with a user's program, within that extent.
    pub fn within(choice: Choice, program: &Program, extent: Extent) -> Experiment {
        let Extent { workers, crashes, passes, delay, skew_ms, apart } = extent;
        let start = program.begins();
        let program = requests(program);
        let setting = match choice.kind() {
            Kind::Ordering(_) => Schedules { workers, crashes_max: crashes }.setting(),
            Kind::Expiry(_) => {
                let bounds =
                    ExpiryBounds { passes_max: passes, delay_ticks_max: delay, ..ExpiryBounds::QUICK };
                let clocks = Clocks { skews_ms: vec![skew_ms], ..bounds.clocks(&program, start) };
                Setting::Clocks(if apart { clocks.with_steps_apart() } else { clocks })
            }
        };
        Experiment { choice, workload: Workload::Program(program), setting }
    }

    /// Its model. Errors: the programs are too many or too long, or the setting belongs to another model.
    pub fn model(&self) -> Result<Model, ExperimentError> {
        match self.choice.kind() {
            Kind::Ordering(_) => self.ordering_model().map(|model| Model::Ordering(Box::new(model))),
            Kind::Expiry(_) => {
                let [state, reads] = [Judges::State, Judges::Reads].map(|judges| self.expiry_model(judges));
                Ok(Model::Expiry(Box::new([state?, reads?])))
            }
        }
    }

    /// Why the choice declares itself undefined for the longest program; `None` if it does not. Errors: as for
    /// [`Experiment::model`].
    pub fn refusal(&self) -> Result<Option<Refused>, ExperimentError> {
        match self.choice.kind() {
            Kind::Ordering(_) => Ok(self.ordering_model()?.setup().programs.refusal(self.choice.machine(2))),
            Kind::Expiry(_) => Ok(None),
        }
    }
}

impl<C: Clone> Experiment<C> {
    /// The same experiment with another request in the place of each of its requests: the same under other names.
    #[must_use]
    pub fn under(&self, requests: Vec<Request>) -> Experiment<C> {
        let workload = match self.workload {
            Workload::Program(_) => Workload::Program(requests),
            Workload::Every { begins, length_max, .. } => {
                Workload::Every { alphabet: requests, begins, length_max }
            }
        };
        Experiment { workload, ..self.clone() }
    }
}

impl<C: Machines> Experiment<C> {
    /// The instant at which its run begins.
    pub fn start(&self) -> Millis {
        match &self.setting {
            Setting::Clocks(clocks) => clocks.start,
            Setting::Schedules(..) => super::bounds::RECENT_START,
        }
    }

    /// The skews of the replica's clock: milliseconds ahead of the master's. In the ordering model there is one skew, 0.
    pub fn skews_ms(&self) -> &[i64] {
        match &self.setting {
            Setting::Clocks(clocks) => &clocks.skews_ms,
            Setting::Schedules(..) => &[0],
        }
    }

    /// The same experiment under one skew; unchanged in the ordering model.
    #[must_use]
    pub fn at_skew(mut self, skew_ms: i64) -> Experiment<C> {
        if let Setting::Clocks(clocks) = &mut self.setting {
            clocks.skews_ms = vec![skew_ms];
        }
        self
    }

    /// The model of an ordering choice. Errors: the programs are too many or too long, or the choice, the workload or the
    /// setting is not one of the ordering model.
    pub fn ordering_model(&self) -> Result<OrderingModel<C::Machine>, ExperimentError> {
        let like = self.choice.like();
        let (Kind::Ordering(ordering), Setting::Schedules(schedules, dimension)) =
            (like.kind(), &self.setting)
        else {
            return Err(ExperimentError::Setting("ordering"));
        };
        let policy = ordering.log_policy().get();
        let programs = match &self.workload {
            Workload::Program(commands) => Programs::only(commands, &*policy)?,
            Workload::Every { alphabet, begins, length_max } => {
                Programs::every_unlike(alphabet, *begins, *length_max, &*policy)?
            }
        };
        let programs = match like.fault().and_then(|fault| fault.log(programs.length_max())) {
            Some(log) => programs.with_log(&log),
            None => programs,
        };
        let (choice, routes) = (self.choice.clone(), self.choice.routes());
        let batch = match dimension {
            Dimension::Batches(batch) => Some(*batch),
            _ => None,
        };
        let setup = ordering::Setup {
            workers: schedules.workers,
            crashes_max: schedules.crashes_max,
            crash_when_quiet: *dimension == Dimension::QuietCrashes,
            position: like.fault().map_or(Position::Marker, SeededFault::position),
            tail_may_be_lost: *dimension == Dimension::LostTail,
            // A user's own strategy makes batches of any size.
            shipped_batches: batch.is_none() && routes.is_none(),
            routes,
            ..OrderingBounds::QUICK.setup(ordering, programs)
        };
        Ok(OrderingModel::new(setup, move |workers| choice.machine(workers, batch)))
    }

    /// The model of an expiry policy that judges this group of invariants. Errors: the choice or the setting is not one
    /// of the expiry model.
    pub fn expiry_model(&self, judges: Judges) -> Result<ExpiryModel, ExperimentError> {
        let like = self.choice.like();
        let (Kind::Expiry(_), Setting::Clocks(clocks)) = (like.kind(), &self.setting) else {
            return Err(ExperimentError::Setting("expiry"));
        };
        let (begins, length_max) = match &self.workload {
            // A program is an alphabet of which every command comes first, in order.
            Workload::Program(commands) => (commands.len(), commands.len()),
            Workload::Every { begins, length_max, .. } => (*begins, *length_max),
        };
        let setup = expiry::Setup {
            judges,
            clocks: clocks.clone(),
            alphabet: self.workload.requests().to_vec(),
            begins,
            length_max,
            readers_see_the_dead: like.fault() == Some(SeededFault::ReadersSeeTheDead),
        };
        Ok(ExpiryModel::new(setup, self.choice.policy_within(clocks.tick_ms)))
    }
}

impl Choice {
    /// The invariants that are judged of it, in the order of the tables.
    pub fn invariants(self) -> Vec<Invariant> {
        match self.kind() {
            Kind::Ordering(_) => ordering::INVARIANTS.to_vec(),
            Kind::Expiry(_) => [STATE_INVARIANTS, READ_INVARIANTS].concat(),
        }
    }
}

/// The group of invariants, hence the search of the expiry model, that an invariant belongs to.
pub fn judges(invariant: Invariant) -> Judges {
    if READ_INVARIANTS.contains(&invariant) { Judges::Reads } else { Judges::State }
}

/// The writes of a program.
pub fn requests(program: &Program) -> Vec<Request> {
    program.commands.iter().map(|line| line.request.clone()).collect()
}

fn parsed(lines: &[&str]) -> Result<Workload, ProgramError> {
    program::parse(lines.join("\n").as_bytes()).map(|program| Workload::Program(requests(&program)))
}

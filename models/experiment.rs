//! Experiment — a choice, a program and a setting → the model that runs them. Pure.
//!
//! A named scenario of `check`, a row of the catalogue, a path file, an address of the explorer and an exported test are
//! each an experiment. Everything that is judged, walked or replayed for them is built here and nowhere else.
//!
//! | source | choice | program | setting |
//! |---|---|---|---|
//! | a scenario | each choice of its model | the scenario's | the quick bounds, or ticks |
//! | a row of the catalogue | the bug's, or the cure's | the row's | the row's |
//! | a path file | by name | its lines | from the file |
//! | an address of the explorer | by name | from the address | from the address |

use super::bounds::{ExpiryBounds, OrderingBounds};
use super::choice::{Choice, Kind, OrderingChoice};
use super::expiry::{self, ExpiryModel, Judges, READ_INVARIANTS, STATE_INVARIANTS};
use super::fault::SeededFault;
use super::invariants::Invariant;
use super::judge::Part;
use super::ordering::{self, OrderingModel, Position, Programs, ProgramsError};
use super::program::{self, Program, ProgramError};
use super::rigged::Rigged;
pub use super::setting::{Clocks, Passing, Schedules, Setting};
use crate::command::Command;
use crate::names::UnknownName;
use crate::ordering::Refused;
use crate::time::Millis;

/// A program, the choice that runs it, and what else may happen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Experiment {
    /// The choice that runs the program.
    pub choice: Choice,
    /// The commands that clients send, in order.
    pub program: Vec<Command>,
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
        Ok(Experiment { choice, program: parsed(program)?, setting: Setting::Schedules(schedules) })
    }

    /// An experiment with an expiry policy, by name. Errors: an unknown name, a line that is not a write.
    pub fn expiry(policy: &str, program: &[&str], clocks: Clocks) -> Result<Experiment, ExperimentError> {
        let choice = Choice::named("expiry", policy, None)?;
        Ok(Experiment { choice, program: parsed(program)?, setting: Setting::Clocks(clocks) })
    }

    /// An experiment with a user's program, within that extent.
    pub fn within(choice: Choice, program: &Program, extent: Extent) -> Experiment {
        let Extent { workers, crashes, passes, delay, skew_ms, apart } = extent;
        let start = program.begins();
        let program = commands(program);
        let setting = match choice.kind() {
            Kind::Ordering(_) => Setting::Schedules(Schedules { workers, crashes_max: crashes }),
            Kind::Expiry(_) => {
                let bounds =
                    ExpiryBounds { passes_max: passes, delay_ticks_max: delay, ..ExpiryBounds::QUICK };
                let clocks = Clocks { skews_ms: vec![skew_ms], ..bounds.clocks(&program, start) };
                Setting::Clocks(if apart { clocks.with_steps_apart() } else { clocks })
            }
        };
        Experiment { choice, program, setting }
    }

    /// The instant at which its run begins.
    pub fn start(&self) -> Millis {
        match &self.setting {
            Setting::Clocks(clocks) => clocks.start,
            Setting::Schedules(_) => super::bounds::RECENT_START,
        }
    }

    /// The skews of the replica's clock: milliseconds ahead of the master's. In the ordering model there is one skew, 0.
    pub fn skews_ms(&self) -> &[i64] {
        match &self.setting {
            Setting::Clocks(clocks) => &clocks.skews_ms,
            Setting::Schedules(_) => &[0],
        }
    }

    /// The same experiment under one skew; unchanged in the ordering model.
    #[must_use]
    pub fn at_skew(mut self, skew_ms: i64) -> Experiment {
        if let Setting::Clocks(clocks) = &mut self.setting {
            clocks.skews_ms = vec![skew_ms];
        }
        self
    }

    /// Why the choice declares itself undefined for the program; `None` if it does not. Errors: the program is too long.
    pub fn refusal(&self) -> Result<Option<Refused>, ProgramsError> {
        match self.choice.kind() {
            Kind::Ordering(choice) => Ok(self.programs(choice)?.refusal(self.choice.machine(2))),
            Kind::Expiry(_) => Ok(None),
        }
    }

    /// Its model. Errors: the program is too long, or the setting belongs to another model.
    pub fn model(&self) -> Result<Model, ExperimentError> {
        match self.choice.kind() {
            Kind::Ordering(_) => self.ordering_model().map(|model| Model::Ordering(Box::new(model))),
            Kind::Expiry(_) => {
                let [state, reads] = [Judges::State, Judges::Reads].map(|judges| self.expiry_model(judges));
                Ok(Model::Expiry(Box::new([state?, reads?])))
            }
        }
    }

    /// The model of an ordering choice. Errors: the program is too long, or the choice or the setting is not one of the
    /// ordering model.
    pub fn ordering_model(&self) -> Result<OrderingModel<Rigged>, ExperimentError> {
        let (Kind::Ordering(ordering), Setting::Schedules(schedules)) = (self.choice.kind(), &self.setting)
        else {
            return Err(ExperimentError::Setting("ordering"));
        };
        let bounds = OrderingBounds {
            workers: schedules.workers,
            crashes_max: schedules.crashes_max,
            ..OrderingBounds::QUICK
        };
        let (choice, fault) = (self.choice, self.choice.fault());
        let position = fault.map_or(Position::Marker, SeededFault::position);
        let setup = ordering::Setup { position, ..bounds.setup(ordering, self.programs(ordering)?, false) };
        Ok(OrderingModel::new(setup, move |workers| choice.machine(workers)))
    }

    fn programs(&self, choice: OrderingChoice) -> Result<Programs, ProgramsError> {
        let programs = Programs::only(&self.program, &*choice.log_policy().get())?;
        let log = self.choice.fault().and_then(|fault| fault.log(programs.length_max()));
        Ok(match log {
            Some(log) => programs.with_log(&log),
            None => programs,
        })
    }

    /// The model of an expiry policy that judges this group of invariants. Errors: the choice or the setting is not one
    /// of the expiry model.
    pub fn expiry_model(&self, judges: Judges) -> Result<ExpiryModel, ExperimentError> {
        let (Kind::Expiry(_), Setting::Clocks(clocks)) = (self.choice.kind(), &self.setting) else {
            return Err(ExperimentError::Setting("expiry"));
        };
        let readers_see_the_dead = self.choice.fault() == Some(SeededFault::ReadersSeeTheDead);
        let setup = expiry::Setup::of_program(judges, clocks.clone(), self.program.clone());
        Ok(ExpiryModel::new(expiry::Setup { readers_see_the_dead, ..setup }, self.choice.policy()))
    }

    /// A search of its model that judges `invariant`. `words`: its bounds in words. Errors: as for [`Experiment::model`].
    pub fn part(&self, words: String, invariant: Invariant) -> Result<Part, ExperimentError> {
        // A model that cannot be built is reported now, before the search runs.
        self.model()?;
        let experiment = self.clone();
        Ok(match self.choice.kind() {
            Kind::Ordering(_) => Part::of(words, OrderingBounds::QUICK.states_max, move || {
                experiment.ordering_model().expect("it was built before")
            }),
            Kind::Expiry(_) => {
                let judges = judges(invariant);
                Part::of(words, ExpiryBounds::QUICK.states_max, move || {
                    experiment.expiry_model(judges).expect("it was built before")
                })
            }
        })
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
pub fn commands(program: &Program) -> Vec<Command> {
    program.commands.iter().map(|line| line.command.clone()).collect()
}

fn parsed(lines: &[&str]) -> Result<Vec<Command>, ProgramError> {
    program::parse(lines.join("\n").as_bytes()).map(|program| commands(&program))
}

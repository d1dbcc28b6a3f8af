//! Path — a choice, a program and the steps of one path → which invariants each step breaks. Pure.
//!
//! A search finds a path among all programs; here the model knows only the path's own program, so a counterexample
//! can be kept as a test that says what it is about:
//!
//! ```
//! use replicheck::models::bounds::OrderingBounds;
//! use replicheck::models::ordering::{Action, Move};
//! use replicheck::models::path;
//!
//! let model = path::ordering("key_hash", &["SET a 1", "FLUSHDB"], OrderingBounds::QUICK).unwrap();
//! let broken = path::broken_by_each(&model, &[Action::Command(0), Action::Command(0), Action::Move(Move::Take(0))]).unwrap();
//! assert!(broken.concat().is_empty());
//! ```

use super::bounds::{self, ExpiryBounds, OrderingBounds};
use super::check::{UnknownName, chosen, log_policy};
use super::expiry::{self, ExpiryModel, Passing};
use super::invariants::{Invariant, UnknownInvariant};
use super::judged::Judged;
use super::ordering::{self, OrderingModel, Programs, ProgramsError};
use super::program::{self, ProgramError};
use crate::command::Command;
use crate::ordering::AnyOrdering;
use crate::time::Millis;

/// How a story's path is walked again on the model of its program alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Path {
    /// By the ordering model.
    Ordering {
        /// Number of workers.
        workers: usize,
        /// Crashes at most.
        crashes_max: u8,
        /// The steps.
        path: Vec<ordering::Action>,
    },
    /// By the expiry model.
    Expiry {
        /// How time passes.
        times: Times,
        /// The steps.
        path: Vec<expiry::Action>,
    },
}

/// How time passes in the expiry model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Times {
    /// The master's clock at the beginning.
    pub start: Millis,
    /// Tick by tick, or to where something changes.
    pub passing: Passing,
    /// Milliseconds a tick.
    pub tick_ms: u64,
    /// How many times time may pass.
    pub passes_max: u8,
    /// How many ticks a message may be under way.
    pub delay_ticks_max: u8,
    /// The replica's clock less the master's, in milliseconds.
    pub skew_ms: i64,
    /// How long log time may stand still before it is estimated, in ticks.
    pub log_clock_limit_ticks: Option<u8>,
    /// Whether the link may go down.
    pub link_down: bool,
    /// Whether delivery, application and publication are steps of their own.
    pub apart: bool,
}

/// Why a path cannot be walked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// There is no such choice.
    #[error(transparent)]
    Unknown(#[from] UnknownName),
    /// There is no such invariant.
    #[error(transparent)]
    Invariant(#[from] UnknownInvariant),
    /// The program cannot be read.
    #[error(transparent)]
    Program(#[from] ProgramError),
    /// The program cannot be laid out.
    #[error(transparent)]
    Programs(#[from] ProgramsError),
    /// The model does not allow a step.
    #[error("step {number} is not possible: {action}")]
    Step {
        /// Its number, from 1.
        number: usize,
        /// What it is.
        action: String,
    },
}

/// The ordering model of one choice and one program. Of `bounds`, workers and crashes count.
pub fn ordering(
    choice: &str,
    program: &[&str],
    bounds: OrderingBounds,
) -> Result<OrderingModel<AnyOrdering>, PathError> {
    let choice = chosen(Some("ordering"), Some(choice))?.orderings[0];
    let programs = Programs::only(&commands(program)?, &*log_policy(choice).get())?;
    let new = move |workers| choice.strategy.machine(workers, bounds::batch_entries_max(choice.strategy));
    Ok(OrderingModel::new(bounds.setup(choice, programs, false), new))
}

/// The expiry model of one policy and one program, as far as it judges `invariant`.
pub fn expiry(
    policy: &str,
    program: &[&str],
    invariant: &str,
    times: Times,
) -> Result<ExpiryModel, PathError> {
    let policies = chosen(Some("expiry"), Some(policy))?.policies;
    let commands = commands(program)?;
    let setup = expiry::Setup {
        start: times.start,
        passing: times.passing,
        tick_ms: times.tick_ms,
        begins: commands.len(),
        length_max: commands.len(),
        passes_max: times.passes_max,
        delay_ticks_max: times.delay_ticks_max,
        skews_ms: vec![times.skew_ms],
        log_clock_limit_ticks: times.log_clock_limit_ticks,
        link_down: times.link_down,
        apart: times.apart,
        ..ExpiryBounds::QUICK.setup(bounds::judges(invariant.parse()?), commands)
    };
    Ok(ExpiryModel::new(setup, policies[0].get()))
}

fn commands(program: &[&str]) -> Result<Vec<Command>, ProgramError> {
    let program = program::parse(program.join("\n").as_bytes())?;
    Ok(program.commands.into_iter().map(|line| line.command).collect())
}

/// The invariants that each step of the path breaks. Errors: a step that the model does not allow.
pub fn broken_by_each<M: Judged>(model: &M, path: &[M::Action]) -> Result<Vec<Vec<&'static str>>, PathError> {
    let mut state = model.init_states()[0];
    let mut broken = Vec::new();
    for (number, action) in (1..).zip(path) {
        let mut possible = Vec::new();
        model.actions(&state, &mut possible);
        let next = possible.contains(action).then(|| model.next_state(&state, action.clone())).flatten();
        state = next.ok_or_else(|| PathError::Step { number, action: format!("{action:?}") })?;
        broken.push(model.broken(&state).of(model.invariants()).into_iter().map(Invariant::name).collect());
    }
    Ok(broken)
}

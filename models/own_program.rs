//! A program of the user's own → tasks that judge exactly it under every choice.
//!
//! Every schedule is searched of a program of up to [`ORDERING_WRITES_MAX`] writes (ordering) or [`EXPIRY_WRITES_MAX`] (expiry,
//! and [`EXPIRY_WRITES_AND_KEYS_MAX`]). Of a longer program schedules are drawn at random, and the verdict says *sampled*.

use super::assignment::{KEYS_MAX, keys_of};
use super::bounds::{BATCHES, Bounds, ExpiryBounds, OrderingBounds, batch_entries_max};
use super::check::{Chosen, UnknownName, chosen, log_policy};
use super::expected::{self, OrderingChoice};
use super::expiry::{self, ExpiryModel, Judges};
use super::invariants::Invariant;
use super::judge::{Part, Task, rows_of};
use super::ordering::{INVARIANTS, Programs};
use super::parts::{Of, Search};
use super::program::{Program, ProgramError};
use super::sample::Walks;
use super::verdict::Row;
use crate::command::Command;
use crate::expiry::{ExpiryPolicy, Policy};
use crate::ordering::{Ordering, Refused};
use std::sync::Arc;

/// Writes of a program whose every schedule the ordering model searches.
pub const ORDERING_WRITES_MAX: usize = 6;
/// Writes of a program whose every schedule the expiry model searches.
pub const EXPIRY_WRITES_MAX: usize = 5;
/// Writes and keys with a deadline, added up, of a program whose every schedule the expiry model searches. Each such key
/// multiplies the states.
pub const EXPIRY_WRITES_AND_KEYS_MAX: usize = 7;

/// Writes of a program that is judged at all: the master's state after each write is kept.
pub const WRITES_MAX: usize = 300;

/// Why a program cannot be judged.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OwnProgramError {
    /// There is no such model or choice.
    #[error(transparent)]
    Unknown(#[from] UnknownName),
    /// It has too many writes.
    #[error("{0} writes, but a program of at most {WRITES_MAX} can be judged: cut the capture")]
    TooLong(usize),
    /// Its writes come to too many bytes.
    #[error(transparent)]
    TooHeavy(#[from] ProgramError),
    /// The model that was asked for takes no program.
    #[error("models both and clocks have programs of their own only: --program goes with ordering or expiry")]
    OwnProgramsOnly,
}

/// The tasks that judge `program`, named `name`, under the choices asked for. Where schedules are drawn, they are from `seed`.
pub fn program_tasks(
    program: &Program,
    (name, seed): (&str, u64),
    bounds: Bounds,
    model: Option<&str>,
    choice: Option<&str>,
) -> Result<Vec<Task>, OwnProgramError> {
    program_tasks_within(program, (name, seed), (bounds.ordering(), bounds.expiry()), model, choice)
}

/// As [`program_tasks`], within bounds of the caller's own; of their program lengths nothing is asked.
pub fn program_tasks_within(
    program: &Program,
    (name, seed): (&str, u64),
    (ordering, expiry): (OrderingBounds, ExpiryBounds),
    model: Option<&str>,
    choice: Option<&str>,
) -> Result<Vec<Task>, OwnProgramError> {
    let Chosen { orderings, policies, .. } = chosen(model, choice)?;
    if orderings.is_empty() && policies.is_empty() {
        return Err(OwnProgramError::OwnProgramsOnly);
    }
    if program.commands.len() > WRITES_MAX {
        return Err(OwnProgramError::TooLong(program.commands.len()));
    }
    program.check_weight()?;
    let commands = commands(program);
    let mut tasks = Vec::new();
    for choice in orderings {
        let programs = Programs::only(&commands, &*log_policy(choice).get()).expect("far below the limit");
        tasks.push(match refusal(choice, &programs) {
            Some(refused) => refused_task(choice, name, refused),
            None => ordering_task(choice, &commands, (name, seed), ordering),
        });
    }
    tasks.extend(policies.iter().map(|&policy| expiry_task(policy, program, (name, seed), expiry)));
    Ok(tasks)
}

/// Why the choice declares itself undefined for this program, if it does.
pub(super) fn refusal(choice: OrderingChoice, programs: &Programs) -> Option<Refused> {
    programs.refusal(choice.strategy.machine(2, batch_entries_max(choice.strategy)))
}

/// Nothing is searched: the choice says of itself that it is not defined for the program.
fn refused_task(choice: OrderingChoice, name: &str, refused: Refused) -> Task {
    let scenario = Some(name.to_owned());
    Task::new("ordering", choice.name(), scenario.clone(), move |_| {
        let row =
            |invariant: &Invariant| Row::refused(&choice.name(), *invariant, scenario.clone(), &refused);
        INVARIANTS.iter().map(row).collect()
    })
}

/// Ways to share lanes that are drawn where a program has too many keys, or writes, for all of them.
const DRAWN_ASSIGNMENTS: u64 = 4;

fn ordering_task(
    choice: OrderingChoice,
    commands: &[Command],
    (name, seed): (&str, u64),
    bounds: OrderingBounds,
) -> Task {
    let strategy = choice.strategy;
    let shipped = batch_entries_max(strategy);
    let own = Search::new(Of::Only(commands.to_vec()), choice, bounds);
    let more_batches =
        Search { shipped_batches: false, words: format!(", batches up to {}", BATCHES.end()), ..own.clone() };
    let mut searches = vec![(own.clone(), shipped), (more_batches, *BATCHES.end())];
    let keys = keys_of(commands);
    let has_lanes = strategy.machine(bounds.workers, shipped).has_lanes();
    let is_searched = commands.len() <= ORDERING_WRITES_MAX && (!has_lanes || keys.len() <= KEYS_MAX);
    if has_lanes && is_searched {
        searches.extend(own.with_other_lanes().into_iter().map(|search| (search, shipped)));
    } else if has_lanes {
        let drawn = (0..DRAWN_ASSIGNMENTS).map(|more| own.with_drawn_lanes(&keys, seed.wrapping_add(more)));
        searches.extend(drawn.map(|search| (search, shipped)));
    }
    let part = |(search, batch): (Search, usize)| {
        let part = search.part(move |workers| strategy.machine(workers, batch)).expect("far below the limit");
        if is_searched { part } else { part.drawing(Walks::for_program(commands.len()), seed) }
    };
    let parts: Vec<Part> = searches.into_iter().map(part).collect();
    let name = name.to_owned();
    let expected =
        move |invariant: Invariant| expected::promised(expected::ordering_promises(choice, invariant));
    Task::new("ordering", choice.name(), Some(name.clone()), move |progress| {
        rows_of(("ordering", choice.name(), Some(&name)), &parts, &expected, progress)
    })
}

fn expiry_task(policy: Policy, program: &Program, (name, seed): (&str, u64), bounds: ExpiryBounds) -> Task {
    let parts = expiry_parts(&policy.get(), program, seed, bounds);
    let name = name.to_owned();
    let expected =
        move |invariant: Invariant| expected::promised(expected::expiry_promises(policy, invariant));
    Task::new("expiry", policy.name().to_owned(), Some(name.clone()), move |progress| {
        rows_of(("expiry", policy.name().to_owned(), Some(&name)), &parts, &expected, progress)
    })
}

/// How many times more time passes in a schedule that is drawn.
const DRAWN_PASSES: u8 = 2;

/// The searches of a policy on one program: of the stored state and of reads, with a link that stays up and with one that
/// goes down.
pub(super) fn expiry_parts(
    policy: &Arc<dyn ExpiryPolicy + Send + Sync>,
    program: &Program,
    seed: u64,
    bounds: ExpiryBounds,
) -> Vec<Part> {
    let count = program.commands.len();
    let dated = expiry::dated_keys(&commands(program), program.begins());
    let is_searched = count <= EXPIRY_WRITES_MAX && count + dated <= EXPIRY_WRITES_AND_KEYS_MAX;
    let more_passes = if is_searched { 0 } else { DRAWN_PASSES };
    let bounds = ExpiryBounds { passes_max: bounds.passes_max.saturating_add(more_passes), ..bounds };
    let setups = bounds.own_setups(&commands(program), program.begins()).into_iter().map(in_order);
    let part = |setup: expiry::Setup| {
        let policy = Arc::clone(policy);
        let words = if is_searched { "every schedule of " } else { "" };
        let words = setup.in_words(&format!("{words}{count} writes"));
        let part =
            Part::of(words, bounds.states_max, move || ExpiryModel::new(setup.clone(), Arc::clone(&policy)));
        if is_searched { part } else { part.drawing(Walks::for_program(count), seed) }
    };
    setups.map(part).collect()
}

/// The setup for exactly this program.
pub(super) fn expiry_setup(program: &Program, bounds: ExpiryBounds, judges: Judges) -> expiry::Setup {
    in_order(bounds.setup_from(judges, commands(program), program.begins()))
}

/// The setup for one program: all commands of the alphabet, in order.
fn in_order(setup: expiry::Setup) -> expiry::Setup {
    let length_max = setup.alphabet.len();
    expiry::Setup { begins: length_max, length_max, ..setup }
}

fn commands(program: &Program) -> Vec<Command> {
    program.commands.iter().map(|line| line.command.clone()).collect()
}

//! Own program — a user's own program → tasks that judge exactly this program under every choice.
//!
//! If the program has at most [`ORDERING_WRITES_MAX`] writes (ordering) or [`EXPIRY_WRITES_MAX`] (expiry, also limited by
//! [`EXPIRY_WRITES_AND_KEYS_MAX`]), every schedule is searched. For a longer program, schedules are drawn at random, and
//! the verdict says *sampled*.

use super::assignment::{KEYS_MAX, keys_of};
use super::bounds::{BATCHES, Bounds, ExpiryBounds, OrderingBounds, batch_entries_max};
use super::check::{Candidate, candidates};
use super::choice::OrderingChoice;
use super::expected;
use super::experiment::commands;
use super::expiry::{self, ExpiryModel};
use super::invariants::Invariant;
use super::judge::{Part, Task, rows_of};
use super::ordering::{INVARIANTS, Programs};
use super::parts::{Of, Search};
use super::program::{Program, ProgramError};
use super::sample::Walks;
use super::verdict::Row;
use crate::command::Command;
use crate::expiry::{ExpiryPolicy, Policy};
use crate::names::UnknownName;
use crate::ordering::{OrderingStrategy, Refused};
use std::sync::Arc;

/// Maximum number of writes of a program whose every schedule the ordering model searches.
pub const ORDERING_WRITES_MAX: usize = 6;
/// Maximum number of writes of a program whose every schedule the expiry model searches.
pub const EXPIRY_WRITES_MAX: usize = 5;
/// Maximum of writes plus keys with a deadline, for a program whose every schedule the expiry model searches. Each such
/// key multiplies the states.
pub const EXPIRY_WRITES_AND_KEYS_MAX: usize = 7;

/// Maximum number of writes of a program that can be judged: the master's state after each write is kept in memory.
pub const WRITES_MAX: usize = 300;

/// The reasons why a program cannot be judged.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OwnProgramError {
    /// There is no such model or choice.
    #[error(transparent)]
    Unknown(#[from] UnknownName),
    /// It has too many writes.
    #[error("{0} writes, but a program of at most {WRITES_MAX} can be judged: cut the capture")]
    TooLong(usize),
    /// Its writes amount to too many bytes.
    #[error(transparent)]
    TooHeavy(#[from] ProgramError),
    /// The model that was asked for takes no program of a user.
    #[error(
        "models both, clocks and handshake have programs of their own: --program goes with ordering or expiry"
    )]
    OwnProgramsOnly,
}

/// The tasks that judge `program`, named `name`, under the choices asked for. Schedules are drawn, where necessary, from
/// `seed`.
pub fn program_tasks(
    program: &Program,
    (name, seed): (&str, u64),
    bounds: Bounds,
    model: Option<&str>,
    choice: Option<&str>,
) -> Result<Vec<Task>, OwnProgramError> {
    program_tasks_within(program, (name, seed), (bounds.ordering(), bounds.expiry()), model, choice)
}

/// Like [`program_tasks`], within the caller's own bounds; the bounds' program lengths are ignored.
pub fn program_tasks_within(
    program: &Program,
    (name, seed): (&str, u64),
    (ordering, expiry): (OrderingBounds, ExpiryBounds),
    model: Option<&str>,
    choice: Option<&str>,
) -> Result<Vec<Task>, OwnProgramError> {
    let candidates = candidates(model, choice)?;
    let runs_programs =
        |candidate: &Candidate| matches!(candidate, Candidate::Ordering(_) | Candidate::Expiry(_));
    if !candidates.iter().any(runs_programs) {
        return Err(OwnProgramError::OwnProgramsOnly);
    }
    if program.commands.len() > WRITES_MAX {
        return Err(OwnProgramError::TooLong(program.commands.len()));
    }
    program.check_weight()?;
    let commands = commands(program);
    let task = |candidate| match candidate {
        Candidate::Ordering(choice) => {
            let programs =
                Programs::only(&commands, &*choice.log_policy().get()).expect("far below the limit");
            Some(match refusal(choice, &programs) {
                Some(refused) => refused_task(choice, name, refused),
                None => ordering_task(choice, &commands, (name, seed), ordering),
            })
        }
        Candidate::Expiry(policy) => Some(expiry_task(policy, program, (name, seed), expiry)),
        Candidate::Both(_) | Candidate::Clocks(_) | Candidate::Handshake(_) => None,
    };
    Ok(candidates.into_iter().filter_map(task).collect())
}

/// Why the choice declares itself undefined for this program, if it does.
fn refusal(choice: OrderingChoice, programs: &Programs) -> Option<Refused> {
    programs.refusal(choice.strategy.machine(2, batch_entries_max(choice.strategy)))
}

/// A task without a search: the choice declares itself undefined for the program.
fn refused_task(choice: OrderingChoice, name: &str, refused: Refused) -> Task {
    let scenario = Some(name.to_owned());
    Task::new("ordering", choice.name(), scenario.clone(), move |_| {
        let row =
            |invariant: &Invariant| Row::refused(&choice.name(), *invariant, scenario.clone(), &refused);
        INVARIANTS.iter().map(row).collect()
    })
}

/// Number of ways to share lanes that are drawn if a program has too many keys, or writes, to search all ways.
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
        if is_searched { part } else { part.drawing(Walks::within(bounds.schedules, commands.len()), seed) }
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

/// Factor by which time passes more often in a drawn schedule.
const DRAWN_PASSES: u8 = 2;

/// The searches of a policy on one program: of the stored state and of reads, with a link that stays up and with a link
/// that goes down.
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
        if is_searched { part } else { part.drawing(Walks::within(bounds.schedules, count), seed) }
    };
    setups.map(part).collect()
}

/// The setup for one program: all commands of the alphabet, in order.
fn in_order(setup: expiry::Setup) -> expiry::Setup {
    let length_max = setup.alphabet.len();
    expiry::Setup { begins: length_max, length_max, ..setup }
}

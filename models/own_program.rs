//! A program of the user's own → tasks that judge exactly it under every choice.
//!
//! Up to [`ORDERING_WRITES_MAX`] and [`EXPIRY_WRITES_MAX`] writes every schedule is searched; beyond, schedules are
//! drawn at random and the verdict says *sampled*.

use super::assignment::{KEYS_MAX, keys_of};
use super::bounds::{BATCHES, Bounds, ExpiryBounds, OrderingBounds, TICK_MS_MAX, batch_entries_max};
use super::check::{UnknownName, chosen, log_policy};
use super::expected::{self, OrderingChoice};
use super::expiry::{self, ExpiryModel, Judges};
use super::judge::{Part, Task, rows_of};
use super::ordering::{INVARIANTS, Programs};
use super::parts::{Of, Search};
use super::program::{Program, ProgramError};
use super::sample::Walks;
use super::verdict::Row;
use crate::binlog::Epoch;
use crate::command::Command;
use crate::expiry::{ExpiryPolicy, Policy};
use crate::node::{Master, MasterInput};
use crate::ordering::{Ordering, Refused};
use crate::store::dump;
use crate::store::memory::MemoryStore;
use crate::time::Millis;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Writes of a program whose every schedule the ordering model searches.
pub const ORDERING_WRITES_MAX: usize = 6;
/// Writes of a program whose every schedule the expiry model searches.
pub const EXPIRY_WRITES_MAX: usize = 5;

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
}

/// The seed from which schedules are drawn: the same on every run.
const SEED: u64 = 1;

/// The tasks that judge `program`, named `name`, under the choices asked for.
pub fn program_tasks(
    program: &Program,
    name: &str,
    bounds: Bounds,
    model: Option<&str>,
    choice: Option<&str>,
) -> Result<Vec<Task>, OwnProgramError> {
    program_tasks_within(program, name, (bounds.ordering(), bounds.expiry()), model, choice)
}

/// As [`program_tasks`], within bounds of the caller's own; of their program lengths nothing is asked.
pub fn program_tasks_within(
    program: &Program,
    name: &str,
    (ordering, expiry): (OrderingBounds, ExpiryBounds),
    model: Option<&str>,
    choice: Option<&str>,
) -> Result<Vec<Task>, OwnProgramError> {
    let (orderings, policies) = chosen(model, choice)?;
    if program.commands.len() > WRITES_MAX {
        return Err(OwnProgramError::TooLong(program.commands.len()));
    }
    program.check_weight()?;
    let commands: Vec<Command> = program.commands.iter().map(|line| line.command.clone()).collect();
    let mut tasks = Vec::new();
    for choice in orderings {
        let programs = Programs::only(&commands, &*log_policy(choice).get()).expect("far below the limit");
        tasks.push(match refusal(choice, &programs) {
            Some(refused) => refused_task(choice, name, refused),
            None => ordering_task(choice, &commands, name, ordering),
        });
    }
    tasks.extend(policies.iter().map(|&policy| expiry_task(policy, program, name, expiry)));
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
            |invariant: &&'static str| Row::refused(&choice.name(), invariant, scenario.clone(), &refused);
        INVARIANTS.iter().map(row).collect()
    })
}

/// Ways to share lanes that are drawn where a program has too many keys, or writes, for all of them.
const DRAWN_ASSIGNMENTS: u64 = 4;

fn ordering_task(choice: OrderingChoice, commands: &[Command], name: &str, bounds: OrderingBounds) -> Task {
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
        let drawn = (0..DRAWN_ASSIGNMENTS).map(|seed| own.with_drawn_lanes(&keys, SEED + seed));
        searches.extend(drawn.map(|search| (search, shipped)));
    }
    let part = |(search, batch): (Search, usize)| {
        let part = search.part(move |workers| strategy.machine(workers, batch)).expect("far below the limit");
        if is_searched { part } else { part.drawing(Walks::for_program(commands.len()), SEED) }
    };
    let parts: Vec<Part> = searches.into_iter().map(part).collect();
    let name = name.to_owned();
    let expected = move |invariant: &str| expected::promised(expected::ordering_promises(choice, invariant));
    Task::new("ordering", choice.name(), Some(name.clone()), move |progress| {
        rows_of(("ordering", choice.name(), Some(&name)), &parts, &expected, progress)
    })
}

fn expiry_task(policy: Policy, program: &Program, name: &str, bounds: ExpiryBounds) -> Task {
    let parts = expiry_parts(&policy.get(), program, bounds);
    let name = name.to_owned();
    let expected = move |invariant: &str| expected::promised(expected::expiry_promises(policy, invariant));
    Task::new("expiry", policy.name().to_owned(), Some(name.clone()), move |progress| {
        rows_of(("expiry", policy.name().to_owned(), Some(&name)), &parts, &expected, progress)
    })
}

/// The searches of a policy on one program: of the stored state, and of reads.
pub(super) fn expiry_parts(
    policy: &Arc<dyn ExpiryPolicy + Send + Sync>,
    program: &Program,
    bounds: ExpiryBounds,
) -> [Part; 2] {
    let commands: Vec<Command> = program.commands.iter().map(|line| line.command.clone()).collect();
    let (count, clock) =
        (commands.len(), Clock::of(program, &commands, bounds.skew_ticks_max.unsigned_abs()));
    let words = format!(
        "{count} writes, {} ticks of {} ms, delay up to {}, skew up to ±{}",
        bounds.ticks_max, clock.tick_ms, bounds.delay_ticks_max, bounds.skew_ticks_max
    );
    [Judges::State, Judges::Reads].map(|judges| {
        let (own, policy) = (commands.clone(), Arc::clone(policy));
        let model =
            move || ExpiryModel::new(clock.setup(bounds.setup(judges, own.clone())), Arc::clone(&policy));
        if count <= EXPIRY_WRITES_MAX {
            Part::of(format!("every schedule of {words}"), bounds.states_max, model)
        } else {
            Part::sampled(words.clone(), count, SEED, model)
        }
    })
}

/// `setup` for exactly this program.
pub(super) fn expiry_setup(program: &Program, setup: expiry::Setup) -> expiry::Setup {
    let skew = setup.skews.iter().map(|skew| skew.unsigned_abs()).max().unwrap_or_default();
    Clock::of(program, &setup.alphabet, skew).setup(setup)
}

/// When a program begins, and how long a tick is, so that its keys can die within a few.
#[derive(Clone, Copy, Debug)]
struct Clock {
    start: Millis,
    tick_ms: u64,
}

impl Clock {
    /// A tick is half of the time that keys are given to live (the median), or a second where none is; but no longer than
    /// lets a replica whose clock is `skew_ticks` behind begin after the instant 0.
    fn of(program: &Program, commands: &[Command], skew_ticks: u8) -> Clock {
        let start = program.begins();
        let mut master = Master::new(MemoryStore::new(), Epoch(1));
        let mut lifetimes = BTreeSet::new();
        for command in commands {
            let request = MasterInput::Request { command: command.clone(), now: start, random: 0 };
            if master.step(&*Policy::Effects.get(), request).is_err() {
                break;
            }
            let stored = dump(master.store()).unwrap_or_default();
            let deadlines = stored.values().filter_map(|stored| stored.deadline);
            lifetimes.extend(deadlines.map(|deadline| deadline.since(start)));
        }
        let median = lifetimes.iter().nth(lifetimes.len() / 2);
        // Of the bounds' skews the largest is 2: the length of a tick is the same in all of them.
        let tick_ms_max = TICK_MS_MAX.min(start.0 / u64::from(skew_ticks.max(2)));
        Clock { start, tick_ms: median.map_or(1000, |lifetime| (lifetime / 2).clamp(1, tick_ms_max)) }
    }

    fn setup(self, setup: expiry::Setup) -> expiry::Setup {
        let length_max = setup.alphabet.len();
        expiry::Setup { start: self.start, tick_ms: self.tick_ms, in_order: true, length_max, ..setup }
    }
}

//! A program of the user's own → tasks that judge exactly it under every choice.
//!
//! Up to [`ORDERING_WRITES_MAX`] and [`EXPIRY_WRITES_MAX`] writes every schedule is searched; beyond, schedules are
//! drawn at random and the verdict says *sampled*.

use super::bounds::{Bounds, ExpiryBounds, OrderingBounds, TICK_MS_MAX, batch_entries_max};
use super::check::{UnknownName, chosen, log_policy};
use super::expected::{self, OrderingChoice};
use super::expiry::{self, ExpiryModel, Judges};
use super::judge::{Part, Task, rows_of};
use super::ordering::{OrderingModel, Programs};
use super::program::{Program, ProgramError};
use super::verdict::Verdict;
use crate::binlog::Epoch;
use crate::command::Command;
use crate::expiry::Policy;
use crate::node::{Master, MasterInput};
use crate::ordering::{Admission, Ordering, Refused};
use crate::store::dump;
use crate::store::memory::MemoryStore;
use crate::time::Millis;
use std::collections::BTreeSet;

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
    /// What its writes come to is too much.
    #[error(transparent)]
    TooHeavy(#[from] ProgramError),
}

/// The seed from which schedules are drawn: the same on every run.
const SEED: u64 = 1;

/// The tasks of a program, and the choices that are not defined for it, each with the reason.
pub struct ProgramTasks {
    /// The tasks.
    pub tasks: Vec<Task>,
    /// What was left out, in words.
    pub left_out: Vec<String>,
}

/// The tasks that judge `program`, named `name`, under the choices asked for.
pub fn program_tasks(
    program: &Program,
    name: &str,
    bounds: Bounds,
    model: Option<&str>,
    choice: Option<&str>,
) -> Result<ProgramTasks, OwnProgramError> {
    program_tasks_within(program, name, (bounds.ordering(), bounds.expiry()), model, choice)
}

/// As [`program_tasks`], within bounds of the caller's own; of their program lengths nothing is asked.
pub fn program_tasks_within(
    program: &Program,
    name: &str,
    (ordering, expiry): (OrderingBounds, ExpiryBounds),
    model: Option<&str>,
    choice: Option<&str>,
) -> Result<ProgramTasks, OwnProgramError> {
    let (orderings, policies) = chosen(model, choice)?;
    if program.commands.len() > WRITES_MAX {
        return Err(OwnProgramError::TooLong(program.commands.len()));
    }
    program.check_weight()?;
    let commands: Vec<Command> = program.commands.iter().map(|line| line.command.clone()).collect();
    let mut all = ProgramTasks { tasks: Vec::new(), left_out: Vec::new() };
    for choice in orderings {
        let programs = Programs::only(&commands, &*log_policy(choice).get()).expect("far below the limit");
        match refusal(choice, &programs) {
            Some(refused) => all.left_out.push(format!("{}: {refused}", choice.name())),
            None => all.tasks.push(ordering_task(choice, &commands, name, ordering)),
        }
    }
    let clock = Clock::of(program, &commands, expiry.skew_ticks_max.unsigned_abs());
    let tasks = policies.iter().map(|&policy| expiry_task(policy, &commands, name, expiry, clock));
    all.tasks.extend(tasks);
    Ok(all)
}

/// Why the choice is not defined for this program, if it is not.
pub(super) fn refusal(choice: OrderingChoice, programs: &Programs) -> Option<Refused> {
    let mut machine = choice.strategy.machine(2, batch_entries_max(choice.strategy));
    let entries = (1..programs.len()).filter_map(|place| {
        let place = u16::try_from(place).ok()?;
        programs.at(place).entry.as_ref()
    });
    entries.map(|(entry, _)| machine.admit(&Admission::of(entry))).find_map(Result::err)
}

fn ordering_task(choice: OrderingChoice, commands: &[Command], name: &str, bounds: OrderingBounds) -> Task {
    let (count, own) = (commands.len(), commands.to_vec());
    let strategy = choice.strategy;
    let model = move || {
        let programs = Programs::only(&own, &*log_policy(choice).get()).expect("far below the limit");
        OrderingModel::new(bounds.setup(choice, programs, false), move |workers| {
            strategy.machine(workers, batch_entries_max(strategy))
        })
    };
    let words = format!("{count} writes, {} workers, at most {} crash", bounds.workers, bounds.crashes_max);
    let part = if count <= ORDERING_WRITES_MAX {
        Part::of(format!("every schedule of {words}"), bounds.states_max, model)
    } else {
        Part::sampled(words, count, SEED, model)
    };
    let name = name.to_owned();
    let expected = move |invariant: &str| match expected::may_break(choice, invariant) {
        true => Verdict::Violated,
        false => expected::ordering(choice, invariant),
    };
    Task::new("ordering", choice.name(), Some(name.clone()), move |progress| {
        let cell = ("ordering", choice.name(), Some(&name));
        rows_of(cell, std::slice::from_ref(&part), &expected, progress)
    })
}

fn expiry_task(policy: Policy, commands: &[Command], name: &str, bounds: ExpiryBounds, clock: Clock) -> Task {
    let count = commands.len();
    let words = format!(
        "{count} writes, {} ticks of {} ms, delay up to {}, skew up to ±{}",
        bounds.ticks_max, clock.tick_ms, bounds.delay_ticks_max, bounds.skew_ticks_max
    );
    let part = |judges| {
        let own = commands.to_vec();
        let model = move || ExpiryModel::new(clock.setup(bounds.setup(judges, own.clone())), policy.get());
        if count <= EXPIRY_WRITES_MAX {
            Part::of(format!("every schedule of {words}"), bounds.states_max, model)
        } else {
            Part::sampled(words.clone(), count, SEED, model)
        }
    };
    let parts = [part(Judges::State), part(Judges::Reads)];
    let name = name.to_owned();
    let expected = move |invariant: &str| expected::expiry(policy, invariant);
    Task::new("expiry", policy.name().to_owned(), Some(name.clone()), move |progress| {
        rows_of(("expiry", policy.name().to_owned(), Some(&name)), &parts, &expected, progress)
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

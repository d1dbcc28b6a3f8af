//! Own program — a user's own program → tasks that judge exactly this program under every choice.
//!
//! If the program has at most [`ORDERING_WRITES_MAX`] writes (ordering) or [`EXPIRY_WRITES_MAX`] (expiry, also limited by
//! [`EXPIRY_WRITES_AND_KEYS_MAX`]), every schedule is searched. For a longer program, schedules are drawn at random, and
//! the verdict says *sampled*.

use super::assignment::{KEYS_MAX, keys_of};
use super::bounds::{BATCHES, Bounds, ExpiryBounds, OrderingBounds};
use super::check::{Candidate, candidates};
use super::choice::{Choice, Kind};
use super::expected;
use super::experiment::{Dimension, Experiment, Setting, Workload, requests};
use super::expiry;
use super::invariants::Invariant;
use super::judge::{Part, Task};
use super::machines::Machines;
use super::ordering::INVARIANTS;
use super::parts;
use super::program::{Program, ProgramError};
use super::sample::Walks;
use super::verdict::Row;
use crate::names::UnknownName;
use crate::ordering::{OrderingStrategy, Refused};

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
        "models both, clocks, handshake, replication, full_sync, failover and crash have programs of their own: --program goes with \
         ordering or expiry"
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
    let choices: Vec<Choice> = candidates.into_iter().filter_map(Candidate::choice).collect();
    if choices.is_empty() {
        return Err(OwnProgramError::OwnProgramsOnly);
    }
    if program.commands.len() > WRITES_MAX {
        return Err(OwnProgramError::TooLong(program.commands.len()));
    }
    program.check_weight()?;
    let task = |choice: Choice| {
        let parts = match choice.kind() {
            Kind::Ordering(_) => {
                let workload = Workload::Program(requests(program));
                let own = Experiment { choice, workload, setting: ordering.schedules().setting() };
                if let Some(refused) = own.refusal().expect(SHORT) {
                    return refused_task(choice, name, refused);
                }
                ordering_parts(&own, seed, ordering)
            }
            Kind::Expiry(_) => expiry_parts(&choice, program, seed, expiry),
        };
        let expected = move |invariant| Some(expected::of_own_program(choice, invariant));
        Task::of_parts((choice.model(), choice.name(), Some(name.to_owned())), parts, expected)
    };
    Ok(choices.into_iter().map(task).collect())
}

/// Why the model of a program can be built.
const SHORT: &str = "far below the limit";

/// A task without a search: the choice declares itself undefined for the program.
fn refused_task(choice: Choice, name: &str, refused: Refused) -> Task {
    let scenario = Some(name.to_owned());
    Task::new("ordering", choice.name(), scenario.clone(), move |_| {
        let row =
            |invariant: &Invariant| Row::refused(&choice.name(), *invariant, scenario.clone(), &refused);
        INVARIANTS.iter().map(row).collect()
    })
}

/// Number of ways to share lanes that are drawn if a program has too many keys, or writes, to search all ways.
const DRAWN_ASSIGNMENTS: u64 = 4;

/// The searches of an ordering choice on one program: as it is, in larger batches, and with lanes shared in other ways.
fn ordering_parts(own: &Experiment, seed: u64, bounds: OrderingBounds) -> Vec<Part> {
    let (keys, writes) = (keys_of(own.workload.requests()), own.workload.requests().len());
    let has_lanes = own.choice.machine(bounds.workers).has_lanes();
    let is_searched = writes <= ORDERING_WRITES_MAX && (!has_lanes || keys.len() <= KEYS_MAX);
    let more_batches = Setting::Schedules(bounds.schedules(), Dimension::Batches(*BATCHES.end()));
    let more_batches = Experiment { setting: more_batches, ..own.clone() };
    let mut cell = vec![(String::new(), own.clone()), (String::new(), more_batches)];
    if has_lanes && is_searched {
        cell.extend(parts::with_other_lanes(own, bounds.workers));
    } else if has_lanes {
        let seeds = (0..DRAWN_ASSIGNMENTS).map(|more| seed.wrapping_add(more));
        cell.extend(seeds.map(|seed| parts::with_drawn_lanes(own, bounds.workers, &keys, seed)));
    }
    let parts = parts::parts(&cell, bounds.states_max).expect(SHORT);
    if is_searched { parts } else { drawing(parts, Walks::within(bounds.draws, writes), seed) }
}

/// The parts with schedules drawn at random in place of their searches.
fn drawing(parts: Vec<Part>, walks: Walks, seed: u64) -> Vec<Part> {
    parts.into_iter().map(|part| part.drawing(walks, seed)).collect()
}

/// Factor by which time passes more often in a drawn schedule.
const DRAWN_PASSES: u8 = 2;

/// The searches of a policy on one program: of the stored state and of reads, with a link that stays up and with a link
/// that goes down.
pub(super) fn expiry_parts<C: Machines>(
    policy: &C,
    program: &Program,
    seed: u64,
    bounds: ExpiryBounds,
) -> Vec<Part> {
    let (requests, start) = (requests(program), program.begins());
    let (count, dated) = (requests.len(), expiry::dated_keys(&requests, start));
    let is_searched = count <= EXPIRY_WRITES_MAX && count + dated <= EXPIRY_WRITES_AND_KEYS_MAX;
    let more_passes = if is_searched { 0 } else { DRAWN_PASSES };
    let within = ExpiryBounds { passes_max: bounds.passes_max.saturating_add(more_passes), ..bounds };
    let words = if is_searched { "every schedule of " } else { "" };
    let search = |clocks| {
        let workload = Workload::Program(requests.clone());
        let setting = Setting::Clocks(clocks);
        (words.to_owned(), Experiment { choice: policy.clone(), workload, setting })
    };
    let cell = within.own_clocks(&requests, start).into_iter().map(search).collect();
    let parts = parts::parts(&cell, bounds.states_max).expect("a policy with clocks");
    if is_searched { parts } else { drawing(parts, Walks::within(bounds.draws, count), seed) }
}

//! Own machine — a user's own strategy or policy → rows, judged like the built-in ones.
//!
//! ```
//! use replicheck::models::bounds::OrderingBounds;
//! use replicheck::models::own_machine::{OrderingTrial, judge_ordering};
//! use replicheck::models::verdict::Verdict;
//! use replicheck::ordering::serial::Serial;
//!
//! let bounds = OrderingBounds { length_max: 2, ..OrderingBounds::QUICK };
//! let rows = judge_ordering("mine", &OrderingTrial::within(bounds), |_| Serial::new(3), |_| Verdict::Holds)?;
//! assert!(rows.iter().all(|row| row.verdict == row.expected));
//! # Ok::<(), replicheck::models::own_machine::JudgeError>(())
//! ```

use super::asked::Asked;
use super::assignment::keys_of;
use super::bounds::{self, ExpiryBounds, OrderingBounds};
use super::choice::{Choice, OrderingChoice};
use super::experiment::{self, Dimension, Experiment, ExperimentError, Schedules, Setting, Workload};
use super::invariants::Invariant;
use super::judge::rows_of;
use super::machines::Own;
use super::names;
use super::ordering::{Machine, Routes};
use super::own_program::{self, WRITES_MAX};
use super::parts::{self, Cell};
use super::program::Program;
use super::request::Request;
use super::verdict::{Row, Verdict};
use crate::effect::Key;
use crate::expiry::{ExpiryPolicy, Policy};
use crate::ordering::Strategy;
use std::sync::Arc;

/// The trial of a strategy: its programs and bounds.
#[derive(Clone, Debug)]
pub struct OrderingTrial {
    /// The bounds: workers, crashes, states; with every program, also the length.
    pub bounds: OrderingBounds,
    /// The programs: every program of some commands, or one program.
    pub programs: Programs,
    /// Whether the log carries commands instead of effects.
    pub commands: bool,
}

/// The programs that are explored.
#[derive(Clone, Debug)]
pub enum Programs {
    /// Every program of these commands up to the length in the bounds.
    Every(Vec<Request>),
    /// One program: typed, or from a capture.
    Only(Program),
}

impl Programs {
    /// These programs as a workload. Errors: there is no program, or it is too long.
    fn workload(&self, length_max: usize) -> Result<Workload, JudgeError> {
        match self {
            Programs::Every(alphabet) if alphabet.is_empty() || length_max == 0 => Err(JudgeError::NoProgram),
            Programs::Every(alphabet) => Ok(Workload::every(alphabet.clone(), length_max)),
            Programs::Only(Program { commands, .. }) if commands.is_empty() => Err(JudgeError::NoProgram),
            Programs::Only(Program { commands, .. }) if commands.len() > WRITES_MAX => {
                Err(JudgeError::TooLong(commands.len()))
            }
            Programs::Only(program) => Ok(Workload::Program(experiment::requests(program))),
        }
    }
}

impl OrderingTrial {
    /// A trial with every program of the built-in commands, on a log of effects.
    pub fn within(bounds: OrderingBounds) -> OrderingTrial {
        OrderingTrial { bounds, programs: Programs::Every(bounds::ordering_alphabet()), commands: false }
    }
}

/// The reasons why a machine cannot be judged.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JudgeError {
    /// No program would have a command.
    #[error("nothing to explore: the length and the number of commands must be at least 1")]
    NoProgram,
    /// Without a worker no entry would be applied; a worker's number has 8 bits.
    #[error("a replica has 1 to 255 workers, not {0}")]
    Workers(usize),
    /// The program is too long.
    #[error("{0} writes, but a program of at most {WRITES_MAX} can be judged")]
    TooLong(usize),
    /// There are too many programs.
    #[error(transparent)]
    Programs(#[from] ExperimentError),
    /// The policy is not a pure function.
    #[error("asked twice, the policy gave two answers ({0}): a verdict needs a pure function")]
    NotPure(String),
}

/// Maximum length of a program under other names than the caller's.
const LENGTH_UNDER_OTHER_NAMES: usize = 3;

/// Judges a user's own strategy as the built-in strategies are judged. `new` makes a machine for a number of workers,
/// with batches of any size. `expected` gives the verdicts that the strategy claims; the rows say what was found.
///
/// The strategy may route keys by any function of their names: it is judged under several sets of names, until each pair
/// of keys has met on one worker and on two. If that cannot be reached, *holds* becomes *incomplete*. Errors: see
/// [`JudgeError`].
pub fn judge_ordering<O: Machine>(
    name: &str,
    trial: &OrderingTrial,
    new: impl Fn(usize) -> O + Clone + Send + Sync + 'static,
    expected: fn(Invariant) -> Verdict,
) -> Result<Vec<Row>, JudgeError> {
    let OrderingTrial { bounds, programs, commands } = trial;
    if bounds.workers == 0 || bounds.workers > usize::from(u8::MAX) {
        return Err(JudgeError::Workers(bounds.workers));
    }
    let serial = OrderingChoice { commands: *commands, ..OrderingChoice::effects(Strategy::Serial) };
    let like = Choice::ordering(serial);
    let workload = programs.workload(bounds.length_max)?;
    let scenario = matches!(workload, Workload::Program(_)).then(|| "its own program".to_owned());
    let keys = keys_of(workload.requests());
    let sets: Vec<(names::Names, Arc<Routes>)> =
        names::sets(&keys, bounds.workers, &new).into_iter().map(|names| (names, Arc::default())).collect();
    let mut cell = Vec::new();
    for (number, (names, routes)) in sets.iter().enumerate() {
        let routes = Some(Arc::clone(routes));
        let choice = Own { like, new: new.clone(), policy: like.policy(), routes };
        cell.extend(under(&choice, &workload, bounds.schedules(), (names, number, &keys)));
    }
    let parts = parts::parts(&cell, bounds.states_max)?;
    let row = ("ordering", name.to_owned(), scenario.as_ref());
    let expected = |invariant| Some(expected(invariant));
    let mut rows = rows_of(row, &parts, &expected, &Default::default());
    let searched: Vec<(names::Names, &Routes)> =
        sets.iter().map(|(names, routes)| (names.clone(), &**routes)).collect();
    if !new(bounds.workers).interchangeable_workers()
        && let Some(unmet) = names::unmet(&keys, &searched)
    {
        for row in rows.iter_mut().filter(|row| row.verdict == Verdict::Holds) {
            row.verdict = Verdict::Incomplete;
            row.note = format!("keys may share workers in ways that were not seen: {unmet}");
        }
    }
    Ok(rows)
}

/// The searches under the set of names with that number. Under the caller's own names there are two: crashes at any
/// moment with one command less, and crashes at quiet moments with the full length. Under other names there is one of the
/// two.
fn under<C: Clone>(
    choice: &C,
    workload: &Workload,
    schedules: Schedules,
    (names, number, keys): (&names::Names, usize, &[Key]),
) -> Cell<C> {
    let requests = names::under(workload.requests(), names);
    let shown = keys.iter().map(|key| names[key].to_string()).collect::<Vec<_>>().join(" ");
    let words = if number == 0 { String::new() } else { format!(", keys named {shown}") };
    let search = |workload, dimension| {
        let setting = Setting::Schedules(schedules, dimension);
        (words.clone(), Experiment { choice: choice.clone(), workload, setting })
    };
    let up_to = |length| Workload::every(requests.clone(), length);
    match (workload, number) {
        (Workload::Program(_), _) => vec![search(Workload::Program(requests), Dimension::Plain)],
        (Workload::Every { length_max: length @ 2.., .. }, 0) => {
            vec![search(up_to(length - 1), Dimension::Plain), search(up_to(*length), Dimension::QuietCrashes)]
        }
        (Workload::Every { length_max, .. }, _) => {
            vec![search(up_to(*length_max.min(&LENGTH_UNDER_OTHER_NAMES)), Dimension::Plain)]
        }
    }
}

/// The trial of a policy: its programs and bounds.
#[derive(Clone, Debug)]
pub struct ExpiryTrial {
    /// The bounds: ticks, delays, skew, states; with every program, also the length.
    pub bounds: ExpiryBounds,
    /// Every program of some commands, or one program. `None`: the built-in commands, including the families of commands.
    pub programs: Option<Programs>,
    /// The seed of the schedules that are drawn if a program is too long for a search.
    pub seed: u64,
}

impl ExpiryTrial {
    /// A trial with every program of the built-in commands.
    pub fn within(bounds: ExpiryBounds) -> ExpiryTrial {
        ExpiryTrial { bounds, programs: None, seed: 1 }
    }
}

/// Judges a user's own policy by all the searches that judge the built-in policies: of the stored state and of reads,
/// with a link that stays up and with one that goes down. A policy that is not a pure function gets no verdict. Errors:
/// see [`JudgeError`].
pub fn judge_expiry(
    name: &str,
    trial: &ExpiryTrial,
    policy: Arc<dyn ExpiryPolicy + Send + Sync>,
    expected: fn(Invariant) -> Verdict,
) -> Result<Vec<Row>, JudgeError> {
    let bounds = trial.bounds;
    let asked = Arc::new(Asked::new(policy));
    // It is judged under the strategy of the built-in policies.
    let like = Choice::expiry(Policy::Effects);
    let policy = Own {
        like,
        new: move |workers| like.machine(workers),
        policy: Arc::clone(&asked) as _,
        routes: None,
    };
    let workload =
        trial.programs.as_ref().map(|programs| programs.workload(bounds.length_max)).transpose()?;
    let parts = match (&trial.programs, workload) {
        (Some(Programs::Only(program)), _) => own_program::expiry_parts(&policy, program, trial.seed, bounds),
        (_, Some(every)) => parts::parts(&parts::of_policy_over(&policy, bounds, &every), bounds.states_max)?,
        (_, None) if bounds.length_max == 0 => return Err(JudgeError::NoProgram),
        (_, None) => parts::parts(&parts::of_policy(&policy, bounds), bounds.states_max)?,
    };
    let is_one = matches!(trial.programs, Some(Programs::Only(_)));
    let scenario = is_one.then(|| "its own program".to_owned());
    let row = ("expiry", name.to_owned(), scenario.as_ref());
    let rows = rows_of(row, &parts, &|invariant| Some(expected(invariant)), &Default::default());
    asked.answered_in_two_ways().map_or(Ok(rows), |question| Err(JudgeError::NotPure(question)))
}

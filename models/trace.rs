//! Trace — a path through a model as data: what was run and how it was set, and which of the possible steps was taken
//! each time. Pure.
//!
//! ```text
//! {"version": 2, "model": "ordering", "choice": "key_hash", "seeded": null, "program": ["SET a 1", "FLUSHDB"],
//!  "setting": {"workers": 2, "crashes": 0}, "invariant": "convergence", "path": [0, 1, 0, …],
//!  "steps": ["client: SET a 1 on the master; …", …]}
//! ```
//!
//! `path` is what counts: the number of each step among those that the model's state allows, in the model's order,
//! counted from 0. `steps` says the same in words, for people. A model's order of steps is a function of its state, so a
//! path means the same wherever it is gone, as long as the model is the same.

use super::bounds::RECENT_START;
use super::expiry::skew_ms;
use super::invariants::Invariant;
use super::judged::Judged;
use serde::{Deserialize, Serialize};
use stateright::Model;

/// The version of the format that this program writes. It reads the earlier ones, too: version 1 had no `passes`.
pub const VERSION: u32 = 2;

/// A path through a model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trace {
    /// [`VERSION`].
    pub version: u32,
    /// `ordering` or `expiry`.
    pub model: String,
    /// A strategy or a policy, by name.
    pub choice: String,
    /// A fault put on it, by name.
    pub seeded: Option<String>,
    /// The commands of clients, in order.
    pub program: Vec<String>,
    /// What else may happen.
    pub setting: Setting,
    /// What the last step breaks; `None`: nothing is said of it.
    pub invariant: Option<Invariant>,
    /// The number of each step among the possible ones.
    pub path: Vec<usize>,
    /// The steps in words.
    pub steps: Vec<String>,
}

/// What else may happen while a program runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged, from = "AnyVersion")]
pub enum Setting {
    /// Of the ordering model.
    Schedules {
        /// Workers of the replica.
        workers: usize,
        /// Crashes at most.
        crashes: u8,
    },
    /// Of the expiry model.
    Clocks {
        /// Milliseconds a tick.
        tick_ms: u64,
        /// Ticks that a message may be under way.
        delay_ticks: u8,
        /// The replica's clocks, in milliseconds ahead of the master's: the path is that of the first which has it.
        skews_ms: Vec<i64>,
        /// How many times time may pass, each time to an instant at which something changes. Not there: four ticks.
        #[serde(skip_serializing_if = "Option::is_none")]
        passes: Option<u8>,
    },
}

/// A setting of any version. In version 1 the clocks differ by ticks, and time passes in four ticks.
#[derive(Deserialize)]
#[serde(untagged, deny_unknown_fields)]
enum AnyVersion {
    Schedules { workers: usize, crashes: u8 },
    Clocks { tick_ms: u64, delay_ticks: u8, skews_ms: Vec<i64>, passes: Option<u8> },
    ClocksInTicks { tick_ms: u64, delay_ticks: u8, skews: Vec<i8> },
}

impl From<AnyVersion> for Setting {
    fn from(read: AnyVersion) -> Setting {
        match read {
            AnyVersion::Schedules { workers, crashes } => Setting::Schedules { workers, crashes },
            AnyVersion::Clocks { tick_ms, delay_ticks, skews_ms, passes } => {
                Setting::Clocks { tick_ms, delay_ticks, skews_ms, passes }
            }
            AnyVersion::ClocksInTicks { tick_ms, delay_ticks, skews } => {
                let skews_ms = skews.iter().map(|ticks| skew_ms(*ticks, tick_ms, RECENT_START)).collect();
                Setting::Clocks { tick_ms, delay_ticks, skews_ms, passes: None }
            }
        }
    }
}

/// Why a trace cannot be followed.
#[derive(Debug, thiserror::Error)]
pub enum TraceError {
    /// It is no trace.
    #[error("not a trace: {0}")]
    Json(#[from] serde_json::Error),
    /// It is of another version.
    #[error("trace of version {0}; this program knows versions 1 to {VERSION}")]
    Version(u32),
    /// A name that nothing has.
    #[error("unknown {what} '{name}' (known: {known})")]
    Unknown {
        /// What it should name.
        what: &'static str,
        /// The name.
        name: String,
        /// Names that are known.
        known: String,
    },
    /// The setting is that of the other model, or beyond what a model takes.
    #[error("the setting is none of the {model} model: {needed}")]
    Setting {
        /// The model.
        model: &'static str,
        /// What it needs.
        needed: &'static str,
    },
    /// A line of the program.
    #[error("line {line} of the program: {reason}")]
    Program {
        /// The line, from 1 on.
        line: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// The path leaves the model.
    #[error("step {number} is number {taken} of {possible} possible ones, counted from 0")]
    Step {
        /// The step, from 1 on.
        number: usize,
        /// Its number in the path.
        taken: usize,
        /// How many are possible there.
        possible: usize,
    },
    /// The path does not end where it says.
    #[error("the path does not break {0}")]
    NotBroken(Invariant),
}

/// A step: the state before it, what happens, the state after it.
pub type Taken<S, A> = (S, A, S);

/// The steps of a path through a model.
type Path<M> = Vec<Taken<<M as Model>::State, <M as Model>::Action>>;

/// The steps of a path: from the first initial state that has it and, if `invariant` is named, ends with that broken.
/// Errors: no initial state has it ([`TraceError::Step`]), or ends so.
pub fn follow<M: Judged>(
    model: &M,
    path: &[usize],
    invariant: Option<Invariant>,
) -> Result<Path<M>, TraceError> {
    let wanted = invariant.map(|name| (name, model.invariants().iter().position(|known| *known == name)));
    let mut error = None;
    for initial in model.init_states() {
        match from(model, initial, path) {
            Ok(taken) => {
                let end = taken.last().map_or(initial, |(_, _, after)| *after);
                match wanted {
                    Some((name, index)) if !index.is_some_and(|index| model.broken(&end).has(index)) => {
                        error.get_or_insert(TraceError::NotBroken(name));
                    }
                    _ => return Ok(taken),
                }
            }
            Err(wrong) => {
                error.get_or_insert(wrong);
            }
        }
    }
    Err(error.unwrap_or(TraceError::Step { number: 1, taken: 0, possible: 0 }))
}

fn from<M: Judged>(model: &M, initial: M::State, path: &[usize]) -> Result<Path<M>, TraceError> {
    let (mut state, mut taken, mut possible) = (initial, Vec::new(), Vec::new());
    for (number, &index) in (1..).zip(path) {
        possible.clear();
        model.actions(&state, &mut possible);
        let wrong = || TraceError::Step { number, taken: index, possible: possible.len() };
        let action = possible.get(index).cloned().ok_or_else(wrong)?;
        let after = model.next_state(&state, action.clone()).ok_or_else(wrong)?;
        taken.push((state, action, after));
        state = after;
    }
    Ok(taken)
}

/// The numbers of these steps: from the first initial state that allows them and ends with something broken, or, if none
/// does, from the first that allows them. `None`: none allows them.
pub fn numbers<M: Judged>(model: &M, path: &[M::Action]) -> Option<Vec<usize>> {
    let numbered = |mut state: M::State| {
        let (mut numbers, mut possible) = (Vec::new(), Vec::new());
        for action in path {
            possible.clear();
            model.actions(&state, &mut possible);
            numbers.push(possible.iter().position(|it| it == action)?);
            state = model.next_state(&state, action.clone())?;
        }
        Some((model.broken(&state).0 == 0, numbers))
    };
    model.init_states().into_iter().filter_map(numbered).min().map(|(_, numbers)| numbers)
}

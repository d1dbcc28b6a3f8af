//! Path — the steps of a path by number, and the only code that walks a model. Pure.
//!
//! A path is a list of numbers: for each state, the index of the step taken, counted from 0, in the model's own list of
//! enabled actions. This list is a function of the state, so a path means the same everywhere as long as the model is the
//! same.
//!
//! ```text
//! 0.0.1     the first enabled step, then again the first, then the second
//! ```
//!
//! A search finds a path among all programs. Walked again on the model of the path's own program, it becomes a test that
//! names its program:
//!
//! ```
//! use replicheck::models::experiment::{Experiment, Schedules};
//! use replicheck::models::ordering::{Action, Move};
//! use replicheck::models::path;
//!
//! let schedules = Schedules { workers: 2, crashes_max: 1 };
//! let experiment = Experiment::ordering("key_hash", &["SET a 1", "FLUSHDB"], schedules).expect("known names");
//! let model = experiment.ordering_model().expect("a short program");
//! let path = [Action::Command(0), Action::Command(0), Action::Move(Move::Take(0))];
//! let broken = path::broken_by_each(&model, &path).expect("the model allows each step");
//! assert!(broken.concat().is_empty());
//! ```

use super::invariants::Invariant;
use super::judged::{InvariantSet, Judged};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::ops::Deref;
use std::str::FromStr;

/// The index of each step among the enabled ones, counted from 0.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Path(Vec<usize>);

impl Path {
    /// The path with one more step.
    #[must_use]
    pub fn then(&self, number: usize) -> Path {
        self.0.iter().copied().chain([number]).collect()
    }

    /// Adds a step.
    pub fn push(&mut self, number: usize) {
        self.0.push(number);
    }

    /// Removes the last step.
    pub fn pop(&mut self) -> Option<usize> {
        self.0.pop()
    }
}

impl Deref for Path {
    type Target = [usize];

    fn deref(&self) -> &[usize] {
        &self.0
    }
}

impl From<Vec<usize>> for Path {
    fn from(numbers: Vec<usize>) -> Path {
        Path(numbers)
    }
}

impl From<&[usize]> for Path {
    fn from(numbers: &[usize]) -> Path {
        Path(numbers.to_vec())
    }
}

impl FromIterator<usize> for Path {
    fn from_iter<I: IntoIterator<Item = usize>>(numbers: I) -> Path {
        Path(numbers.into_iter().collect())
    }
}

impl fmt::Display for Path {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let numbers: Vec<String> = self.0.iter().map(ToString::to_string).collect();
        out.write_str(&numbers.join("."))
    }
}

/// The error that a text is not a list of step numbers.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is not numbers of steps with dots between them, such as 0.3.1")]
pub struct NotAPath(String);

impl FromStr for Path {
    type Err = NotAPath;

    fn from_str(text: &str) -> Result<Path, NotAPath> {
        let text = text.trim_matches('.');
        let numbers = text.split('.').filter(|_| !text.is_empty()).map(usize::from_str);
        numbers.collect::<Result<Path, _>>().map_err(|_| NotAPath(text.to_owned()))
    }
}

/// The reasons why a path cannot be walked; steps are counted from 1.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PathError {
    /// The number is too large: fewer steps are enabled.
    #[error("step {step} of the path is number {number}, but only {possible} steps are possible there")]
    NoSuchStep {
        /// The step of the path.
        step: usize,
        /// Its number.
        number: usize,
        /// How many steps are possible.
        possible: usize,
    },
    /// The step is enabled but cannot be taken yet: something else has to happen first.
    #[error("step {step} of the path, number {number}, has to wait there")]
    Waits {
        /// The step of the path.
        step: usize,
        /// Its number.
        number: usize,
    },
    /// The model does not allow the action.
    #[error("step {step} is not possible: {action}")]
    NotPossible {
        /// The step of the path.
        step: usize,
        /// The action, as Rust's `Debug` shows it.
        action: String,
    },
    /// The path does not end by breaking the named invariant.
    #[error("the path does not break {0}")]
    NotBroken(Invariant),
}

/// A step taken: the state before it, the action, the state after it.
pub type Taken<S, A> = (S, A, S);

/// The steps of a path through the model `M`.
pub type Walked<M> = Vec<Taken<<M as stateright::Model>::State, <M as stateright::Model>::Action>>;

/// The actions that the model lists for a state, in its order; some of them may have to wait.
pub fn enabled<M: Judged>(model: &M, state: &M::State) -> Vec<M::Action> {
    let mut actions = Vec::new();
    model.actions(state, &mut actions);
    actions
}

/// The steps from `initial` on. Errors: a number that is too large, or a step that has to wait.
pub fn walk<M: Judged>(model: &M, initial: M::State, path: &[usize]) -> Result<Walked<M>, PathError> {
    let (mut state, mut taken) = (initial, Vec::new());
    for (step, &number) in (1..).zip(path) {
        let mut actions = enabled(model, &state);
        let possible = actions.len();
        if number >= possible {
            return Err(PathError::NoSuchStep { step, number, possible });
        }
        let action = actions.swap_remove(number);
        let after = model.next_state(&state, action.clone()).ok_or(PathError::Waits { step, number })?;
        taken.push((state, action, after));
        state = after;
    }
    Ok(taken)
}

/// The numbers of these actions and their steps, from `initial` on. Errors: the model does not allow an action.
fn numbered<M: Judged>(
    model: &M,
    initial: M::State,
    actions: &[M::Action],
) -> Result<(Path, Walked<M>), PathError> {
    let (mut state, mut path, mut taken) = (initial, Path::default(), Walked::<M>::new());
    for (step, action) in (1..).zip(actions) {
        let place = enabled(model, &state).iter().position(|enabled| enabled == action);
        // A model need not know what an action that it does not list would do.
        let next = place.and_then(|number| Some((number, model.next_state(&state, action.clone())?)));
        let (number, after) =
            next.ok_or_else(|| PathError::NotPossible { step, action: format!("{action:?}") })?;
        path.push(number);
        taken.push((state, action.clone(), after));
        state = after;
    }
    Ok((path, taken))
}

/// The state at the end of the steps from `initial` on.
pub fn end_of<S: Copy, A>(initial: S, taken: &[Taken<S, A>]) -> S {
    taken.last().map_or(initial, |(_, _, after)| *after)
}

/// The steps of a path, from the first initial state that has the path and, if `invariant` is named, ends by breaking it.
/// Errors: there is no such initial state.
pub fn walk_to<M: Judged>(
    model: &M,
    path: &[usize],
    invariant: Option<Invariant>,
) -> Result<Walked<M>, PathError> {
    let index = |invariant: Invariant| model.invariants().iter().position(|known| *known == invariant);
    let mut error = None;
    for initial in model.init_states() {
        let walked = walk(model, initial, path).and_then(|taken| {
            let end = end_of(initial, &taken);
            match invariant {
                Some(wanted) if !index(wanted).is_some_and(|index| model.broken(&end).has(index)) => {
                    Err(PathError::NotBroken(wanted))
                }
                _ => Ok(taken),
            }
        });
        match walked {
            Ok(taken) => return Ok(taken),
            Err(wrong) => _ = error.get_or_insert(wrong),
        }
    }
    Err(error.unwrap_or(PathError::NoSuchStep { step: 1, number: 0, possible: 0 }))
}

/// The numbers of these actions, from the first initial state that allows them and ends with a broken invariant, or, if
/// there is none, from the first that allows them. `None`: no initial state allows them.
pub fn numbers<M: Judged>(model: &M, actions: &[M::Action]) -> Option<Path> {
    from_best_start(model, actions).map(|(_, path, _)| path)
}

/// The state from which these actions start, found as [`numbers`] finds it, and their steps. Panics: if no initial state
/// allows them.
pub fn steps<M: Judged>(model: &M, actions: &[M::Action]) -> (M::State, Walked<M>) {
    let (initial, _, taken) = from_best_start(model, actions).expect("a path of this model");
    (initial, taken)
}

fn from_best_start<M: Judged>(model: &M, actions: &[M::Action]) -> Option<(M::State, Path, Walked<M>)> {
    let from = |initial: M::State| {
        let (path, taken) = numbered(model, initial, actions).ok()?;
        Some((initial, path, taken))
    };
    let starts = model.init_states().into_iter().filter_map(from);
    starts.min_by_key(|(initial, _, taken)| model.broken(&end_of(*initial, taken)) == InvariantSet::default())
}

/// The names of the invariants that each of these actions breaks, from the first initial state on. Errors: the model does not allow an
/// action.
pub fn broken_by_each<M: Judged>(
    model: &M,
    actions: &[M::Action],
) -> Result<Vec<Vec<&'static str>>, PathError> {
    let (_, taken) = numbered(model, model.init_states()[0], actions)?;
    let broken = |(_, _, after): &Taken<M::State, M::Action>| {
        model.broken(after).of(model.invariants()).into_iter().map(Invariant::name).collect()
    };
    Ok(taken.iter().map(broken).collect())
}

//! Walk — the model of an experiment and a path → the story so far, and each step that may come next. Pure.
//!
//! The expiry model judges its invariants in two searches. A walk goes through both models at once, as their actions are
//! the same.
//!
//! ```text
//! key_hash, SET a b; FLUSHDB, path 0.0 →  1 client  SET a b on the master …      next  0 worker 0 takes 2 (FLUSHDB)
//!                                         2 client  FLUSHDB on the master …            1 worker 1 takes 1 (SET a b)
//! ```

use super::experiment::{Model, judges};
use super::expiry::Judges;
use super::invariants::Invariant;
use super::judged::Judged;
use super::ordering::{self, OrderingModel};
use super::path::{self, Path, PathError, enabled, end_of};
use super::rigged::Rigged;
use super::search::{Exploration, Limits, Progress, explore};
use super::story::{Actions, Conclusion, Deed, Lane, Narrate, Step, Story};

/// The reasons why a path cannot be shown; steps are counted from 1.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoPath {
    /// The path does not exist in the model.
    #[error(transparent)]
    Path(#[from] PathError),
    /// A step of the path has to wait.
    #[error("step {step} of the path cannot be taken there: {what}")]
    Waits {
        /// The step of the path.
        step: usize,
        /// Which action has to wait, and what for.
        what: String,
    },
}

/// The state that a path leads to, and how it got there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct View {
    /// The path in words. Under a skew the first step is not part of the path: it describes the clocks.
    pub story: Story,
    /// For each step of the path the invariants that it broke.
    pub broken: Vec<Vec<Invariant>>,
    /// Every enabled action, in the model's order.
    pub next: Vec<Next>,
}

impl View {
    /// Number of steps at the beginning of the story that are not part of the path.
    pub fn prelude(&self) -> usize {
        self.story.steps.len() - self.broken.len()
    }
}

/// A step that may come next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Next {
    /// The step and the state after it. For a step that has to wait, its words say so, and the state is unchanged.
    pub step: Step,
    /// Whether it has to wait.
    pub waits: bool,
    /// What it breaks.
    pub breaks: Vec<Invariant>,
}

/// The result of a search for one invariant of a walk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The invariant.
    pub invariant: Invariant,
    /// A shortest path that breaks it.
    pub path: Option<Path>,
    /// Number of unique states looked at.
    pub unique: usize,
    /// Whether these are all states.
    pub finished: bool,
}

impl Model {
    /// The view after `path`. Errors: there is no such path.
    pub fn at(&self, path: &[usize]) -> Result<View, NoPath> {
        match self {
            Model::Ordering(model) => {
                let waits =
                    |state: &ordering::State, action: &ordering::Action| waiting(model, state, action);
                at(std::slice::from_ref(&**model), path, &waits)
            }
            Model::Expiry(models) => at(&models[..], path, &|_, _| Step::default()),
        }
    }

    /// The story of a path, from the first initial state that has the path and, if `invariant` is named, ends by breaking
    /// it. Errors: there is no such initial state.
    pub fn story_of(&self, path: &[usize], invariant: Option<Invariant>) -> Result<Story, PathError> {
        fn told<M: Narrate>(
            model: &M,
            path: &[usize],
            invariant: Option<Invariant>,
        ) -> Result<Story, PathError> {
            let actions = path::walk_to(model, path, invariant)?.into_iter().map(|(_, action, _)| action);
            Ok(Story { path: Path::from(path), ..model.story(&actions.collect::<Vec<_>>()) })
        }
        match self {
            Model::Ordering(model) => told(&**model, path, invariant),
            Model::Expiry(models) => told(&models[index_of(invariant)], path, invariant),
        }
    }

    /// The shortest path to each broken invariant, found breadth first.
    pub fn find(&self, limits: &Limits, progress: &Progress) -> Vec<Finding> {
        match self {
            Model::Ordering(model) => find(&**model, limits, progress),
            Model::Expiry(models) => models.iter().flat_map(|model| find(model, limits, progress)).collect(),
        }
    }

    /// The path that takes these actions, if the model has it.
    pub fn path_by(&self, actions: &Actions) -> Option<Path> {
        match (self, actions) {
            (Model::Ordering(model), Actions::Ordering(actions)) => path::numbers(&**model, actions),
            (Model::Expiry(models), Actions::Expiry(actions)) => path::numbers(&models[0], actions),
            _ => None,
        }
    }
}

/// Which of the two expiry models judges the invariant: its index.
fn index_of(invariant: Option<Invariant>) -> usize {
    usize::from(invariant.is_some_and(|invariant| judges(invariant) == Judges::Reads))
}

fn waiting(model: &OrderingModel<Rigged>, state: &ordering::State, action: &ordering::Action) -> Step {
    let programs = &model.setup().programs;
    let (lane, request) = match action {
        ordering::Action::Command(symbol) => {
            let child = programs.at(state.place).children.get(*symbol).copied().flatten();
            (Lane::Client, child.and_then(|place| programs.at(place).request.clone()))
        }
        _ => (Lane::Replica, None),
    };
    Step { deed: Deed::Wait(request), lane: Some(lane), ..Step::default() }
}

fn names<M: Judged>(models: &[M], states: &[M::State]) -> Vec<Invariant> {
    let one = |(model, state): (&M, &M::State)| model.broken(state).of(model.invariants());
    models.iter().zip(states).flat_map(one).collect()
}

fn stepped<M: Judged>(models: &[M], states: &[M::State], action: &M::Action) -> Option<Vec<M::State>> {
    models.iter().zip(states).map(|(model, state)| model.next_state(state, action.clone())).collect()
}

/// The path's story, with the invariants that its steps broke in any of the models.
fn told<M: Narrate>(models: &[M], path: &[M::Action]) -> Story {
    let mut stories: Vec<Story> = models.iter().map(|model| model.story(path)).collect();
    let conclusion = stories.iter_mut().map(|story| std::mem::take(&mut story.conclusion));
    let conclusion = conclusion.reduce(Conclusion::and).unwrap_or_default();
    let mut first = stories.swap_remove(0);
    for other in stories {
        for (step, other) in first.steps.iter_mut().zip(other.steps) {
            step.broken.extend(other.broken);
        }
    }
    Story { conclusion, ..first }
}

fn at<M: Narrate>(
    models: &[M],
    path: &[usize],
    waits: &dyn Fn(&M::State, &M::Action) -> Step,
) -> Result<View, NoPath> {
    let initial = models[0].init_states()[0];
    // The other models have the same steps as the first, and take them under the same numbers.
    let walks = models.iter().map(|model| path::walk(model, model.init_states()[0], path));
    let walks: Vec<_> = walks.collect::<Result<_, _>>().map_err(|error| match error {
        PathError::Waits { step, number } => {
            what_waits(&models[0], initial, (&path[..step - 1], number), waits)
                .map_or(NoPath::Path(error), |what| NoPath::Waits { step, what })
        }
        error => NoPath::Path(error),
    })?;
    let after = |step: usize| walks.iter().map(|walked| walked[step].2).collect::<Vec<_>>();
    let broken = (0..path.len()).map(|step| names(models, &after(step))).collect();
    let taken: Vec<M::Action> = walks[0].iter().map(|(_, action, _)| action.clone()).collect();
    let states = models.iter().zip(&walks).map(|(model, walked)| end_of(model.init_states()[0], walked));
    let states: Vec<M::State> = states.collect();
    let preview = |action: M::Action| match stepped(models, &states, &action) {
        None => Next { step: waits(&states[0], &action), waits: true, breaks: Vec::new() },
        Some(next) => {
            let path: Vec<M::Action> = taken.iter().cloned().chain([action]).collect();
            let step = told(models, &path).steps.pop().unwrap_or_default();
            Next { step, waits: false, breaks: names(models, &next) }
        }
    };
    let next = enabled(&models[0], &states[0]).into_iter().map(preview).collect();
    Ok(View { story: told(models, &taken), broken, next })
}

/// What has to wait if the step of that number is taken after the steps `before`.
fn what_waits<M: Judged>(
    model: &M,
    initial: M::State,
    (before, number): (&[usize], usize),
    waits: &dyn Fn(&M::State, &M::Action) -> Step,
) -> Option<String> {
    let walked = path::walk(model, initial, before).ok()?;
    let state = end_of(initial, &walked);
    Some(waits(&state, enabled(model, &state).get(number)?).what())
}

fn find<M: Judged>(model: &M, limits: &Limits, progress: &Progress) -> Vec<Finding> {
    // Visitors walk through the states of one program and are told their number, so every state is explored.
    let found = explore(model, Exploration::Whole, limits, progress);
    let finding = |(invariant, path): (&Invariant, &Option<Vec<M::Action>>)| Finding {
        invariant: *invariant,
        path: path.as_ref().and_then(|path| path::numbers(model, path)),
        unique: found.unique,
        finished: found.finished,
    };
    model.invariants().iter().zip(&found.broken).map(finding).collect()
}

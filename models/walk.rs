//! Walk — a choice, a program, a setting and a path → the story so far, and each step that may come next. Pure.
//!
//! A path is a list of numbers: at each state, the place of the step taken in the model's own list of enabled
//! actions, from 0 on. Skew is part of the setting, so that a model has one beginning. The expiry model judges
//! its invariants in two searches; a walk goes through both at once, as their actions are the same.
//!
//! ```text
//! key_hash, SET a b; FLUSHDB, path 0.0 →  1 client  SET a b on the master …      next  0 worker 0 takes 2 (FLUSHDB)
//!                                         2 client  FLUSHDB on the master …            1 worker 1 takes 1 (SET a b)
//! ```

use super::bounds::{ExpiryBounds, OrderingBounds};
use super::catalogue::{Configuration, Model, Rigged, Subject};
use super::check::{Chosen, UnknownName, chosen, log_policy};
use super::expected::OrderingChoice;
use super::expiry::{ExpiryModel, Judges, READ_INVARIANTS, STATE_INVARIANTS};
use super::invariants::Invariant;
use super::judged::Judged;
use super::ordering::{self, OrderingModel, Programs, ProgramsError};
use super::own_program::{expiry_setup, refusal};
use super::path::Path;
use super::program::Program;
use super::search::{Limits, Progress, search};
use super::story::{Actor, Conclusion, Deed, Lane, Step, Story};
use super::trace;
use crate::command::Command;
use crate::expiry::Policy;
use crate::ordering::Refused;

/// A choice of either model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Choice {
    /// How a replica orders the log.
    Ordering(OrderingChoice),
    /// What is logged of time, and who judges it.
    Expiry(Policy),
}

impl Choice {
    /// Every choice, in the order of the tables.
    pub fn all() -> Vec<Choice> {
        let orderings = OrderingChoice::all().into_iter().map(Choice::Ordering);
        orderings.chain(Policy::ALL.iter().copied().map(Choice::Expiry)).collect()
    }

    /// The choice of that name. Errors: the model or the choice is not known.
    pub fn named(model: &str, name: &str) -> Result<Choice, UnknownName> {
        let Chosen { orderings, policies, .. } = chosen(Some(model), Some(name))?;
        let ordering = orderings.first().copied().map(Choice::Ordering);
        let found = ordering.or_else(|| policies.first().copied().map(Choice::Expiry));
        found.ok_or_else(|| UnknownName::Choice { name: name.to_owned(), known: Vec::new() })
    }

    /// `ordering` or `expiry`.
    pub fn model(self) -> &'static str {
        match self {
            Choice::Ordering(_) => "ordering",
            Choice::Expiry(_) => "expiry",
        }
    }

    /// The name that users write.
    pub fn name(self) -> String {
        match self {
            Choice::Ordering(choice) => choice.name(),
            Choice::Expiry(policy) => policy.name().to_owned(),
        }
    }

    /// The invariants that are judged of it, in the order of the tables.
    pub fn invariants(self) -> Vec<Invariant> {
        match self {
            Choice::Ordering(_) => ordering::INVARIANTS.to_vec(),
            Choice::Expiry(_) => STATE_INVARIANTS.iter().chain(READ_INVARIANTS).copied().collect(),
        }
    }
}

/// How far time and faults go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Setting {
    /// Workers of the replica, at least 1 (ordering).
    pub workers: usize,
    /// Crashes at most (ordering).
    pub crashes: u8,
    /// How many times time may pass (expiry).
    pub passes: u8,
    /// Ticks, half of the longest lifetime each, that a message may be under way (expiry).
    pub delay: u8,
    /// Milliseconds that the replica's clock is ahead of the master's (expiry).
    pub skew_ms: i64,
    /// Whether delivery, application and publication are steps of their own (expiry).
    pub apart: bool,
}

impl Default for Setting {
    /// That of the quick bounds, with clocks that agree.
    fn default() -> Setting {
        let (ordering, expiry) = (OrderingBounds::QUICK, ExpiryBounds::QUICK);
        Setting {
            workers: ordering.workers,
            crashes: ordering.crashes_max,
            passes: expiry.passes_max,
            delay: expiry.delay_ticks_max,
            skew_ms: 0,
            apart: false,
        }
    }
}

/// Why there is nothing to walk through.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoWalk {
    /// The choice is not defined for the program.
    #[error("this program is not defined for the choice: {0}")]
    Refused(#[from] Refused),
    /// The program is too long.
    #[error(transparent)]
    Program(#[from] ProgramsError),
}

/// Why a path cannot be gone; steps are counted from 1.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoPath {
    /// There are fewer steps than the number says.
    #[error("step {step} of the path is number {number}, but only {possible} steps are possible there")]
    NoSuchStep {
        /// Which step of the path.
        step: usize,
        /// Its number.
        number: usize,
        /// How many are possible.
        possible: usize,
    },
    /// The step has to wait.
    #[error("step {step} of the path cannot be taken there: {what}")]
    Waits {
        /// Which step of the path.
        step: usize,
        /// What has to wait, and for what.
        what: String,
    },
}

/// Where a path leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct View {
    /// The path in words. Under a skew the first step is not of the path: it says how the clocks stand.
    pub story: Story,
    /// For each step of the path the invariants that it broke.
    pub broken: Vec<Vec<Invariant>>,
    /// Every enabled action, in the model's order.
    pub next: Vec<Next>,
}

impl View {
    /// Steps of the story that are not of the path.
    pub fn prelude(&self) -> usize {
        self.story.steps.len() - self.broken.len()
    }
}

/// A step that may come next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Next {
    /// The step, and what is there after it. What has to wait says so, and changes nothing.
    pub step: Step,
    /// Whether it has to wait.
    pub waits: bool,
    /// What it breaks.
    pub breaks: Vec<Invariant>,
}

/// What a search says of one invariant of a walk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The invariant.
    pub invariant: Invariant,
    /// A shortest path that breaks it.
    pub path: Option<Vec<usize>>,
    /// Unique states looked at.
    pub unique: usize,
    /// Whether these are all.
    pub finished: bool,
}

/// The model of one choice and one program.
pub enum Walk {
    /// Of an ordering choice.
    Ordering(Box<OrderingModel<Rigged>>),
    /// Of an expiry policy: the model that judges the state, and the one that judges reads.
    Expiry(Box<[ExpiryModel; 2]>),
}

impl Walk {
    /// The model. Errors: the choice is not defined for the program, or the program is too long.
    pub fn new(choice: Choice, program: &Program, setting: Setting) -> Result<Walk, NoWalk> {
        let commands: Vec<Command> = program.commands.iter().map(|line| line.command.clone()).collect();
        match choice {
            Choice::Ordering(choice) => {
                let programs = Programs::only(&commands, &*log_policy(choice).get())?;
                refusal(choice, &programs).map_or(Ok(()), Err)?;
                let bounds = OrderingBounds {
                    workers: setting.workers,
                    crashes_max: setting.crashes,
                    ..OrderingBounds::QUICK
                };
                let setup = bounds.setup(choice, programs, false);
                let new = move |workers| Configuration::Ordering(choice).machine(workers);
                Ok(Walk::Ordering(Box::new(OrderingModel::new(setup, new))))
            }
            Choice::Expiry(policy) => {
                let bounds = ExpiryBounds {
                    passes_max: setting.passes,
                    delay_ticks_max: setting.delay,
                    ..ExpiryBounds::QUICK
                };
                let model = |judges: Judges| {
                    let mut setup = expiry_setup(program, bounds, judges);
                    setup.skews_ms = vec![setting.skew_ms];
                    let setup = if setting.apart { setup.with_steps_apart() } else { setup };
                    ExpiryModel::new(setup, policy.get())
                };
                Ok(Walk::Expiry(Box::new([model(Judges::State), model(Judges::Reads)])))
            }
        }
    }

    /// The model of a known bug's program, the replica's clock `skew_ms` milliseconds ahead. Panics: as [`Subject::model`].
    pub fn of(subject: &Subject, skew_ms: i64) -> Walk {
        let setting = match subject.setting {
            trace::Setting::Clocks { tick_ms, delay_ticks, passes, .. } => {
                trace::Setting::Clocks { tick_ms, delay_ticks, skews_ms: vec![skew_ms], passes }
            }
            trace::Setting::Schedules { .. } => subject.setting.clone(),
        };
        let judging = |invariant: Invariant| {
            let invariant = Some(invariant);
            Subject { setting: setting.clone(), invariant, ..subject.clone() }.model()
        };
        match (judging(STATE_INVARIANTS[0]), judging(READ_INVARIANTS[0])) {
            (Model::Ordering(model), _) => Walk::Ordering(model),
            (Model::Expiry(state), Model::Expiry(reads)) => Walk::Expiry(Box::new([*state, *reads])),
            (Model::Expiry(_), Model::Ordering(_)) => unreachable!("the model is that of the configuration"),
        }
    }

    /// What is there after `path`. Errors: there is no such path.
    pub fn at(&self, path: &[usize]) -> Result<View, NoPath> {
        match self {
            Walk::Ordering(model) => {
                let waits =
                    |state: &ordering::State, action: &ordering::Action| waiting(model, state, action);
                at(std::slice::from_ref(&**model), path, &waits)
            }
            Walk::Expiry(models) => at(&models[..], path, &|_, _| Step::default()),
        }
    }

    /// The shortest path to each broken invariant, breadth first.
    pub fn find(&self, limits: &Limits, progress: &Progress) -> Vec<Finding> {
        match self {
            Walk::Ordering(model) => find(&**model, limits, progress),
            Walk::Expiry(models) => models.iter().flat_map(|model| find(model, limits, progress)).collect(),
        }
    }

    /// The numbers of these steps, if they can be gone here.
    pub fn path_by(&self, steps: &Path) -> Option<Vec<usize>> {
        match (self, steps) {
            (Walk::Ordering(model), Path::Ordering { path, .. }) => trace::numbers(&**model, path),
            (Walk::Expiry(models), Path::Expiry { path, .. }) => trace::numbers(&models[0], path),
            _ => None,
        }
    }

    /// The path whose story has these deeds ([`Story::deeds`]), if there is one.
    pub fn path_of(&self, deeds: &[(Actor, &Deed)]) -> Option<Vec<usize>> {
        let prelude = self.at(&[]).ok()?.story;
        let rest = deeds.strip_prefix(&prelude.deeds()[..])?;
        let mut path = Vec::new();
        self.completes(&mut path, rest).then_some(path)
    }

    fn completes(&self, path: &mut Vec<usize>, deeds: &[(Actor, &Deed)]) -> bool {
        let Some((first, rest)) = deeds.split_first() else { return true };
        let Ok(view) = self.at(path) else { return false };
        for (number, next) in view.next.iter().enumerate() {
            if !next.waits && (next.step.actor(), &next.step.deed) == *first {
                path.push(number);
                if self.completes(path, rest) {
                    return true;
                }
                path.pop();
            }
        }
        false
    }
}

fn waiting(model: &OrderingModel<Rigged>, state: &ordering::State, action: &ordering::Action) -> Step {
    let programs = &model.setup().programs;
    let (lane, command) = match action {
        ordering::Action::Command(symbol) => {
            let child = programs.at(state.place).children.get(*symbol).copied().flatten();
            (Lane::Client, child.and_then(|place| programs.at(place).command.clone()))
        }
        _ => (Lane::Replica, None),
    };
    Step { deed: Deed::Wait(command), lane: Some(lane), ..Step::default() }
}

fn names<M: Judged>(models: &[M], states: &[M::State]) -> Vec<Invariant> {
    let one = |(model, state): (&M, &M::State)| model.broken(state).of(model.invariants());
    models.iter().zip(states).flat_map(one).collect()
}

fn enabled<M: Judged>(model: &M, state: &M::State) -> Vec<M::Action> {
    let mut actions = Vec::new();
    model.actions(state, &mut actions);
    actions
}

fn stepped<M: Judged>(models: &[M], states: &[M::State], action: &M::Action) -> Option<Vec<M::State>> {
    models.iter().zip(states).map(|(model, state)| model.next_state(state, action.clone())).collect()
}

/// The path's story, with what each of the models says that its steps broke.
fn told<M: Judged>(models: &[M], path: &[M::Action]) -> Story {
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

fn at<M: Judged>(
    models: &[M],
    path: &[usize],
    waits: &dyn Fn(&M::State, &M::Action) -> Step,
) -> Result<View, NoPath> {
    let mut states: Vec<M::State> = models.iter().map(|model| model.init_states()[0]).collect();
    let (mut taken, mut broken) = (Vec::new(), Vec::new());
    for (step, &number) in (1..).zip(path) {
        let actions = enabled(&models[0], &states[0]);
        let no_such = || NoPath::NoSuchStep { step, number, possible: actions.len() };
        let action = actions.get(number).cloned().ok_or_else(no_such)?;
        states = stepped(models, &states, &action)
            .ok_or_else(|| NoPath::Waits { step, what: waits(&states[0], &action).what() })?;
        broken.push(names(models, &states));
        taken.push(action);
    }
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

fn find<M: Judged>(model: &M, limits: &Limits, progress: &Progress) -> Vec<Finding> {
    let found = search(model, limits, progress);
    let finding = |(invariant, path): (&Invariant, &Option<Vec<M::Action>>)| Finding {
        invariant: *invariant,
        path: path.as_ref().and_then(|path| trace::numbers(model, path)),
        unique: found.unique,
        finished: found.finished,
    };
    model.invariants().iter().zip(&found.broken).map(finding).collect()
}

//! Check — choices × bounds → tasks, each of which gives the rows of one choice.
//!
//! A task is one search or a few, on one thread; whoever runs them (the command line, a test, a page) runs as
//! many at a time as there are cores and may watch each one's [`Progress`](super::search::Progress).

use super::both;
use super::bounds::{self, Bounds, ExpiryBounds, OrderingBounds};
use super::clocks;
use super::expected::{self, OrderingChoice};
use super::expiry::{ExpiryModel, Passing};
use super::handshake;
use super::invariants::Invariant;
use super::judge::{Part, Task, rows_of};
use super::ordering::{OrderingModel, Programs};
use super::parts;
use super::scenario::{self, ExpiryScenario, OrderingScenario};
use crate::expiry::Policy;
use crate::ordering::Strategy;
use std::fmt::Debug;

/// The models by name.
const MODELS: [&str; 5] = ["ordering", "expiry", "both", "clocks", "handshake"];

/// A model or a choice that does not exist.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnknownName {
    /// No model has this name.
    #[error("unknown model '{0}' (known: {known})", known = MODELS.join(", "))]
    Model(String),
    /// No choice of the model, or of any model, has this name.
    #[error("unknown choice '{name}' (known: {})", known.join(", "))]
    Choice {
        /// The name.
        name: String,
        /// The names that are known.
        known: Vec<String>,
    },
}

/// Every search over programs, and every named scenario, of the models and choices asked for.
pub fn tasks(bounds: Bounds, model: Option<&str>, choice: Option<&str>) -> Result<Vec<Task>, UnknownName> {
    let Chosen { orderings, policies, both, clocks, handshakes } = chosen(model, choice)?;
    let mut tasks = tasks_within(bounds.ordering(), bounds.expiry(), model, choice)?;
    tasks.extend(both.into_iter().map(|choice| both_task(choice, bounds.expiry())));
    tasks.extend(clocks.into_iter().map(|choice| clocks_task(choice, bounds)));
    tasks.extend(handshakes.iter().map(|&choice| handshake_task(choice, None, bounds)));
    for scenario in handshake::SCENARIOS {
        tasks.extend(handshakes.iter().map(|&choice| handshake_task(choice, Some(scenario), bounds)));
    }
    for scenario in scenario::ORDERING {
        tasks.extend(orderings.iter().map(|&choice| ordering_scenario(scenario, choice)));
    }
    for scenario in scenario::EXPIRY {
        tasks.extend(policies.iter().map(|&policy| expiry_scenario(scenario, policy)));
    }
    Ok(tasks)
}

/// Every search over programs of the ordering and the expiry model, for the choices asked for, within the caller's bounds.
pub fn tasks_within(
    ordering: OrderingBounds,
    expiry: ExpiryBounds,
    model: Option<&str>,
    choice: Option<&str>,
) -> Result<Vec<Task>, UnknownName> {
    let Chosen { orderings, policies, .. } = chosen(model, choice)?;
    let orderings = orderings.into_iter().map(|choice| ordering_task(choice, ordering));
    Ok(orderings.chain(policies.into_iter().map(|policy| expiry_task(policy, expiry))).collect())
}

/// Choices of each model.
#[derive(Clone, Debug, Default)]
pub(super) struct Chosen {
    /// Of the ordering model.
    pub orderings: Vec<OrderingChoice>,
    /// Of the expiry model.
    pub policies: Vec<Policy>,
    /// Of the model of both.
    pub both: Vec<both::Choice>,
    /// Of the model of clocks.
    pub clocks: Vec<clocks::Choice>,
    /// Of the model of the handshake.
    pub handshakes: Vec<handshake::Choice>,
}

/// The choices of these names; all where none is named.
pub(super) fn chosen(model: Option<&str>, choice: Option<&str>) -> Result<Chosen, UnknownName> {
    if let Some(unknown) = model.filter(|model| !MODELS.contains(model)) {
        return Err(UnknownName::Model(unknown.to_owned()));
    }
    let is_asked = |name: &str| model.is_none_or(|model| model == name);
    let mut chosen = Chosen {
        orderings: if is_asked("ordering") { OrderingChoice::all() } else { Vec::new() },
        policies: if is_asked("expiry") { Policy::ALL.to_vec() } else { Vec::new() },
        both: if is_asked("both") { both::Choice::all() } else { Vec::new() },
        clocks: if is_asked("clocks") { clocks::Choice::all() } else { Vec::new() },
        handshakes: if is_asked("handshake") { handshake::Choice::all() } else { Vec::new() },
    };
    let Some(name) = choice else { return Ok(chosen) };
    let known = chosen.orderings.iter().map(|choice| choice.name());
    let known = known.chain(chosen.policies.iter().map(|policy| policy.name().to_owned()));
    let known = known.chain(chosen.both.iter().map(|choice| choice.name()));
    let known = known.chain(chosen.clocks.iter().map(|choice| choice.name()));
    let mut known: Vec<String> = known.chain(chosen.handshakes.iter().map(|choice| choice.name())).collect();
    known.sort_unstable();
    known.dedup();
    if !known.iter().any(|known| known == name) {
        return Err(UnknownName::Choice { name: name.to_owned(), known });
    }
    chosen.orderings.retain(|choice| choice.name() == name);
    chosen.policies.retain(|policy| policy.name() == name);
    chosen.both.retain(|choice| choice.name() == name);
    chosen.clocks.retain(|choice| choice.name() == name);
    chosen.handshakes.retain(|choice| choice.name() == name);
    Ok(chosen)
}

/// The policy by which a choice's log is written.
pub(super) fn log_policy(choice: OrderingChoice) -> Policy {
    if choice.commands { Policy::AtEntryTime } else { Policy::Effects }
}

fn ordering_task(choice: OrderingChoice, bounds: OrderingBounds) -> Task {
    let strategy = choice.strategy;
    let expected = move |invariant: Invariant| expected::ordering(choice, invariant);
    let parts = parts::of_choice(choice, bounds);
    Task::new("ordering", choice.name(), None, move |progress| {
        rows_of(("ordering", choice.name(), None), &parts, &expected, progress)
    })
    .weighing(match strategy {
        Strategy::KeyHash => 3,
        Strategy::WritesetSnapshots => 2,
        _ => 1,
    })
}

fn expiry_task(policy: Policy, bounds: ExpiryBounds) -> Task {
    let expected = move |invariant: Invariant| expected::expiry(policy, invariant);
    let parts = parts::of_policy(&policy.get(), bounds);
    Task::new("expiry", policy.name().to_owned(), None, move |progress| {
        rows_of(("expiry", policy.name().to_owned(), None), &parts, &expected, progress)
    })
}

fn both_task(choice: both::Choice, bounds: ExpiryBounds) -> Task {
    let expected = move |invariant: Invariant| expected::both(choice, invariant);
    let parts = parts::of_both(choice, bounds);
    Task::new("both", choice.name(), None, move |progress| {
        rows_of(("both", choice.name(), None), &parts, &expected, progress)
    })
}

fn clocks_task(choice: clocks::Choice, bounds: Bounds) -> Task {
    let expected = move |invariant: Invariant| expected::clocks(choice, invariant);
    let parts = parts::of_clocks(choice, bounds);
    Task::new("clocks", choice.name(), None, move |progress| {
        rows_of(("clocks", choice.name(), None), &parts, &expected, progress)
    })
}

/// An accident alone, or all of them together. *Convergence* is not judged where nothing puts it to the test.
fn handshake_task(
    choice: handshake::Choice,
    scenario: Option<&'static handshake::Scenario>,
    bounds: Bounds,
) -> Task {
    let expected = move |invariant: Invariant| expected::handshake(choice, scenario, invariant);
    let parts = parts::of_handshake(choice, scenario, bounds);
    let name = scenario.map(|scenario| scenario.name.to_owned());
    let may_part = scenario.is_none_or(handshake::Scenario::may_part);
    Task::new("handshake", choice.name(), name.clone(), move |progress| {
        let mut rows = rows_of(("handshake", choice.name(), name.as_ref()), &parts, &expected, progress);
        rows.retain(|row| may_part || row.invariant != Invariant::Convergence);
        rows
    })
}

fn ordering_scenario(scenario: &'static OrderingScenario, choice: OrderingChoice) -> Task {
    let name = scenario.name.to_owned();
    let bounds = OrderingBounds::QUICK;
    let strategy = choice.strategy;
    let part = Part::of(scenario.program.join("; "), bounds.states_max, move || {
        let commands = scenario::commands(scenario.program);
        let policy = log_policy(choice).get();
        let programs = Programs::only(&commands, &*policy).expect("a short program");
        OrderingModel::new(bounds.setup(choice, programs, false), move |workers| {
            strategy.machine(workers, bounds::batch_entries_max(strategy))
        })
    });
    let expected = move |_: Invariant| scenario::expected((scenario.broken_by)(choice));
    Task::new("ordering", choice.name(), Some(name.clone()), move |progress| {
        let rows = rows_of(
            ("ordering", choice.name(), Some(&name)),
            std::slice::from_ref(&part),
            &expected,
            progress,
        );
        rows.into_iter().filter(|row| row.invariant == scenario.invariant).collect()
    })
}

fn expiry_scenario(scenario: &'static ExpiryScenario, policy: Policy) -> Task {
    let name = scenario.name.to_owned();
    let bounds = ExpiryBounds::QUICK;
    let judges = bounds::judges(scenario.invariant);
    let part = Part::of(scenario.program.join("; "), bounds.states_max, move || {
        let mut setup = bounds.setup(judges, scenario::commands(scenario.program));
        (setup.begins, setup.length_max) = (setup.alphabet.len(), setup.alphabet.len());
        (setup.start, setup.passing, setup.tick_ms) = (bounds::START, Passing::Ticks, scenario.tick_ms);
        setup.passes_max = super::catalogue::TICKS;
        ExpiryModel::new(setup, policy.get())
    });
    let expected = move |_: Invariant| scenario::expected((scenario.broken_by)(policy));
    Task::new("expiry", policy.name().to_owned(), Some(name.clone()), move |progress| {
        let key = ("expiry", policy.name().to_owned(), Some(&name));
        let rows = rows_of(key, std::slice::from_ref(&part), &expected, progress);
        rows.into_iter().filter(|row| row.invariant == scenario.invariant).collect()
    })
}

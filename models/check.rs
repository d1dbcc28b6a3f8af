//! Check — choices × bounds → tasks; each task produces the rows of one choice.
//!
//! A task is one search or a few, on one thread. The caller (the command line, a test, a page) runs as many tasks at a
//! time as there are cores, and may watch the [`Progress`](super::search::Progress) of each.

use super::both;
use super::bounds::{self, Bounds, ExpiryBounds, OrderingBounds, QUICK_STATES_MAX};
use super::choice::{Choice, OrderingChoice, splits_entries};
use super::clocks;
use super::expected;
use super::experiment::{Clocks, Experiment, Passing, Setting, Workload};
use super::handshake;
use super::invariants::Invariant;
use super::judge::{Part, Task, rows_of};
use super::parts;
use super::scenario::{self, ExpiryScenario, OrderingScenario};
use super::setting::TICKS;
use super::verdict::Verdict;
use crate::expiry::Policy;
use crate::names::UnknownName;
use crate::ordering::Reads;
use std::fmt::Debug;

/// The names of the models.
const MODELS: [&str; 5] = ["ordering", "expiry", "both", "clocks", "handshake"];

/// A choice of any model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Candidate {
    /// A choice of the ordering model.
    Ordering(OrderingChoice),
    /// A choice of the expiry model.
    Expiry(Policy),
    /// A choice of the model of both.
    Both(both::Choice),
    /// A choice of the clocks model.
    Clocks(clocks::Choice),
    /// A choice of the handshake model.
    Handshake(handshake::Choice),
}

impl Candidate {
    /// Every choice of every model, in the order of the tables.
    fn all() -> Vec<Candidate> {
        let orderings = OrderingChoice::all().into_iter().map(Candidate::Ordering);
        let policies = Policy::ALL.iter().copied().map(Candidate::Expiry);
        let both = both::Choice::all().into_iter().map(Candidate::Both);
        let clocks = clocks::Choice::all().into_iter().map(Candidate::Clocks);
        let handshakes = handshake::Choice::all().into_iter().map(Candidate::Handshake);
        orderings.chain(policies).chain(both).chain(clocks).chain(handshakes).collect()
    }

    /// The name of the model that judges it.
    fn model(self) -> &'static str {
        match self {
            Candidate::Ordering(_) => "ordering",
            Candidate::Expiry(_) => "expiry",
            Candidate::Both(_) => "both",
            Candidate::Clocks(_) => "clocks",
            Candidate::Handshake(_) => "handshake",
        }
    }

    /// The name that users write.
    fn name(self) -> String {
        match self {
            Candidate::Ordering(choice) => choice.name(),
            Candidate::Expiry(policy) => policy.name().to_owned(),
            Candidate::Both(choice) => choice.name(),
            Candidate::Clocks(choice) => choice.name(),
            Candidate::Handshake(choice) => choice.name(),
        }
    }

    /// The task of its searches over programs. For a handshake: of all accidents together; each single accident has its
    /// own task.
    fn task(self, bounds: Bounds) -> Task {
        match self {
            Candidate::Ordering(choice) => ordering_task(choice, bounds.ordering()),
            Candidate::Expiry(policy) => expiry_task(policy, bounds.expiry()),
            Candidate::Both(choice) => {
                let parts = parts::of_both(choice, bounds.expiry());
                self.task_of(parts, move |invariant| expected::both(choice, invariant))
            }
            Candidate::Clocks(choice) => {
                let parts = parts::of_clocks(choice, bounds);
                self.task_of(parts, move |invariant| expected::clocks(choice, invariant))
            }
            Candidate::Handshake(choice) => handshake_task(choice, None, bounds),
        }
    }

    fn task_of(
        self,
        parts: Vec<Part>,
        expected: impl Fn(Invariant) -> Verdict + Send + Sync + 'static,
    ) -> Task {
        Task::new(self.model(), self.name(), None, move |progress| {
            rows_of((self.model(), self.name(), None), &parts, &expected, progress)
        })
    }
}

/// Every search over programs, and every named scenario, of the models and choices asked for. Errors: an unknown name.
pub fn tasks(bounds: Bounds, model: Option<&str>, choice: Option<&str>) -> Result<Vec<Task>, UnknownName> {
    let candidates = candidates(model, choice)?;
    let mut tasks: Vec<Task> = candidates.iter().map(|candidate| candidate.task(bounds)).collect();
    for scenario in handshake::SCENARIOS {
        tasks.extend(candidates.iter().filter_map(|candidate| match candidate {
            Candidate::Handshake(choice) => Some(handshake_task(*choice, Some(scenario), bounds)),
            _ => None,
        }));
    }
    for scenario in scenario::ORDERING {
        tasks.extend(candidates.iter().filter_map(|candidate| match candidate {
            Candidate::Ordering(choice) => Some(ordering_scenario(scenario, *choice)),
            _ => None,
        }));
    }
    for scenario in scenario::EXPIRY {
        tasks.extend(candidates.iter().filter_map(|candidate| match candidate {
            Candidate::Expiry(policy) => Some(expiry_scenario(scenario, *policy)),
            _ => None,
        }));
    }
    Ok(tasks)
}

/// Every search over programs of the ordering and the expiry model, for the choices asked for, within the caller's
/// bounds. Errors: an unknown name.
pub fn tasks_within(
    ordering: OrderingBounds,
    expiry: ExpiryBounds,
    model: Option<&str>,
    choice: Option<&str>,
) -> Result<Vec<Task>, UnknownName> {
    let task = |candidate| match candidate {
        Candidate::Ordering(choice) => Some(ordering_task(choice, ordering)),
        Candidate::Expiry(policy) => Some(expiry_task(policy, expiry)),
        Candidate::Both(_) | Candidate::Clocks(_) | Candidate::Handshake(_) => None,
    };
    Ok(candidates(model, choice)?.into_iter().filter_map(task).collect())
}

/// The choices with these names; all choices if no name is given. Errors: an unknown name.
pub(super) fn candidates(model: Option<&str>, choice: Option<&str>) -> Result<Vec<Candidate>, UnknownName> {
    if let Some(unknown) = model.filter(|model| !MODELS.contains(model)) {
        return Err(UnknownName::new("model", unknown, MODELS));
    }
    let is_asked = |candidate: &Candidate| model.is_none_or(|model| model == candidate.model());
    let all: Vec<Candidate> = Candidate::all().into_iter().filter(is_asked).collect();
    let Some(name) = choice else { return Ok(all) };
    let (named, others): (Vec<_>, Vec<_>) = all.into_iter().partition(|candidate| candidate.name() == name);
    if named.is_empty() {
        let mut known: Vec<String> = others.into_iter().map(Candidate::name).collect();
        known.sort_unstable();
        known.dedup();
        return Err(UnknownName::new("choice", name, known));
    }
    Ok(named)
}

/// Why a model can be built.
const OF_OURS: &str = "the alphabets, the lengths and the settings are ours";

fn ordering_task(choice: OrderingChoice, bounds: OrderingBounds) -> Task {
    let parts = parts::parts(&parts::of_choice(choice, bounds), bounds.states_max).expect(OF_OURS);
    // The first search decides *progress*.
    let optional = |(number, part): (usize, Part)| match number {
        0 => part,
        _ => part.not_needed_for(Invariant::Progress),
    };
    let parts = parts.into_iter().enumerate().map(optional).collect();
    let task =
        Candidate::Ordering(choice).task_of(parts, move |invariant| expected::ordering(choice, invariant));
    // Parts of entries, and moments at which a snapshot is published, make more states.
    task.weighing(match (splits_entries(choice.strategy), choice.strategy.reads()) {
        (true, _) => 3,
        (false, Reads::Published) => 2,
        (false, Reads::Latest | Reads::BetweenBatches) => 1,
    })
}

fn expiry_task(policy: Policy, bounds: ExpiryBounds) -> Task {
    let cell = parts::of_policy(&Choice::expiry(policy), bounds);
    let parts = parts::parts(&cell, bounds.states_max).expect(OF_OURS);
    Candidate::Expiry(policy).task_of(parts, move |invariant| expected::expiry(policy, invariant))
}

/// The task of one accident, or of all accidents together. *convergence* is not judged if nothing puts it to the test.
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
    let experiment = Experiment {
        choice: Choice::ordering(choice),
        workload: Workload::Program(scenario::commands(scenario.program)),
        setting: OrderingBounds::QUICK.schedules().setting(),
    };
    scenario_task(scenario.name, &experiment, scenario.invariant, (scenario.broken_by)(choice))
}

/// The task of a named scenario. Its story is told in ticks and begins at a round instant.
fn expiry_scenario(scenario: &'static ExpiryScenario, policy: Policy) -> Task {
    let program = scenario::commands(scenario.program);
    let clocks = Clocks {
        start: bounds::START,
        passing: Passing::Ticks,
        tick_ms: scenario.tick_ms,
        passes_max: TICKS,
        ..ExpiryBounds::QUICK.clocks(&program, bounds::ODD_START)
    };
    let (choice, workload) = (Choice::expiry(policy), Workload::Program(program));
    let experiment = Experiment { choice, workload, setting: Setting::Clocks(clocks) };
    scenario_task(scenario.name, &experiment, scenario.invariant, (scenario.broken_by)(policy))
}

fn scenario_task(name: &str, experiment: &Experiment, invariant: Invariant, is_broken: bool) -> Task {
    let program: Vec<String> = experiment.workload.commands().iter().map(ToString::to_string).collect();
    let words = |_| program.join("; ");
    let part = Part::of_experiment(experiment, invariant, QUICK_STATES_MAX, words).expect(OF_OURS);
    let (choice, name) = (experiment.choice, name.to_owned());
    let expected = scenario::expected(is_broken);
    Task::new(choice.model(), choice.name(), Some(name.clone()), move |progress| {
        let cell = (choice.model(), choice.name(), Some(&name));
        let rows = rows_of(cell, std::slice::from_ref(&part), &|_| expected, progress);
        rows.into_iter().filter(|row| row.invariant == invariant).collect()
    })
}

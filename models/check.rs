//! Check — choices × bounds → tasks; each task produces the rows of one choice.
//!
//! A task is one search or a few, on one thread. The caller (the command line, a test, a page) runs as many tasks at a
//! time as there are cores, and may watch the [`Progress`](super::search::Progress) of each.

use super::both;
use super::bounds::{self, Bounds, ExpiryBounds, OrderingBounds, QUICK_STATES_MAX};
use super::choice::{Choice, Kind, OrderingChoice, splits_entries};
use super::clocks;
use super::crash;
use super::expected;
use super::experiment::{Clocks, Experiment, Passing, Setting, Workload};
use super::failover;
use super::full_sync;
use super::handshake;
use super::invariants::{self, Invariant};
use super::judge::{Part, Task};
use super::parts;
use super::replication;
use super::request;
use super::scenario::{self, ExpiryScenario, OrderingScenario};
use super::setting::TICKS;
use crate::expiry::Policy;
use crate::names::UnknownName;
use crate::ordering::Reads;
use std::fmt::Debug;

/// The names of the models.
const MODELS: [&str; 9] =
    ["ordering", "expiry", "both", "clocks", "handshake", "replication", "full_sync", "failover", "crash"];

/// A choice of any model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Candidate {
    /// A choice of the ordering or the expiry model, which run experiments.
    Choice(Choice),
    /// A choice of the model of both.
    Both(both::Choice),
    /// A choice of the clocks model.
    Clocks(clocks::Choice),
    /// A choice of the handshake model.
    Handshake(handshake::Choice),
    /// A choice of the model of a session.
    Replication(replication::Choice),
    /// A choice of the model of a full sync.
    FullSync(full_sync::Choice),
    /// A choice of the model of a fail-over.
    Failover(failover::Choice),
    /// A choice of the model of a crash.
    Crash(crash::Choice),
}

impl Candidate {
    /// Every choice of every model, in the order of the tables.
    fn all() -> Vec<Candidate> {
        let choices = Choice::all().into_iter().map(Candidate::Choice);
        let both = both::Choice::all().into_iter().map(Candidate::Both);
        let clocks = clocks::Choice::all().into_iter().map(Candidate::Clocks);
        let handshakes = handshake::Choice::all().into_iter().map(Candidate::Handshake);
        let sessions = replication::Choice::ALL.iter().copied().map(Candidate::Replication);
        let full_syncs = full_sync::Choice::ALL.iter().copied().map(Candidate::FullSync);
        let failovers = failover::Choice::ALL.iter().copied().map(Candidate::Failover);
        let crashes = crash::Choice::ALL.iter().copied().map(Candidate::Crash);
        let links = handshakes.chain(sessions).chain(full_syncs).chain(failovers).chain(crashes);
        choices.chain(both).chain(clocks).chain(links).collect()
    }

    /// The name of the model that judges it.
    fn model(self) -> &'static str {
        match self {
            Candidate::Choice(choice) => choice.model(),
            Candidate::Both(_) => "both",
            Candidate::Clocks(_) => "clocks",
            Candidate::Handshake(_) => "handshake",
            Candidate::Replication(_) => "replication",
            Candidate::FullSync(_) => "full_sync",
            Candidate::Failover(_) => "failover",
            Candidate::Crash(_) => "crash",
        }
    }

    /// The name that users write.
    fn name(self) -> String {
        match self {
            Candidate::Choice(choice) => choice.name(),
            Candidate::Both(choice) => choice.name(),
            Candidate::Clocks(choice) => choice.name(),
            Candidate::Handshake(choice) => choice.name(),
            Candidate::Replication(choice) => choice.name().to_owned(),
            Candidate::FullSync(choice) => choice.name().to_owned(),
            Candidate::Failover(choice) => choice.name().to_owned(),
            Candidate::Crash(choice) => choice.name().to_owned(),
        }
    }

    /// Its choice, if its model runs experiments.
    pub(super) fn choice(self) -> Option<Choice> {
        match self {
            Candidate::Choice(choice) => Some(choice),
            Candidate::Both(_)
            | Candidate::Clocks(_)
            | Candidate::Handshake(_)
            | Candidate::Replication(_)
            | Candidate::FullSync(_)
            | Candidate::Failover(_)
            | Candidate::Crash(_) => None,
        }
    }

    /// The invariants that its model judges.
    fn invariants(self) -> Vec<Invariant> {
        match self {
            Candidate::Choice(choice) => choice.invariants(),
            Candidate::Both(_) => invariants::BOTH.invariants.to_vec(),
            Candidate::Clocks(_) => invariants::CLOCKS.invariants.to_vec(),
            Candidate::Handshake(_) => invariants::HANDSHAKE.invariants.to_vec(),
            Candidate::Replication(_) => invariants::REPLICATION.invariants.to_vec(),
            Candidate::FullSync(_) => invariants::FULL_SYNC.invariants.to_vec(),
            Candidate::Failover(_) => invariants::FAILOVER.invariants.to_vec(),
            Candidate::Crash(_) => invariants::CRASH.invariants.to_vec(),
        }
    }

    /// The task of its searches over programs; `ordering` are the bounds of an ordering choice. For a handshake and a fail-over:
    /// of all accidents together; each single accident has its own task.
    fn task(self, bounds: Bounds, ordering: OrderingBounds) -> Task {
        match self {
            Candidate::Choice(choice) => cell_task(choice, ordering, bounds.expiry()),
            Candidate::Both(choice) => {
                let parts = parts::of_both(choice, bounds.expiry());
                let expected = move |invariant| Some(expected::both(choice, invariant));
                Task::of_parts((self.model(), self.name(), None), parts, expected)
            }
            Candidate::Clocks(choice) => {
                let parts = parts::of_clocks(choice, bounds);
                let expected = move |invariant| Some(expected::clocks(choice, invariant));
                Task::of_parts((self.model(), self.name(), None), parts, expected)
            }
            Candidate::Handshake(choice) => handshake_task(choice, None, bounds),
            Candidate::Replication(choice) => {
                let parts = parts::of_replication(choice, bounds);
                let expected = move |invariant| expected::replication(choice, invariant);
                Task::of_parts((self.model(), self.name(), None), parts, expected)
            }
            Candidate::FullSync(choice) => {
                let parts = parts::of_full_sync(choice, bounds);
                let expected = move |invariant| expected::full_sync(choice, invariant);
                Task::of_parts((self.model(), self.name(), None), parts, expected)
            }
            Candidate::Failover(choice) => failover_task(choice, None, bounds),
            Candidate::Crash(choice) => {
                let parts = parts::of_crash(choice, bounds);
                let expected = move |invariant| expected::crash(choice, invariant);
                Task::of_parts((self.model(), self.name(), None), parts, expected)
            }
        }
    }
}

/// Every search over programs, and every named scenario, of the models and choices asked for. Errors: an unknown name.
pub fn tasks(bounds: Bounds, model: Option<&str>, choice: Option<&str>) -> Result<Vec<Task>, UnknownName> {
    let choices: Vec<String> = choice.map(str::to_owned).into_iter().collect();
    tasks_of(bounds, bounds.ordering(), model, &choices)
}

/// Like [`tasks`], for several choices, all if none is named. `ordering` are the bounds of the ordering model's searches;
/// its named scenarios have bounds of their own.
pub fn tasks_of(
    bounds: Bounds,
    ordering: OrderingBounds,
    model: Option<&str>,
    choices: &[String],
) -> Result<Vec<Task>, UnknownName> {
    let candidates = candidates_of(model, choices)?;
    let mut tasks: Vec<Task> = candidates.iter().map(|candidate| candidate.task(bounds, ordering)).collect();
    for scenario in handshake::SCENARIOS {
        tasks.extend(candidates.iter().filter_map(|candidate| match candidate {
            Candidate::Handshake(choice) => Some(handshake_task(*choice, Some(scenario), bounds)),
            _ => None,
        }));
    }
    for scenario in failover::SCENARIOS {
        tasks.extend(candidates.iter().filter_map(|candidate| match candidate {
            Candidate::Failover(choice) => Some(failover_task(*choice, Some(scenario), bounds)),
            _ => None,
        }));
    }
    let kinds = || candidates.iter().filter_map(|candidate| Some(candidate.choice()?.kind()));
    for scenario in scenario::ORDERING {
        tasks.extend(kinds().filter_map(|kind| match kind {
            Kind::Ordering(choice) => Some(ordering_scenario(scenario, choice)),
            Kind::Expiry(_) => None,
        }));
    }
    for scenario in scenario::EXPIRY {
        tasks.extend(kinds().filter_map(|kind| match kind {
            Kind::Expiry(policy) => Some(expiry_scenario(scenario, policy)),
            Kind::Ordering(_) => None,
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
    let choices = candidates(model, choice)?.into_iter().filter_map(Candidate::choice);
    Ok(choices.map(|choice| cell_task(choice, ordering, expiry)).collect())
}

/// The models that judge a choice of this name, each with its invariants. Errors: an unknown name.
pub fn judging(
    model: Option<&str>,
    choice: &str,
) -> Result<Vec<(&'static str, Vec<Invariant>)>, UnknownName> {
    let named = candidates(model, Some(choice))?;
    Ok(named.into_iter().map(|candidate| (candidate.model(), candidate.invariants())).collect())
}

/// The choices with these names, in the order of the tables; all choices if none is named. Errors: an unknown name.
fn candidates_of(model: Option<&str>, choices: &[String]) -> Result<Vec<Candidate>, UnknownName> {
    for name in choices {
        candidates(model, Some(name))?;
    }
    let is_named = |candidate: &Candidate| choices.is_empty() || choices.contains(&candidate.name());
    Ok(candidates(model, None)?.into_iter().filter(is_named).collect())
}

/// The choices with this name; all choices if no name is given. Errors: an unknown name.
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

/// The task of a choice over every program within the bounds.
fn cell_task(choice: Choice, ordering: OrderingBounds, expiry: ExpiryBounds) -> Task {
    let (parts, weight) = match choice.kind() {
        Kind::Ordering(OrderingChoice { strategy, .. }) => {
            let parts = parts::parts(&parts::of_choice(choice, strategy, ordering), ordering.states_max);
            // Parts of entries, and moments at which a snapshot is published, make more states.
            let weight = match (splits_entries(strategy), strategy.reads()) {
                (true, _) => 3,
                (false, Reads::Published) => 2,
                (false, Reads::Latest | Reads::BetweenBatches) => 1,
            };
            // The first search decides *progress*.
            let decides = |(number, part): (usize, Part)| match number {
                0 => part,
                _ => part.not_needed_for(Invariant::Progress),
            };
            (parts.expect(OF_OURS).into_iter().enumerate().map(decides).collect(), weight)
        }
        Kind::Expiry(_) => {
            let parts = parts::parts(&parts::of_policy(&choice, expiry), expiry.states_max);
            (parts.expect(OF_OURS), 0)
        }
    };
    let expected = move |invariant| Some(expected::of(choice, invariant));
    Task::of_parts((choice.model(), choice.name(), None), parts, expected).weighing(weight)
}

/// The task of one accident, or of all accidents together. *convergence* is not judged if nothing puts it to the test.
fn handshake_task(
    choice: handshake::Choice,
    scenario: Option<&'static handshake::Scenario>,
    bounds: Bounds,
) -> Task {
    let may_part = scenario.is_none_or(handshake::Scenario::may_part);
    let expected = move |invariant| {
        let is_judged = may_part || invariant != Invariant::Convergence;
        is_judged.then(|| expected::handshake(choice, scenario, invariant))
    };
    let name = scenario.map(|scenario| scenario.name.to_owned());
    let parts = parts::of_handshake(choice, scenario, bounds);
    Task::of_parts(("handshake", choice.name(), name), parts, expected)
}

/// The task of one accident of a fail-over, or of all accidents together.
fn failover_task(
    choice: failover::Choice,
    scenario: Option<&'static failover::Scenario>,
    bounds: Bounds,
) -> Task {
    let expected = move |invariant| Some(expected::failover(choice, scenario, invariant));
    let name = scenario.map(|scenario| scenario.name.to_owned());
    let parts = parts::of_failover(choice, scenario, bounds);
    Task::of_parts(("failover", choice.name().to_owned(), name), parts, expected)
}

fn ordering_scenario(scenario: &'static OrderingScenario, choice: OrderingChoice) -> Task {
    let experiment = Experiment {
        choice: Choice::ordering(choice),
        workload: Workload::Program(scenario::requests(scenario.program)),
        setting: OrderingBounds::QUICK.schedules().setting(),
    };
    scenario_task(scenario.name, &experiment, scenario.invariant, (scenario.broken_by)(choice))
}

/// The task of a named scenario. Its story is told in ticks and begins at a round instant.
fn expiry_scenario(scenario: &'static ExpiryScenario, policy: Policy) -> Task {
    let program = scenario::requests(scenario.program);
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
    let program: Vec<String> = request::lines(experiment.workload.requests());
    let words = |_| program.join("; ");
    let part = Part::of_experiment(experiment, invariant, QUICK_STATES_MAX, words).expect(OF_OURS);
    let cell = (experiment.choice.model(), experiment.choice.name(), Some(name.to_owned()));
    let expected = scenario::expected(is_broken);
    Task::of_parts(cell, vec![part], move |judged| (judged == invariant).then_some(expected))
}

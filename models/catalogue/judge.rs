//! Judge — a row → two searches of its program: with the bug, and with the cure.

use super::seeded::Seeded;
use super::seeded_machines::{ByDestination, Flows, HoldsBack};
use super::{Bug, Case, Configuration, Setting};
use crate::expiry::{ExpiryPolicy, Policy};
use crate::models::bounds::{self, BATCH_ENTRIES_MAX, ExpiryBounds, OrderingBounds};
use crate::models::check::log_policy;
use crate::models::expected::OrderingChoice;
use crate::models::expiry::{self, ExpiryModel};
use crate::models::judge::{Part, Task, rows_of};
use crate::models::ordering::{self, Machine, OrderingModel, Position, Programs};
use crate::models::scenario;
use crate::models::verdict::{Row, Verdict};
use crate::time::Millis;
use std::sync::Arc;

/// The master's clock at the beginning: an instant of our days, as deadlines in bugs are.
const START: Millis = Millis(1_700_000_000_000);

/// What the models say of a row.
#[derive(Clone, Debug)]
pub struct Judgement {
    /// The row.
    pub case: &'static Case,
    /// The invariant under the bug and under the cure; `None` for a row that does not count.
    pub rows: Option<[Row; 2]>,
}

impl Judgement {
    /// Whether the bug breaks the invariant.
    pub fn is_broken(&self) -> bool {
        self.rows.as_ref().is_some_and(|[bug, _]| bug.verdict == Verdict::Violated)
    }

    /// Whether the bug breaks the invariant in as many steps as recorded.
    pub fn is_found(&self) -> bool {
        let rows = self.rows.as_ref().zip(self.case.bug());
        self.is_broken() && rows.is_some_and(|([bug, _], recorded)| steps(bug) == Some(recorded.steps))
    }

    /// Whether the cure keeps the invariant; `None` for a row that does not count.
    pub fn cure_holds(&self) -> Option<bool> {
        self.rows.as_ref().map(|[_, cure]| cure.verdict == Verdict::Holds)
    }
}

/// Steps of the counterexample.
pub(super) fn steps(row: &Row) -> Option<usize> {
    row.counterexample.as_ref().map(|story| story.steps.len())
}

/// Two searches for each row that counts: the bug's, then the cure's. Each gives one row of verdicts.
pub fn tasks(cases: &[&'static Case]) -> Vec<Task> {
    let counted = cases.iter().filter_map(|case| Some((*case, case.bug()?)));
    counted.flat_map(|(case, bug)| [task(case, bug, bug.with), task(case, bug, bug.cure)]).collect()
}

/// The rows that [`tasks`] of the same cases gave, each with its case. Panics: if they are not these.
pub fn judgements(cases: &[&'static Case], rows: Vec<Row>) -> Vec<Judgement> {
    let mut rows = rows.into_iter();
    let mut next = || rows.next().expect("a row a task");
    let judged = |case: &&'static Case| Judgement { case, rows: case.bug().map(|_| [next(), next()]) };
    cases.iter().map(judged).collect()
}

fn task(case: &'static Case, bug: &'static Bug, configuration: Configuration) -> Task {
    let (model, expected) = match bug.setting {
        Setting::Schedules { .. } => ("ordering", configuration == bug.with),
        Setting::Clocks { .. } => ("expiry", configuration == bug.with),
    };
    let (part, id) = (part(bug, configuration), case.id.to_owned());
    Task::new(model, configuration.name(), Some(id.clone()), move |progress| {
        let expected = |_: &str| scenario::expected(expected);
        let cell = (model, configuration.name(), Some(&id));
        let rows = rows_of(cell, std::slice::from_ref(&part), &expected, progress);
        rows.into_iter().filter(|row| row.invariant == bug.invariant).collect()
    })
}

pub(super) fn part(bug: &'static Bug, configuration: Configuration) -> Part {
    let (base, seeded) = match configuration {
        Configuration::Seeded(seeded) => (seeded.base(), Some(seeded)),
        plain => (plain, None),
    };
    match base {
        Configuration::Ordering(choice) => strategy_part(bug, choice, seeded),
        Configuration::Expiry(policy) => policy_part(bug, policy, seeded),
        Configuration::Seeded(_) => unreachable!("a fault is put on a strategy or a policy"),
    }
}

fn strategy_part(bug: &'static Bug, choice: OrderingChoice, seeded: Option<Seeded>) -> Part {
    let strategy = choice.strategy;
    let plain = move |workers| strategy.machine(workers, BATCH_ENTRIES_MAX);
    match seeded {
        Some(Seeded::FlushInEveryFlow) => ordering_part(bug, choice, seeded, Flows::new),
        Some(Seeded::RoutedByDestination) => {
            ordering_part(bug, choice, seeded, move |workers| ByDestination::new(plain(workers)))
        }
        Some(Seeded::HoldsBackTheLast) => {
            ordering_part(bug, choice, seeded, move |workers| HoldsBack::new(plain(workers)))
        }
        _ => ordering_part(bug, choice, seeded, plain),
    }
}

fn ordering_part<O: Machine>(
    bug: &'static Bug,
    choice: OrderingChoice,
    seeded: Option<Seeded>,
    new: impl Fn(usize) -> O + Clone + Send + Sync + 'static,
) -> Part {
    let Setting::Schedules { crashes } = bug.setting else {
        unreachable!("the row's setting is that of its model");
    };
    let bounds = OrderingBounds { crashes_max: crashes, ..OrderingBounds::QUICK };
    let words = format!(
        "every schedule of {} writes, {} workers, {} crash",
        bug.program.len(),
        bounds.workers,
        if crashes == 0 { "no".to_owned() } else { format!("at most {crashes}") }
    );
    Part::of(words, bounds.states_max, move || {
        let programs = Programs::only(&scenario::commands(bug.program), &*log_policy(choice).get())
            .expect("a short program");
        let log = seeded.and_then(|seeded| seeded.log(programs.length_max()));
        let programs = match log {
            Some(log) => programs.with_log(&log),
            None => programs,
        };
        let position = seeded.map_or(Position::Marker, Seeded::position);
        let setup = ordering::Setup { position, ..bounds.setup(choice, programs, false) };
        OrderingModel::new(setup, new.clone())
    })
}

fn policy_part(bug: &'static Bug, base: Policy, seeded: Option<Seeded>) -> Part {
    let Setting::Clocks { tick_ms, delay_ticks, skews } = bug.setting else {
        unreachable!("the row's setting is that of its model");
    };
    let bounds = ExpiryBounds { delay_ticks_max: delay_ticks, ..ExpiryBounds::QUICK };
    let words = format!(
        "every schedule of {} writes, {} ticks of {tick_ms} ms, delay up to {delay_ticks}, skew {skews:?}",
        bug.program.len(),
        bounds.ticks_max
    );
    let policy: Arc<dyn ExpiryPolicy + Send + Sync> =
        seeded.map_or_else(|| base.get(), |seeded| seeded.policy(base));
    let judges = bounds::judges(bug.invariant);
    Part::of(words, bounds.states_max, move || {
        let commands = scenario::commands(bug.program);
        let setup = expiry::Setup {
            start: START,
            tick_ms,
            in_order: true,
            length_max: commands.len(),
            skews: skews.to_vec(),
            readers_see_the_dead: seeded == Some(Seeded::ReadersSeeTheDead),
            ..bounds.setup(judges, commands)
        };
        ExpiryModel::new(setup, Arc::clone(&policy))
    })
}

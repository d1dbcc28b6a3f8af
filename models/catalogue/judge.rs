//! Judge — a row → two searches of its program: with the bug, and with the cure.

use super::subject::{Model, Subject};
use super::{Bug, Case, Configuration, Setting};
use crate::models::bounds::{ExpiryBounds, OrderingBounds};
use crate::models::invariants::Invariant;
use crate::models::judge::{Part, Task, rows_of};
use crate::models::scenario;
use crate::models::verdict::{Row, Verdict};

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
        let expected = |_: Invariant| scenario::expected(expected);
        let cell = (model, configuration.name(), Some(&id));
        let rows = rows_of(cell, std::slice::from_ref(&part), &expected, progress);
        rows.into_iter().filter(|row| row.invariant == bug.invariant).collect()
    })
}

pub(super) fn part(bug: &'static Bug, configuration: Configuration) -> Part {
    let subject = Subject::of(bug, configuration);
    let writes = bug.program.len();
    match bug.setting {
        Setting::Schedules { crashes } => {
            let OrderingBounds { workers, states_max, .. } = OrderingBounds::QUICK;
            let crash = if crashes == 0 { "no".to_owned() } else { format!("at most {crashes}") };
            let words = format!("every schedule of {writes} writes, {workers} workers, {crash} crash");
            Part::of(words, states_max, move || match subject.model() {
                Model::Ordering(model) => *model,
                Model::Expiry(_) => unreachable!("the row's setting is that of its model"),
            })
        }
        Setting::Clocks { tick_ms, delay_ticks, skews } => {
            let ExpiryBounds { states_max, .. } = ExpiryBounds::QUICK;
            let ticks_max = super::TICKS;
            let words = format!(
                "every schedule of {writes} writes, {ticks_max} ticks of {tick_ms} ms, delay up to {delay_ticks}, \
                 skew {skews:?}"
            );
            Part::of(words, states_max, move || match subject.model() {
                Model::Expiry(model) => *model,
                Model::Ordering(_) => unreachable!("the row's setting is that of its model"),
            })
        }
    }
}

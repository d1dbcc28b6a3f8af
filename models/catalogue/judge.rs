//! Judge — a row → two searches of its program: with the bug, and with the cure.

use super::row::{Bug, Case, RowSetting};
use crate::models::bounds::{OrderingBounds, QUICK_STATES_MAX};
use crate::models::choice::Choice;
use crate::models::judge::{Part, Task};
use crate::models::scenario;
use crate::models::setting::TICKS;
use crate::models::verdict::{Row, Verdict};

/// The models' verdicts on a row.
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

    /// Whether the bug breaks the invariant in exactly the recorded number of steps.
    pub fn is_found(&self) -> bool {
        let rows = self.rows.as_ref().zip(self.case.bug());
        self.is_broken() && rows.is_some_and(|([bug, _], recorded)| steps(bug) == Some(recorded.steps))
    }

    /// Whether the cure keeps the invariant; `None` for a row that does not count.
    pub fn cure_holds(&self) -> Option<bool> {
        self.rows.as_ref().map(|[_, cure]| cure.verdict == Verdict::Holds)
    }
}

/// Number of steps of the counterexample.
pub(super) fn steps(row: &Row) -> Option<usize> {
    row.counterexample.as_ref().map(|story| story.steps.len())
}

/// Two searches for each row that counts: with the bug, then with the cure. Each produces one row of verdicts.
pub fn tasks(cases: &[&'static Case]) -> Vec<Task> {
    let counted = cases.iter().filter_map(|case| Some((*case, case.bug()?)));
    counted.flat_map(|(case, bug)| [task(case, bug, bug.with), task(case, bug, bug.cure)]).collect()
}

/// The judgement of each case, from the `rows` that [`tasks`] of the same cases produced. Panics: if the rows are not
/// these.
pub fn judgements(cases: &[&'static Case], rows: Vec<Row>) -> Vec<Judgement> {
    let mut rows = rows.into_iter();
    let mut next = || rows.next().expect("a row a task");
    let judged = |case: &&'static Case| Judgement { case, rows: case.bug().map(|_| [next(), next()]) };
    cases.iter().map(judged).collect()
}

fn task(case: &'static Case, bug: &'static Bug, choice: Choice) -> Task {
    let cell = (choice.model(), choice.name(), Some(case.id.to_owned()));
    let expected = scenario::expected(choice == bug.with);
    let expected = move |invariant| (invariant == bug.invariant).then_some(expected);
    Task::of_parts(cell, vec![part(bug, choice)], expected)
}

/// The search of a row's program. Panics: if the choice does not belong to the row's model.
pub(super) fn part(bug: &'static Bug, choice: Choice) -> Part {
    let experiment = bug.experiment(choice);
    let writes = experiment.workload.requests().len();
    let words = match bug.given {
        RowSetting::Schedules { crashes } => {
            let workers = OrderingBounds::QUICK.workers;
            let crash = if crashes == 0 { "no".to_owned() } else { format!("at most {crashes}") };
            format!("every schedule of {writes} writes, {workers} workers, {crash} crash")
        }
        RowSetting::Clocks { tick_ms, delay_ticks, skews } => format!(
            "every schedule of {writes} writes, {TICKS} ticks of {tick_ms} ms, delay up to {delay_ticks}, \
             skew {skews:?}"
        ),
    };
    let part = Part::of_experiment(&experiment, bug.invariant, QUICK_STATES_MAX, |_| words);
    part.expect("a row's choices are of its model")
}

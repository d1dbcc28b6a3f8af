//! Layers — judgements, and the results that tests left → where each bug was found. Pure.
//!
//! The model is run live. The findings of loom, shuttle and quickcheck are read from results of `cargo test`, arrays of
//!
//! ```text
//! {"tool": "loom", "case": "R01", "outcome": "found", "exhaustive": true, "executions": 812, "commit": "1a2b3c"}
//! ```
//!
//! `case` is the id of a row, in upper or lower case; other cases are the tools' own and are left out here. `found`: the
//! tool broke the row's invariant with the bug. (If the cure had broken it, the test would have failed.) Results of
//! another commit are *stale*: they count as if the test had not run. (A commit does not identify changes that were not
//! committed.)

use super::{Case, Judgement, find};
use serde::{Deserialize, Serialize};

/// The result of looking for a bug in one layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Cell {
    /// The bug was found.
    #[serde(rename = "found")]
    Found,
    /// The bug cannot show in this layer.
    #[serde(rename = "n/a")]
    NotApplicable,
    /// The bug should have been found and was not.
    #[serde(rename = "missed")]
    Missed,
    /// The test has not run yet.
    #[serde(rename = "not_run")]
    NotRun,
    /// The test has not run on the present code: its results are of another commit. In JSON the same as [`Cell::NotRun`].
    #[serde(rename = "not_run")]
    Stale,
}

/// The names of the layers in the order of the columns.
pub const LAYERS: [&str; 5] = ["model", "loom", "shuttle", "quickcheck", "replay"];

/// The result of each layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Layers {
    /// The models, run live.
    pub model: Cell,
    /// Every interleaving of a few real threads.
    pub loom: Cell,
    /// Schedules of real threads drawn at random.
    pub shuttle: Cell,
    /// Programs drawn at random.
    pub quickcheck: Cell,
    /// The model's path on real nodes, run live.
    pub replay: Cell,
}

/// The result of a tool for one case.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct TestResult {
    /// `loom`, `shuttle`, `quickcheck`.
    pub tool: String,
    /// The id of a row.
    pub case: String,
    /// `found` or `missed`.
    pub outcome: String,
    /// Whether the tool examined everything within its bounds.
    #[serde(default)]
    pub exhaustive: bool,
    /// Number of executions that it examined.
    #[serde(default)]
    pub executions: u64,
    /// The commit of the tested code; empty or `unknown` if git could not tell.
    #[serde(default)]
    pub commit: String,
    /// Whether the result is of other code than the present code: see [`TestResult::compare`].
    #[serde(skip)]
    pub is_stale: bool,
}

impl TestResult {
    /// Compares the result's commit with `head`, the commit of the present code.
    pub fn compare(&mut self, head: &str) {
        self.is_stale = !["", "unknown", head].contains(&self.commit.as_str());
    }
}

/// The reasons why results cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ResultsError {
    /// The text is not an array of results.
    #[error("not an array of test results: {0}")]
    Json(#[from] serde_json::Error),
    /// A row of the catalogue has an unknown outcome.
    #[error("{tool} says '{outcome}' of {case} (known: found, missed)")]
    Outcome {
        /// The tool.
        tool: String,
        /// The row.
        case: String,
        /// The outcome.
        outcome: String,
    },
}

/// The results in the text of a file, as far as they are about rows of the catalogue.
pub fn parse_results(text: &str) -> Result<Vec<TestResult>, ResultsError> {
    let mut results: Vec<TestResult> = serde_json::from_str(text)?;
    results.retain(|result| find(&result.case).is_some());
    match results.iter().find(|result| !["found", "missed"].contains(&result.outcome.as_str())) {
        None => Ok(results),
        Some(TestResult { tool, case, outcome, .. }) => {
            Err(ResultsError::Outcome { tool: tool.clone(), case: case.clone(), outcome: outcome.clone() })
        }
    }
}

impl Cell {
    /// The cell's word in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Cell::Found => "found",
            Cell::NotApplicable => "n/a",
            Cell::Missed => "missed",
            Cell::NotRun | Cell::Stale => "not_run",
        }
    }
}

impl Layers {
    /// The result of each layer for a judged row, given the results that tests left.
    pub fn of(judgement: &Judgement, results: &[TestResult]) -> Layers {
        let case = judgement.case;
        let Some(bug) = case.bug() else {
            let cell = Cell::NotApplicable;
            return Layers { model: cell, loom: cell, shuttle: cell, quickcheck: cell, replay: cell };
        };
        let by_threads = bug.not_by_threads().is_none();
        Layers {
            model: if judgement.is_found() { Cell::Found } else { Cell::Missed },
            loom: tested("loom", case, results, by_threads),
            shuttle: tested("shuttle", case, results, by_threads),
            quickcheck: tested("quickcheck", case, results, true),
            replay: if bug.no_replay.is_empty() { Cell::NotRun } else { Cell::NotApplicable },
        }
    }

    /// The cells in the order of [`LAYERS`].
    pub fn cells(&self) -> [Cell; 5] {
        [self.model, self.loom, self.shuttle, self.quickcheck, self.replay]
    }
}

/// The cell of a tool. A single `missed` counts as missed, even if other results are `found`.
fn tested(tool: &str, case: &Case, results: &[TestResult], is_applicable: bool) -> Cell {
    let ours = |result: &&TestResult| result.tool == tool && result.case.eq_ignore_ascii_case(case.id);
    let (stale, current): (Vec<_>, Vec<_>) = results.iter().filter(ours).partition(|result| result.is_stale);
    match current.as_slice() {
        [] if !is_applicable => Cell::NotApplicable,
        [] if stale.is_empty() => Cell::NotRun,
        [] => Cell::Stale,
        said if said.iter().any(|result| result.outcome == "missed") => Cell::Missed,
        _ => Cell::Found,
    }
}

//! Layers — judgements, and results that tests left behind → where each bug was found. Pure.
//!
//! The model is run live. What loom, shuttle and quickcheck found is read from results of `cargo test`: arrays of
//!
//! ```text
//! {"tool": "loom", "case": "R01", "outcome": "found", "exhaustive": true, "executions": 812, "commit": "1a2b3c"}
//! ```
//!
//! `case` is the id of a row, in upper or lower case; other cases are the tools' own and left out here. `found`: the tool
//! broke the row's invariant with the bug; where the cure broke it, the test failed. What another commit left behind is
//! *stale*: it counts as if nobody had looked. (A commit says nothing of changes that were not committed.)

use super::{Case, Judgement, find};
use serde::{Deserialize, Serialize};

/// Where a bug was looked for, and what came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Cell {
    /// It was found.
    #[serde(rename = "found")]
    Found,
    /// It cannot be seen there.
    #[serde(rename = "n/a")]
    NotApplicable,
    /// It should have been found and was not.
    #[serde(rename = "missed")]
    Missed,
    /// Nobody has looked yet.
    #[serde(rename = "not_run")]
    NotRun,
    /// Nobody has looked since the code is what it is: the results are another commit's. In JSON as [`Cell::NotRun`].
    #[serde(rename = "not_run")]
    Stale,
}

/// The layers in the order of the columns.
pub const LAYERS: [&str; 5] = ["model", "loom", "shuttle", "quickcheck", "replay"];

/// What each layer came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Layers {
    /// The models, live.
    pub model: Cell,
    /// Every interleaving of a few real threads.
    pub loom: Cell,
    /// Schedules of real threads drawn at random.
    pub shuttle: Cell,
    /// Programs drawn at random.
    pub quickcheck: Cell,
    /// The model's path on real nodes, live.
    pub replay: Cell,
}

/// What a tool said of a case.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct TestResult {
    /// `loom`, `shuttle`, `quickcheck`.
    pub tool: String,
    /// The id of a row.
    pub case: String,
    /// `found` or `missed`.
    pub outcome: String,
    /// Whether the tool had looked at everything within its bounds.
    #[serde(default)]
    pub exhaustive: bool,
    /// How many executions it looked at.
    #[serde(default)]
    pub executions: u64,
    /// The commit of the code that was tested; empty or `unknown` where git could not tell.
    #[serde(default)]
    pub commit: String,
    /// Whether it is about other code than ours: see [`TestResult::compare`].
    #[serde(skip)]
    pub is_stale: bool,
}

impl TestResult {
    /// Notes that our code is that of the commit `head`.
    pub fn compare(&mut self, head: &str) {
        self.is_stale = !["", "unknown", head].contains(&self.commit.as_str());
    }
}

/// Why results cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ResultsError {
    /// They are not an array of results.
    #[error("not an array of test results: {0}")]
    Json(#[from] serde_json::Error),
    /// A row of the catalogue with an outcome that is not known.
    #[error("{tool} says '{outcome}' of {case} (known: found, missed)")]
    Outcome {
        /// The tool.
        tool: String,
        /// The row.
        case: String,
        /// What it says.
        outcome: String,
    },
}

/// The results in the text of a file that are about rows of the catalogue.
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
    /// The word in JSON.
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
    /// What the layers came to for a judged row, given what tests left behind.
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

/// One miss is a miss, whoever else found it.
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

//! Json — rows of verdicts → a JSON array for other programs.

use replicheck::models::verdict::Row;
use serde::Serialize;

/// One row as other programs read it.
#[derive(Serialize)]
struct JsonRow<'a> {
    model: &'a str,
    choice: &'a str,
    invariant: &'a str,
    scenario: Option<&'a str>,
    verdict: &'a str,
    expected: &'a str,
    unique_states: usize,
    max_depth: usize,
    seconds: f64,
    bounds: &'a str,
    /// The event that put the invariant to the test, if it holds.
    witness: &'a str,
    /// Why the verdict is *incomplete*, *refused* or *sampled*.
    note: &'a str,
    counterexample: Option<Vec<String>>,
}

/// The rows as JSON, one field per line.
pub fn array(rows: &[Row]) -> Result<String, serde_json::Error> {
    let rows: Vec<JsonRow> = rows.iter().map(row).collect();
    Ok(serde_json::to_string_pretty(&rows)? + "\n")
}

fn row(row: &Row) -> JsonRow<'_> {
    JsonRow {
        model: row.model,
        choice: &row.choice,
        invariant: row.invariant.name(),
        scenario: row.scenario.as_deref(),
        verdict: row.verdict.name(),
        expected: row.expected.name(),
        unique_states: row.unique_states,
        max_depth: row.max_depth,
        seconds: row.seconds,
        bounds: &row.bounds,
        witness: row.witness,
        note: &row.note,
        counterexample: row.counterexample.as_ref().map(|story| story.in_words()),
    }
}

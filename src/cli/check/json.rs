//! Json — rows of verdicts → a JSON array for other programs; `verdicts.schema.json` describes it. Pure.

use crate::cli::commit::{COMMIT, VERSION};
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
    /// The commands of the counterexample.
    program: Option<&'a [String]>,
    /// The file of the program that a long one was cut down to.
    program_file: Option<&'a str>,
    version: &'static str,
    commit: Option<&'static str>,
}

/// The rows as JSON, one field per line. `file_of` is the file of the program that a row's was cut down to.
pub fn array<'a>(
    rows: &'a [Row],
    file_of: impl Fn(&Row) -> Option<&'a str>,
) -> Result<String, serde_json::Error> {
    let rows: Vec<JsonRow> = rows.iter().map(|one| row(one, file_of(one))).collect();
    Ok(serde_json::to_string_pretty(&rows)? + "\n")
}

fn row<'a>(row: &'a Row, program_file: Option<&'a str>) -> JsonRow<'a> {
    JsonRow {
        model: row.model,
        choice: &row.choice,
        invariant: row.invariant.name(),
        scenario: row.scenario.as_deref(),
        verdict: row.verdict.name(),
        expected: row.expected.name(),
        unique_states: row.cost().unique,
        max_depth: row.cost().depth,
        seconds: row.cost().seconds,
        bounds: &row.bounds,
        witness: row.witness,
        note: &row.note,
        counterexample: row.counterexample.as_ref().map(|story| story.in_words()),
        program: row.counterexample.as_ref().map(|story| story.program.as_slice()),
        program_file,
        version: VERSION,
        commit: COMMIT,
    }
}

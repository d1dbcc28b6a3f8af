//! What a tool found, for those who come later: `target/replicheck/TOOL.json`.
//!
//! An array of `{tool, case, outcome, exhaustive, executions, commit}`; `outcome` is `held`, or where a fault was put in
//! `found`, or `missed` if the tool did not report it. `case` is a row's id where it is a known bug of the catalogue. Cases of one process stand in the file in the order of their names; those of an
//! earlier process are gone.

use crate::commit::commit;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Mutex;
use std::{env, fs};

/// How a case ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Held,
    Found,
    Missed,
}

static CASES: Mutex<BTreeMap<String, Value>> = Mutex::new(BTreeMap::new());

/// Prints the result, and writes it with those before it. `limits` says why it is not exhaustive, if it is not.
pub fn note(tool: &str, case: &str, outcome: Outcome, limits: Option<&str>, executions: usize) {
    let (outcome, how) = match outcome {
        Outcome::Held => ("held", limits.unwrap_or("exhaustive")),
        Outcome::Found => ("found", "and stopped there"),
        Outcome::Missed => ("missed", limits.unwrap_or("exhaustive")),
    };
    println!("{tool}: {case}: {outcome}, {how}, {executions} executions");
    let row = json!({
        "tool": tool, "case": case, "outcome": outcome, "exhaustive": how == "exhaustive",
        "executions": executions, "commit": commit(),
    });
    let mut cases = CASES.lock().expect("no panic under it");
    cases.insert(case.to_owned(), row);
    let target = env::var_os("CARGO_TARGET_DIR").map_or_else(|| PathBuf::from("target"), PathBuf::from);
    let folder = target.join("replicheck");
    let text = serde_json::to_string_pretty(&cases.values().collect::<Vec<_>>()).expect("JSON");
    // Beside it first: a reader never meets half a file.
    let written = fs::create_dir_all(&folder)
        .and_then(|()| fs::write(folder.join(format!("{tool}.json.new")), text))
        .and_then(|()| {
            fs::rename(folder.join(format!("{tool}.json.new")), folder.join(format!("{tool}.json")))
        });
    if let Err(error) = written {
        println!("no results in {}: {error}", folder.display());
    }
}

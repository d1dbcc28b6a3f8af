//! The results of a tool, kept for later readers in `target/replicheck/TOOL.json`.
//!
//! An array of `{tool, case, outcome, exhaustive, executions, commit}`. `outcome` is `held`, or for a case with a fault `found`,
//! or `missed` if the tool did not report the fault. `case` is a row's id if it is a known bug of the catalogue. The cases of
//! one process are in the file in the order of their names; those of an earlier process are removed.

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

/// Prints the result, and writes it to the file with earlier ones of the process. `limits`: why it is not exhaustive, if so.
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
    // Written beside the file first, so that no reader meets half a file.
    let written = fs::create_dir_all(&folder)
        .and_then(|()| fs::write(folder.join(format!("{tool}.json.new")), text))
        .and_then(|()| {
            fs::rename(folder.join(format!("{tool}.json.new")), folder.join(format!("{tool}.json")))
        });
    if let Err(error) = written {
        println!("no results in {}: {error}", folder.display());
    }
}

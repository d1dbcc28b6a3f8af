//! `replicheck catalogue` — known bugs → the tools that find each bug, and whether its cure holds.

use super::check::{create, print, width};
use super::{Outcome, UsageError, paint, watch};
use replicheck::models::catalogue::{self, Case, Cell, Judgement, Layers, TestResult, parse_results};
use serde::Serialize;
use std::collections::BTreeSet;
use std::io::Write;
use std::path::Path;
use std::time::Instant;

/// Known replication bugs of Pika and its peers: find each bug, and check that its cure holds.
///
/// The models are run live. For each bug there is one search with the bug, which must break its invariant in the recorded
/// number of steps, and one search with the cure, in which the invariant must hold. The findings of loom, shuttle and
/// quickcheck are read from the results that `cargo test` writes. Each counterexample that can be replayed runs on real
/// nodes, and so does its cure (`replicheck replay`). Exit code: 0 = every bug that counts was found and every cure holds, 1
/// = some were missed, 2 = the command was not understood.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES, after_long_help = EXAMPLES)]
pub struct Args {
    /// Show only this bug, in full: report, mechanism, the shortest counterexample, the cure
    #[arg(value_name = "ID")]
    id: Option<String>,
    /// Write the rows as JSON to this file; - is standard output (the table then goes to standard error)
    #[arg(long, value_name = "FILE")]
    json: Option<String>,
    /// Folder with the results of `cargo test`, one file per tool
    #[arg(long, value_name = "DIR", default_value = "target/replicheck")]
    results: String,
}

const EXAMPLES: &str = "Examples:
  replicheck catalogue
  replicheck catalogue R29
  replicheck catalogue --json - 2> table.txt | jq '.[] | select(.layers.model == \"found\") | .id'";

/// The JSON row of one bug.
#[derive(Serialize)]
struct JsonRow {
    id: &'static str,
    system: &'static str,
    report: &'static str,
    invariant: Option<&'static str>,
    layers: Layers,
    counterexample: Option<Vec<String>>,
    cure: Option<String>,
    cure_holds: Option<bool>,
}

/// Judges the rows and prints where each bug was found.
pub fn run(args: &Args) -> Result<Outcome, UsageError> {
    let cases = cases(args.id.as_deref())?;
    let results = results(Path::new(&args.results))?;
    let json_file = args.json.as_deref().filter(|file| *file != "-").map(create).transpose()?;
    let started = Instant::now();
    let rows = watch::run_all(&catalogue::tasks(&cases)).of_every_task();
    let judgements = catalogue::judgements(&cases, rows);
    let judged = with_layers(judgements, &results)?;
    let to_stderr = args.json.as_deref() == Some("-");
    let width = width(to_stderr);
    let text = match (args.id.is_some(), judged.first()) {
        (true, Some((judgement, layers))) => {
            let title = format!("{} {}", judgement.case.id, judgement.case.system);
            format!(
                "{}\n{}\n{}",
                paint::title(&title),
                catalogue::in_full(judgement, layers, width),
                again(judgement.case)
            )
        }
        _ => catalogue::table(&judged, width) + &end(&judged, &results, started.elapsed().as_secs_f64()),
    };
    let text = paint::signs(&text);
    if to_stderr {
        print(anstream::stderr(), &text)?
    } else {
        print(anstream::stdout(), &text)?
    }
    if let Some(mut file) = json_file {
        file.write_all(json(&judged)?.as_bytes())?;
    } else if to_stderr {
        print(std::io::stdout(), &json(&judged)?)?;
    }
    Ok(if judged.iter().all(is_as_it_must_be) { Outcome::Expected } else { Outcome::Differs })
}

/// The commands that show a bug again; without a bug there is nothing to run.
fn again(case: &Case) -> String {
    let Some(bug) = case.bug() else { return String::new() };
    let replay = if bug.no_replay.is_empty() {
        format!("; on real nodes: replicheck replay {}", case.id)
    } else {
        String::new()
    };
    format!("run again: replicheck catalogue {}{replay}\n", case.id)
}

/// The layers that found each bug. Bugs that can be replayed are replayed, if this program is built with an
/// engine.
fn with_layers(
    judgements: Vec<Judgement>,
    results: &[TestResult],
) -> Result<Vec<(Judgement, Layers)>, UsageError> {
    let layers = |judgement: Judgement| {
        let layers = Layers::of(&judgement, results);
        (judgement, layers)
    };
    #[cfg_attr(not(feature = "rocksdb"), allow(unused_mut, reason = "without an engine nothing is replayed"))]
    let mut judged: Vec<(Judgement, Layers)> = judgements.into_iter().map(layers).collect();
    #[cfg(feature = "rocksdb")]
    {
        let replayed: Vec<usize> =
            (0..judged.len()).filter(|&at| judged[at].1.replay == Cell::NotRun).collect();
        let rows: Vec<&Judgement> = replayed.iter().map(|&at| &judged[at].0).collect();
        let cells = super::replay::cells(&rows)?;
        for (at, cell) in replayed.into_iter().zip(cells) {
            judged[at].1.replay = cell;
        }
    }
    Ok(judged)
}

/// The row with this id, or all rows.
fn cases(id: Option<&str>) -> Result<Vec<&'static Case>, UsageError> {
    let Some(id) = id else { return Ok(catalogue::all().collect()) };
    catalogue::find(id).map(|case| vec![case]).ok_or_else(|| {
        let known: Vec<&str> = catalogue::all().map(|case| case.id).collect();
        UsageError::Unknown(format!("unknown bug '{id}' (known: {})", known.join(", ")))
    })
}

/// The results that tests wrote to the `.json` files of a folder, in the order of the file names; stale results are
/// marked. Empty if there is no such folder.
pub(super) fn results(folder: &Path) -> Result<Vec<TestResult>, UsageError> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Ok(Vec::new()) };
    let mut files: Vec<_> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "json"));
    files.sort();
    let mut results = Vec::new();
    for file in files {
        let wrong = |reason: String| UsageError::File { file: file.display().to_string(), reason };
        let text = std::fs::read_to_string(&file).map_err(|error| wrong(error.to_string()))?;
        results.extend(parse_results(&text).map_err(|error| wrong(error.to_string()))?);
    }
    if let Some(head) = head(folder) {
        results.iter_mut().for_each(|result| result.compare(&head));
    }
    Ok(results)
}

/// The commit of the checkout that holds a folder; `None` if git cannot tell.
fn head(folder: &Path) -> Option<String> {
    let mut git = std::process::Command::new("git");
    let said = git.arg("-C").arg(folder).args(["rev-parse", "HEAD"]).output().ok()?;
    let commit = String::from_utf8(said.stdout).ok()?;
    said.status.success().then(|| commit.trim().to_owned())
}

/// Whether no layer missed the bug and the cure holds. A row that does not count is always as it must be.
fn is_as_it_must_be((judgement, layers): &(Judgement, Layers)) -> bool {
    !layers.cells().contains(&Cell::Missed) && judgement.cure_holds() != Some(false)
}

/// The summary; it names each row that is not as it must be.
fn end(judged: &[(Judgement, Layers)], results: &[TestResult], seconds: f64) -> String {
    let counted = || judged.iter().filter(|(judgement, _)| judgement.rows.is_some());
    let differing: Vec<&str> =
        judged.iter().filter(|row| !is_as_it_must_be(row)).map(|(judgement, _)| judgement.case.id).collect();
    let found = counted().filter(|(_, layers)| layers.model == Cell::Found).count();
    let cured = counted().filter(|(judgement, _)| judgement.cure_holds() == Some(true)).count();
    let hypotheses = || counted().filter(|(judgement, _)| judgement.case.hypothesis);
    let confirmed: Vec<&str> = hypotheses()
        .filter(|(judgement, _)| judgement.is_broken())
        .map(|(judgement, _)| judgement.case.id)
        .collect();
    let refuted: Vec<&str> = hypotheses()
        .filter(|(judgement, _)| !judgement.is_broken())
        .map(|(judgement, _)| judgement.case.id)
        .collect();
    let mut text = format!(
        "\nThe model found {found} of {} bugs that count; {cured} cures hold; {} rows do not count \
         ({seconds:.1} s).\n",
        counted().count(),
        judged.len() - counted().count()
    );
    if !confirmed.is_empty() {
        text += &format!("Hypotheses confirmed for their mechanism: {}.\n", confirmed.join(", "));
    }
    if !refuted.is_empty() {
        text += &format!("Hypotheses refuted for their mechanism: {}.\n", refuted.join(", "));
    }
    let commits = |stale: bool| {
        let of = results.iter().filter(|result| result.is_stale == stale);
        let commits: BTreeSet<&str> = of.map(|result| result.commit.as_str()).collect();
        commits.into_iter().collect::<Vec<_>>().join(", ")
    };
    if results.iter().any(|result| !result.is_stale) {
        text += &format!("Results of cargo test: commit {}.\n", commits(false));
    }
    if results.iter().any(|result| result.is_stale) {
        text += &format!(
            " ! stale, so not counted: results of commit {}\n   (the code has changed; cargo test looks again)\n",
            commits(true)
        );
    }
    if !differing.is_empty() {
        text += &format!(" ! missed, or not cured: {}\n", differing.join(", "));
    }
    text + "● 12: found, in 12 steps of the shortest counterexample. One bug in full: replicheck catalogue ID\n"
}

fn json(judged: &[(Judgement, Layers)]) -> Result<String, UsageError> {
    let rows: Vec<JsonRow> = judged.iter().map(json_row).collect();
    Ok(serde_json::to_string_pretty(&rows).map_err(std::io::Error::from)? + "\n")
}

fn json_row((judgement, layers): &(Judgement, Layers)) -> JsonRow {
    let case = judgement.case;
    let story = judgement.rows.as_ref().and_then(|[bug, _]| bug.counterexample.as_ref());
    JsonRow {
        id: case.id,
        system: case.system,
        report: case.report,
        invariant: case.bug().map(|bug| bug.invariant.name()),
        layers: *layers,
        counterexample: story.map(|story| story.in_words()),
        cure: case.bug().map(|bug| bug.cure.name()),
        cure_holds: judgement.cure_holds(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use replicheck::models::search::Progress;

    /// The row R35, judged.
    fn judged(results: &[TestResult]) -> (Judgement, Layers) {
        let cases = cases(Some("R35")).expect("it has a row");
        let rows = catalogue::tasks(&cases).iter().flat_map(|task| task.run(&Progress::default())).collect();
        let judgement = catalogue::judgements(&cases, rows).remove(0);
        let layers = Layers::of(&judgement, results);
        (judgement, layers)
    }

    #[test]
    fn end_missed_bug_and_failing_cure_are_named() {
        let fine = judged(&[]);
        assert!(is_as_it_must_be(&fine) && !end(&[fine], &[], 0.1).contains(" ! "));
        let mut swapped = judged(&[]);
        swapped.0.rows = swapped.0.rows.map(|[bug, cure]| [cure, bug]);
        assert!(!swapped.0.is_found() && swapped.0.cure_holds() == Some(false));
        let layers = Layers::of(&swapped.0, &[]);
        let missed = [(swapped.0, layers)];
        assert!(!is_as_it_must_be(&missed[0]));
        let text = end(&missed, &[], 0.1);
        assert!(text.contains("0 of 1 bugs") && text.contains(" ! missed, or not cured: R35"), "{text}");
        assert!(text.contains("Hypotheses refuted for their mechanism: R35."), "{text}");
    }

    #[test]
    fn end_bug_that_a_tool_missed_is_named_with_the_commit() {
        let result = |outcome: &str| TestResult {
            tool: "quickcheck".to_owned(),
            case: "R35".to_owned(),
            outcome: outcome.to_owned(),
            exhaustive: false,
            executions: 1,
            commit: "1a2b3c".to_owned(),
            is_stale: false,
        };
        assert!(is_as_it_must_be(&judged(&[result("found")])));
        let results = [result("missed")];
        let text = end(&[judged(&results)], &results, 0.1);
        assert!(text.contains(" ! missed, or not cured: R35") && text.contains("commit 1a2b3c"), "{text}");
        let mut stale = results.clone();
        stale[0].compare("4d5e6f");
        let judged = judged(&stale);
        assert!(is_as_it_must_be(&judged) && judged.1.quickcheck == Cell::Stale);
        assert!(json(std::slice::from_ref(&judged)).expect("JSON").contains("\"quickcheck\": \"not_run\""));
        let text = end(&[judged], &stale, 0.1);
        assert!(text.contains(" ! stale, so not counted: results of commit 1a2b3c\n"), "{text}");
        for commit in ["", "unknown", "4d5e6f"] {
            let mut result = TestResult { commit: commit.to_owned(), ..result("found") };
            result.compare("4d5e6f");
            assert!(!result.is_stale, "{commit}");
        }
    }
}

//! `replicheck demo` — both founding bugs and a clock that is set, on real nodes, under every choice. Does I/O: TCP, RocksDB,
//! threads.

mod cluster;
mod delay;
mod print;
mod scenario;

use super::nodes::RunError;
use super::{Outcome, UsageError, check, paint};
use cluster::Shown;
use indicatif::{ProgressBar, ProgressStyle};
use print::JsonShown;
use replicheck::models::bounds::Bounds;
use replicheck::models::invariants::Invariant;
use replicheck::models::own_program;
use replicheck::models::program;
use replicheck::models::search::Progress;
use replicheck::models::story::Story;
use replicheck::models::timeline::timeline;
use replicheck::models::verdict::Row;
use replicheck::time::Millis;
use scenario::{Choice, Scenario, scenarios};
use std::io::Write;
use std::path::Path;
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::runtime::{Handle, Runtime};

/// Show both founding bugs, and a clock that is set, on real nodes: a master and a replica, TCP, RocksDB, threads.
///
/// Every choice runs the same program, and is shown with what it promises. The schedule that breaks the unsafe ones is
/// forced: a worker is held, or the link delivers late, or a clock is set; each scenario says which. For a replica that
/// diverged, the model's counterexample of the same program is shown, too. Takes about ten seconds. Exit code: 0 = a replica
/// diverged under each choice that does not promise otherwise, and under no other, 1 = otherwise, 2 = the command was not
/// understood.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES, after_long_help = EXAMPLES)]
pub struct Args {
    /// Write the results as JSON to this file; - is standard output (the text then goes to standard error)
    #[arg(long, value_name = "FILE")]
    json: Option<String>,
}

const EXAMPLES: &str = "Examples:
  replicheck demo
  replicheck demo --json - 2> demo.txt | jq '.[] | select(.diverged) | .choice'";

/// Runs all scenarios and prints them.
pub fn run(args: &Args) -> Result<Outcome, UsageError> {
    let to_stderr = args.json.as_deref() == Some("-");
    let json_file = args.json.as_deref().filter(|file| *file != "-").map(check::create).transpose()?;
    let width = check::width(to_stderr);
    let runtime = Runtime::new()?;
    let folder = tempfile::tempdir()?;
    let (mut rows, mut as_expected, mut told) = (Vec::new(), true, Vec::new());
    for scenario in scenarios() {
        let start = now();
        let shown = show_all(runtime.handle(), folder.path(), &scenario)?;
        let mut text = print::heading(&scenario);
        for shown in &shown {
            text.push_str(&print::choice(&scenario, shown, start, width));
            if shown.diverged() {
                text.push_str(&counterexample(&scenario, shown.choice, &mut told, width)?);
            }
            as_expected &= shown.diverged() == shown.choice.may_diverge;
            rows.push(JsonShown::of(&scenario, shown));
        }
        text.push('\n');
        print(to_stderr, &text)?;
    }
    print(to_stderr, &format!("{}\n", conclusion(as_expected)))?;
    let json = serde_json::to_string_pretty(&rows).map_err(std::io::Error::from)? + "\n";
    match json_file {
        Some(mut file) => file.write_all(json.as_bytes())?,
        None if to_stderr => check::print(std::io::stdout(), &json)?,
        None => {}
    }
    Ok(if as_expected { Outcome::Expected } else { Outcome::Differs })
}

fn print(to_stderr: bool, text: &str) -> Result<(), UsageError> {
    let text = paint::signs(text);
    if to_stderr { check::print(anstream::stderr(), &text) } else { check::print(anstream::stdout(), &text) }
}

fn conclusion(as_expected: bool) -> &'static str {
    if as_expected {
        "each choice that does not promise what was compared diverged, and no other did"
    } else {
        "not as expected: a choice broke its promise, or an unsafe choice did not diverge"
    }
}

/// Runs all choices of a scenario at the same time, because most of the time is waiting for the late link.
fn show_all(handle: &Handle, folder: &Path, scenario: &Scenario) -> Result<Vec<Shown>, UsageError> {
    let bar = ProgressBar::new_spinner().with_style(ProgressStyle::default_spinner());
    bar.set_message(format!("{}: {} choices, {}", scenario.name, scenario.choices.len(), scenario.how));
    bar.enable_steady_tick(Duration::from_millis(100));
    let shown = thread::scope(|scope| {
        let threads: Vec<_> = scenario
            .choices
            .iter()
            .map(|&choice| {
                let folder = folder.join(format!("{}-{}", scenario.name, choice.name));
                (choice, scope.spawn(move || cluster::show(handle, &folder, scenario, choice)))
            })
            .collect();
        threads
            .into_iter()
            .map(|(choice, thread)| {
                let outcome = thread.join().unwrap_or_else(|_| Err(RunError::node("it panicked")));
                outcome.map_err(|reason| UsageError::Refused(format!("{}: {reason}", choice.name)))
            })
            .collect()
    });
    bar.finish_and_clear();
    shown
}

/// A counterexample that was printed, and the choice that it was printed for.
type Told = (&'static str, Invariant, Story);

/// The model's shortest counterexample for the scenario's program under this choice; only the name of the choice that has the
/// same one, if it was told before.
fn counterexample(
    scenario: &Scenario,
    choice: Choice,
    told: &mut Vec<Told>,
    width: u16,
) -> Result<String, UsageError> {
    let wrong = |error: String| UsageError::Refused(error);
    let lines = scenario.program.join("\n");
    let program = program::parse(lines.as_bytes()).map_err(|error| wrong(error.to_string()))?;
    let model = Some(scenario.model);
    let tasks =
        own_program::program_tasks(&program, (scenario.name, 1), Bounds::Quick, model, Some(choice.name))
            .map_err(|error| wrong(error.to_string()))?;
    let rows: Vec<Row> = tasks.iter().flat_map(|task| task.run(&Progress::default())).collect();
    let Some((row, story)) = rows.iter().find_map(|row| Some((row, row.counterexample.as_ref()?))) else {
        return Ok(format!("  the model found no counterexample for {}\n", choice.name));
    };
    let mut text = format!("  the model, on the same program: {} breaks {}", choice.name, row.invariant);
    let is_same = |(_, invariant, known): &&Told| {
        *invariant == row.invariant
            && known.program == story.program
            && known.since_its_start() == story.since_its_start()
    };
    match told.iter().find(is_same) {
        Some((known, ..)) => text += &format!(" by the same steps as {known} above\n"),
        None => {
            text += &format!("\n{}", print::indented(&timeline(story, width.saturating_sub(2))));
            told.push((choice.name, row.invariant, story.clone()));
        }
    }
    let again = format!("replicheck check --model {} --choice {}", scenario.model, choice.name);
    Ok(text + &format!("  run again, over every program: {again}\n"))
}

fn now() -> Millis {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Millis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

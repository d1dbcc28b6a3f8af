//! Program files drawn at random, from a seed that is printed: random bytes, captures of MONITOR, and commands by their grammars
//! with extreme arguments. Each file that can be read is judged, told, drawn and exported as by `check --program`, and nothing
//! panics.
//!
//! A file depends only on the seed and its number, so a failure names the seed of a run of that one file.

mod draw;

use crate::seed::{Seed, again, setting};

use draw::{Bounded, bounds, file};
use replicheck::command::table;
use replicheck::models::choice::Choice;
use replicheck::models::experiment::Experiment;
use replicheck::models::export::exports;
use replicheck::models::own_program::program_tasks_within;
use replicheck::models::program::{Program, parse};
use replicheck::models::report::Report;
use replicheck::models::search::Progress;
use replicheck::models::timeline::timeline;
use replicheck::models::verdict::{Row, Verdict};

use std::panic::{AssertUnwindSafe, catch_unwind};

/// The number of files in a run of default length.
const FILES: u64 = 500;

/// How often each kind of outcome occurred.
#[derive(Debug, Default)]
struct Seen {
    unreadable: u64,
    without_writes: u64,
    refused: u64,
    judged: u64,
    sampled: u64,
    violated: u64,
    exported: u64,
}

#[test]
fn program_files_random_bytes_and_commands_never_panic() {
    let seed = Seed::of_this_run();
    let files = setting("REPLICHECK_FILES").unwrap_or(FILES);
    println!("files={files}");
    let mut seen = Seen::default();
    for own_seed in seed.and_next(files) {
        let mut random = fastrand::Rng::with_seed(own_seed);
        let file = file(&mut random);
        let judged = catch_unwind(AssertUnwindSafe(|| judge(&file, &mut random, &mut seen)));
        assert!(
            judged.is_ok(),
            "a panic, shown above, with this file:\n{}\nto run it alone: {}",
            shown(&file),
            again(own_seed, &[("REPLICHECK_FILES", 1)])
        );
    }
    println!("{seen:?}");
    let all = [seen.unreadable, seen.refused, seen.judged, seen.sampled, seen.violated, seen.exported];
    assert!(files < FILES || all.iter().all(|&count| count > files / 200), "each must occur often: {seen:?}");
}

/// The file as text; only the beginning of a long one.
fn shown(file: &[u8]) -> String {
    let cut = &file[..file.len().min(4000)];
    let lines: Vec<String> =
        cut.split(|byte| *byte == b'\n').map(|line| line.escape_ascii().to_string()).collect();
    lines.join("\n")
}

/// Does everything that `check --program` does with a file.
fn judge(file: &[u8], random: &mut fastrand::Rng, seen: &mut Seen) {
    let program = match parse(file) {
        Ok(program) => program,
        Err(error) => {
            seen.unreadable += u64::from(!error.to_string().is_empty());
            return;
        }
    };
    if program.commands.is_empty() {
        seen.without_writes += 1;
        return;
    }
    let bounded = bounds(random);
    for choice in bounded.choices(random) {
        let (model, name) = (choice.model(), choice.name());
        let within = (bounded.ordering, bounded.expiry);
        let tasks =
            program_tasks_within(&program, ("drawn", random.u64(..)), within, Some(model), Some(&name));
        let tasks = match tasks {
            Ok(tasks) => tasks,
            Err(error) => {
                seen.refused += u64::from(!error.to_string().is_empty());
                return;
            }
        };
        let rows: Vec<Row> = tasks.iter().flat_map(|task| task.run(&Progress::default())).collect();
        seen.judged += 1;
        seen.sampled += u64::from(rows.iter().any(|row| row.verdict == Verdict::Sampled));
        tell(model, &rows, seen);
        step_by_step(choice, &program, &bounded, random);
    }
}

/// Makes every text that is printed or written for the rows.
fn tell(model: &str, rows: &[Row], seen: &mut Seen) {
    for width in [60, 100] {
        let report = Report { rows, own_program: true, width };
        let table = report.verdict_table(model) + &report.legend(model);
        assert!(rows.is_empty() || table.contains("choice"), "a table has a heading: {table}");
        for row in report.told() {
            let story = row.counterexample.as_ref().expect("it is violated");
            let text = timeline(story, width);
            let widest = text.lines().map(|line| line.chars().count()).max().unwrap_or(0);
            assert!(widest <= usize::from(width) + 160, "{widest} columns of {width}:\n{text}");
        }
    }
    for row in rows {
        let Some(story) = &row.counterexample else { continue };
        seen.violated += 1;
        serde_json::to_string(&(story.in_words(), &story.keys)).expect("words and keys are JSON");
        seen.exported += exports(row, "replicheck check").len() as u64;
    }
}

/// Takes a few steps, drawn at random, in the way of the explorer's pages.
fn step_by_step(choice: Choice, program: &Program, bounded: &Bounded, random: &mut fastrand::Rng) {
    let Ok(model) = Experiment::within(choice, program, bounded.extent()).model() else { return };
    let mut path = Vec::new();
    for _ in 0..bounded.steps {
        let Ok(view) = model.at(&path) else { return };
        let possible: Vec<usize> = (0..view.next.len()).filter(|&at| !view.next[at].waits).collect();
        let Some(next) = random.choice(possible) else { return };
        path.push(next);
    }
}

#[test]
fn drawn_commands_cover_the_table() {
    // Pinned: the test asks that every command is drawn, and no commit should miss one by bad luck.
    let mut random = fastrand::Rng::with_seed(7);
    let mut accepted = std::collections::BTreeSet::new();
    for _ in 0..100_000 {
        let line = draw::command(&mut random);
        accepted.extend(replicheck::command::Command::parse(0, line).map(|command| command.name()));
    }
    let lacking: Vec<&str> = table().map(|spec| spec.name).filter(|name| !accepted.contains(name)).collect();
    assert!(lacking.is_empty(), "never drawn: {lacking:?}");
}

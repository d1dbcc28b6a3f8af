//! Baseline — a bench's program as it was at another commit, kept under a name → what differs from it beyond noise. Does I/O:
//! a folder a name; runs both programs.
//!
//! Figures that were measured at another time cannot be compared: between two runs of one program they differ by up to a third.
//! So both programs run in turn, and a figure differs beyond noise if one program is ahead in every round.
//!
//! ```text
//! target/bench/baselines/NAME/BENCH         the program
//! target/bench/baselines/NAME/BENCH.commit  the commit that it was built from
//! target/bench/baselines/NAME/BENCH.json    what the last comparison came to
//! ```

use crate::measure::{id, median};
use crate::results::{Machine, folder};
use replicheck::models::measured::{Measured, amount};
use serde::Serialize;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{env, fs, io};

/// The variable that names the file into which a program writes its rows, in place of those in `target/bench`.
pub const ROWS: &str = "REPLICHECK_BENCH_ROWS";

/// Number of times that each program runs. Of figures that do not differ, one in 128 is still told: so often chance has the same
/// program ahead in all eight rounds.
const ROUNDS: usize = 8;

/// The least change that is told, as a part of the earlier figure: below it nobody would act.
const CHANGE_MIN: f64 = 0.02;

fn kept(name: &str, bench: &str) -> PathBuf {
    folder().join("baselines").join(name).join(bench)
}

/// Keeps this program as `bench` of the baseline `name`. Errors: I/O errors.
pub fn keep(name: &str, bench: &str) -> io::Result<()> {
    let program = kept(name, bench);
    fs::create_dir_all(program.parent().unwrap_or(&program))?;
    fs::copy(env::current_exe()?, &program)?;
    fs::write(program.with_extension("commit"), Machine::here().commit)?;
    println!("{bench} is kept as baseline {name}: {}", program.display());
    Ok(())
}

/// One figure in all runs.
#[derive(Debug, Serialize)]
struct Pair {
    choice: String,
    params: Value,
    unit: String,
    before: Vec<f64>,
    now: Vec<f64>,
    /// Whether the same program is ahead in every round, and the median change is greater than [`CHANGE_MIN`].
    differs: bool,
}

/// Runs the kept program and this one in turn, for the rows that `filters` ask for, and returns what differs, as text. Errors:
/// nothing is kept under that name, a program fails, I/O errors.
pub fn compare(name: &str, bench: &str, filters: &[String]) -> io::Result<String> {
    let old = kept(name, bench);
    let commit = fs::read_to_string(old.with_extension("commit"))?;
    let new = env::current_exe()?;
    let (mut before, mut now) = (Vec::new(), Vec::new());
    for round in 1..=ROUNDS {
        eprintln!("{bench}: round {round} of {ROUNDS}");
        // The one that runs first changes, so that a machine that gets slower does not favour one of them.
        if round % 2 == 1 {
            before.push(rows(&old, filters)?);
            now.push(rows(&new, filters)?);
        } else {
            now.push(rows(&new, filters)?);
            before.push(rows(&old, filters)?);
        }
    }
    let pairs = pairs(&before, &now);
    fs::write(old.with_extension("json"), serde_json::to_string_pretty(&pairs)?)?;
    Ok(in_words(bench, &commit, &pairs))
}

/// The rows of one run of a program.
fn rows(program: &Path, filters: &[String]) -> io::Result<Vec<Measured>> {
    let file = folder().join("baselines").join("rows.json");
    let _ = fs::remove_file(&file);
    let mut command = Command::new(program);
    command
        .args(["--bench", "--quick"])
        .args(filters)
        .env(ROWS, &file)
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let status = command.status()?;
    if !status.success() {
        return Err(io::Error::other(format!(
            "{status}: {} --bench --quick {}",
            program.display(),
            filters.join(" ")
        )));
    }
    Ok(serde_json::from_slice(&fs::read(&file)?)?)
}

/// Writes the rows into the file that a comparison asks for. Returns whether one does. Errors: I/O errors.
pub fn write_rows(rows: &[Measured]) -> io::Result<bool> {
    let Some(file) = env::var_os(ROWS) else { return Ok(false) };
    fs::write(file, serde_json::to_string(rows)?)?;
    Ok(true)
}

/// The figures that every run of both programs has. A row with a limit is compared by its share of the limit.
fn pairs(before: &[Vec<Measured>], now: &[Vec<Measured>]) -> Vec<Pair> {
    let figure = |row: &Measured| row.share_of_limit.unwrap_or(row.value);
    let of = |runs: &[Vec<Measured>], row: &Measured| -> Option<Vec<f64>> {
        runs.iter().map(|rows| rows.iter().find(|one| one.is_same_figure(row)).map(figure)).collect()
    };
    let rows = now.first().map(Vec::as_slice).unwrap_or_default();
    let pair = |row: &Measured| {
        let (before, now) = (of(before, row)?, of(now, row)?);
        let changes = changes(&before, &now);
        let is_one_way =
            changes.iter().all(|change| *change > 0.0) || changes.iter().all(|change| *change < 0.0);
        let differs = is_one_way && median(changes).is_some_and(|change| change.abs() > CHANGE_MIN);
        let unit = if row.share_of_limit.is_some() { "share of the limit" } else { &row.unit };
        Some(Pair {
            choice: row.choice.clone(),
            params: row.params.clone(),
            unit: unit.to_owned(),
            before,
            now,
            differs,
        })
    };
    rows.iter().filter_map(pair).collect()
}

/// How much the second is above the first, as a part of it, in each round.
fn changes(before: &[f64], now: &[f64]) -> Vec<f64> {
    before.iter().zip(now).map(|(before, now)| now / before - 1.0).collect()
}

fn in_words(bench: &str, commit: &str, pairs: &[Pair]) -> String {
    let differing: Vec<&Pair> = pairs.iter().filter(|pair| pair.differs).collect();
    let mut lines = vec![format!(
        "{bench} beside commit {commit}, {ROUNDS} runs of each in turn: {} of {} figures differ beyond noise",
        differing.len(),
        pairs.len()
    )];
    let middle = |values: &[f64]| median(values.to_vec()).map(amount).unwrap_or_default();
    let percent = |change: f64| format!("{:+.0} %", change * 100.0);
    for pair in differing {
        let mut changes = changes(&pair.before, &pair.now);
        changes.sort_by(f64::total_cmp);
        let (least, most) =
            (changes.first().copied().unwrap_or_default(), changes.last().copied().unwrap_or_default());
        lines.push(format!(
            "{} ({} to {})  {}, {}: {} → {}",
            percent(median(changes).unwrap_or_default()),
            percent(least),
            percent(most),
            id(&pair.choice, &pair.params),
            pair.unit,
            middle(&pair.before),
            middle(&pair.now)
        ));
    }
    lines.join("\n")
}

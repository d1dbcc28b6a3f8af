//! Baseline — rows of an earlier run, kept under a name → what differs from them beyond noise. Does I/O: one file a name.
//!
//! `target/bench/baselines/NAME.json` has for each bench the commit and the rows.

use crate::results::{Machine, folder};
use replicheck::models::measured::{Measured, amount, in_words, params};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::{fs, io};

/// The least change that is told, as a part of the earlier figure: below it nobody would act.
const CHANGE_MIN: f64 = 0.02;

/// The rows of one bench.
#[derive(Debug, Deserialize, Serialize)]
pub struct Kept {
    commit: String,
    rows: Vec<Measured>,
}

fn file(name: &str) -> PathBuf {
    folder().join("baselines").join(format!("{name}.json"))
}

fn all(name: &str) -> io::Result<BTreeMap<String, Kept>> {
    Ok(serde_json::from_slice(&fs::read(file(name))?)?)
}

/// Keeps the rows of `bench` under that name. Errors: I/O errors.
pub fn keep(name: &str, bench: &str, rows: &[Measured]) -> io::Result<()> {
    // A damaged file is replaced.
    let mut kept = all(name).unwrap_or_default();
    kept.insert(bench.to_owned(), Kept { commit: Machine::here().commit, rows: rows.to_vec() });
    let file = file(name);
    fs::create_dir_all(file.parent().unwrap_or(&file))?;
    fs::write(&file, serde_json::to_string_pretty(&kept)?)?;
    println!("{bench} is kept as baseline {name}: {}", file.display());
    Ok(())
}

/// The rows of `bench` that were kept under that name. Errors: there are none, or I/O errors.
pub fn read(name: &str, bench: &str) -> io::Result<Kept> {
    all(name)?.remove(bench).ok_or_else(|| io::Error::other(format!("it has no figures of {bench}")))
}

/// What one row says now and said before.
struct Pair<'a> {
    now: &'a Measured,
    before: f64,
    after: f64,
    /// Whether they are further apart than both spreads. `None`: a spread is not known.
    differs: Option<bool>,
}

impl Pair<'_> {
    fn change(&self) -> f64 {
        self.after / self.before - 1.0
    }
}

fn pair<'a>(now: &'a Measured, before: &Measured) -> Pair<'a> {
    let (old, new) = match (before.share_of_limit, now.share_of_limit) {
        (Some(old), Some(new)) => (old, new),
        _ => (before.value, now.value),
    };
    let differs = before.spread.zip(now.spread).map(|(old_spread, new_spread)| {
        (new - old).abs() > old_spread + new_spread && (new / old - 1.0).abs() > CHANGE_MIN
    });
    Pair { now, before: old, after: new, differs }
}

/// The rows that differ from those kept by more than both spreads, as text. A row with a limit is compared by its share of the
/// limit, as the machine may be faster or slower than it was.
pub fn compared(kept: &Kept, rows: &[Measured]) -> String {
    let is_same = |one: &Measured, other: &Measured| {
        (&one.choice, &one.params, &one.unit) == (&other.choice, &other.params, &other.unit)
    };
    let pairs: Vec<Pair> = rows
        .iter()
        .filter_map(|now| Some(pair(now, kept.rows.iter().find(|before| is_same(before, now))?)))
        .collect();
    let count = |differs| pairs.iter().filter(|pair| pair.differs == differs).count();
    let mut lines = vec![format!(
        "\nBeside commit {}: {} figures differ beyond their spreads, {} do not; {} have too few runs for a spread, {} have no counterpart",
        kept.commit,
        count(Some(true)),
        count(Some(false)),
        count(None),
        rows.len() - pairs.len()
    )];
    for pair in pairs.iter().filter(|pair| pair.differs == Some(true)) {
        let set: Vec<String> =
            params(pair.now).iter().map(|(name, value)| format!("{name}={}", in_words(value))).collect();
        let what = if pair.now.share_of_limit.is_some() { "share of the limit" } else { &pair.now.unit };
        lines.push(format!(
            "{:+.0} %  {} ({}): {what} {} → {}",
            pair.change() * 100.0,
            pair.now.choice,
            set.join(", "),
            amount(pair.before),
            amount(pair.after)
        ));
    }
    lines.join("\n")
}

//! Judged — the text of a trace of any replica → its faults. Pure.
//!
//! ```text
//! {"version":1,"lsns":[7],"keys":["a"],"start":12,"finish":15}
//! {"version":1,"lsns":[8],"keys":["a"],"start":14,"finish":18}     entry 8 started before entry 7 had finished
//! ```
//!
//! Lines may stand in any order, and a trace may begin anywhere in the log. Each run, from one restart to the next, is judged
//! by itself:
//! - no entry was written twice,
//! - each batch waited for the batches that it depends on: [`first_wrong`](super::first_wrong), the checker that is proved,
//! - no marker, and nothing that readers were shown, was ahead of what was written.
//!
//! It deliberately says nothing of entries that the trace does not name, nor of how two runs go together.

use super::line::{BatchLine, NotALine, TraceLine};
use super::run::{Entry, Numbered, entries, first_twice, first_wrong_of};
use super::{Key, KeySet, Lsn};
use std::collections::BTreeSet;

/// The fewest entries of a piece of a run: see [`judge_in_pieces`].
const PIECE_MIN: usize = 10_000;

/// A batch: its line in the trace, one of its entries, and its ticks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The number of the line, from 1.
    pub line: usize,
    /// The entry.
    pub lsn: Lsn,
    /// Tick before the write.
    pub start: u64,
    /// Tick after the write.
    pub finish: u64,
}

/// A field of a line beside its batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// `marker`.
    Marker,
    /// `published`.
    Published,
}

/// Something that a correct replica does not do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wrong {
    /// A batch did not wait for a batch that it depends on.
    NotWaitedFor {
        /// The batch that was not waited for.
        earlier: Place,
        /// The batch that was too early.
        later: Place,
        /// The keys that both touch.
        keys: KeySet,
        /// Whether one of the lines tells the keys of several entries together: with the keys of each entry, the batches may turn
        /// out not to depend on each other.
        keys_are_of_many: bool,
    },
    /// A batch finished before it started.
    Backwards {
        /// The batch.
        at: Place,
    },
    /// An entry, or its part for one key, was written twice.
    Twice {
        /// The key; `None`: the entry as a whole.
        key: Option<Key>,
        /// The first line.
        first: Place,
        /// The second line.
        again: Place,
    },
    /// The marker, or what readers were shown, was ahead of what was written.
    Ahead {
        /// Which of the two.
        told: Told,
        /// Its value.
        value: Lsn,
        /// The batch that told it.
        at: Place,
        /// A batch of an entry up to there that finished later.
        unfinished: Place,
    },
    /// The trace has to have every entry, and does not.
    Missing {
        /// The first entry that is missing.
        first: Lsn,
        /// The number of missing entries.
        entries: u64,
    },
}

/// The text is no trace. The program that wrote it has to be corrected.
#[derive(Debug, thiserror::Error)]
pub enum NotATrace {
    /// A line is none of the format.
    #[error("line {line}: {fault}")]
    Line {
        /// Its number, from 1.
        line: usize,
        /// The reason.
        fault: NotALine,
    },
    /// A line with a part of an entry names other entries, so it cannot be told which of its keys are whose part.
    #[error(
        "line {line}: entry {lsn} is written in parts, in several lines, so none of them may name another entry"
    )]
    PartWithOthers {
        /// Its number, from 1.
        line: usize,
        /// The entry.
        lsn: Lsn,
    },
    /// There is nothing to judge.
    #[error("no batch in it, so there is nothing to judge")]
    Empty,
}

/// The lines of a trace, run by run.
#[derive(Debug)]
pub struct Lines {
    runs: Vec<Vec<Numbered>>,
    cut_short: Option<usize>,
}

impl Lines {
    /// The lines of `text`; empty lines are left out, and so is a last line that has no end and cannot be read: its replica was
    /// killed. `progress` is told now and then how many bytes are read. Errors: [`NotATrace`].
    pub fn read(text: &[u8], mut progress: impl FnMut(usize)) -> Result<Lines, NotATrace> {
        let (mut runs, mut run) = (Vec::new(), Vec::new());
        let (mut bytes, mut cut_short) = (0, None);
        for (line, number) in text.split_inclusive(|&byte| byte == b'\n').zip(1..) {
            if number % 4096 == 0 {
                progress(bytes);
            }
            bytes += line.len();
            if line.trim_ascii().is_empty() {
                continue;
            }
            match TraceLine::parse(line) {
                Ok(TraceLine::Batch(batch)) => run.push(Numbered { number, batch }),
                Ok(TraceLine::Restart) => runs.push(std::mem::take(&mut run)),
                Err(NotALine::Json(error)) if error.is_eof() && !line.ends_with(b"\n") => {
                    cut_short = Some(number)
                }
                Err(fault) => return Err(NotATrace::Line { line: number, fault }),
            }
        }
        runs.push(run);
        runs.retain(|run| !run.is_empty());
        if runs.is_empty() { Err(NotATrace::Empty) } else { Ok(Lines { runs, cut_short }) }
    }
}

/// The verdict on a trace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judged {
    /// The number of batches.
    pub batches: usize,
    /// The number of runs: one more than restarts between batches.
    pub runs: usize,
    /// The number of entries.
    pub entries: u64,
    /// The lowest and the highest entry.
    pub window: (Lsn, Lsn),
    /// The first entry between the two that is missing, and how many are.
    pub missing: Option<(Lsn, u64)>,
    /// The number of the last line, if it was cut short and is not judged.
    pub cut_short: Option<usize>,
    /// The first fault of each kind, the order of batches before the others. Empty: nothing is wrong.
    pub wrong: Vec<Wrong>,
}

/// Judges a trace. `is_complete`: an entry that is missing between the lowest and the highest one is wrong. Cost: O(n log n).
/// Errors: [`NotATrace`].
pub fn judge(lines: Lines, is_complete: bool) -> Result<Judged, NotATrace> {
    judge_in_pieces(lines, is_complete, PIECE_MIN)
}

/// As [`judge`], in pieces of at least `piece_min` entries. The verdict does not depend on it; the memory does.
pub fn judge_in_pieces(lines: Lines, is_complete: bool, piece_min: usize) -> Result<Judged, NotATrace> {
    let Lines { runs, cut_short } = lines;
    let batches = runs.iter().map(Vec::len).sum();
    let mut before: BTreeSet<Lsn> = BTreeSet::new();
    let mut wrong: Vec<Wrong> = Vec::new();
    let number_of_runs = runs.len();
    let mut lsns: Vec<Lsn> = Vec::new();
    for run in &runs {
        let entries = entries(run);
        let finished = Finished::of(run, &entries, &before);
        let ahead =
            [Told::Marker, Told::Published].into_iter().filter_map(|told| finished.first_ahead(run, told));
        let ahead: Vec<Wrong> = ahead.collect();
        let order = match first_twice(run, &entries)? {
            None => first_wrong_of(run, &entries, piece_min),
            twice => twice,
        };
        for found in order.into_iter().chain(ahead) {
            if !wrong.iter().any(|other| is_alike(other, &found)) {
                wrong.push(found);
            }
        }
        lsns.extend(entries.iter().map(|entry| entry.lsn));
        if number_of_runs > 1 {
            before.extend(entries.iter().map(|entry| entry.lsn));
        }
    }
    lsns.sort_unstable();
    lsns.dedup();
    let missing = missing(&lsns);
    wrong.extend(missing.filter(|_| is_complete).map(|(first, entries)| Wrong::Missing { first, entries }));
    wrong.sort_by_key(|wrong| matches!(wrong, Wrong::Ahead { .. } | Wrong::Missing { .. }));
    let window = (lsns.first().copied().unwrap_or_default(), lsns.last().copied().unwrap_or_default());
    let entries = lsns.len() as u64;
    Ok(Judged { batches, runs: number_of_runs, entries, window, missing, cut_short, wrong })
}

fn is_alike(left: &Wrong, right: &Wrong) -> bool {
    match (left, right) {
        (Wrong::Ahead { told: left, .. }, Wrong::Ahead { told: right, .. }) => left == right,
        _ => std::mem::discriminant(left) == std::mem::discriminant(right),
    }
}

/// The first entry that is missing between the lowest and the highest of `lsns`, which rise, and how many are.
fn missing(lsns: &[Lsn]) -> Option<(Lsn, u64)> {
    let first = lsns.windows(2).find(|pair| pair[1].0 - pair[0].0 > 1)?[0];
    let (lowest, highest) = (lsns.first()?, lsns.last()?);
    Some((Lsn(first.0 + 1), highest.0 - lowest.0 + 1 - lsns.len() as u64))
}

/// For each entry of a run the tick at which it, and all before it, had finished.
struct Finished<'a> {
    entries: &'a [Entry],
    /// 0: all of them were written by an earlier run.
    ticks: Vec<u64>,
}

impl<'a> Finished<'a> {
    /// Entries of `before` were written by an earlier run: they need not be waited for.
    fn of(run: &[Numbered], entries: &'a [Entry], before: &BTreeSet<Lsn>) -> Finished<'a> {
        let ticks = entries.iter().scan(0, |latest, entry| {
            if !before.contains(&entry.lsn) {
                let finishes = entry.lines.iter().map(|&(line, _)| run[line].batch.finish);
                *latest = finishes.fold(*latest, u64::max);
            }
            Some(*latest)
        });
        Finished { ticks: ticks.collect(), entries }
    }

    /// The first line, in the order of the file, whose marker, or whose published entry, was ahead of what had finished when
    /// the line's batch had.
    fn first_ahead(&self, run: &[Numbered], told: Told) -> Option<Wrong> {
        let value = |BatchLine { marker, published, .. }: &BatchLine| match told {
            Told::Marker => *marker,
            Told::Published => *published,
        };
        let is_ahead = |numbered: &&Numbered| {
            let value = value(&numbered.batch)?;
            let entries = self.entries.partition_point(|entry| entry.lsn <= value);
            let latest = entries.checked_sub(1).map(|last| self.ticks[last]);
            (latest > Some(numbered.batch.finish)).then_some(value)
        };
        let at = run.iter().find(|numbered| is_ahead(numbered).is_some())?;
        let (value, finish) = (is_ahead(&at)?, at.batch.finish);
        let entry = self.ticks.iter().position(|&tick| tick > finish).map(|place| &self.entries[place])?;
        let (line, _) = *entry.lines.iter().find(|&&(line, _)| run[line].batch.finish > finish)?;
        let lsn = at.batch.lsns.first().copied().unwrap_or_default();
        Some(Wrong::Ahead { told, value, at: at.place(lsn), unfinished: run[line].place(entry.lsn) })
    }
}

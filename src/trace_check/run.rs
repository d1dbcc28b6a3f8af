//! Run — the lines of one run of a replica → its entries in the order of their LSNs, in pieces that are judged one by one. Pure.
//!
//! A trace names LSNs; [`first_wrong`] takes batches in the order of the log, and [`jobs_in_log_order`] makes them of a log whose
//! entries have the numbers 1, 2, …. So the entries that a trace names are numbered anew, in their order. Entries that it
//! does not name cannot be judged, and nothing is said of them.
//!
//! ```text
//! entries   4 a    5 b    7 a    8 b        piece 1 is 4 and 5. Of these, 4 had finished before 7 or 8 started, so it is
//! ticks     0─2    1─4    3─6    5─7        left out: piece 2 is 5, 7 and 8
//! ```
//!
//! A batch can only be too early for batches that finished at or after the first start of what is still to be judged. So
//! a piece with these batches, and new ones, comes to the verdict of the whole run, and only one piece is in memory as
//! the checker needs it.

use super::judged::{NotATrace, Place, Wrong};
use super::line::{BatchLine, KeysOf, Touched};
use super::{Key, KeySet, Lsn, Written, first_wrong, jobs_in_log_order, not_waited_for};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// A line of a trace, with its number, from 1.
#[derive(Debug)]
pub(super) struct Numbered {
    pub number: usize,
    pub batch: BatchLine,
}

impl Numbered {
    pub fn place(&self, lsn: Lsn) -> Place {
        let BatchLine { start, finish, .. } = self.batch;
        Place { line: self.number, lsn, start, finish }
    }
}

/// An entry: its LSN, and the lines that name it, as indices into the lines of the run. More than one: it was written in
/// parts.
#[derive(Debug)]
pub(super) struct Entry {
    pub lsn: Lsn,
    /// Each with the place of the LSN in its line.
    pub lines: Vec<(usize, usize)>,
}

/// The entries of `lines`, by LSN.
pub(super) fn entries(lines: &[Numbered]) -> Vec<Entry> {
    let named = lines.iter().enumerate().flat_map(|(line, Numbered { batch, .. })| {
        batch.lsns.iter().enumerate().map(move |(at, &lsn)| (lsn, line, at))
    });
    let mut named: Vec<(Lsn, usize, usize)> = named.collect();
    named.sort_unstable();
    let of_one = named.chunk_by(|left, right| left.0 == right.0);
    let entry = |of_one: &[(Lsn, usize, usize)]| Entry {
        lsn: of_one[0].0,
        lines: of_one.iter().map(|&(_, line, at)| (line, at)).collect(),
    };
    of_one.map(entry).collect()
}

/// The first entry that was written twice. The parts of an entry may be in several lines, if these share no key, and name no
/// other entry. Errors: a line with a part names other entries.
pub(super) fn first_twice(lines: &[Numbered], entries: &[Entry]) -> Result<Option<Wrong>, NotATrace> {
    for entry in entries.iter().filter(|entry| entry.lines.len() > 1) {
        let lsn = entry.lsn;
        let mut line_of: BTreeMap<&Key, usize> = BTreeMap::new();
        for (turn, &(line, at)) in entry.lines.iter().enumerate() {
            let twice = |key: Option<&Key>, other: usize| Wrong::Twice {
                key: key.cloned(),
                first: lines[other.min(line)].place(lsn),
                again: lines[other.max(line)].place(lsn),
            };
            let keys = match touched(&lines[line].batch, at) {
                Touched::Keys(keys) if !keys.is_empty() => keys,
                _ => return Ok(Some(twice(None, entry.lines[usize::from(turn == 0)].0))),
            };
            for key in keys {
                if let Some(other) = line_of.insert(key, line).filter(|&other| other != line) {
                    return Ok(Some(twice(Some(key), other)));
                }
            }
        }
        if let Some(&(line, _)) = entry.lines.iter().find(|&&(line, _)| lines[line].batch.lsns.len() > 1) {
            return Err(NotATrace::PartWithOthers { line: lines[line].number, lsn });
        }
    }
    Ok(None)
}

/// The first wrong batch of a run in which no entry was written twice, judged in pieces of at least `piece_min` entries.
pub(super) fn first_wrong_of(lines: &[Numbered], entries: &[Entry], piece_min: usize) -> Option<Wrong> {
    let pieces = pieces(lines, entries, piece_min).into_iter();
    pieces
        .map(|piece| Piece::of(lines, piece.iter().map(|&at| &entries[at])))
        .find_map(|piece| piece.first_wrong(lines))
}

/// The entries of each piece, as indices: those that may still be in the way, and then the new ones. No line has entries of two
/// pieces that are new in both.
fn pieces(lines: &[Numbered], entries: &[Entry], piece_min: usize) -> Vec<Vec<usize>> {
    let starts_from = starts_from(lines, entries);
    let (mut pieces, mut piece) = (Vec::new(), Vec::new());
    // At least as many new entries as old ones, so that the pieces together are no more than twice the run.
    let (mut length_min, mut reached) = (piece_min, Lsn::NONE);
    for (at, entry) in entries.iter().enumerate() {
        if piece.len() >= length_min && reached < entry.lsn {
            let at_cut = at;
            let is_in_the_way = |&&at: &&usize| finish(lines, &entries[at]) >= starts_from[at_cut];
            let old: Vec<usize> = piece.iter().filter(is_in_the_way).copied().collect();
            length_min = piece_min.max(old.len()) + old.len();
            pieces.push(std::mem::replace(&mut piece, old));
        }
        piece.push(at);
        let last = |&(line, _): &(usize, usize)| lines[line].batch.lsns.last().copied();
        reached = entry.lines.iter().filter_map(last).fold(reached, Lsn::max);
    }
    pieces.push(piece);
    pieces
}

/// For each entry the first tick at which it, or one after it, started.
fn starts_from(lines: &[Numbered], entries: &[Entry]) -> Vec<u64> {
    let mut starts_from = vec![u64::MAX; entries.len()];
    let mut first = u64::MAX;
    for (entry, starts_from) in entries.iter().zip(&mut starts_from).rev() {
        let starts = entry.lines.iter().map(|&(line, _)| lines[line].batch.start);
        first = starts.fold(first, u64::min);
        *starts_from = first;
    }
    starts_from
}

/// The tick at which all of an entry had finished.
fn finish(lines: &[Numbered], entry: &Entry) -> u64 {
    entry.lines.iter().map(|&(line, _)| lines[line].batch.finish).max().unwrap_or_default()
}

/// A piece as the checker takes it. Entries have the numbers 1, 2, …
struct Piece {
    log: Vec<KeySet>,
    written: Vec<Written>,
    /// For each job of `written` its line.
    lines: Vec<usize>,
    /// For each entry its LSN in the trace.
    lsns: Vec<Lsn>,
}

impl Piece {
    fn of<'a>(lines: &[Numbered], entries: impl Iterator<Item = &'a Entry>) -> Piece {
        let mut piece = Piece { log: Vec::new(), written: Vec::new(), lines: Vec::new(), lsns: Vec::new() };
        // The jobs of the lines with several entries.
        let mut jobs: BTreeMap<usize, usize> = BTreeMap::new();
        for (entry, number) in entries.zip(1..) {
            let number = Lsn(number);
            piece.lsns.push(entry.lsn);
            let [(line, at)] = entry.lines[..] else {
                piece.add_parts(lines, entry, number);
                continue;
            };
            if let Some(&job) = jobs.get(&line) {
                piece.written[job].lsns.push(number);
            } else {
                jobs.extend((lines[line].batch.lsns.len() > 1).then_some((line, piece.written.len())));
                piece.add(&lines[line].batch, line, number, None);
            }
            piece.log.push(touched(&lines[line].batch, at).into());
        }
        piece
    }

    fn add(&mut self, batch: &BatchLine, line: usize, number: Lsn, part: Option<Key>) {
        self.written.push(Written { lsns: vec![number], part, start: batch.start, finish: batch.finish });
        self.lines.push(line);
    }

    /// Adds an entry that was written in parts: one job for each of its keys.
    fn add_parts(&mut self, lines: &[Numbered], entry: &Entry, number: Lsn) {
        let mut all = KeySet::empty();
        for &(line, at) in &entry.lines {
            let part = touched(&lines[line].batch, at).into();
            all.extend(&part);
            if let KeySet::Keys(keys) = part {
                keys.into_iter().for_each(|key| self.add(&lines[line].batch, line, number, Some(key)));
            }
        }
        self.log.push(all);
    }

    fn first_wrong(&self, lines: &[Numbered]) -> Option<Wrong> {
        let (trace, jobs) = jobs_in_log_order(&self.log, &self.written)
            .expect("the log has the entries and keys of these jobs, each once: see `first_twice`");
        let wrong = first_wrong(&trace)?;
        let line = |job: usize| &lines[self.lines[job]];
        let Some(earlier) = not_waited_for(&trace, wrong) else {
            let number = self.written[jobs[wrong]].lsns[0];
            return Some(Wrong::Backwards { at: line(jobs[wrong]).place(self.lsn(number)) });
        };
        let pair = (jobs[earlier], jobs[wrong]);
        let (first, second) = self.dependent(pair);
        let is_together = |job: usize| {
            let batch = &line(job).batch;
            batch.lsns.len() > 1 && matches!(batch.keys, KeysOf::Together(_))
        };
        Some(Wrong::NotWaitedFor {
            earlier: line(pair.0).place(self.lsn(first)),
            later: line(pair.1).place(self.lsn(second)),
            keys: shared(self.keys(pair.0, first), self.keys(pair.1, second)),
            keys_are_of_many: is_together(pair.0) || is_together(pair.1),
        })
    }

    /// An entry of each of two jobs, of which the second one depends on the first.
    fn dependent(&self, (earlier, later): (usize, usize)) -> (Lsn, Lsn) {
        let (earlier_lsns, later_lsns) = (&self.written[earlier].lsns, &self.written[later].lsns);
        let before = |second: Lsn| {
            let first = earlier_lsns.iter().rev().filter(move |&&first| first < second);
            first.map(move |&first| (first, second))
        };
        let mut pairs = later_lsns.iter().flat_map(|&second| before(second));
        let depends = |&(first, second): &(Lsn, Lsn)| {
            self.keys(earlier, first).conflicts_with(&self.keys(later, second))
        };
        pairs.find(depends).unwrap_or((earlier_lsns[0], later_lsns[0]))
    }

    /// The keys of one entry that a job wrote.
    fn keys(&self, job: usize, number: Lsn) -> Cow<'_, KeySet> {
        match &self.written[job].part {
            Some(key) => Cow::Owned(KeySet::of([key.clone()])),
            None => Cow::Borrowed(&self.log[place(number)]),
        }
    }

    fn lsn(&self, number: Lsn) -> Lsn {
        self.lsns[place(number)]
    }
}

/// The place of entry 1, 2, … in a list.
fn place(number: Lsn) -> usize {
    usize::try_from(number.0).map_or(usize::MAX, |number| number.saturating_sub(1))
}

/// The keys that two dependent entries share.
fn shared(left: Cow<'_, KeySet>, right: Cow<'_, KeySet>) -> KeySet {
    match (left.into_owned(), right.into_owned()) {
        (KeySet::Everything, keys) | (keys, KeySet::Everything) => keys,
        (KeySet::Keys(left), KeySet::Keys(right)) => KeySet::of(left.intersection(&right).cloned()),
    }
}

/// The keys of the entry at place `at` of a line.
fn touched(batch: &BatchLine, at: usize) -> &Touched {
    match &batch.keys {
        KeysOf::Together(keys) => keys,
        KeysOf::Each(keys) => &keys[at],
    }
}

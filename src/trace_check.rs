//! Trace check — when each batch of a replica was written → the first one that did not wait for what it depends on. Pure.
//!
//! A replica whose dependent batches never overlapped, and never overtook one another, has the master's state, in
//! whatever order its batches took effect between their ticks; one whose did might not. Both halves are proved
//! (`proofs/trace_exact.v`), of [`first_wrong`] as it is written in `proofs/trace_check.v`, from which this is
//! copied name by name; the two are held to each other by recorded verdicts (`tests/golden/trace_check/`).
//!
//! ```text
//! log order   keys    ticks        1 and 2 overlapped and share no key: fine
//! 1           a       0 ─ 3        3 started when 1 had finished: fine
//! 2           b       1 ─ 5        4 started at 4, before 2 had finished: wrong
//! 3           a       4 ─ 6
//! 4           b       4 ─ 7        → Some(3), counted from 0
//! ```
//!
//! What it deliberately does not do: it does not look at what was written.

use crate::binlog::Lsn;
use crate::effect::{Key, KeySet};
use std::collections::BTreeMap;

/// A batch, by what it touches and when it was written. `start` and `finish` are ticks of one counter, taken before
/// and after the write.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Batch {
    /// The keys of all its entries.
    pub keys: KeySet,
    /// Tick before the write.
    pub start: u64,
    /// Tick after the write.
    pub finish: u64,
}

/// The first ticks at which a batch may start: one more than the last finish of those that it depends on.
#[derive(Debug, Default)]
struct Floors<'a> {
    of_key: BTreeMap<&'a Key, u64>,
    /// After the batches that touch everything.
    everything: u64,
    /// After all that touch anything.
    all: u64,
}

impl<'a> Floors<'a> {
    fn may_start(&self, batch: &Batch) -> bool {
        match &batch.keys {
            KeySet::Everything => self.all <= batch.start,
            KeySet::Keys(keys) if keys.is_empty() => true,
            KeySet::Keys(keys) => {
                let of_key = |key| self.of_key.get(key).is_none_or(|&floor| floor <= batch.start);
                self.everything <= batch.start && keys.iter().all(of_key)
            }
        }
    }

    fn raise(&mut self, batch: &'a Batch) {
        let after = batch.finish.saturating_add(1);
        match &batch.keys {
            KeySet::Everything => self.everything = self.everything.max(after),
            KeySet::Keys(keys) if keys.is_empty() => return,
            KeySet::Keys(keys) => {
                for key in keys {
                    let floor = self.of_key.entry(key).or_default();
                    *floor = after.max(*floor);
                }
            }
        }
        self.all = self.all.max(after);
    }
}

/// The place, from 0, of the first batch of `trace` that started before an earlier one that it depends on had
/// finished, or that finished before it started. `trace` is in the order of the log.
/// Cost: O(keys × log keys).
pub fn first_wrong(trace: &[Batch]) -> Option<usize> {
    let mut floors = Floors::default();
    trace.iter().position(|batch| {
        let is_right = batch.start <= batch.finish && floors.may_start(batch);
        floors.raise(batch);
        !is_right
    })
}

/// A job that was written, as a trace tells it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Written {
    /// The first entry.
    pub first: Lsn,
    /// The last entry.
    pub last: Lsn,
    /// The key whose part of the entry this is; `None` for whole entries.
    pub part: Option<Key>,
    /// Tick before the write.
    pub start: u64,
    /// Tick after the write.
    pub finish: u64,
}

/// A trace is not one of the log: entries are missing, or were written more than once.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no trace of the log: entry {lsn} {what}")]
pub struct NotTheLog {
    /// The entry.
    pub lsn: Lsn,
    /// What of it.
    pub what: &'static str,
}

/// The batches of `written`, in any order, as [`first_wrong`] wants them. `log` holds the keys of entries 1, 2, …; each
/// must have been written once: whole, in a run, or a part for each of its keys.
/// Errors: [`NotTheLog`]. Not part of what is proved.
pub fn in_log_order(log: &[KeySet], mut written: Vec<Written>) -> Result<Vec<Batch>, NotTheLog> {
    written.sort();
    let wrong = |lsn, what| Err(NotTheLog { lsn, what });
    let mut next = Lsn(1);
    let mut parts_left: Vec<&Key> = Vec::new();
    let mut trace = Vec::with_capacity(written.len());
    for job in written {
        if job.first != next || job.last < job.first {
            return wrong(next.min(job.first), "is missing, or was written twice");
        }
        let Some(entries) = run(log, job.first, job.last) else {
            return wrong(job.last, "is beyond the log");
        };
        let keys = match (&job.part, entries) {
            (None, _) if !parts_left.is_empty() => return wrong(next, "was written whole and in parts"),
            (None, entries) => entries.iter().fold(KeySet::empty(), union),
            (Some(part), [KeySet::Keys(keys)]) => {
                if parts_left.is_empty() {
                    parts_left = keys.iter().rev().collect();
                }
                // Parts are sorted as keys are.
                if parts_left.pop() != Some(part) {
                    return wrong(next, "lacks a part, or one was written twice");
                }
                KeySet::of([part.clone()])
            }
            (Some(_), _) => return wrong(next, "has no parts"),
        };
        trace.push(Batch { keys, start: job.start, finish: job.finish });
        if parts_left.is_empty() {
            next = job.last.next();
        }
    }
    match usize::try_from(next.0 - 1) {
        Ok(entries) if entries == log.len() => Ok(trace),
        _ => wrong(next, "is missing, or not all of it was written"),
    }
}

fn run(log: &[KeySet], first: Lsn, last: Lsn) -> Option<&[KeySet]> {
    let from = usize::try_from(first.0.checked_sub(1)?).ok()?;
    log.get(from..usize::try_from(last.0).ok()?)
}

fn union(ours: KeySet, theirs: &KeySet) -> KeySet {
    match (ours, theirs) {
        (KeySet::Everything, _) | (_, KeySet::Everything) => KeySet::Everything,
        (KeySet::Keys(mut ours), KeySet::Keys(theirs)) => {
            ours.extend(theirs.iter().cloned());
            KeySet::Keys(ours)
        }
    }
}

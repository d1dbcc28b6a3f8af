//! Trace check — the ticks of each batch that a replica wrote → the first batch that did not wait for one that it depends
//! on. Pure.
//!
//! If dependent batches never overlapped and never overtook one another, the replica has the master's state, in
//! whatever order its batches took effect between their ticks. If some did, it may have another state. Both
//! statements are proved (`proofs/trace_exact.v`) for [`first_wrong`] as written in `proofs/trace_check.v`. The
//! code here is copied from that file name by name, and recorded verdicts (`tests/golden/trace_check/`) keep the
//! two in agreement.
//!
//! ```text
//! log order   keys    ticks        1 and 2 overlapped and share no key: fine
//! 1           a       0 ─ 3        3 started when 1 had finished: fine
//! 2           b       1 ─ 5        4 started at 4, before 2 had finished: wrong
//! 3           a       4 ─ 6
//! 4           b       4 ─ 7        → Some(3), counted from 0
//! ```
//!
//! It deliberately does not look at the data that was written.
//!
//! [`mod@line`] has the lines of a trace, [`judged`] the verdict on a whole trace of any replica, [`told`] its words.

pub mod judged;
pub mod line;
mod run;
pub mod told;

use crate::binlog::Lsn;
use crate::effect::{Key, KeySet};
use std::collections::BTreeMap;

/// A batch: the keys that it touches, and the ticks at which it was written. `start` and `finish` are ticks of one
/// counter, taken before and after the write.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Batch {
    /// The keys of all its entries.
    pub keys: KeySet,
    /// Tick before the write.
    pub start: u64,
    /// Tick after the write.
    pub finish: u64,
}

/// The first ticks at which a batch may start: one more than the last finish of the batches that it depends
/// on.
#[derive(Debug, Default)]
struct Floors<'a> {
    of_key: BTreeMap<&'a Key, u64>,
    /// The floor set by batches that touch everything.
    everything: u64,
    /// The floor set by all batches that touch any key.
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

/// The index, from 0, of the first wrong batch of `trace`: it started before an earlier batch that it depends
/// on had finished, or it finished before it started. `trace` is in the order of the log. Cost: O(keys × log
/// keys).
pub fn first_wrong(trace: &[Batch]) -> Option<usize> {
    let mut floors = Floors::default();
    trace.iter().position(|batch| {
        let is_right = batch.start <= batch.finish && floors.may_start(batch);
        floors.raise(batch);
        !is_right
    })
}

/// The reason for which `trace[wrong]` is wrong, if [`first_wrong`] says so: the last batch before it that it depends on, and
/// that had not finished when it started. `None`: there is no such batch, so it finished before it started. Cost: O(keys).
/// The proofs do not cover this function; a test compares the two.
pub fn not_waited_for(trace: &[Batch], wrong: usize) -> Option<usize> {
    let Batch { keys, start, .. } = &trace[wrong];
    trace[..wrong].iter().rposition(|earlier| earlier.finish >= *start && earlier.keys.conflicts_with(keys))
}

/// A job that was written, as a trace records it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Written {
    /// The entries, at least one, in the order of the log.
    pub lsns: Vec<Lsn>,
    /// The key whose part of the one entry this is; `None` for whole entries.
    pub part: Option<Key>,
    /// Tick before the write.
    pub start: u64,
    /// Tick after the write.
    pub finish: u64,
}

/// The trace does not match the log: an entry is missing, unknown, or was not written exactly once.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a valid trace of the log: entry {lsn} {what}")]
pub struct NotTheLog {
    /// The entry.
    pub lsn: Lsn,
    /// The fault of the entry.
    pub what: &'static str,
}

/// The jobs of `written`, which may be in any order, as the batches in log order that [`first_wrong`] expects. `log`
/// holds the keys of entries 1, 2, …. Each entry must have been written once: whole (alone or with other entries), or
/// one part for each of its keys.
///
/// Entries that were written together become one batch, in the place of the first of them, if they do not depend on
/// any entry in between that another job wrote (reordering independent entries changes nothing). If they do, they
/// become two batches with the same ticks, which is never less strict. Errors: [`NotTheLog`]. The proofs do not
/// cover this function.
pub fn in_log_order(log: &[KeySet], written: &[Written]) -> Result<Vec<Batch>, NotTheLog> {
    Ok(jobs_in_log_order(log, written)?.0)
}

/// The batches of [`in_log_order`], and for each of them its job, as an index into `written`.
pub fn jobs_in_log_order(log: &[KeySet], written: &[Written]) -> Result<(Vec<Batch>, Vec<usize>), NotTheLog> {
    let writers = writers(log, written)?;
    let mut trace: Vec<Batch> = Vec::with_capacity(written.len());
    let mut jobs = Vec::with_capacity(written.len());
    let mut together: BTreeMap<usize, Together> = BTreeMap::new();
    for (place, keys) in log.iter().enumerate() {
        for &job in &writers[place] {
            let Written { part, start, finish, .. } = &written[job];
            let keys = part.as_ref().map_or_else(|| keys.clone(), |key| KeySet::of([key.clone()]));
            if let Some(written_with) = together.get_mut(&job) {
                let others = (written_with.seen + 1..place).filter(|&place| !writers[place].contains(&job));
                others.for_each(|place| written_with.others.extend(&log[place]));
                written_with.seen = place;
                if !written_with.others.conflicts_with(&keys) {
                    trace[written_with.batch].keys.extend(&keys);
                    continue;
                }
            }
            together.insert(job, Together { batch: trace.len(), seen: place, others: KeySet::empty() });
            trace.push(Batch { keys, start: *start, finish: *finish });
            jobs.push(job);
        }
    }
    Ok((trace, jobs))
}

/// Entries of one job that form one batch.
struct Together {
    /// Its place in the trace.
    batch: usize,
    /// The place in the log up to which `others` are known.
    seen: usize,
    /// The keys of the entries since its first entry that other jobs wrote.
    others: KeySet,
}

/// For each entry the jobs that wrote it, as indices into `written`: one job, or one for each of its keys, in the order
/// of the keys.
fn writers(log: &[KeySet], written: &[Written]) -> Result<Vec<Vec<usize>>, NotTheLog> {
    let mut writers = vec![Vec::new(); log.len()];
    for (job, Written { lsns, .. }) in written.iter().enumerate() {
        for &lsn in lsns {
            let place = usize::try_from(lsn.0).ok().and_then(|lsn| writers.get_mut(lsn.checked_sub(1)?));
            let Some(of_entry) = place else { return Err(NotTheLog { lsn, what: "is not in the log" }) };
            of_entry.push(job);
        }
    }
    for ((keys, jobs), lsn) in log.iter().zip(&mut writers).zip(1..) {
        jobs.sort_by_key(|&job| &written[job].part);
        let parts: Vec<Option<&Key>> = jobs.iter().map(|&job| written[job].part.as_ref()).collect();
        let is_in_parts =
            matches!(keys, KeySet::Keys(keys) if parts.iter().copied().eq(keys.iter().map(Some)));
        if parts != [None] && (jobs.is_empty() || !is_in_parts) {
            let what =
                "is missing, or was not written exactly once (whole, or one part for each of its keys)";
            return Err(NotTheLog { lsn: Lsn(lsn), what });
        }
    }
    Ok(writers)
}

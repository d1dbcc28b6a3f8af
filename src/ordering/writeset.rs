//! `writeset` — an entry starts when, for each of its keys, the last entry before it that touches the key is done. Pure.
//!
//! MySQL's WRITESET tracking: a map from key to the last entry that touched it. An entry waits only for the last entries on
//! its keys, and those wait for the entries before them. Keys are compared by a hash, as in MySQL: entries of two keys with
//! one hash wait for each other, which is never wrong. An entry that touches *everything* waits for all unfinished entries, and
//! all later entries wait for it. Entries that wait for nothing are independent of each other: a batch takes the
//! oldest of them.
//!
//! ```text
//! 1 SET a   2 SET b   3 MSET a b   4 SET c      1, 2 and 4 at once; 3 when 1 and 2 are done
//! ```

use super::{Admission, Job, LastOf, OrderingStrategy, Places, Refused};
use crate::binlog::Lsn;
use crate::effect::{Key, KeySet};
use std::collections::{BTreeSet, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};

/// Dependencies by last writer. Promises per_key_order.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Writeset {
    batch_entries_max: usize,
    /// By the hash of a key: the last unfinished entry that touches it.
    last_of: LastOf,
    /// The last unfinished entry that touches everything.
    last_everything: Option<Lsn>,
    unfinished: Places<Unfinished>,
    /// The unfinished entries that wait for nothing and are not taken yet, in ascending order.
    ready: VecDeque<Lsn>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Unfinished {
    /// Hashes of its keys.
    keys: Vec<u64>,
    /// How many unfinished entries it waits for.
    waits_for: usize,
    /// The entries that wait for it.
    waited_for_by: Vec<Lsn>,
}

impl Writeset {
    /// No entries; a batch holds at most `batch_entries_max` (at least 1).
    pub fn new(batch_entries_max: usize) -> Writeset {
        Writeset {
            batch_entries_max: batch_entries_max.max(1),
            last_of: LastOf::new(),
            last_everything: None,
            unfinished: Places::new(),
            ready: VecDeque::new(),
        }
    }

    /// Whether nothing is unfinished.
    pub(super) fn is_idle(&self) -> bool {
        self.unfinished.is_empty()
    }

    /// Notes entry `lsn` as the last one that touches `keys`. Gives the unfinished entries that it has to wait for.
    fn touch(&mut self, lsn: Lsn, keys: &[u64]) -> BTreeSet<Lsn> {
        let last_of = keys.iter().filter_map(|&key| self.last_of.touch(key, lsn));
        // Two of its own keys may have one hash.
        last_of.chain(self.last_everything).filter(|&earlier| earlier != lsn).collect()
    }

    /// Notes entry `lsn` as the last one that touches everything. Gives the unfinished entries before it.
    fn touch_everything(&mut self, lsn: Lsn) -> BTreeSet<Lsn> {
        // The last entry that touches everything waits for all entries before it, so they need not be named.
        let before = self.unfinished.from(self.last_everything.unwrap_or(Lsn::NONE)).collect();
        // Later entries wait for this entry, and through it for all entries before it.
        self.last_of.clear();
        self.last_everything = Some(lsn);
        before
    }
}

impl OrderingStrategy for Writeset {
    fn admit(&mut self, entry: &Admission<'_>) -> Result<(), Refused> {
        let keys: Vec<u64> = match &*entry.keys {
            KeySet::Everything => Vec::new(),
            KeySet::Keys(keys) => keys.iter().map(hash).collect(),
        };
        let before = match &*entry.keys {
            KeySet::Everything => self.touch_everything(entry.lsn),
            KeySet::Keys(_) => self.touch(entry.lsn, &keys),
        };
        for &earlier in &before {
            if let Some(unfinished) = self.unfinished.get_mut(earlier) {
                unfinished.waited_for_by.push(entry.lsn);
            }
        }
        if before.is_empty() {
            self.ready.push_back(entry.lsn);
        }
        let waits_for = before.len();
        self.unfinished.push(entry.lsn, Unfinished { keys, waits_for, waited_for_by: Vec::new() });
        Ok(())
    }

    fn take(&mut self, _worker: usize) -> Option<Job> {
        let count = self.batch_entries_max.min(self.ready.len());
        Job::of(self.ready.drain(..count).collect())
    }

    fn finish(&mut self, _worker: usize, job: &Job) {
        job.lsns.iter().for_each(|&lsn| self.finished(lsn));
    }

    /// The oldest entry that waits for another one. If an entry before it touches everything, it is the one that is waited for.
    fn held_up_by(&self, _worker: usize) -> Option<Lsn> {
        if !self.ready.is_empty() {
            return None;
        }
        let mut everything = None;
        for (lsn, unfinished) in self.unfinished.iter() {
            if unfinished.keys.is_empty() {
                everything = everything.or(Some(lsn));
            }
            if unfinished.waits_for > 0 {
                return everything.or(Some(lsn));
            }
        }
        None
    }

    fn interchangeable_workers(&self) -> bool {
        true
    }
}

impl Writeset {
    fn finished(&mut self, lsn: Lsn) {
        let Some(finished) = self.unfinished.remove(lsn) else { return };
        for key in finished.keys {
            self.last_of.forget(key, lsn);
        }
        if self.last_everything == Some(lsn) {
            self.last_everything = None;
        }
        for later in finished.waited_for_by {
            if let Some(waiting) = self.unfinished.get_mut(later) {
                waiting.waits_for -= 1;
                if waiting.waits_for == 0 {
                    let place = self.ready.partition_point(|&ready| ready < later);
                    self.ready.insert(place, later);
                }
            }
        }
    }
}

/// A hash of `key` that is the same in every run, for checkers that compare states.
fn hash(key: &Key) -> u64 {
    let mut hasher = DefaultHasher::new();
    key.hash(&mut hasher);
    hasher.finish()
}

//! `writeset` — an entry starts when the last entry that conflicts on each of its keys is done. Pure.
//!
//! MySQL's WRITESET tracking: a map from key to the last entry that touched it. An entry waits for those last
//! entries only; they wait for the ones before them. *Everything* waits for all that is unfinished, and all
//! that comes after waits for it.
//!
//! ```text
//! 1 SET a   2 SET b   3 MSET a b   4 SET c      1, 2 and 4 at once; 3 when 1 and 2 are done
//! ```

use super::{Admission, Job, Ordering, Refused};
use crate::binlog::Lsn;
use crate::effect::{Key, KeySet};
use std::collections::{BTreeMap, BTreeSet};

/// Dependencies by last writer. Promises per_key_order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Writeset {
    /// The last unfinished entry that touches a key.
    last_of: BTreeMap<Key, Lsn>,
    /// The last unfinished entry that touches everything.
    last_everything: Option<Lsn>,
    /// Unfinished entries that are not taken yet, each with the unfinished entries that it waits for.
    waiting: BTreeMap<Lsn, BTreeSet<Lsn>>,
    in_flight: BTreeSet<Lsn>,
}

impl Writeset {
    /// No entries.
    pub fn new() -> Writeset {
        Writeset::default()
    }

    /// Whether nothing is unfinished.
    pub(super) fn is_idle(&self) -> bool {
        self.waiting.is_empty() && self.in_flight.is_empty()
    }

    fn unfinished(&self) -> BTreeSet<Lsn> {
        self.waiting.keys().chain(&self.in_flight).copied().collect()
    }
}

impl Ordering for Writeset {
    fn admit(&mut self, entry: &Admission) -> Result<(), Refused> {
        let waits_for = match &entry.keys {
            KeySet::Everything => self.unfinished(),
            KeySet::Keys(keys) => keys
                .iter()
                .filter_map(|key| self.last_of.get(key))
                .copied()
                .chain(self.last_everything)
                .collect(),
        };
        self.waiting.insert(entry.lsn, waits_for);
        match &entry.keys {
            KeySet::Everything => {
                // Whoever comes later waits for this entry, and through it for all before it.
                self.last_of.clear();
                self.last_everything = Some(entry.lsn);
            }
            KeySet::Keys(keys) => {
                self.last_of.extend(keys.iter().map(|key| (key.clone(), entry.lsn)));
            }
        }
        Ok(())
    }

    fn take(&mut self, _worker: usize) -> Option<Job> {
        let (&lsn, _) = self.waiting.iter().find(|(_, waits_for)| waits_for.is_empty())?;
        self.waiting.remove(&lsn);
        self.in_flight.insert(lsn);
        Some(Job::whole(lsn))
    }

    fn finish(&mut self, _worker: usize, job: &Job) {
        self.in_flight.remove(&job.first);
        self.last_of.retain(|_, last| *last != job.first);
        if self.last_everything == Some(job.first) {
            self.last_everything = None;
        }
        for waits_for in self.waiting.values_mut() {
            waits_for.remove(&job.first);
        }
    }

    fn interchangeable_workers(&self) -> bool {
        true
    }
}

//! `key_hash` — an entry of several keys is split, one part per key; the worker is given by the key's hash; a command
//! without keys goes to any worker. Pure.
//!
//! Pika before #2808: the first founding bug. Unsafe on purpose: FLUSHDB is ordered against nothing, and a
//! reader may see half of an MSET, or of a transaction: its entry is split as an effect, or if each of its commands can be
//! split; otherwise it is refused.
//!
//! ```text
//! lane 0:  SET a b   SET a c          lane 1:  FLUSHDB      done in the order FLUSHDB, SET, SET: a = c
//! ```

use super::lanes::Lanes;
use super::{Admission, Job, OrderingStrategy, Queued, Refused};
use crate::effect::KeySet;

/// Lanes by key, entries split. Promises nothing.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct KeyHash {
    lanes: Lanes,
}

impl KeyHash {
    /// No entries, `workers` lanes; a batch holds at most `batch_entries_max` (at least 1).
    pub fn new(workers: usize, batch_entries_max: usize) -> KeyHash {
        KeyHash { lanes: Lanes::new(workers, batch_entries_max) }
    }
}

impl OrderingStrategy for KeyHash {
    fn admit(&mut self, entry: &Admission<'_>) -> Result<(), Refused> {
        match &*entry.keys {
            KeySet::Keys(keys) if keys.len() > 1 && entry.splittable => {
                for key in keys {
                    self.lanes.push_part(key, entry.lsn);
                }
            }
            KeySet::Keys(keys) if keys.len() > 1 => {
                return Err(Refused {
                    strategy: "key_hash",
                    lsn: entry.lsn,
                    reason: "a command of several keys that cannot be split into one command a key",
                    declared: true,
                });
            }
            KeySet::Keys(keys) => match keys.first() {
                Some(key) => self.lanes.push(key, entry.lsn),
                None => self.lanes.push_keyless(entry.lsn),
            },
            KeySet::Everything => self.lanes.push_keyless(entry.lsn),
        }
        Ok(())
    }

    fn take(&mut self, worker: usize) -> Option<Job> {
        self.lanes.pop(worker)
    }

    fn finish(&mut self, _worker: usize, _job: &Job) {}

    fn queued(&self) -> Option<Queued> {
        Some(self.lanes.queued())
    }

    fn has_lanes(&self) -> bool {
        true
    }
}

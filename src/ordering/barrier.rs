//! `barrier` — lanes by key hash; an entry of several keys stands in every lane that it touches, FLUSHDB in
//! all of them. Pure.
//!
//! Pika's cure (#2808), made precise: an entry starts when it has reached the head of each of its lanes, and
//! leaves them when it is done. So *everything* waits for all before it and holds all after it, and an entry of
//! two keys meets only the lanes of those keys. Entries that follow it in its worker's lane, and stand in no other,
//! go along in its batch.
//!
//! ```text
//! lane 0:  SET a ─ FLUSHDB ─ SET a          FLUSHDB starts when both SETs before it are done;
//! lane 1:  SET c ─ FLUSHDB                  the SET a behind it waits although lane 0 is its own
//! ```

use super::{Admission, Job, Ordering, Refused, lane_of};
use crate::binlog::Lsn;
use crate::effect::KeySet;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Lanes with rendezvous. Promises per_key_order.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Barrier {
    lanes: Vec<VecDeque<Lsn>>,
    /// The lanes in which an unfinished entry stands.
    stands_in: BTreeMap<Lsn, BTreeSet<usize>>,
    in_flight: BTreeSet<Lsn>,
    batch_entries_max: usize,
}

impl Barrier {
    /// No entries, `workers` lanes; a batch holds at most `batch_entries_max` (at least 1).
    pub fn new(workers: usize, batch_entries_max: usize) -> Barrier {
        Barrier {
            lanes: vec![VecDeque::new(); workers.max(1)],
            stands_in: BTreeMap::new(),
            in_flight: BTreeSet::new(),
            batch_entries_max: batch_entries_max.max(1),
        }
    }
}

impl Ordering for Barrier {
    fn admit(&mut self, entry: &Admission<'_>) -> Result<(), Refused> {
        let lanes: BTreeSet<usize> = match &*entry.keys {
            KeySet::Keys(keys) if !keys.is_empty() => {
                keys.iter().map(|key| lane_of(key, self.lanes.len())).collect()
            }
            _ => (0..self.lanes.len()).collect(),
        };
        for &lane in &lanes {
            self.lanes[lane].push_back(entry.lsn);
        }
        self.stands_in.insert(entry.lsn, lanes);
        Ok(())
    }

    fn take(&mut self, worker: usize) -> Option<Job> {
        let head = *self.lanes.get(worker)?.front()?;
        let lanes = self.stands_in.get(&head)?;
        // The worker of the lowest lane does it; the others wait behind the same entry.
        let ours = lanes.first() == Some(&worker);
        let at_all_heads = lanes.iter().all(|&lane| self.lanes[lane].front() == Some(&head));
        if !ours || !at_all_heads || !self.in_flight.insert(head) {
            return None;
        }
        // What stands in this lane alone waits for nothing but what is in the batch before it.
        let in_no_other = |lsn: &Lsn| self.stands_in.get(lsn).is_some_and(|lanes| lanes.len() == 1);
        let followers = self.lanes[worker].iter().skip(1).copied().take_while(in_no_other);
        let lsns: Vec<Lsn> = [head].into_iter().chain(followers).take(self.batch_entries_max).collect();
        Job::of(lsns)
    }

    fn finish(&mut self, _worker: usize, job: &Job) {
        for lsn in &job.lsns {
            self.in_flight.remove(lsn);
            for lane in self.stands_in.remove(lsn).unwrap_or_default() {
                self.lanes[lane].pop_front();
            }
        }
    }
}

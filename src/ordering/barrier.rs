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
use std::collections::{BTreeMap, VecDeque};

/// Lanes with rendezvous. Promises per_key_order.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Barrier {
    lanes: Vec<VecDeque<Lsn>>,
    /// The lanes of an unfinished entry that stands in more than one, in ascending order.
    stands_in: BTreeMap<Lsn, Vec<usize>>,
    /// How many entries, from its lane's head on, each worker has in hand.
    in_hand: Vec<usize>,
    batch_entries_max: usize,
}

impl Barrier {
    /// No entries, `workers` lanes; a batch holds at most `batch_entries_max` (at least 1).
    pub fn new(workers: usize, batch_entries_max: usize) -> Barrier {
        Barrier {
            lanes: vec![VecDeque::new(); workers.max(1)],
            stands_in: BTreeMap::new(),
            in_hand: vec![0; workers.max(1)],
            batch_entries_max: batch_entries_max.max(1),
        }
    }
}

impl Ordering for Barrier {
    fn admit(&mut self, entry: &Admission<'_>) -> Result<(), Refused> {
        let mut lanes: Vec<usize> = match &*entry.keys {
            KeySet::Keys(keys) if !keys.is_empty() => {
                keys.iter().map(|key| lane_of(key, self.lanes.len())).collect()
            }
            _ => (0..self.lanes.len()).collect(),
        };
        lanes.sort_unstable();
        lanes.dedup();
        for &lane in &lanes {
            self.lanes[lane].push_back(entry.lsn);
        }
        if lanes.len() > 1 {
            self.stands_in.insert(entry.lsn, lanes);
        }
        Ok(())
    }

    fn take(&mut self, worker: usize) -> Option<Job> {
        let head = *self.lanes.get(worker)?.front()?;
        let is_at_head = |lane: &usize| self.lanes[*lane].front() == Some(&head);
        // The worker of the lowest lane does it; the others wait behind the same entry.
        let is_ours = |lanes: &Vec<usize>| lanes.first() == Some(&worker) && lanes.iter().all(is_at_head);
        if self.in_hand[worker] > 0 || !self.stands_in.get(&head).is_none_or(is_ours) {
            return None;
        }
        // What stands in this lane alone waits for nothing but what is in the batch before it.
        let in_no_other = |lsn: &Lsn| !self.stands_in.contains_key(lsn);
        let followers = self.lanes[worker].iter().skip(1).copied().take_while(in_no_other);
        let lsns: Vec<Lsn> = [head].into_iter().chain(followers).take(self.batch_entries_max).collect();
        self.in_hand[worker] = lsns.len();
        Job::of(lsns)
    }

    fn finish(&mut self, worker: usize, job: &Job) {
        self.in_hand[worker] = 0;
        for lsn in &job.lsns {
            match self.stands_in.remove(lsn) {
                Some(lanes) => lanes.into_iter().for_each(|lane| {
                    self.lanes[lane].pop_front();
                }),
                None => {
                    self.lanes[worker].pop_front();
                }
            }
        }
    }
}

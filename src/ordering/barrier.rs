//! `barrier` — lanes by key hash; an entry of several keys stands in every lane that it touches, FLUSHDB in
//! all of them. Pure.
//!
//! Pika's cure (#2808), made precise: an entry starts when it has reached the head of each of its lanes, and
//! leaves them when it is done. So *everything* waits for all before it and holds all after it, and an entry of
//! two keys meets only the lanes of those keys.
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
}

impl Barrier {
    /// No entries, `workers` lanes.
    pub fn new(workers: usize) -> Barrier {
        Barrier {
            lanes: vec![VecDeque::new(); workers.max(1)],
            stands_in: BTreeMap::new(),
            in_flight: BTreeSet::new(),
        }
    }
}

impl Ordering for Barrier {
    fn admit(&mut self, entry: &Admission) -> Result<(), Refused> {
        let lanes: BTreeSet<usize> = match &entry.keys {
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
        (ours && at_all_heads && self.in_flight.insert(head)).then(|| Job::whole(head))
    }

    fn finish(&mut self, _worker: usize, job: &Job) {
        self.in_flight.remove(&job.first);
        for lane in self.stands_in.remove(&job.first).unwrap_or_default() {
            self.lanes[lane].pop_front();
        }
    }
}

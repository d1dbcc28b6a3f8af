//! `barrier` — lanes by key hash; an entry of several keys queues in the lane of each of its keys, FLUSHDB in all
//! lanes. Pure.
//!
//! Pika's cure (#2808), made precise: an entry starts when it is at the head of each of its lanes, and leaves them when
//! it is done. So an entry that touches *everything* waits for all entries before it and holds back all entries after it; an
//! entry of two keys waits in the lanes of those keys only. The worker that runs an entry owns its lanes until the entry is
//! done. Entries behind it that are in no other lane join its batch, so no worker has to be woken after a FLUSHDB.
//!
//! ```text
//! lane 0:  SET a ─ FLUSHDB ─ SET a          FLUSHDB starts when both SETs before it are done;
//! lane 1:  SET c ─ FLUSHDB                  the SET a behind it waits, although only lane 0 is its own
//! ```

use super::{Admission, Job, OrderingStrategy, Queued, Refused, lane_of};
use crate::binlog::Lsn;
use crate::effect::KeySet;
use std::collections::{BTreeMap, VecDeque};

/// Lanes by key, where an entry of several keys waits in all of its lanes. Promises per_key_order.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Barrier {
    lanes: Vec<VecDeque<Lsn>>,
    /// The lanes of each unfinished entry that is in more than one, in ascending order.
    stands_in: BTreeMap<Lsn, Vec<usize>>,
    /// How many entries each worker has taken and not finished.
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

impl OrderingStrategy for Barrier {
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
        // The worker of the entry's lowest lane runs it; the workers of its other lanes wait for it.
        let is_ours = |lanes: &Vec<usize>| lanes.first() == Some(&worker) && lanes.iter().all(is_at_head);
        if self.in_hand[worker] > 0 || !self.stands_in.get(&head).is_none_or(is_ours) {
            return None;
        }
        let lsns = self.run_of(self.stands_in.get(&head).map_or(&[worker], Vec::as_slice));
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
                // It is in one lane: the worker's own, or another one if it joined the batch of an entry of several lanes.
                None => {
                    let mut lanes = [worker].into_iter().chain(0..self.lanes.len());
                    if let Some(lane) = lanes.find(|&lane| self.lanes[lane].front() == Some(lsn)) {
                        self.lanes[lane].pop_front();
                    }
                }
            }
        }
    }

    /// An entry stays in its lanes until it is finished.
    fn queued(&self) -> Option<Queued> {
        Some(Queued { workers: self.lanes.iter().map(VecDeque::len).collect(), any: 0 })
    }

    fn held_up_by(&self, worker: usize) -> Option<Lsn> {
        let lane = self.lanes.get(worker)?;
        let head = lane.front().copied()?;
        let lanes = self.stands_in.get(&head)?;
        let is_at_head = |lane: &usize| self.lanes[*lane].front() == Some(&head);
        let is_ours = lanes.first() == Some(&worker) && !lanes.iter().all(is_at_head);
        (is_ours || lane.len() > 1).then_some(head)
    }

    fn has_lanes(&self) -> bool {
        true
    }
}

impl Barrier {
    /// The entries at the heads of the lanes `held`, in log order, as many as a batch holds. An entry that is in no other lane
    /// waits only for the entries before it in these.
    fn run_of(&self, held: &[usize]) -> Vec<Lsn> {
        let mut lanes: Vec<_> =
            held.iter().map(|&lane| self.lanes[lane].iter().copied().peekable()).collect();
        let is_held = |lsn: &Lsn| {
            self.stands_in.get(lsn).is_none_or(|lanes| lanes.iter().all(|lane| held.contains(lane)))
        };
        let run = std::iter::from_fn(|| {
            let next = lanes.iter_mut().filter_map(|lane| lane.peek().copied()).min().filter(is_held)?;
            for lane in &mut lanes {
                lane.next_if_eq(&next);
            }
            Some(next)
        });
        run.take(self.batch_entries_max).collect()
    }
}

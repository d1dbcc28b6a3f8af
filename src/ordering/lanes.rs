//! FIFO lanes, one per worker, and the hash that gives a key its lane. Pure.

use super::{Job, Queued};
use crate::binlog::Lsn;
use crate::effect::Key;
use std::collections::VecDeque;

/// The lane of `key` among `workers` (at least 1): CRC32C over database and name.
pub fn lane_of(key: &Key, workers: usize) -> usize {
    let hash = crc32c::crc32c_append(crc32c::crc32c(&[key.db]), &key.name);
    // A remainder of a u32 fits in usize on every target that RocksDB supports.
    usize::try_from(hash).unwrap_or(0) % workers.max(1)
}

/// An entry in a lane, or its part for one key.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Piece {
    pub(super) lsn: Lsn,
    pub(super) part: Option<Key>,
}

/// One queue per worker, and one queue of entries without a key, from which any worker takes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Lanes {
    queues: Vec<VecDeque<Piece>>,
    keyless: VecDeque<Piece>,
    batch_entries_max: usize,
}

impl Lanes {
    pub(super) fn new(workers: usize, batch_entries_max: usize) -> Lanes {
        Lanes {
            queues: vec![VecDeque::new(); workers.max(1)],
            keyless: VecDeque::new(),
            batch_entries_max: batch_entries_max.max(1),
        }
    }

    /// Adds the whole entry `lsn` to the lane of `key`.
    pub(super) fn push(&mut self, key: &Key, lsn: Lsn) {
        let lane = lane_of(key, self.queues.len());
        self.queues[lane].push_back(Piece { lsn, part: None });
    }

    /// Adds the part of entry `lsn` that touches `key` to the lane of `key`.
    pub(super) fn push_part(&mut self, key: &Key, lsn: Lsn) {
        let lane = lane_of(key, self.queues.len());
        self.queues[lane].push_back(Piece { lsn, part: Some(key.clone()) });
    }

    /// Adds entry `lsn`, which has no key.
    pub(super) fn push_keyless(&mut self, lsn: Lsn) {
        self.keyless.push_back(Piece { lsn, part: None });
    }

    /// Takes from the worker's own queue and from the keyless queue, the older entry first: one part, or a batch of whole entries.
    pub(super) fn pop(&mut self, worker: usize) -> Option<Job> {
        if let Some(Piece { lsn, part: Some(key) }) = self.next(worker) {
            let job = Job::part(*lsn, key.clone());
            self.queues[worker].pop_front();
            return Some(job);
        }
        let mut lsns = Vec::new();
        while lsns.len() < self.batch_entries_max {
            let Some(Piece { lsn, part: None }) = self.next(worker) else { break };
            lsns.push(*lsn);
            let is_keyless = self.keyless.front().map(|keyless| keyless.lsn) == lsns.last().copied();
            if is_keyless {
                self.keyless.pop_front()
            } else {
                self.queues[worker].pop_front()
            };
        }
        Job::of(lsns)
    }

    /// The pieces that no worker has taken.
    pub(super) fn queued(&self) -> Queued {
        Queued { workers: self.queues.iter().map(VecDeque::len).collect(), any: self.keyless.len() }
    }

    fn next(&self, worker: usize) -> Option<&Piece> {
        let heads = self.queues.get(worker)?.front().into_iter().chain(self.keyless.front());
        heads.min_by_key(|head| head.lsn)
    }
}

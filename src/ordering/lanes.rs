//! FIFO lanes, one a worker, and the hash that gives a key its lane. Pure.

use super::Job;
use crate::effect::Key;
use std::collections::VecDeque;

/// The lane of `key` among `workers` (at least 1): CRC32C over database and name.
pub fn lane_of(key: &Key, workers: usize) -> usize {
    let hash = crc32c::crc32c_append(crc32c::crc32c(&[key.db]), &key.name);
    // A remainder of a u32 fits in usize on every target that RocksDB has.
    usize::try_from(hash).unwrap_or(0) % workers.max(1)
}

/// One queue a worker; a worker takes the head of its own and nothing else.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Lanes {
    queues: Vec<VecDeque<Job>>,
}

impl Lanes {
    pub(super) fn new(workers: usize) -> Lanes {
        Lanes { queues: vec![VecDeque::new(); workers.max(1)] }
    }

    pub(super) fn push(&mut self, key: &Key, job: Job) {
        let lane = lane_of(key, self.queues.len());
        self.queues[lane].push_back(job);
    }

    /// Queues a job without a key on "any" worker: they take turns.
    pub(super) fn push_anywhere(&mut self, job: Job) {
        let workers = u64::try_from(self.queues.len()).unwrap_or(1);
        let lane = usize::try_from(job.first.0 % workers).unwrap_or(0);
        self.queues[lane].push_back(job);
    }

    pub(super) fn pop(&mut self, worker: usize) -> Option<Job> {
        self.queues.get_mut(worker)?.pop_front()
    }
}

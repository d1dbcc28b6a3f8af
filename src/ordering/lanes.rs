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

/// One queue a worker, and one for jobs without a key, which any worker takes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Lanes {
    queues: Vec<VecDeque<Job>>,
    keyless: VecDeque<Job>,
}

impl Lanes {
    pub(super) fn new(workers: usize) -> Lanes {
        Lanes { queues: vec![VecDeque::new(); workers.max(1)], keyless: VecDeque::new() }
    }

    pub(super) fn push(&mut self, key: &Key, job: Job) {
        let lane = lane_of(key, self.queues.len());
        self.queues[lane].push_back(job);
    }

    pub(super) fn push_keyless(&mut self, job: Job) {
        self.keyless.push_back(job);
    }

    /// The older of what heads the worker's own queue and what heads the keyless one.
    pub(super) fn pop(&mut self, worker: usize) -> Option<Job> {
        let own = self.queues.get_mut(worker)?;
        match (own.front(), self.keyless.front()) {
            (Some(ours), Some(keyless)) if ours.first < keyless.first => own.pop_front(),
            (_, Some(_)) => self.keyless.pop_front(),
            _ => own.pop_front(),
        }
    }
}

//! Meters — what a node measures of its own work, in both roles. Does I/O: a clock.
//!
//! The meters belong to the node, not to its role: a change of role leaves the totals as they are. Figures that the node knows
//! anyway, like its watermarks, are not here: `facts` reads them when they are asked for.
//!
//! The pool says when a thread begins and ends to wait. The time between is measured here, so that strategies and pool have no clock.

use super::feeds::Syncs;
use crate::apply::pool::{ThreadRole, Wait, Waits};
use crate::client::link::{LinkError, LinkState};
use crate::replication::session::End;
use crate::server::measured::{BATCH_BOUNDS, Batches, FullSyncs, LastError, Measured};
use crate::sync::atomic::{AtomicU64, Ordering};
use crate::sync::{Arc, Mutex, lock};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// The meters of one node.
#[derive(Debug, Default)]
pub struct Meters {
    batches: [AtomicU64; BATCH_BOUNDS.len() + 1],
    batch_entries: AtomicU64,
    flushes: AtomicU64,
    waits: Mutex<WaitTimes>,
    last_error: Mutex<Option<(&'static str, String, Instant)>>,
    /// A master's answers to replicas.
    pub(super) syncs: Arc<Syncs>,
    /// Full syncs that this node received.
    pub(super) received: Outcomes,
    /// Number of steps of a master's wall clock.
    pub(super) clock_steps: AtomicU64,
    /// How often a replica disconnected all clients, because an estimate was forgotten.
    pub(super) forgotten: AtomicU64,
}

/// How often something began, and how it ended.
#[derive(Debug, Default)]
pub(super) struct Outcomes {
    pub(super) begun: AtomicU64,
    pub(super) complete: AtomicU64,
    pub(super) failed: AtomicU64,
}

impl Outcomes {
    /// The ends are read first, so that there are never more of them than beginnings.
    pub(super) fn get(&self) -> FullSyncs {
        let (complete, failed) = (get(&self.complete), get(&self.failed));
        FullSyncs { begun: get(&self.begun), complete, failed }
    }
}

#[derive(Debug, Default)]
struct WaitTimes {
    /// The threads that wait now, for what and since when.
    begun: BTreeMap<ThreadRole, (Wait, Instant)>,
    /// The waits that ended, in the order of [`Wait::ALL`].
    ended: [Duration; Wait::ALL.len()],
}

impl Meters {
    /// Counts a batch of `entries`.
    pub fn wrote(&self, entries: usize) {
        let entries = entries as u64;
        let at = BATCH_BOUNDS.partition_point(|&bound| bound < entries);
        self.batches[at].fetch_add(1, Ordering::Relaxed);
        self.batch_entries.fetch_add(entries, Ordering::Relaxed);
    }

    /// Counts a flush that ended.
    pub fn flushed(&self) {
        self.flushes.fetch_add(1, Ordering::Relaxed);
    }

    /// Keeps `text` as the last error, which was met at `place`.
    pub fn failed(&self, place: &'static str, text: String) {
        *lock(&self.last_error) = Some((place, text, Instant::now()));
    }

    /// Keeps the reason for which a link is down. A link that ends on request has no error.
    pub fn link(&self, state: &LinkState) {
        match state {
            LinkState::Stopped { reason: LinkError::Replaced | LinkError::End(End::Stopped) } => {}
            LinkState::Down { reason, .. } | LinkState::Stopped { reason } => {
                self.failed("link", reason.to_string());
            }
            _ => {}
        }
    }

    /// Everything that is measured here. The fields about watermark and workers are those of a master.
    pub fn measured(&self) -> Measured {
        let mut batches = Batches { entries: get(&self.batch_entries), ..Batches::default() };
        for (to, from) in batches.counts.iter_mut().zip(&self.batches) {
            *to = get(from);
        }
        let last_error = lock(&self.last_error).clone();
        Measured {
            waited: self.waited(),
            batches,
            flushes: get(&self.flushes),
            sent: self.syncs.sent(),
            received: self.received.get(),
            last_error: last_error.map(|(place, text, at)| LastError { place, text, age: at.elapsed() }),
            ..Measured::default()
        }
    }

    fn waited(&self) -> Vec<(&'static str, Duration)> {
        let waits = lock(&self.waits);
        let mut times = waits.ended;
        for (wait, since) in waits.begun.values() {
            times[*wait as usize] += since.elapsed();
        }
        Wait::ALL.map(Wait::name).into_iter().zip(times).collect()
    }
}

impl Waits for Meters {
    fn note(&self, thread: ThreadRole, wait: Option<Wait>) {
        let (mut waits, now) = (lock(&self.waits), Instant::now());
        let before = match wait {
            Some(wait) => waits.begun.insert(thread, (wait, now)),
            None => waits.begun.remove(&thread),
        };
        if let Some((before, since)) = before {
            waits.ended[before as usize] += now - since;
        }
    }
}

fn get(number: &AtomicU64) -> u64 {
    number.load(Ordering::Relaxed)
}

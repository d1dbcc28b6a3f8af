//! Measured — what a node measured of its work, from which INFO and the page of metrics are made. Pure.

use crate::binlog::Lsn;
use std::time::Duration;

/// Upper bounds of the numbers of entries by which batches are counted. A last, unnamed one has no bound.
pub const BATCH_BOUNDS: [u64; 13] = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096];

/// What a node measured. The totals count from the start of the node, and a change of its role leaves them as they are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Measured {
    /// The highest LSN up to which all entries are written to the store. Readers may not see it yet.
    pub applied: Lsn,
    /// The entries that wait for each worker alone, by worker. All are 0 if the strategy has one queue for all workers, and
    /// on a master.
    pub queued: Vec<usize>,
    /// The entries that wait for any worker.
    pub queued_for_any: usize,
    /// The entries that each worker has taken and not finished.
    pub in_hand: Vec<usize>,
    /// How long threads waited, by the name of what they waited for. Waits that go on are counted up to now.
    pub waited: Vec<(&'static str, Duration)>,
    /// The batches written to the store.
    pub batches: Batches,
    /// Flushes of the store that ended.
    pub flushes: u64,
    /// Full syncs that this node sent as a master.
    pub sent: FullSyncs,
    /// Full syncs that this node received as a replica.
    pub received: FullSyncs,
    /// The last error; `None`: there was none.
    pub last_error: Option<LastError>,
}

impl Measured {
    /// How long threads waited for `name`.
    pub fn waited(&self, name: &str) -> Duration {
        self.waited.iter().find(|(known, _)| *known == name).map_or(Duration::ZERO, |&(_, time)| time)
    }
}

/// Batches by their number of entries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Batches {
    /// The number of batches between the bound before and this one of [`BATCH_BOUNDS`]; at last those beyond all bounds.
    pub counts: [u64; BATCH_BOUNDS.len() + 1],
    /// The entries in all batches. An entry of several keys may be in several batches.
    pub entries: u64,
}

impl Batches {
    /// The number of batches.
    pub fn number(&self) -> u64 {
        self.counts.iter().sum()
    }
}

/// How many full syncs began, and how they ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct FullSyncs {
    /// They began.
    pub begun: u64,
    /// Everything arrived.
    pub complete: u64,
    /// They ended before that.
    pub failed: u64,
}

/// An error that was met and may be over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastError {
    /// Where it was met: `log`, `store` or `link`.
    pub place: &'static str,
    /// Its text.
    pub text: String,
    /// How long ago.
    pub age: Duration,
}

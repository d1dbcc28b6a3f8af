//! Reclaim — frees the disk space of cleared databases and of removed collections in the background. Does I/O: a thread,
//! through the store.
//!
//! FLUSHALL writes a tombstone over all records; DEL of a collection, its expiry, and a write over it write one over its elements.
//! The space comes back when the files of the records are merged. RocksDB cannot merge before the tombstone itself is in a
//! file. So if much space is to be freed, the store is flushed at once. After each flush the ranges that still have much data
//! in files are merged.
//!
//! ```text
//! DEL big ─▶ 30 MB in files: flush now ─▶ flush ended ─▶ still 30 MB: merge
//! DEL new ─▶ all in memory: nothing    ─▶ next flush  ─▶ records and tombstone were flushed together: nothing is left
//! ```

use crate::store::key;
use crate::store::rocksdb::{Range, RocksStore};
use crate::sync::thread;
use std::ops::AddAssign;

/// Less data than this in files is not worth a flush or a merge.
const FILE_BYTES_MIN: u64 = 1 << 20;
/// Maximum number of ranges without much data in files that are kept until the next flush. Their data may have been on its way
/// to a file.
const RANGES_MAX: usize = 1_000;

/// What [`Reclaim::note`] found.
pub struct Noted {
    /// The ranges that were cleared.
    pub ranges: Ranges,
    /// Whether a flush would free much space.
    pub frees_space: bool,
}

/// Numbers of ranges of raw keys that were cleared.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Ranges {
    collections: u64,
    databases: u64,
}

impl Ranges {
    /// A cleared database overlaps each of the ranges, so each such pair counts, and each range by itself.
    pub fn weight(&self) -> u64 {
        (self.collections + self.databases) * (self.databases + 1)
    }
}

impl AddAssign for Ranges {
    fn add_assign(&mut self, more: Ranges) {
        self.collections += more.collections;
        self.databases += more.databases;
    }
}

/// Ranges of raw keys that were cleared, and the thread that merges earlier ones.
#[derive(Default)]
pub struct Reclaim {
    cleared: Vec<Range>,
    merging: Option<thread::JoinHandle<()>>,
}

impl Reclaim {
    /// Notes the databases and collections that batches have cleared since the last call. A range that is cleared while a merge is
    /// running waits for the next flush.
    pub fn note(&mut self, store: &RocksStore) -> Noted {
        let (mut is_due, mut ranges) = (false, Ranges::default());
        for range in store.take_cleared() {
            let (from, to) = &range;
            let is_database = key::begins_a_database(from);
            ranges += match is_database {
                true => Ranges { collections: 0, databases: 1 },
                false => Ranges { collections: 1, databases: 0 },
            };
            let is_large = is_large(store, from, to);
            is_due |= is_large;
            let is_kept = match is_database {
                true => !self.cleared.contains(&range),
                // A collection is cleared once: the next one under its name has another range.
                false => is_large || self.cleared.len() < RANGES_MAX,
            };
            if is_kept {
                self.cleared.push(range);
            }
        }
        Noted { ranges, frees_space: is_due && !self.is_merging() }
    }

    fn is_merging(&self) -> bool {
        self.merging.as_ref().is_some_and(|thread| !thread.is_finished())
    }

    /// Starts to merge the files of the noted ranges that have much data in files. Call it after a flush has ended.
    pub fn begin(&mut self, store: &RocksStore) {
        if self.cleared.is_empty() || self.is_merging() {
            return;
        }
        let (cleared, store) = (std::mem::take(&mut self.cleared), store.clone());
        let merge = move || {
            for (from, to) in cleared.iter().filter(|(from, to)| is_large(&store, from, to)) {
                match store.merge(from, to) {
                    Ok(()) => tracing::info!("space of cleared data freed"),
                    Err(error) => tracing::warn!(%error, "space of cleared data not freed"),
                }
            }
        };
        match thread::Builder::new().name("reclaim".to_owned()).spawn(merge) {
            Ok(thread) => self.merging = Some(thread),
            Err(error) => tracing::warn!(%error, "space of cleared data not freed"),
        }
    }
}

/// Whether the records of a range take much space in files.
pub fn is_large(store: &RocksStore, from: &[u8], to: &[u8]) -> bool {
    store.file_bytes_of(from, to) >= FILE_BYTES_MIN
}

impl Drop for Reclaim {
    /// Waits for the thread: it has a handle to the store, and the store has to be closed before the folder can be opened
    /// again.
    fn drop(&mut self) {
        if let Some(thread) = self.merging.take() {
            let _ = thread.join();
        }
    }
}

//! The state that all handles on one RocksDB share: the database and the gate.

use super::cleared::Cleared;
use super::cursors::KeptCursors;
use super::deadlines::Deadlines;
use super::flushing::Flushing;
use super::owners::Owners;
use super::{io_error, options};
use crate::store::StoreError;
use crate::store::gate::{self, Gate};
use crate::time::Millis;
use ::rocksdb::{CompactionDecision, DB, ReadOptions, WriteBatch, WriteOptions};
use std::path::Path;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Maximum capacity in bytes that a batch gets in advance.
const BATCH_BYTES_FORETOLD_MAX: usize = 1 << 20;

/// An open database with its gate.
pub(super) struct OpenStore {
    pub(super) db: DB,
    /// Options for reading the newest batch. Both kinds of options are C++ objects, so they are created once
    /// and not at each call.
    pub(super) reading: ReadOptions,
    /// Options for writing.
    pub(super) writing: WriteOptions,
    /// Cursors of scans.
    pub(super) cursors: KeptCursors,
    /// The earliest deadlines of the keys.
    pub(super) deadlines: Deadlines,
    /// The ranges that were cleared.
    pub(super) cleared: Cleared,
    /// Which keys may have elements.
    pub(super) owners: Owners,
    gate: Mutex<Gate>,
    /// A copy of [`Gate::at`] for the compaction filter, which runs once per record on RocksDB's threads. The filter
    /// may read an outdated value; that value is a lower one, because the gate never goes back.
    gate_at: Arc<AtomicU64>,
    /// The last flush.
    pub(super) flushing: Flushing,
    /// Length of the last batch in bytes, used as the capacity of the next one: a batch that grows step by
    /// step is copied many times.
    batch_bytes: AtomicUsize,
}

impl OpenStore {
    pub(super) fn open(folder: &Path) -> Result<OpenStore, StoreError> {
        let gate_at = Arc::new(AtomicU64::new(Millis::ZERO.0));
        let mut options = options::for_opening()?;
        let at = Arc::clone(&gate_at);
        options.set_compaction_filter("replicheck dead strings", move |_level, key: &[u8], value: &[u8]| {
            if gate::may_drop(key, value, Millis(at.load(Ordering::Acquire))) {
                CompactionDecision::Remove
            } else {
                CompactionDecision::Keep
            }
        });
        let db = DB::open(&options, folder).map_err(io_error)?;
        db.set_options(&[options::WRITE_BUFFER]).map_err(io_error)?;
        Ok(OpenStore {
            db,
            reading: ReadOptions::default(),
            writing: options::for_writing(),
            flushing: Flushing::default(),
            batch_bytes: AtomicUsize::new(0),
            cursors: KeptCursors::default(),
            deadlines: Deadlines::default(),
            cleared: Cleared::default(),
            owners: Owners::new(),
            gate: Mutex::new(Gate::new()),
            gate_at,
        })
    }

    /// The expected length of the next batch, in bytes.
    pub(super) fn batch_bytes(&self) -> usize {
        self.batch_bytes.load(Ordering::Relaxed)
    }

    /// Writes `batch` atomically.
    pub(super) fn write(&self, batch: WriteBatch) -> Result<(), StoreError> {
        self.batch_bytes.store(batch.size_in_bytes().min(BATCH_BYTES_FORETOLD_MAX), Ordering::Relaxed);
        self.db.write_opt(batch, &self.writing).map_err(io_error)
    }

    /// The instant at which the filter judges.
    pub(super) fn gate(&self) -> Millis {
        Millis(self.gate_at.load(Ordering::Acquire))
    }

    /// Changes the gate, and passes its new instant to the filter.
    pub(super) fn change_gate<T>(&self, change: impl FnOnce(&mut Gate) -> T) -> T {
        let mut gate = self.gate.lock().unwrap_or_else(PoisonError::into_inner);
        let outcome = change(&mut gate);
        self.gate_at.store(gate.at().0, Ordering::Release);
        outcome
    }
}

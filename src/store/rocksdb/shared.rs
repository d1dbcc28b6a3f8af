//! What the handles on one RocksDB share: the database and the gate.

use super::owners::Owners;
use super::{io_error, options};
use crate::store::StoreError;
use crate::store::gate::{self, Gate};
use crate::time::Millis;
use ::rocksdb::{CompactionDecision, DB, ReadOptions, WriteOptions};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// An open database with its gate.
pub(super) struct Shared {
    pub(super) db: DB,
    /// For reading the newest batch. Both kinds of options are C++ objects: made once, not at each call.
    pub(super) reading: ReadOptions,
    /// For writing.
    pub(super) writing: WriteOptions,
    /// Which keys may have elements.
    pub(super) owners: Owners,
    gate: Mutex<Gate>,
    /// [`Gate::at`] for the compaction filter, which runs on RocksDB's threads once a record. It may read a value that
    /// is out of date: that is a lower one, as the gate never goes back.
    gate_at: Arc<AtomicU64>,
}

impl Shared {
    pub(super) fn open(folder: &Path) -> Result<Shared, StoreError> {
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
        let (reading, writing) = (ReadOptions::default(), options::for_writing());
        Ok(Shared { db, reading, writing, owners: Owners::new(), gate: Mutex::new(Gate::new()), gate_at })
    }

    /// The instant that the filter judges at.
    pub(super) fn gate(&self) -> Millis {
        Millis(self.gate_at.load(Ordering::Acquire))
    }

    /// Changes the gate, and tells the filter.
    pub(super) fn change_gate<T>(&self, change: impl FnOnce(&mut Gate) -> T) -> T {
        let mut gate = self.gate.lock().unwrap_or_else(PoisonError::into_inner);
        let outcome = change(&mut gate);
        self.gate_at.store(gate.at().0, Ordering::Release);
        outcome
    }
}

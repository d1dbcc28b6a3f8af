//! Flushing — batches → files that outlive a crash. Does I/O.
//!
//! RocksDB counts the errors of its background work in one number, for flushes and compactions alike. So if the number has grown, a
//! compaction may have failed, while the flush still waits for a thread. And if too many files wait for a compaction that fails,
//! RocksDB does not begin a flush, and does not say so. Both cases are decided here:
//!
//! ```text
//! errors, store takes no batch        the flush failed, and that batch's error says why
//! errors, no flush runs for 3 s       the flush failed; RocksDB does not try again
//! errors, no flush runs at present    it may still begin: a compaction failed
//! many files, no errors               wait: compaction is behind
//! many files, errors                  no room: the flush is not begun, and the node says so
//! ```

use super::{RocksStore, io_error, options};
use crate::store::StoreError;
use ::rocksdb::WriteBatch;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// The time between two looks at a flush that is waited for.
const PAUSE: Duration = Duration::from_micros(500);
/// How long no flush may run, after an error, until the flush has failed. RocksDB's thread sleeps for one second after an error, and
/// a flush of another store may wait for that thread.
const FAILED_AFTER: Duration = Duration::from_secs(3);
/// The error that a node reports if compaction fails for so long that too many files wait for it.
const COMPACTION_FAILS: &str = "compaction fails, and too many files wait for it: rocksdb's LOG says why";

/// The last flush that was begun.
#[derive(Debug, Default)]
pub(super) struct Flushing(Mutex<Noted>);

#[derive(Debug, Default)]
struct Noted {
    /// Number of background errors when the flush was begun.
    errors_before: u64,
    /// Since when there have been errors, and no flush runs; `None`: otherwise.
    idle_since: Option<Instant>,
}

impl Flushing {
    fn lock(&self) -> MutexGuard<'_, Noted> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl RocksStore {
    /// Writes all batches so far to files that outlive a crash, and waits for it.
    ///
    /// Before the call the node must make its binlog durable through the last entry written, and it must write
    /// nothing until the call returns: otherwise a crash may leave a store that is ahead of its log.
    pub fn flush(&self) -> Result<(), StoreError> {
        self.wait_for_flush()?;
        self.begin_flush()?;
        self.wait_for_flush()
    }

    /// Like [`RocksStore::flush`], but in the background. Batches that are written after this call returns are not part
    /// of the flush, and may be written at once. Before the next flush is begun, [`RocksStore::is_flushing`] must have
    /// returned `false`. Waits while compaction is so far behind that one more file would slow down all writes. Errors:
    /// [`StoreError::NoSpace`] if compaction fails meanwhile; then the flush has not begun, and this may be called again.
    pub fn begin_flush(&self) -> Result<(), StoreError> {
        self.wait_for_compaction()?;
        let errors_before = self.background_errors()?;
        *self.shared.flushing.lock() = Noted { errors_before, idle_since: None };
        self.shared.db.flush_opt(&options::for_flushing()).map_err(io_error)
    }

    /// Whether the flush that [`RocksStore::begin_flush`] has begun is still running. Errors: the flush failed, and its
    /// batches are still in memory. After [`StoreError::NoSpace`] RocksDB retries by itself, and this may be called again.
    pub fn is_flushing(&self) -> Result<bool, StoreError> {
        if self.number("rocksdb.num-immutable-mem-table")? == 0 {
            return Ok(false);
        }
        let mut noted = self.shared.flushing.lock();
        if self.background_errors()? == noted.errors_before || self.number("rocksdb.num-running-flushes")? > 0
        {
            noted.idle_since = None;
            return Ok(true);
        }
        // The next batch fails with the error that stopped the store.
        self.shared.write(WriteBatch::default())?;
        if noted.idle_since.get_or_insert_with(Instant::now).elapsed() < FAILED_AFTER {
            return Ok(true);
        }
        Err(StoreError::Io("flush failed, rocksdb's LOG says why".to_owned()))
    }

    /// Waits until no flush is running. Errors: it failed.
    pub(crate) fn wait_for_flush(&self) -> Result<(), StoreError> {
        while self.is_flushing()? {
            thread::sleep(PAUSE);
        }
        Ok(())
    }

    /// Waits until RocksDB would not wait before it adds a file. Errors: compaction has failed since the last flush was begun.
    fn wait_for_compaction(&self) -> Result<(), StoreError> {
        while self.number("rocksdb.num-files-at-level0")? >= options::NEWEST_FILES_MAX {
            if self.background_errors()? > self.shared.flushing.lock().errors_before {
                return Err(StoreError::NoSpace(COMPACTION_FAILS.to_owned()));
            }
            thread::sleep(PAUSE);
        }
        Ok(())
    }

    /// Number of errors in RocksDB's background work since it was opened.
    pub(super) fn background_errors(&self) -> Result<u64, StoreError> {
        self.number("rocksdb.background-errors")
    }
}

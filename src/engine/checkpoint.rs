//! Checkpoints — when the store is flushed, and what follows from it. Does I/O, through store and log.
//!
//! ```text
//! fsync the log through the last entry written ─▶ flush the store ─▶ gate up to that entry's time ─▶ purge the log
//! ```
//!
//! In this order, and with nothing written in between, a store is never ahead of its log.

use super::log::SharedLog;
use crate::apply::marker_write;
use crate::binlog::{Files, Lsn, SegmentError};
use crate::effect::Write;
use crate::store::rocksdb::RocksStore;
use crate::store::{Store, StoreError};
use crate::sync::Arc;
use crate::sync::atomic::{AtomicU64, Ordering};
use crate::time::Millis;

/// The first LSN that some replica still needs; nothing is purged from there on.
pub type Needed = Arc<AtomicU64>;

/// Counts what is written since the last flush.
pub struct Checkpoints {
    /// Bytes at which a flush is due.
    flush_bytes: u64,
    /// Whether compaction may drop what is dead at the flushed marker.
    raises_gate: bool,
    needed: Needed,
    unflushed_bytes: u64,
}

impl Checkpoints {
    /// Nothing written yet. `raises_gate`: see [`RocksStore::set_gate`] for whom it must be `false`.
    pub fn new(flush_bytes: u64, raises_gate: bool, needed: Needed) -> Checkpoints {
        Checkpoints { flush_bytes, raises_gate, needed, unflushed_bytes: 0 }
    }

    /// Notes `bytes` written to the store; whether a flush is due.
    pub fn written(&mut self, bytes: u64) -> bool {
        self.unflushed_bytes += bytes;
        self.unflushed_bytes >= self.flush_bytes
    }

    /// Flushes. All through `last`, which is of time `time`, is written; the caller writes nothing meanwhile.
    ///
    /// A log that cannot be synced keeps the store from being flushed, and that is all: what is in memory stays there.
    /// Errors: the store's; the node ends.
    pub fn flush<F: Files>(
        &mut self,
        store: &RocksStore,
        log: &SharedLog<F>,
        last: Lsn,
        time: Millis,
    ) -> Result<(), StoreError> {
        if let Err(error) = log.sync() {
            tracing::error!(%error, "store not flushed: log cannot be synced");
            return Ok(());
        }
        // What is purged below is what this marker says is there.
        store.clone().write(&[marker_write(last)])?;
        store.flush()?;
        let bytes = std::mem::take(&mut self.unflushed_bytes);
        if self.raises_gate {
            store.set_gate(time);
        }
        match log.purge(last.next(), Lsn(self.needed.load(Ordering::Acquire))) {
            Ok(segments) => tracing::info!(%last, bytes, segments_purged = segments, "store flushed"),
            Err(error @ SegmentError::Io { .. }) => tracing::warn!(%error, "log not purged"),
            Err(error) => tracing::error!(%error, "log not purged"),
        }
        Ok(())
    }
}

/// About what RocksDB keeps in memory for these writes.
pub fn bytes_of(writes: &[Write]) -> u64 {
    const RECORD_BYTES: usize = 64;
    let bytes = writes.iter().map(|write| match write {
        Write::Put { key, value } => RECORD_BYTES + key.len() + value.len(),
        Write::Delete { key } => RECORD_BYTES + key.len(),
        Write::DeleteRange { from, to } => RECORD_BYTES + from.len() + to.len(),
    });
    bytes.sum::<usize>() as u64
}

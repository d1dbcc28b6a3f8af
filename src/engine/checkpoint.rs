//! Checkpoints — when the store is flushed, and what follows from it. Does I/O, through store and log.
//!
//! ```text
//! fsync the log through the last entry written ─▶ flush the store ─▶ gate up to that entry's time ─▶ purge the log
//! ```
//!
//! In this order, and with nothing written before the flush has begun, a store is never ahead of its log. The flush
//! itself goes on in the background, and what follows from it is done when somebody looks and finds it ended.

use super::log::SharedLog;
use crate::apply::{marker_write, removed, removed_write};
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
    /// Whether the store notes the gate as a removed deadline before the gate is raised.
    notes_gate: bool,
    needed: Needed,
    unflushed_bytes: u64,
    begun: Option<Begun>,
}

/// A flush that goes on.
struct Begun {
    /// The marker that it writes, and the time of that entry.
    last: Lsn,
    time: Millis,
    bytes: u64,
}

impl Checkpoints {
    /// Nothing written yet. `raises_gate`: see [`RocksStore::set_gate`] for whom it must be `false`.
    pub fn new(flush_bytes: u64, raises_gate: bool, needed: Needed) -> Checkpoints {
        Checkpoints { flush_bytes, raises_gate, notes_gate: false, needed, unflushed_bytes: 0, begun: None }
    }

    /// The same of a master. A master flushes at log time, which may be beyond its last entry's time, so its store notes how far
    /// compaction may go.
    pub fn of_master(self, notes_gate: bool) -> Checkpoints {
        Checkpoints { notes_gate, ..self }
    }

    /// Notes `bytes` written to the store; whether a flush is due.
    pub fn written(&mut self, bytes: u64) -> bool {
        self.unflushed_bytes += bytes;
        self.unflushed_bytes >= self.flush_bytes
    }

    /// Begins a flush, after the one before has ended; whether it did. All through `last`, which is of time `time`, is
    /// written; the caller writes nothing meanwhile, and goes on at once then.
    ///
    /// A log that cannot be synced keeps the store from being flushed, and that is all: what is in memory stays there.
    /// Errors: the store's; the node ends.
    pub fn begin<F: Files>(
        &mut self,
        store: &RocksStore,
        log: &SharedLog<F>,
        last: Lsn,
        time: Millis,
    ) -> Result<bool, StoreError> {
        if let Err(error) = log.sync() {
            tracing::error!(%error, "store not flushed: log cannot be synced");
            return Ok(false);
        }
        if self.begun.is_some() {
            // To wait for it is to flush all.
            store.flush()?;
            self.end(store, log)?;
        }
        // What is purged afterwards is what this marker says is there.
        let removed = if self.notes_gate { removed(store)?.max(time) } else { Millis::ZERO };
        let note = (removed > Millis::ZERO).then(|| removed_write(removed));
        store.clone().write_all(&mut note.iter().chain([&marker_write(last)]))?;
        store.begin_flush()?;
        let bytes = std::mem::take(&mut self.unflushed_bytes);
        self.begun = Some(Begun { last, time, bytes });
        Ok(true)
    }

    /// Flushes, and waits for it: as [`Checkpoints::begin`] otherwise.
    pub fn flush<F: Files>(
        &mut self,
        store: &RocksStore,
        log: &SharedLog<F>,
        last: Lsn,
        time: Millis,
    ) -> Result<(), StoreError> {
        if self.begin(store, log, last, time)? {
            store.flush()?;
            self.end(store, log)?;
        }
        Ok(())
    }

    /// Does what follows from a flush, if one has ended. Errors: the store's; the node ends.
    pub fn end<F: Files>(&mut self, store: &RocksStore, log: &SharedLog<F>) -> Result<(), StoreError> {
        if self.begun.is_none() || store.is_flushing()? {
            return Ok(());
        }
        let Some(Begun { last, time, bytes }) = self.begun.take() else { return Ok(()) };
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

//! Checkpoints — when the store is flushed, and what follows from it. Does I/O, through store and log.
//!
//! ```text
//! fsync the log through the last entry written ─▶ flush the store ─▶ gate up to that entry's time ─▶ purge the log
//! ```
//!
//! In this order, and with nothing written before the flush has begun, a store is never ahead of its log. The flush
//! itself goes on in the background, and what follows from it is done when somebody looks and finds it ended.
//!
//! A disk without room ends nothing: what is in memory stays there, and is in the log. RocksDB tries the flush again by itself.

use super::disk_errors::{DiskErrors, Refused};
use super::log::SharedLog;
use super::reclaim::Reclaim;
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
    errors: Arc<DiskErrors>,
    unflushed_bytes: u64,
    begun: Option<Begun>,
    reclaim: Reclaim,
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
    pub fn new(flush_bytes: u64, raises_gate: bool, needed: Needed, errors: Arc<DiskErrors>) -> Checkpoints {
        let (notes_gate, unflushed_bytes, begun, reclaim) = (false, 0, None, Reclaim::default());
        Checkpoints { flush_bytes, raises_gate, notes_gate, needed, errors, unflushed_bytes, begun, reclaim }
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

    /// Notes databases that these writes clear; whether a flush is due for their space, which is on the disk.
    pub fn cleared<'a>(&mut self, store: &RocksStore, writes: impl IntoIterator<Item = &'a Write>) -> bool {
        self.reclaim.note(store, writes)
    }

    /// Begins a flush, after the one before has ended; whether it did. All through `last`, which is of time `time`, is
    /// written; the caller writes nothing meanwhile, and goes on at once then.
    ///
    /// A log that cannot be synced keeps the store from being flushed, and so does a disk without room, and that is all: what is
    /// in memory stays there. Errors: the store's; the node ends.
    pub fn begin<F: Files>(
        &mut self,
        store: &RocksStore,
        log: &SharedLog<F>,
        last: Lsn,
        time: Millis,
    ) -> Result<bool, StoreError> {
        if !log_synced(log) {
            return Ok(false);
        }
        let begun = self.try_begin(store, log, last, time);
        self.unless_full(begun)
    }

    fn try_begin<F: Files>(
        &mut self,
        store: &RocksStore,
        log: &SharedLog<F>,
        last: Lsn,
        time: Millis,
    ) -> Result<bool, StoreError> {
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
            let flushed = store.flush().map(|()| true);
            if self.unless_full(flushed)? {
                self.end(store, log)?;
            }
        }
        Ok(())
    }

    /// `false` where there was no room, which is noted until something is done.
    fn unless_full(&self, outcome: Result<bool, StoreError>) -> Result<bool, StoreError> {
        match outcome {
            Err(StoreError::NoSpace(error)) => {
                self.errors.set(Refused::Flush, Some(error));
                Ok(false)
            }
            Ok(true) => {
                self.errors.set(Refused::Flush, None);
                Ok(true)
            }
            other => other,
        }
    }

    /// Does what follows from a flush, if one has ended. Errors: the store's; the node ends.
    pub fn end<F: Files>(&mut self, store: &RocksStore, log: &SharedLog<F>) -> Result<(), StoreError> {
        if self.begun.is_none() {
            return Ok(());
        }
        let was_refused = self.errors.store().is_some();
        let has_ended = self.unless_full(store.is_flushing().map(|goes_on| !goes_on))?;
        if !has_ended {
            if !was_refused && self.errors.store().is_some() {
                // RocksDB flushes all that it has when there is room, so the log has to have it.
                log_synced(log);
            }
            return Ok(());
        }
        let Some(Begun { last, time, bytes }) = self.begun.take() else { return Ok(()) };
        if self.raises_gate {
            store.set_gate(time);
        }
        self.reclaim.begin(store);
        match log.purge(last.next(), Lsn(self.needed.load(Ordering::Acquire))) {
            Ok(segments) => tracing::info!(%last, bytes, segments_purged = segments, "store flushed"),
            Err(error @ SegmentError::Io { .. }) => tracing::warn!(%error, "log not purged"),
            Err(error) => tracing::error!(%error, "log not purged"),
        }
        Ok(())
    }
}

/// Whether the log is durable through its last entry.
fn log_synced<F: Files>(log: &SharedLog<F>) -> bool {
    let synced = log.sync();
    if let Err(error) = &synced {
        tracing::error!(%error, "store not flushed: log cannot be synced");
    }
    synced.is_ok()
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

//! Checkpoints — decides when the store is flushed, and does the work that follows a flush. Does I/O, through store and
//! log.
//!
//! ```text
//! fsync the log through the last entry written ─▶ flush the store ─▶ gate up to that entry's time ─▶ purge the log
//! ```
//!
//! This order ensures that a store is never ahead of its log, provided that nothing is written between the first step and
//! the beginning of the flush. The flush itself runs in the background. The work after it is done at the next call that
//! finds the flush ended.
//!
//! A disk without room does not end the node: the data that could not be flushed stays in memory, and is in the log.
//! RocksDB retries the flush by itself.

use super::Meters;
use super::disk_errors::{DiskErrors, Refused};
use super::log::SharedLog;
use super::reclaim::{Noted, Ranges, Reclaim};
use crate::apply::{marker_write, removed, removed_write};
use crate::binlog::{Files, Lsn, SegmentError};
use crate::effect::Write;
use crate::store::rocksdb::RocksStore;
use crate::store::{Store, StoreError};
use crate::sync::Arc;
use crate::sync::atomic::{AtomicU64, Ordering};
use crate::time::Millis;

/// A cleared collection counts as if so many bytes had been written, so at 16 MB 4,000 of them make a flush due. RocksDB sorts the
/// ranges of its write buffer anew at the first read after each new one. With 40,000 of them DEL of a small set was seven times as
/// slow.
///
/// The range of a cleared database overlaps all others, and for each piece RocksDB lists all ranges that cover it. So each pair of a
/// range and a cleared database counts as much again. With 600 FLUSHALLs and five DELs after each, reads were 60 times as slow.
const RANGE_BYTES: u64 = 4 << 10;

/// The first LSN that some replica still needs. Entries from there on are kept within the bounds of [`SharedLog::purge`].
pub type Needed = Arc<AtomicU64>;

/// The state of a store's flushes: bytes written since the last one, and the one that is running.
pub struct Checkpoints {
    /// A flush is due once this many bytes are written.
    flush_bytes: u64,
    /// Whether compaction may drop keys that are dead at the time of the flushed marker.
    raises_gate: bool,
    /// Whether the gate is written to the store as a removed deadline before it is raised.
    notes_gate: bool,
    needed: Needed,
    errors: Arc<DiskErrors>,
    meters: Arc<Meters>,
    unflushed_bytes: u64,
    unflushed_ranges: Ranges,
    begun: Option<Begun>,
    reclaim: Reclaim,
}

/// A flush that has begun and has not been ended by [`Checkpoints::end`].
struct Begun {
    /// The marker that was written for it, and the time of that entry.
    last: Lsn,
    time: Millis,
    bytes: u64,
}

impl Checkpoints {
    /// The state before the first write. `raises_gate`: whether a flush raises the gate; see [`RocksStore::set_gate`] for
    /// the nodes for which it must be `false`.
    pub fn new(
        flush_bytes: u64,
        raises_gate: bool,
        needed: Needed,
        errors: Arc<DiskErrors>,
        meters: Arc<Meters>,
    ) -> Checkpoints {
        Checkpoints {
            flush_bytes,
            raises_gate,
            notes_gate: false,
            needed,
            errors,
            meters,
            unflushed_bytes: 0,
            unflushed_ranges: Ranges::default(),
            begun: None,
            reclaim: Reclaim::default(),
        }
    }

    /// The same for a master. A master flushes at log time, which may be later than the time of its last entry. So if
    /// `notes_gate` is set, it writes to the store how far compaction may go.
    pub fn of_master(self, notes_gate: bool) -> Checkpoints {
        Checkpoints { notes_gate, ..self }
    }

    /// Counts `bytes` written to the store. Returns whether a flush is due.
    pub fn written(&mut self, bytes: u64) -> bool {
        self.unflushed_bytes += bytes;
        self.unflushed_bytes >= self.flush_bytes
    }

    /// Counts the ranges that batches have cleared since the last call. Returns whether a flush is due: to free their disk space,
    /// or because there are many of them.
    pub fn cleared(&mut self, store: &RocksStore) -> bool {
        let Noted { ranges, frees_space } = self.reclaim.note(store);
        let before = self.unflushed_ranges.weight();
        self.unflushed_ranges += ranges;
        let is_full = self.written((self.unflushed_ranges.weight() - before) * RANGE_BYTES);
        is_full || frees_space
    }

    /// Begins a flush, after the previous one has ended. Returns whether it began. The store must hold all entries through
    /// `last`, which has the time `time`, and the caller must not write during this call. The flush runs on after this
    /// returns.
    ///
    /// If the log cannot be synced, or the disk has no room, the store is not flushed, and its data stays in memory. That
    /// is no error. Errors: the store's; the node ends.
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
            store.wait_for_flush()?;
            self.end(store, log)?;
        }
        // The purge after this flush removes only entries that this marker covers.
        let removed = if self.notes_gate { removed(store)?.max(time) } else { Millis::ZERO };
        let note = (removed > Millis::ZERO).then(|| removed_write(removed));
        store.clone().write_all(&mut note.iter().chain([&marker_write(last)]))?;
        store.begin_flush()?;
        self.unflushed_ranges = Ranges::default();
        let bytes = std::mem::take(&mut self.unflushed_bytes);
        self.begun = Some(Begun { last, time, bytes });
        Ok(true)
    }

    /// Like [`Checkpoints::begin`], but waits until the flush has ended.
    pub fn flush<F: Files>(
        &mut self,
        store: &RocksStore,
        log: &SharedLog<F>,
        last: Lsn,
        time: Millis,
    ) -> Result<(), StoreError> {
        if self.begin(store, log, last, time)? {
            let flushed = store.wait_for_flush().map(|()| true);
            if self.unless_full(flushed)? {
                self.end(store, log)?;
            }
        }
        Ok(())
    }

    /// Whether a flush is due that could not be begun, because the disk refused it or compaction fails. [`Checkpoints::begin`] has to
    /// be called again.
    pub fn is_refused(&self) -> bool {
        self.begun.is_none() && self.errors.is_refused(Refused::Flush)
    }

    /// Turns the error of a disk without room into `false`, and notes it until an operation succeeds.
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

    /// Does the work after a flush, if one has ended: raises the gate, frees the space of cleared data, purges the
    /// log. Errors: the store's; the node ends.
    pub fn end<F: Files>(&mut self, store: &RocksStore, log: &SharedLog<F>) -> Result<(), StoreError> {
        if self.begun.is_none() {
            return Ok(());
        }
        let was_refused = self.errors.store().is_some();
        let has_ended = self.unless_full(store.is_flushing().map(|goes_on| !goes_on))?;
        if !has_ended {
            if !was_refused && self.errors.store().is_some() {
                // Once there is room, RocksDB flushes everything that it has in memory, so the log has to be durable up to
                // there.
                log_synced(log);
            }
            return Ok(());
        }
        let Some(Begun { last, time, bytes }) = self.begun.take() else { return Ok(()) };
        self.meters.flushed();
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

/// Syncs the log. Returns whether it is durable through its last entry.
fn log_synced<F: Files>(log: &SharedLog<F>) -> bool {
    let synced = log.sync();
    if let Err(error) = &synced {
        tracing::error!(%error, "store not flushed: the log cannot be synced");
    }
    synced.is_ok()
}

/// The approximate number of bytes of memory that RocksDB takes for these writes.
pub fn bytes_of(writes: &[Write]) -> u64 {
    const RECORD_BYTES: usize = 64;
    let bytes = writes.iter().map(|write| match write {
        Write::Put { key, value } => RECORD_BYTES + key.len() + value.len(),
        Write::Delete { key } => RECORD_BYTES + key.len(),
        Write::DeleteRange { from, to } => RECORD_BYTES + from.len() + to.len(),
    });
    bytes.sum::<usize>() as u64
}

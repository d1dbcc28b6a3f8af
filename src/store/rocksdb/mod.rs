//! The store on RocksDB. Does I/O: the files of one folder.
//!
//! The binlog is the only write-ahead log: RocksDB's own is off, and what was written since the last [`flush`] is in
//! memory only. A crash takes the store back to the flushed batches, which are a prefix of those written, and the
//! marker in the last of them says from which entry the log has to run again:
//!
//! ```text
//! write 1 [marker 1]   write 2 [marker 2]   flush   write 3 [marker 3]   crash  →  1, 2 [marker 2]: run again from 3
//! ```
//!
//! A batch is sorted by key before RocksDB gets it: the write buffer is a skip list too large for the processor's caches,
//! and neighbours share most of the way to their places.
//!
//! RocksDB flushes for many reasons of its own; all of them are switched off (see `options`), so that a store is never
//! ahead of its log. What is left: [`flush`], at once or in the background, and [`compact`], and they are the node's to
//! call.
//!
//! DeleteRange hides records at once and gives their space back when files are merged. RocksDB can also delete files
//! whole (`DeleteFilesInRange`), which is quick, and which this store never does: it deletes what was written *after*
//! the tombstone, too, if that has come down to the same files; snapshots lose what they see; and before the tombstone
//! is flushed a crash brings half of the records back. A flushed tombstone over much data makes RocksDB merge the
//! files below it by itself; [`compact`] does it now.
//!
//! [`flush`]: RocksStore::flush
//! [`compact`]: RocksStore::compact

mod cursors;
mod deadlines;
mod options;
mod owners;
mod shared;
mod snapshot;

pub use options::OPEN_FILES_MAX;
pub use snapshot::Snapshot;

use super::{Cursors, Read, Store, StoreError, Visit, key, record};
use crate::effect::{Key, Write};
use crate::time::Millis;
use ::rocksdb::{DB, WriteBatch};
use shared::Shared;
use std::fmt;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// How many errors RocksDB has met in the background, since it was opened.
const ERRORS: &str = "rocksdb.background-errors";
/// What RocksDB and the system call a full disk.
const NO_SPACE: &str = "No space left on device";

/// A handle on an open RocksDB. Clones are handles on the same one, for any number of threads; it closes, without a
/// flush, when the last handle and the last [`Snapshot`] are gone.
///
/// Reading through the handle sees the newest batch, each call for itself; a reader of more than one record takes a
/// [`Snapshot`]. Errors: all of them are [`StoreError::Io`]; the node stops.
#[derive(Clone)]
pub struct RocksStore {
    shared: Arc<Shared>,
}

impl RocksStore {
    /// Opens the store in `folder`, which it makes if there is none. The gate is shut. Errors: files that cannot be
    /// read or written; a store that is open already.
    pub fn open(folder: &Path) -> Result<RocksStore, StoreError> {
        let store = RocksStore { shared: Arc::new(Shared::open(folder)?) };
        for db in 0..=u8::MAX {
            let (from, to) = key::all_elements(db);
            store.scan(&from, &to, &mut |_, _| {
                store.shared.owners.note_all(db);
                ControlFlow::Break(())
            })?;
        }
        Ok(store)
    }

    /// Writes all batches so far to files that outlive a crash, and waits for it.
    ///
    /// First the node makes its binlog durable through the last entry written, and lets nothing be written from then
    /// on until this returns: otherwise a crash may leave a store that is ahead of its log.
    pub fn flush(&self) -> Result<(), StoreError> {
        self.shared.db.flush().map_err(io_error)
    }

    /// As [`RocksStore::flush`], in the background: what is written after this call returns is not among it, and may be
    /// written at once. Before another one is begun, [`RocksStore::is_flushing`] must have said no.
    pub fn begin_flush(&self) -> Result<(), StoreError> {
        self.shared.errors_before.store(self.number(ERRORS)?, Ordering::Relaxed);
        self.shared.db.flush_opt(&options::for_flushing()).map_err(io_error)
    }

    /// Whether what [`RocksStore::begin_flush`] has begun goes on. Errors: it failed; what it was to write is in memory. After
    /// [`StoreError::NoSpace`] RocksDB tries again by itself, and this may be asked again.
    pub fn is_flushing(&self) -> Result<bool, StoreError> {
        if self.number("rocksdb.num-immutable-mem-table")? == 0 {
            return Ok(false);
        }
        let failed = self.number(ERRORS)? > self.shared.errors_before.load(Ordering::Relaxed);
        if !failed || self.number("rocksdb.num-running-flushes")? > 0 {
            return Ok(true);
        }
        // What stopped it is what the next batch is told.
        self.shared.write(WriteBatch::default())?;
        Err(StoreError::Io("flush failed, rocksdb's LOG says why".to_owned()))
    }

    /// Merges all files that hold records of `from..to` (an empty `to` is the end of the store), and waits for it:
    /// records that were deleted or overwritten give their space back unless a snapshot sees them, and so do strings
    /// that were dead at the gate.
    ///
    /// It flushes first; what [`RocksStore::flush`] asks of the node, this asks, too. Cost: O(records in these files).
    pub fn compact(&self, from: &[u8], to: &[u8]) -> Result<(), StoreError> {
        self.flush()?;
        self.merge(from, to)
    }

    /// As [`RocksStore::compact`], of what is flushed already. Others may write meanwhile.
    pub fn merge(&self, from: &[u8], to: &[u8]) -> Result<(), StoreError> {
        let before = self.number(ERRORS)?;
        let end = (!to.is_empty()).then_some(to);
        self.shared.db.compact_range_opt(Some(from), end, &options::for_compaction());
        // The call itself does not say whether it came to its end.
        match self.number(ERRORS)? {
            after if after == before => Ok(()),
            _ => Err(StoreError::Io("compaction failed, rocksdb's LOG says why".to_owned())),
        }
    }

    /// Lets compaction drop what was dead at `limit`; an earlier limit than the last one changes nothing.
    ///
    /// The node sets it to the log time with which a restart from the last [`RocksStore::flush`] would begin, if none of
    /// its readers and none of the commands that it executes will ever judge at an earlier instant. That is the time of
    /// the marker's entry: a heartbeat after it is not in the log, so a restart would judge at an earlier instant than
    /// compaction had. Live snapshots are minded here.
    /// Where the master logs each removal (`Removal::ByMaster`), neither master nor replica sets it: see
    /// [`super::gate`].
    pub fn set_gate(&self, limit: Millis) {
        self.shared.change_gate(|gate| gate.raise(limit));
    }

    /// The instant at which compaction finds records dead: not later than the limit that was set, nor than the clock
    /// of the oldest live snapshot.
    pub fn gate(&self) -> Millis {
        self.shared.gate()
    }

    /// The state after the last batch, for a reader who judges at `judged_at`; it stands as long as it is held, and
    /// so does the gate. `None`: the gate is beyond that instant, so the reader must ask for a newer one.
    pub fn snapshot(&self, judged_at: Millis) -> Option<Snapshot> {
        Snapshot::take(&self.shared, judged_at)
    }

    /// Some of the keys that are dead at `now`: those of one stretch, see `deadlines`, the next one after the stretch that `after`
    /// begins; `after` is moved on. They stay among the dead until they are removed. Cost: at most a stretch, nothing if none is
    /// dead.
    pub fn dead_keys(&self, now: Millis, after: &mut Vec<u8>) -> Result<Vec<Key>, StoreError> {
        let Some(stretch) = self.shared.deadlines.next_due(now, after) else { return Ok(Vec::new()) };
        *after = stretch.from().to_vec();
        self.shared.deadlines.look(&stretch, now, |from, to, visit| self.scan(from, to, visit))
    }

    /// Bytes of batches that are in memory only, with what RocksDB needs to hold them: when to flush.
    pub fn unflushed_bytes(&self) -> Result<u64, StoreError> {
        self.number("rocksdb.cur-size-active-mem-table")
    }

    /// Bytes of the files that hold records.
    pub fn file_bytes(&self) -> Result<u64, StoreError> {
        self.number("rocksdb.live-sst-files-size")
    }

    fn number(&self, property: &str) -> Result<u64, StoreError> {
        let number = self.shared.db.property_int_value(property).map_err(io_error)?;
        number.ok_or_else(|| StoreError::Io(format!("{property} is unknown to this rocksdb")))
    }
}

impl fmt::Debug for RocksStore {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "RocksStore({})", self.shared.db.path().display())
    }
}

impl Read for RocksStore {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.shared.db.get_opt(key, &self.shared.reading).map_err(io_error)
    }

    fn look(&self, key: &[u8], look: &mut dyn FnMut(&[u8])) -> Result<(), StoreError> {
        let pinned = self.shared.db.get_pinned_opt(key, &self.shared.reading).map_err(io_error)?;
        pinned.iter().for_each(|value| look(value));
        Ok(())
    }

    fn may_have_elements(&self, db: u8, name: &[u8]) -> bool {
        self.shared.owners.may_have(db, name)
    }

    fn cursors(&self) -> Option<&dyn Cursors> {
        Some(&self.shared.cursors)
    }

    fn scan(&self, from: &[u8], to: &[u8], visit: &mut Visit<'_>) -> Result<(), StoreError> {
        let db: &DB = &self.shared.db;
        scan(from, to, visit, |bounds| db.raw_iterator_opt(bounds))
    }
}

impl Store for RocksStore {
    fn write_all(&mut self, writes: &mut dyn Iterator<Item = &Write>) -> Result<(), StoreError> {
        let mut batch = WriteBatch::with_capacity_bytes(self.shared.batch_bytes());
        let mut deadlines = Vec::new();
        for write in in_key_order(writes) {
            match write {
                Write::Put { key, value } => {
                    self.shared.owners.note(key);
                    batch.put(key, value);
                    let deadline = record::deadline(value).filter(|_| key::is_metadata(key));
                    deadlines.extend(deadline.map(|deadline| (key, deadline)));
                }
                Write::Delete { key } => batch.delete(key),
                // RocksDB refuses a range that ends before it begins; here it holds nothing.
                Write::DeleteRange { from, to } if from >= to => {}
                Write::DeleteRange { from, to } => batch.delete_range(from, to),
            }
        }
        self.shared.write(batch)?;
        deadlines.into_iter().for_each(|(key, deadline)| self.shared.deadlines.note(key, deadline));
        Ok(())
    }
}

/// The same batch, its writes sorted by key: those of one key stay in order, and so does a range with all others.
fn in_key_order<'a>(writes: &mut dyn Iterator<Item = &'a Write>) -> Vec<&'a Write> {
    let mut writes: Vec<&Write> = writes.collect();
    let is_range = |write: &&Write| matches!(write, Write::DeleteRange { .. });
    for stretch in writes.split_mut(is_range) {
        stretch.sort_by_key(|write| match write {
            Write::Put { key, .. } | Write::Delete { key } | Write::DeleteRange { from: key, .. } => key,
        });
    }
    writes
}

/// [`Read::scan`] over the iterator that `iterate` makes within the bounds.
fn scan<'a>(
    from: &[u8],
    to: &[u8],
    visit: &mut Visit<'_>,
    iterate: impl FnOnce(::rocksdb::ReadOptions) -> ::rocksdb::DBRawIterator<'a>,
) -> Result<(), StoreError> {
    if !to.is_empty() && from >= to {
        return Ok(());
    }
    let mut bounds = ::rocksdb::ReadOptions::default();
    if !to.is_empty() {
        bounds.set_iterate_upper_bound(to);
    }
    let mut records = iterate(bounds);
    records.seek(from);
    while let Some((key, value)) = records.item() {
        if visit(key, value).is_break() {
            return Ok(());
        }
        records.next();
    }
    records.status().map_err(io_error)
}

/// RocksDB tells only in words that a disk is full.
fn io_error(error: ::rocksdb::Error) -> StoreError {
    let text = error.into_string();
    if text.contains(NO_SPACE) { StoreError::NoSpace(text) } else { StoreError::Io(text) }
}

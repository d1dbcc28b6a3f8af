//! The store on RocksDB. Does I/O: the files of one folder.
//!
//! The binlog is the only write-ahead log: RocksDB's own is off, and batches written since the last [`flush`] are in
//! memory only. A crash takes the store back to the flushed batches, which are a prefix of those written, and the
//! marker in the last of them says from which entry the log must be applied again:
//!
//! ```text
//! write 1 [marker 1]   write 2 [marker 2]   flush   write 3 [marker 3]   crash  →  1, 2 [marker 2]: apply from 3
//! ```
//!
//! A batch is sorted by key before RocksDB gets it: the write buffer is a skip list too large for the processor's caches,
//! and neighbours share most of the way to their places.
//!
//! RocksDB flushes for many reasons of its own; all of them are switched off (see `options`), so that a store is never
//! ahead of its log. Only the calls of the node remain: [`flush`], which is also available in the background, and
//! [`compact`].
//!
//! DeleteRange hides records at once and frees their space when files are merged. RocksDB can also delete whole files
//! (`DeleteFilesInRange`), which is quick. This store never does so: it would also delete records that were written
//! *after* the tombstone, if they have reached the same files; snapshots would lose records that they see; and if the
//! tombstone is not yet flushed, a crash would bring half of the records back. A flushed tombstone over much data
//! makes RocksDB merge the files below it by itself; [`compact`] does it now.
//!
//! [`flush`]: RocksStore::flush
//! [`compact`]: RocksStore::compact

mod cleared;
mod cursors;
mod deadlines;
mod flushing;
mod open_store;
mod options;
mod owners;
mod snapshot;

pub use cleared::Range;
pub use options::OPEN_FILES_MAX;
pub use snapshot::Snapshot;

use super::{Cursors, Read, Store, StoreError, Visit, key};
use crate::effect::{Key, Write};
use crate::time::Millis;
use ::rocksdb::{DB, WriteBatch};
use open_store::OpenStore;
use std::fmt;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long a search for dead keys continues while it finds none. The scan of one full stretch takes about as long. After a
/// start no stretch of the 256 databases has been scanned yet, and nearly all of them are empty.
const SWEEP_MIN: Duration = Duration::from_micros(300);
/// The text with which RocksDB and the system report a full disk.
const NO_SPACE: &str = "No space left on device";

/// A handle on an open RocksDB. Clones are handles on the same one, for any number of threads; it closes, without a
/// flush, when the last handle and the last [`Snapshot`] are dropped.
///
/// Each read through the handle sees the newest batch at the time of that call; a reader of more than one record
/// takes a [`Snapshot`]. Errors: all of them are [`StoreError::Io`]; the node stops.
#[derive(Clone)]
pub struct RocksStore {
    shared: Arc<OpenStore>,
}

impl RocksStore {
    /// Opens the store in `folder`, which is created if it does not exist. The gate is shut. Errors: the files
    /// cannot be read or written, or the store is already open.
    pub fn open(folder: &Path) -> Result<RocksStore, StoreError> {
        let store = RocksStore { shared: Arc::new(OpenStore::open(folder)?) };
        for db in 0..=u8::MAX {
            let (from, to) = key::all_elements(db);
            store.scan(&from, &to, &mut |_, _| {
                store.shared.owners.note_all(db);
                ControlFlow::Break(())
            })?;
        }
        Ok(store)
    }

    /// Whether this is the only handle, and there is no snapshot: dropping it closes the store.
    pub fn is_last_handle(&self) -> bool {
        Arc::strong_count(&self.shared) == 1
    }

    /// Merges all files that hold records of `from..to` (an empty `to` is the end of the store), and waits for it:
    /// the space of records that were deleted or overwritten is freed unless a snapshot sees them, and so is the
    /// space of strings that were dead at the gate.
    ///
    /// It flushes first, so the node must do the same as for [`RocksStore::flush`]. Cost: O(records in these files).
    pub fn compact(&self, from: &[u8], to: &[u8]) -> Result<(), StoreError> {
        self.flush()?;
        self.merge(from, to)
    }

    /// Like [`RocksStore::compact`], but only for records that are already flushed. Others may write
    /// meanwhile.
    pub fn merge(&self, from: &[u8], to: &[u8]) -> Result<(), StoreError> {
        let before = self.background_errors()?;
        let end = (!to.is_empty()).then_some(to);
        self.shared.db.compact_range_opt(Some(from), end, &options::for_compaction());
        // The call itself does not report whether it succeeded.
        match self.background_errors()? {
            after if after == before => Ok(()),
            _ => Err(StoreError::Io("compaction failed, rocksdb's LOG says why".to_owned())),
        }
    }

    /// Lets compaction drop records that were dead at `limit`; a limit earlier than the last one changes
    /// nothing.
    ///
    /// The node sets it to the log time with which a restart from the last [`RocksStore::flush`] would begin, if none of
    /// its readers and none of the commands that it executes will ever judge at an earlier instant. That is the time of
    /// the marker's entry: a heartbeat after it is not in the log, so a restart would judge at an earlier instant than
    /// compaction had. Live snapshots are taken into account here. If the master logs each removal
    /// (`Removal::ByMaster`), neither master nor replica sets it: see [`super::gate`].
    pub fn set_gate(&self, limit: Millis) {
        self.shared.change_gate(|gate| gate.raise(limit));
    }

    /// The instant at which compaction finds records dead: not later than the limit that was set, nor than the clock
    /// of the oldest live snapshot.
    pub fn gate(&self) -> Millis {
        self.shared.gate()
    }

    /// A snapshot of the state after the last batch, for a reader that judges at `judged_at`. As long as it is
    /// held, it does not change, and the gate does not go beyond `judged_at`. `None`: the gate is beyond that
    /// instant, so the reader must ask with a later instant.
    pub fn snapshot(&self, judged_at: Millis) -> Option<Snapshot> {
        Snapshot::take(&self.shared, judged_at)
    }

    /// Some of the keys that are dead at `now`: those of one stretch (see `deadlines`), the next due one after the stretch that
    /// begins with `after` and has any. `after` is then set to the start of the last stretch scanned. The keys remain among
    /// the dead until they are removed. Cost: at most one stretch after `SWEEP_MIN`, nothing if no key is dead.
    pub fn dead_keys(&self, now: Millis, after: &mut Vec<u8>) -> Result<Vec<Key>, StoreError> {
        let begun = Instant::now();
        while let Some(stretch) = self.shared.deadlines.next_due(now, after) {
            *after = stretch.from().to_vec();
            let dead =
                self.shared.deadlines.look(&stretch, now, |from, to, visit| self.scan(from, to, visit))?;
            if !dead.is_empty() || begun.elapsed() >= SWEEP_MIN {
                return Ok(dead);
            }
        }
        Ok(Vec::new())
    }

    /// Bytes of the batches that are in memory only, including RocksDB's overhead. The node uses it to decide
    /// when to flush.
    pub fn unflushed_bytes(&self) -> Result<u64, StoreError> {
        self.number("rocksdb.cur-size-active-mem-table")
    }

    /// Bytes of the files that hold records.
    pub fn file_bytes(&self) -> Result<u64, StoreError> {
        self.number("rocksdb.live-sst-files-size")
    }

    /// About how many bytes of the files belong to records of `from..to`, deleted ones that are still in files included. Reads at
    /// most some index blocks.
    pub fn file_bytes_of(&self, from: &[u8], to: &[u8]) -> u64 {
        self.shared.db.get_approximate_sizes(&[::rocksdb::Range::new(from, to)]).into_iter().sum()
    }

    /// The ranges that batches have cleared since the last call: the first 10,000 of them.
    pub fn take_cleared(&self) -> Vec<Range> {
        self.shared.cleared.take()
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
        scan(from, to, visit, Order::Forth, |bounds| db.raw_iterator_opt(bounds))
    }

    fn scan_back(&self, from: &[u8], to: &[u8], visit: &mut Visit<'_>) -> Result<(), StoreError> {
        let db: &DB = &self.shared.db;
        scan(from, to, visit, Order::Back, |bounds| db.raw_iterator_opt(bounds))
    }
}

impl Store for RocksStore {
    fn write_all(&mut self, writes: &mut dyn Iterator<Item = &Write>) -> Result<(), StoreError> {
        let mut batch = WriteBatch::with_capacity_bytes(self.shared.batch_bytes());
        let (mut deadlines, mut cleared) = (Vec::new(), Vec::new());
        for write in in_key_order(writes) {
            match write {
                Write::Put { key, value } => {
                    self.shared.owners.note(key);
                    batch.put(key, value);
                    let deadline = deadlines::deadline(key, value);
                    deadlines.extend(deadline.map(|deadline| (key, deadline)));
                }
                Write::Delete { key } => batch.delete(key),
                // RocksDB refuses a range that ends before it begins; such a range is empty, so it is
                // skipped.
                Write::DeleteRange { from, to } if from >= to => {}
                Write::DeleteRange { from, to } => {
                    batch.delete_range(from, to);
                    cleared.push((from.clone(), to.clone()));
                }
            }
        }
        self.shared.write(batch)?;
        self.shared.cleared.note(cleared);
        deadlines.into_iter().for_each(|(key, deadline)| self.shared.deadlines.note(key, deadline));
        Ok(())
    }
}

/// The same batch, its writes sorted by key: writes of one key keep their order, and no write moves across a
/// range deletion.
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

/// The order in which a scan visits raw keys.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Order {
    /// Ascending.
    Forth,
    /// Descending.
    Back,
}

/// [`Read::scan`] or [`Read::scan_back`] over the iterator that `iterate` makes within the bounds.
fn scan<'a>(
    from: &[u8],
    to: &[u8],
    visit: &mut Visit<'_>,
    order: Order,
    iterate: impl FnOnce(::rocksdb::ReadOptions) -> ::rocksdb::DBRawIterator<'a>,
) -> Result<(), StoreError> {
    if !to.is_empty() && from >= to {
        return Ok(());
    }
    let mut bounds = ::rocksdb::ReadOptions::default();
    if !to.is_empty() {
        bounds.set_iterate_upper_bound(to);
    }
    if order == Order::Back {
        bounds.set_iterate_lower_bound(from);
    }
    let mut records = iterate(bounds);
    match order {
        Order::Forth => records.seek(from),
        Order::Back => records.seek_to_last(),
    }
    while let Some((key, value)) = records.item() {
        if visit(key, value).is_break() {
            return Ok(());
        }
        match order {
            Order::Forth => records.next(),
            Order::Back => records.prev(),
        }
    }
    records.status().map_err(io_error)
}

/// Converts an error of RocksDB, which reports a full disk only in its text.
fn io_error(error: ::rocksdb::Error) -> StoreError {
    let text = error.into_string();
    if text.contains(NO_SPACE) { StoreError::NoSpace(text) } else { StoreError::Io(text) }
}

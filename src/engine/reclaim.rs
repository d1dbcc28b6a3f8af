//! Reclaim — frees the disk space of cleared databases in the background. Does I/O: a thread, through the store.
//!
//! FLUSHALL writes a tombstone over all records. The records' files are deleted when files are merged. RocksDB cannot merge
//! before the tombstone itself is in a file, so the store is flushed at once, and then merged.

use crate::effect::Write;
use crate::store::key;
use crate::store::rocksdb::RocksStore;
use crate::sync::thread;

/// A store with fewer bytes in its files is not worth a flush.
const FILE_BYTES_MIN: u64 = 1 << 20;

/// Ranges of raw keys that were cleared, and the thread that merges earlier ones.
#[derive(Default)]
pub struct Reclaim {
    cleared: Vec<(Vec<u8>, Vec<u8>)>,
    merging: Option<thread::JoinHandle<()>>,
}

impl Reclaim {
    /// Notes the databases that these writes clear. Returns whether a flush is due for that. A range that is cleared while
    /// a merge is running waits for the next flush.
    pub fn note<'a>(&mut self, store: &RocksStore, writes: impl IntoIterator<Item = &'a Write>) -> bool {
        let ranges = writes.into_iter().filter_map(|write| match write {
            Write::DeleteRange { from, to } if key::begins_a_database(from) => {
                Some((from.clone(), to.clone()))
            }
            _ => None,
        });
        let mut has_cleared = false;
        for range in ranges {
            has_cleared = true;
            if !self.cleared.contains(&range) {
                self.cleared.push(range);
            }
        }
        has_cleared && !self.is_merging() && store.file_bytes().is_ok_and(|bytes| bytes >= FILE_BYTES_MIN)
    }

    fn is_merging(&self) -> bool {
        self.merging.as_ref().is_some_and(|thread| !thread.is_finished())
    }

    /// Starts to merge the files of the noted ranges. Call it after a flush has ended.
    pub fn begin(&mut self, store: &RocksStore) {
        if self.cleared.is_empty() || self.is_merging() {
            return;
        }
        let (cleared, store) = (std::mem::take(&mut self.cleared), store.clone());
        let merge = move || {
            for (from, to) in &cleared {
                match store.merge(from, to) {
                    Ok(()) => tracing::info!("space of cleared databases freed"),
                    Err(error) => tracing::warn!(%error, "space of cleared databases not freed"),
                }
            }
        };
        match thread::Builder::new().name("reclaim".to_owned()).spawn(merge) {
            Ok(thread) => self.merging = Some(thread),
            Err(error) => tracing::warn!(%error, "space of cleared databases not freed"),
        }
    }
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

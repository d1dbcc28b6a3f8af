//! Reclaim — databases that were cleared → their space on the disk, in the background. Does I/O: a thread, through the store.
//!
//! FLUSHALL writes a tombstone over all records. Their files go when files are merged, which RocksDB does not do before the
//! tombstone is in a file, too: so the store is flushed at once, and then merged.

use crate::effect::Write;
use crate::store::key;
use crate::store::rocksdb::RocksStore;
use crate::sync::thread;

/// Less than this in files is not worth a flush.
const FILE_BYTES_MIN: u64 = 1 << 20;

/// Ranges of raw keys that were cleared, and the thread that merges others.
#[derive(Default)]
pub struct Reclaim {
    cleared: Vec<(Vec<u8>, Vec<u8>)>,
    merging: Option<thread::JoinHandle<()>>,
}

impl Reclaim {
    /// Notes what these writes clear; whether a flush is due for it. Who clears the same again while it is being merged waits for
    /// the next flush.
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

    /// Merges the files of what was cleared before a flush that has ended.
    pub fn begin(&mut self, store: &RocksStore) {
        if self.cleared.is_empty() || self.is_merging() {
            return;
        }
        let (cleared, store) = (std::mem::take(&mut self.cleared), store.clone());
        let merge = move || {
            for (from, to) in &cleared {
                match store.merge(from, to) {
                    Ok(()) => tracing::info!("space of cleared databases given back"),
                    Err(error) => tracing::warn!(%error, "space of cleared databases not given back"),
                }
            }
        };
        match thread::Builder::new().name("reclaim".to_owned()).spawn(merge) {
            Ok(thread) => self.merging = Some(thread),
            Err(error) => tracing::warn!(%error, "space of cleared databases not given back"),
        }
    }
}

impl Drop for Reclaim {
    /// The thread has a handle on the store, which has to be closed before the folder can be opened again.
    fn drop(&mut self) {
        if let Some(thread) = self.merging.take() {
            let _ = thread.join();
        }
    }
}

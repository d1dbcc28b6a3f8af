//! Raw — RocksDB alone: the limit for everything that writes through it. Does I/O: a temporary folder.

use replicheck::binlog::Entry;
use replicheck::effect::Write;
use replicheck::store::rocksdb::RocksStore;
use rocksdb::{Cache, DB, Env, Options, WriteBatch, WriteOptions};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// An open RocksDB with the options of the node's store, which are read from the files that a store leaves in its
/// folder. The compaction filter is not among them, and nothing is compacted here.
pub struct Raw {
    db: DB,
    options: WriteOptions,
    _folder: TempDir,
}

impl Raw {
    /// Opens an empty RocksDB. Its writes come in the order of the log, so the option that speeds up sorted writes is off.
    /// Panics: I/O errors.
    pub fn new() -> Raw {
        let folder = tempfile::tempdir().expect("a temporary folder");
        drop(RocksStore::open(folder.path()).expect("a store"));
        let env = Env::new().expect("the system's files");
        let (mut options, _) = Options::load_latest(folder.path(), env, true, Cache::new_lru_cache(32 << 20))
            .expect("the options that RocksDB wrote down");
        let unsorted = "memtable_insert_with_hint_prefix_extractor=nullptr";
        let options = options.get_options_from_string(unsorted).expect("a known option");
        let db = DB::open(&options, folder.path()).expect("the store again");
        let mut options = WriteOptions::default();
        options.disable_wal(true);
        Raw { db, options, _folder: folder }
    }

    /// Writes the writes of `entries`, `batch` entries at a time, without a log. Returns the time.
    pub fn write(&self, entries: &[Entry], batch: usize) -> Duration {
        let since = Instant::now();
        for entries in entries.chunks(batch) {
            let mut batch = WriteBatch::default();
            for write in entries.iter().flat_map(crate::workload::writes) {
                match write {
                    Write::Put { key, value } => batch.put(key, value),
                    Write::Delete { key } => batch.delete(key),
                    Write::DeleteRange { from, to } => batch.delete_range(from, to),
                }
            }
            self.db.write_opt(batch, &self.options).expect("RocksDB writes");
        }
        since.elapsed()
    }

    /// Reads these raw keys one after the other. Returns the time.
    #[allow(dead_code, reason = "for benches that read")]
    pub fn get(&self, keys: &[Vec<u8>]) -> Duration {
        let since = Instant::now();
        let found =
            keys.iter().filter(|key| self.db.get_pinned(key).expect("RocksDB reads").is_some()).count();
        assert_eq!(found, keys.len(), "all keys exist");
        since.elapsed()
    }
}

//! The options with which RocksDB is opened, and those of writes to it.
//!
//! The reasons for which RocksDB flushes, and how each is switched off:
//!
//! ```text
//! a full write buffer               64 GB, the most that RocksDB accepts; the node flushes long before. It is set when the
//!                                   store is open: on opening, RocksDB takes this size as the free space to wait for on a
//!                                   full disk
//! several column families           there is one
//! many range tombstones in memory   off by default (memtable_max_range_deletions)
//! closing with RocksDB's log off    avoid_flush_during_shutdown
//! a retry of a failed flush         max_bgerror_resume_count = 0; the flush was an error, and the node stops
//! CompactRange                      flushes if there is something to flush: only the node asks for it
//! ```
//!
//! One reason remains: after a flush that failed on a full disk, RocksDB retries by itself, every 5 s, once [`ROOM_BYTES`] are
//! free. It accepts no batch until then, so it flushes only entries that the node has already logged. The node syncs its log
//! when it notices. Between the two a power loss may leave a store that is ahead of its log, which a restart must expect
//! anyway.

use super::io_error;
use crate::store::StoreError;
use ::rocksdb::{
    BlockBasedOptions, BottommostLevelCompaction, Cache, CompactOptions, DBCompressionType, FlushOptions,
    LogLevel, Options, WriteOptions,
};

/// Options for which the crate has no functions.
const NO_FLUSH_OF_ITS_OWN: &str = "avoid_flush_during_shutdown=true;max_bgerror_resume_count=0;";
/// The search for a key's place in the write buffer starts at the place of the last key with the same first byte.
/// Batches are sorted, so that place is near: in a batch of thousands most of the search is saved.
const INSERTS_NEAR_THE_LAST: &str = "memtable_insert_with_hint_prefix_extractor=rocksdb.CappedPrefix.1;";
/// A Bloom filter in front of each write buffer: a read of a record that is not in it skips the search. Its size is this share
/// of [`WRITE_BUFFER`], 0.7 MB: 40 bits for each record of 100 bytes in a buffer of 16 MB. The first buffer after a start has
/// no filter to speak of, because its size is another one.
const BLOOM_OF_THE_WRITE_BUFFER: &str =
    "memtable_prefix_bloom_size_ratio=0.00001;memtable_whole_key_filtering=true;";
/// Free bytes on the disk at which RocksDB retries a flush that failed because the disk was full.
pub(super) const ROOM_BYTES: usize = 64 << 20;
/// More than a node holds in memory; RocksDB cuts anything larger down to it.
pub(super) const WRITE_BUFFER: (&str, &str) = ("write_buffer_size", "68719476736");
/// Size of the blocks of a write buffer; its memory is allocated one block at a time.
const ARENA_BLOCK_BYTES: usize = 1 << 20;
/// Maximum number of table files that RocksDB holds open.
pub const OPEN_FILES_MAX: u16 = 512;
/// Number of files of one flush each that compaction has not merged, from which on RocksDB slows down writes: its default.
const SLOWDOWN_FILES: i32 = 20;
/// Maximum number of such files with which a flush is begun. With more, RocksDB would wait before it begins.
pub(super) const NEWEST_FILES_MAX: u64 = SLOWDOWN_FILES as u64 - 1;
const LOG_BYTES_MAX: usize = 1 << 20;
const LOG_FILES_MAX: usize = 2;
/// Most bytes of the blocks of table files that are kept in memory. RocksDB's default is 32 MB. With 64 MB, HSET into a hash of a
/// million fields was slower by a sixth than with 256 MB.
const BLOCK_CACHE_BYTES: usize = 128 << 20;
/// About one in a hundred lookups of absent keys reads a block in vain.
const BLOOM_BITS_PER_KEY: f64 = 10.0;

/// The options for opening a store. Errors: an option that this version of RocksDB does not know.
pub(super) fn for_opening() -> Result<Options, StoreError> {
    let named = [NO_FLUSH_OF_ITS_OWN, INSERTS_NEAR_THE_LAST, BLOOM_OF_THE_WRITE_BUFFER].concat();
    let mut options = Options::default().get_options_from_string(named).map_err(io_error)?;
    options.create_if_missing(true);
    options.set_write_buffer_size(ROOM_BYTES);
    options.set_arena_block_size(ARENA_BLOCK_BYTES);
    options.set_level_zero_slowdown_writes_trigger(SLOWDOWN_FILES);
    options.set_unordered_write(false);
    options.set_compression_type(DBCompressionType::None);
    options.set_max_open_files(OPEN_FILES_MAX.into());
    options.set_log_level(LogLevel::Warn);
    options.set_max_log_file_size(LOG_BYTES_MAX);
    options.set_keep_log_file_num(LOG_FILES_MAX);
    options.set_stats_dump_period_sec(0);
    options.set_stats_persist_period_sec(0);
    let mut table = BlockBasedOptions::default();
    table.set_bloom_filter(BLOOM_BITS_PER_KEY, false);
    // RocksDB estimates the size of an entry by itself.
    table.set_block_cache(&Cache::new_hyper_clock_cache(BLOCK_CACHE_BYTES, 0));
    options.set_block_based_table_factory(&table);
    Ok(options)
}

/// The options for writing a batch. The binlog is the write-ahead log, so RocksDB keeps none.
pub(super) fn for_writing() -> WriteOptions {
    let mut options = WriteOptions::default();
    options.disable_wal(true);
    options
}

/// The options for a flush in the background.
pub(super) fn for_flushing() -> FlushOptions {
    let mut options = FlushOptions::default();
    options.set_wait(false);
    options
}

/// The options for a compaction that the node asks for. It includes the last level, because dropping records
/// there frees space.
pub(super) fn for_compaction() -> CompactOptions {
    let mut options = CompactOptions::default();
    options.set_exclusive_manual_compaction(false);
    options.set_bottommost_level_compaction(BottommostLevelCompaction::Force);
    options
}

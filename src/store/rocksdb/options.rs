//! How RocksDB is opened, and how it is written to.
//!
//! What makes RocksDB flush, and how each is kept from it:
//!
//! ```text
//! a full write buffer               64 GB, which is the most that RocksDB takes; the node flushes long before. It is set when the
//!                                   store is open: at its opening RocksDB takes the length for the room that it waits for on a
//!                                   full disk
//! several column families           there is one
//! many range tombstones in memory   off by default (memtable_max_range_deletions)
//! closing with the own log off      avoid_flush_during_shutdown
//! a flush that failed, again        max_bgerror_resume_count = 0; the flush was an error, and the node stops
//! CompactRange                      flushes if there is something to flush: asked for by the node only
//! ```
//!
//! One is left: after a flush that failed on a full disk RocksDB tries again by itself, every 5 s, once there is room for
//! [`ROOM_BYTES`]. It takes no batch until then, so it flushes what the node has logged already. The node syncs its log when it finds out.
//! Between the two a power loss may leave a store that is ahead of its log, which a restart must expect anyway.

use super::io_error;
use crate::store::StoreError;
use ::rocksdb::{
    BlockBasedOptions, BottommostLevelCompaction, CompactOptions, DBCompressionType, FlushOptions, LogLevel,
    Options, WriteOptions,
};

/// The crate has no functions for these.
const NO_FLUSH_OF_ITS_OWN: &str = "avoid_flush_during_shutdown=true;max_bgerror_resume_count=0;";
/// A key's place in the write buffer is looked for from where the last one with the same first byte came to be. Batches
/// are sorted, so that is near by: in a batch of thousands most of the way is saved.
const INSERTS_NEAR_THE_LAST: &str = "memtable_insert_with_hint_prefix_extractor=rocksdb.CappedPrefix.1;";
/// Free bytes on the disk at which RocksDB tries a flush again that failed for want of room.
pub(super) const ROOM_BYTES: usize = 64 << 20;
/// More than a node holds in memory; RocksDB cuts anything larger down to it.
pub(super) const WRITE_BUFFER: (&str, &str) = ("write_buffer_size", "68719476736");
/// Memory for the blocks of a write buffer, claimed one at a time.
const ARENA_BLOCK_BYTES: usize = 1 << 20;
/// Tables that RocksDB holds open.
pub const OPEN_FILES_MAX: u16 = 512;
const LOG_BYTES_MAX: usize = 1 << 20;
const LOG_FILES_MAX: usize = 2;
/// About one lookup in a hundred of what is not there reads a block in vain.
const BLOOM_BITS_PER_KEY: f64 = 10.0;

/// For opening a store. Errors: an option that this version of RocksDB does not know.
pub(super) fn for_opening() -> Result<Options, StoreError> {
    let named = [NO_FLUSH_OF_ITS_OWN, INSERTS_NEAR_THE_LAST].concat();
    let mut options = Options::default().get_options_from_string(named).map_err(io_error)?;
    options.create_if_missing(true);
    options.set_write_buffer_size(ROOM_BYTES);
    options.set_arena_block_size(ARENA_BLOCK_BYTES);
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
    options.set_block_based_table_factory(&table);
    Ok(options)
}

/// For writing a batch: the binlog is the log, so RocksDB keeps none.
pub(super) fn for_writing() -> WriteOptions {
    let mut options = WriteOptions::default();
    options.disable_wal(true);
    options
}

/// For a flush that nobody waits for.
pub(super) fn for_flushing() -> FlushOptions {
    let mut options = FlushOptions::default();
    options.set_wait(false);
    options
}

/// For a compaction that the node asks for: down to the last level, as what is dropped there gives space back.
pub(super) fn for_compaction() -> CompactOptions {
    let mut options = CompactOptions::default();
    options.set_exclusive_manual_compaction(false);
    options.set_bottommost_level_compaction(BottommostLevelCompaction::Force);
    options
}

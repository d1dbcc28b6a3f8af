//! Settings — how a node is run. Plain data.

use super::Clock;
use crate::apply::pool::Schedule;
use crate::binlog::Fsync;
use crate::compression::Codec;
use crate::expiry::{ExpiryPolicy, Policy};
use crate::ordering::{Ordering, Reads, Strategy};
use crate::server::REPLICAS_MAX;
use crate::store::rocksdb::OPEN_FILES_MAX;
use crate::sync::Arc;
use crate::sync::atomic::AtomicU16;
use crate::trace::Trace;
use std::fmt;
use std::path::PathBuf;

/// File descriptors that a node needs beside those of its clients.
pub const DESCRIPTORS_RESERVED: u64 = STORE_FILES + OTHER_FILES + REPLICAS_MAX;
/// RocksDB's tables, and 64 for what it opens beside them: what a compaction writes, its manifest, its own log, the lock.
const STORE_FILES: u64 = OPEN_FILES_MAX as u64 + 64;
/// The log's open segments, one that is packed, `node`, a trace, the link to a master, the socket that listens, the
/// runtime's own: some 20. A replica's feed has a segment open beside its socket, which is a client's: `REPLICAS_MAX`.
const OTHER_FILES: u64 = 64;

/// The port on which a node serves; 0 as long as it does not.
pub type Port = Arc<AtomicU16>;

/// How a node is run. None of it is kept in its folder but the expiry policy, which the log's entries depend on.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The node's folder: made if there is none, taken as it is if there is one.
    pub dir: PathBuf,
    /// In which order a replica applies entries.
    pub ordering: Strategy,
    /// What a master logs, and by which clock a replica judges.
    pub expiry: Policy,
    /// Threads on which a replica applies entries, at least 1.
    pub workers: usize,
    /// A worker writes at most so many entries as one batch, at least 1.
    pub batch_entries_max: usize,
    /// What an acknowledged write is promised.
    pub fsync: Fsync,
    /// Length at which a binlog segment is full, bytes.
    pub segment_bytes_max: u64,
    /// What closed segments are packed by, and what a replica asks its master for.
    pub compression: Codec,
    /// Bytes written to the store since its last flush at which the node flushes it.
    pub flush_bytes: u64,
    /// How long a replica may hear nothing before it estimates log time, milliseconds.
    pub log_clock_limit_ms: u64,
    /// How much of the time for which a node was down log time counts at a start, at most, milliseconds: the wall clock tells it,
    /// which may have been set meanwhile.
    pub downtime_max_ms: u64,
    /// Whether the folder may be a copy of a master's that becomes a replica's: refused if it is not, once.
    pub takes_copy: bool,
    /// How often a replica under `writeset_snapshots` publishes a snapshot, milliseconds.
    pub snapshot_interval_ms: u64,
    /// Received entries that wait to be applied: how many, and how many bytes.
    pub queue_entries_max: usize,
    /// See `queue_entries_max`.
    pub queue_bytes_max: usize,
    /// The port on which this node serves, as replicas tell their master.
    pub port: Port,
    /// The schedule of a replica's worker pool.
    pub schedule: Schedule,
    /// Where it has the time from.
    pub clock: Clock,
    /// What is in place of the strategy and of the policy.
    pub own: Own,
    /// Where a replica's workers note what they write.
    pub trace: Option<Arc<Trace>>,
}

impl Settings {
    /// The defaults, in `dir`: serial, log_clock, one worker a core, everysec.
    pub fn new(dir: impl Into<PathBuf>) -> Settings {
        Settings {
            dir: dir.into(),
            ordering: Strategy::Serial,
            expiry: Policy::LogClock,
            workers: std::thread::available_parallelism().map_or(1, usize::from),
            batch_entries_max: 4096,
            fsync: Fsync::EverySec,
            segment_bytes_max: 64 << 20,
            compression: Codec::None,
            flush_bytes: 64 << 20,
            log_clock_limit_ms: 10_000,
            downtime_max_ms: 24 * 3_600_000,
            takes_copy: false,
            snapshot_interval_ms: 100,
            queue_entries_max: 10_000,
            queue_bytes_max: 64 << 20,
            port: Port::default(),
            schedule: Schedule::Free,
            clock: Clock::System,
            own: Own::default(),
            trace: None,
        }
    }

    /// A machine of its strategy, with nothing in it.
    pub fn machine(&self) -> Machine {
        match &self.own.ordering {
            Some(new) => new(self.workers.max(1), self.batch_entries_max),
            None => Box::new(self.ordering.machine(self.workers, self.batch_entries_max)),
        }
    }

    /// What readers of a replica are given.
    pub fn reads(&self) -> Reads {
        self.machine().reads()
    }

    /// Its policy.
    pub fn policy(&self) -> Arc<dyn ExpiryPolicy + Send + Sync> {
        self.own.policy.clone().unwrap_or_else(|| self.expiry.get())
    }
}

/// A strategy as a node runs it.
pub type Machine = Box<dyn Ordering + Send>;

/// A strategy and a policy that have no name. No option of the program sets them: they are for tests, and for bugs of
/// others that are replayed.
#[derive(Clone, Default)]
pub struct Own {
    /// For so many workers, with so many entries in one batch at most. Nodes take it for [`Settings::ordering`].
    pub ordering: Option<Arc<dyn Fn(usize, usize) -> Machine + Send + Sync>>,
    /// Nodes take it for [`Settings::expiry`].
    pub policy: Option<Arc<dyn ExpiryPolicy + Send + Sync>>,
}

impl fmt::Debug for Own {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Own {{ ordering: {}, policy: {} }}", self.ordering.is_some(), self.policy.is_some())
    }
}

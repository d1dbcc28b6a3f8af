//! Settings — how a node is run. Plain data.

use crate::apply::pool::Hold;
use crate::binlog::Fsync;
use crate::expiry::Policy;
use crate::ordering::Strategy;
use crate::sync::Arc;
use crate::sync::atomic::AtomicU16;
use crate::trace::Trace;
use std::path::PathBuf;

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
    /// A strategy that writes runs of entries writes at most so many as one batch, at least 1.
    pub batch_entries_max: usize,
    /// What an acknowledged write is promised.
    pub fsync: Fsync,
    /// Length at which a binlog segment is full, bytes.
    pub segment_bytes_max: u64,
    /// Bytes written to the store since its last flush at which the node flushes it.
    pub flush_bytes: u64,
    /// How long a replica may hear nothing before it estimates log time, milliseconds.
    pub log_clock_limit_ms: u64,
    /// How often a replica under `writeset_snapshots` publishes a snapshot, milliseconds.
    pub snapshot_interval_ms: u64,
    /// Received entries that wait to be applied: how many, and how many bytes.
    pub queue_entries_max: usize,
    /// See `queue_entries_max`.
    pub queue_bytes_max: usize,
    /// The port on which this node serves, as replicas tell their master.
    pub port: Port,
    /// A schedule held in a replica's worker pool.
    pub holds: Vec<Hold>,
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
            batch_entries_max: 256,
            fsync: Fsync::EverySec,
            segment_bytes_max: 64 << 20,
            flush_bytes: 64 << 20,
            log_clock_limit_ms: 10_000,
            snapshot_interval_ms: 100,
            queue_entries_max: 10_000,
            queue_bytes_max: 64 << 20,
            port: Port::default(),
            holds: Vec::new(),
            trace: None,
        }
    }
}

//! Settings — the settings of a node. Plain data.

use super::{Clock, Meters};
use crate::apply::pool::Schedule;
use crate::binlog::Fsync;
use crate::compression::CompressionMethod;
use crate::expiry::{ExpiryPolicy, Policy};
use crate::ordering::{OrderingStrategy, Reads, Strategy};
use crate::secret::Secret;
use crate::server::REPLICAS_MAX;
use crate::store::rocksdb::OPEN_FILES_MAX;
use crate::sync::atomic::AtomicU16;
use crate::sync::{Arc, Mutex};
use crate::trace::Trace;
use std::fmt;
use std::path::PathBuf;

/// File descriptors that a node needs beside those of its clients. While a full sync arrives there are two stores.
pub const DESCRIPTORS_RESERVED: u64 = 2 * STORE_FILES + OTHER_FILES + REPLICAS_MAX;
/// RocksDB's tables, and 64 for the other files that it opens: the output of a compaction, its manifest, its own log, the
/// lock.
const STORE_FILES: u64 = OPEN_FILES_MAX as u64 + 64;
/// About 20 are needed: the log's open segments, a segment that is being packed, the identity file, a trace, the link to a
/// master, the listening socket, the runtime's own. Each replica's feed also has a segment open, which [`REPLICAS_MAX`]
/// covers. The replica's socket counts as a client's.
const OTHER_FILES: u64 = 64;

/// The default of [`Settings::flush_bytes`]: 16 MB. A write buffer of that size stays in the processor's caches: with 64 MB, HSET into
/// a hash of a million fields, INCR and SET were slower by a tenth to a fifth.
pub const FLUSH_BYTES: u64 = 16 << 20;

/// The port on which a node serves clients; 0 while it serves none.
pub type Port = Arc<AtomicU16>;

/// The password that a replica sends to its master at its next connection; `None`: none. Clones share it.
pub type Masterauth = Arc<Mutex<Option<Secret>>>;

/// The settings of a node. Of these only the expiry policy is stored in the node's folder, because the log's entries depend
/// on it.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The node's folder. It is created if it does not exist, and opened if it does.
    pub dir: PathBuf,
    /// The ordering strategy by which a replica applies entries.
    pub ordering: Strategy,
    /// The expiry policy: what a master logs for deadlines, and by which clock a replica judges.
    pub expiry: Policy,
    /// Number of threads on which a replica applies entries, at least 1.
    pub workers: usize,
    /// The most entries that a worker writes as one batch, at least 1.
    pub batch_entries_max: usize,
    /// The policy by which the log is synced, which decides whether an acknowledged write is durable.
    pub fsync: Fsync,
    /// Length at which a binlog segment is full, in bytes.
    pub segment_bytes_max: u64,
    /// The codec that packs closed segments. A replica also asks its master to compress the stream with it.
    pub compression: CompressionMethod,
    /// The store is flushed once this many bytes are written to it since the last flush.
    pub flush_bytes: u64,
    /// Milliseconds of silence from the master after which a replica estimates log time.
    pub log_clock_limit_ms: u64,
    /// The most milliseconds of a node's downtime that log time counts at a start. There is a bound because the downtime is
    /// measured by the wall clock, which may have been set meanwhile.
    pub downtime_max_ms: u64,
    /// Whether the folder is a copy of a master's folder that now becomes a replica's. At the first start a folder that is
    /// not such a copy is refused.
    pub takes_copy: bool,
    /// Whether a replica that cannot resume replaces its data by a full sync. If not, its link stops with the reason.
    pub full_sync: bool,
    /// How often a replica under `writeset_snapshots` publishes a snapshot, milliseconds.
    pub snapshot_interval_ms: u64,
    /// The most received entries that may wait to be applied.
    pub queue_entries_max: usize,
    /// The most bytes of received entries that may wait to be applied.
    pub queue_bytes_max: usize,
    /// The port on which this node serves clients. A replica sends it to its master.
    pub port: Port,
    /// The password that a replica sends to its master.
    pub masterauth: Masterauth,
    /// What the node measures. [`Engine::start`](super::Engine::start) makes new ones, so clones of the settings may start several nodes.
    pub meters: Arc<Meters>,
    /// The schedule of a replica's worker pool.
    pub schedule: Schedule,
    /// The source of the node's time.
    pub clock: Clock,
    /// Replacements of the strategy and of the policy, for tests.
    pub own: Own,
    /// The trace in which a replica's workers record their writes; `None`: no trace.
    pub trace: Option<Arc<Trace>>,
}

impl Settings {
    /// The default settings, with the folder `dir`: serial, log_clock, one worker for each core, everysec.
    pub fn new(dir: impl Into<PathBuf>) -> Settings {
        Settings {
            dir: dir.into(),
            ordering: Strategy::Serial,
            expiry: Policy::LogClock,
            workers: std::thread::available_parallelism().map_or(1, usize::from),
            batch_entries_max: 4096,
            fsync: Fsync::EverySec,
            segment_bytes_max: 64 << 20,
            compression: CompressionMethod::None,
            flush_bytes: FLUSH_BYTES,
            log_clock_limit_ms: 10_000,
            downtime_max_ms: 24 * 3_600_000,
            takes_copy: false,
            full_sync: true,
            snapshot_interval_ms: 100,
            queue_entries_max: 10_000,
            queue_bytes_max: 64 << 20,
            port: Port::default(),
            masterauth: Masterauth::default(),
            meters: Arc::default(),
            schedule: Schedule::Free,
            clock: Clock::System,
            own: Own::default(),
            trace: None,
        }
    }

    /// A new state machine of the ordering strategy, without entries.
    pub fn machine(&self) -> Machine {
        match &self.own.ordering {
            Some(new) => new(self.workers.max(1), self.batch_entries_max),
            None => Box::new(self.ordering.machine(self.workers, self.batch_entries_max)),
        }
    }

    /// The state that readers of a replica are given.
    pub fn reads(&self) -> Reads {
        self.machine().reads()
    }

    /// The expiry policy.
    pub fn policy(&self) -> Arc<dyn ExpiryPolicy + Send + Sync> {
        self.own.policy.clone().unwrap_or_else(|| self.expiry.get())
    }
}

/// The state machine of an ordering strategy, as a node runs it.
pub type Machine = Box<dyn OrderingStrategy + Send>;

/// A strategy and a policy without a name. No option of the program sets them: they are used by tests, and to replay bugs
/// of other systems.
#[derive(Clone, Default)]
pub struct Own {
    /// Makes the state machine, from the number of workers and the most entries in one batch. Nodes take it for
    /// [`Settings::ordering`].
    pub ordering: Option<Arc<dyn Fn(usize, usize) -> Machine + Send + Sync>>,
    /// The policy to run. Other nodes and the folder are told that it is [`Settings::expiry`].
    pub policy: Option<Arc<dyn ExpiryPolicy + Send + Sync>>,
}

impl fmt::Debug for Own {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Own {{ ordering: {}, policy: {} }}", self.ordering.is_some(), self.policy.is_some())
    }
}

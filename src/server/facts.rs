//! Facts — what a node tells of itself: the source of INFO and ROLE. Pure.

use crate::binlog::{Epoch, Fsync, Lsn};
use crate::compression::Codec;
use crate::expiry::Policy;
use crate::ordering::Strategy;
use crate::time::Millis;

/// What a node tells of itself at one instant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// Identity of the history, 40 hexadecimal digits: Redis's `master_replid`.
    pub run_id: String,
    /// Its role, and what belongs to it.
    pub role: Role,
    /// The history that it writes or follows.
    pub epoch: Epoch,
    /// How far it is.
    pub progress: Progress,
    /// Log time.
    pub log_time: Millis,
    /// Whether log time is estimated: it runs ahead of what was heard from the master.
    pub log_time_estimated: bool,
    /// How far the wall clock of the master is ahead of log time, milliseconds: EXPIRETIME answers by it.
    pub offset_ms: i64,
    /// How often this master's wall clock was set since the start.
    pub clock_steps: u64,
    /// How often this replica disconnected its clients, because they had been told a log time far beyond the master's.
    pub clients_disconnected: u64,
    /// The ordering strategy.
    pub ordering: Strategy,
    /// The expiry policy.
    pub expiry: Policy,
    /// Workers that apply entries.
    pub workers: usize,
    /// When the binlog is synced.
    pub appendfsync: Fsync,
    /// What closed segments of the binlog are packed by, and what a replica asks its master for.
    pub compression: Codec,
    /// Why writes are refused, if they are.
    pub read_only: Option<String>,
    /// Databases that hold keys, in their order. Empty if the node does not count.
    pub keyspace: Vec<Keyspace>,
    /// Where its files are.
    pub dir: String,
}

/// Master or replica.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Role {
    /// It takes writes.
    Master {
        /// Those that follow it, in the order in which they came.
        replicas: Vec<Follower>,
    },
    /// It follows a master.
    Replica {
        /// The master's host.
        host: String,
        /// The master's port.
        port: u16,
        /// The link to it.
        link: Link,
        /// For how long the link has not been up, in milliseconds; from the start on if it never was. 0: it is up.
        down_ms: u64,
    },
}

/// A replica as its master sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Follower {
    /// Its address, without port.
    pub addr: String,
    /// The port that it serves on.
    pub port: u16,
    /// What it is given now.
    pub state: FollowerState,
    /// What that is compressed by.
    pub compression: Codec,
    /// What it acknowledged.
    pub progress: Progress,
}

/// What a follower is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FollowerState {
    /// A copy of the store is being made for it.
    WaitSnapshot,
    /// A copy of the store.
    SendSnapshot,
    /// Entries.
    Online,
}

impl FollowerState {
    /// The name that Redis has for it.
    pub fn name(self) -> &'static str {
        match self {
            FollowerState::WaitSnapshot => "wait_bgsave",
            FollowerState::SendSnapshot => "send_bulk",
            FollowerState::Online => "online",
        }
    }
}

/// How far a node is, and how far behind its master.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Last entry received (on a master: written).
    pub received: Lsn,
    /// Last entry that a sync covered.
    pub durable: Lsn,
    /// Last entry that readers see.
    pub applied: Lsn,
    /// Entries that the master has and this node has not applied; `None`: it is not known, as while the link is down.
    pub lag_entries: Option<u64>,
    /// Their bytes in the binlog; `None`: it is not known.
    pub lag_bytes: Option<u64>,
    /// How long ago, by the master's clock, what is missing began to be; 0 if nothing is. `None`: it is not known.
    pub lag_ms: Option<u64>,
}

/// A replica's link to its master.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Link {
    /// It tries.
    Connecting,
    /// It takes over the master's store.
    Sync,
    /// It receives entries.
    Up {
        /// What they are compressed by.
        compression: Codec,
    },
    /// It lost its master and tries again.
    Down,
    /// It gave up: an entry could not be applied.
    Stopped {
        /// Why.
        reason: String,
    },
}

/// What one database holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keyspace {
    /// Its number.
    pub db: u8,
    /// Its keys.
    pub keys: u64,
    /// Those that have a deadline.
    pub expires: u64,
}

//! Facts — the state that a node reports about itself, from which INFO and ROLE are made. Pure.

use super::measured::Measured;
use crate::binlog::{Epoch, Fsync, Lsn};
use crate::compression::CompressionMethod;
use crate::expiry::Policy;
use crate::ordering::Strategy;
use crate::time::Millis;

/// The state that a node reports about itself at one instant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// Identity of the running node, 40 hexadecimal digits. INFO shows it as `run_id`.
    pub run_id: String,
    /// Its role, and the state that belongs to the role.
    pub role: Role,
    /// The epoch of the history that it writes or follows.
    pub epoch: Epoch,
    /// How far it has received, synced and applied the log.
    pub progress: Progress,
    /// Log time.
    pub log_time: Millis,
    /// Whether log time is estimated: it is later than the last log time received from the master.
    pub log_time_estimated: bool,
    /// The master's wall time less log time, milliseconds. EXPIRETIME uses it for its reply.
    pub offset_ms: i64,
    /// Number of steps of the wall clock while this node was a master, since its start.
    pub clock_steps: u64,
    /// How often this replica disconnected its clients, because it had answered them at a log time far beyond the master's.
    pub clients_disconnected: u64,
    /// The ordering strategy.
    pub ordering: Strategy,
    /// The expiry policy.
    pub expiry: Policy,
    /// Workers that apply entries.
    pub workers: usize,
    /// The policy by which the binlog is synced.
    pub appendfsync: Fsync,
    /// The codec that compresses closed segments of the binlog. A replica also asks its master to compress the stream with
    /// it.
    pub compression: CompressionMethod,
    /// The reason for which writes are refused; `None`: they are accepted.
    pub read_only: Option<String>,
    /// Replicas of this master whose last acknowledgement is at most `min-replicas-max-lag` old.
    pub good_replicas: u64,
    /// How often this node answered replicas as a master, since its start.
    pub syncs: Syncs,
    /// The folder of its files.
    pub dir: String,
    /// What the node measured; `None`: it is stopped or changes its role.
    pub measured: Option<Measured>,
}

/// A master's answers to replicas that connected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Syncs {
    /// Full syncs that began.
    pub full: u64,
    /// Replicas that resumed.
    pub resumed: u64,
    /// Replicas that could not resume.
    pub refused: u64,
}

/// Master or replica.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Role {
    /// It takes writes.
    Master {
        /// The replicas that follow it.
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
        /// How long the link has been down, in milliseconds, counted from the start if it was never up. 0: it is up.
        down_ms: u64,
        /// Its own replicas.
        replicas: Vec<Follower>,
    },
}

/// A replica as the node sees it that it follows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Follower {
    /// Its IP address, without the port.
    pub addr: String,
    /// The port on which it serves clients.
    pub port: u16,
    /// What the master sends to it now.
    pub state: FollowerState,
    /// The codec that compresses the stream.
    pub compression: CompressionMethod,
    /// The LSNs that it acknowledged, and its lag.
    pub progress: Progress,
}

/// The data that the master sends to a follower.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FollowerState {
    /// Nothing yet: a copy of the store is being made for it.
    WaitSnapshot,
    /// A copy of the store.
    SendSnapshot,
    /// Entries.
    Online,
}

impl FollowerState {
    /// The name of this state in Redis's INFO.
    pub fn name(self) -> &'static str {
        match self {
            FollowerState::WaitSnapshot => "wait_bgsave",
            FollowerState::SendSnapshot => "send_bulk",
            FollowerState::Online => "online",
        }
    }
}

/// How far a node has come in the log, and how far it is behind its master.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// The last entry received (on a master: written).
    pub received: Lsn,
    /// The last durable entry: a sync has covered it.
    pub durable: Lsn,
    /// The last applied entry: readers see it.
    pub applied: Lsn,
    /// Number of entries that the master has and this node has not applied; `None`: unknown, for example while the link is
    /// down.
    pub lag_entries: Option<u64>,
    /// Bytes of these entries in the binlog; `None`: unknown.
    pub lag_bytes: Option<u64>,
    /// How long this node has been behind, by the master's clock, in milliseconds; 0 if no entry is missing. `None`:
    /// unknown.
    pub lag_ms: Option<u64>,
}

/// A replica's link to its master.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Link {
    /// It is trying to connect.
    Connecting,
    /// It receives a copy of the master's store.
    Sync {
        /// Bytes that have arrived.
        received: u64,
        /// About how many bytes will arrive in all.
        expected: u64,
    },
    /// It receives entries.
    Up {
        /// The codec that compresses them.
        compression: CompressionMethod,
    },
    /// The connection is lost, and will be retried.
    Down,
    /// It will not be retried: for example, an entry could not be applied.
    Stopped {
        /// Why.
        reason: String,
    },
}

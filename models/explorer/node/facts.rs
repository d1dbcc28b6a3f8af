//! Facts — what a node of this project tells of itself and of its work, as the page and its JSON have it. Pure.

use crate::server::measured::FullSyncs;
use serde::Serialize;
use std::collections::BTreeMap;

/// The facts that a node tells.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Facts {
    /// Its version of this project.
    pub version: String,
    /// Drawn at each start of the process.
    pub run_id: String,
    /// Seconds since its start.
    pub uptime_s: u64,
    /// Its ordering strategy.
    pub strategy: String,
    /// Its expiry policy.
    pub policy: String,
    /// When it syncs its log: `always`, `everysec`, `no`.
    pub appendfsync: String,
    /// The reason why it refuses all writes.
    pub read_only: Option<String>,
    /// Master or replica.
    pub role: Role,
    /// How far it is.
    pub watermarks: Watermarks,
    /// How far readers are behind the master; on a master 0.
    pub lag: Lag,
    /// One lane for each worker.
    pub lanes: Vec<Lane>,
    /// Entries that wait for any worker.
    pub queued_for_any: u64,
    /// How long threads waited since the start, in microseconds, by the name of what they waited for.
    pub waited_us: BTreeMap<String, u64>,
    /// Batches written to the store since the start.
    pub batches: u64,
    /// The entries in them.
    pub batch_entries: u64,
    /// Flushes of the store that ended.
    pub flushes: u64,
    /// Full syncs that it sent as a master.
    pub full_syncs_sent: FullSyncs,
    /// Full syncs that it received as a replica.
    pub full_syncs_received: FullSyncs,
    /// Steps of the wall clock while it was a master.
    pub clock_steps: u64,
    /// Its last error, and how many seconds ago that was.
    pub last_error: Option<LastError>,
}

/// The role of a node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "name")]
pub enum Role {
    /// It takes writes.
    Master {
        /// The replicas that are connected.
        replicas: Vec<Replica>,
    },
    /// It follows a master.
    Replica {
        /// Its master, `host:port`.
        master: String,
        /// Its link to the master.
        link: Link,
    },
}

/// A replica's link to its master.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum Link {
    /// Entries arrive.
    Up,
    /// A copy of the master's store arrives.
    FullSync {
        /// Bytes that have arrived.
        read: u64,
        /// All bytes, by estimate.
        total: u64,
    },
    /// There is none for so many seconds.
    Down {
        /// Since when.
        seconds: u64,
    },
    /// It is not tried again.
    Stopped {
        /// Why.
        reason: String,
    },
}

/// A replica, as its master sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Replica {
    /// Its address, `host:port`.
    pub address: String,
    /// `online`, or a part of a full sync.
    pub state: String,
    /// The entry up to which it has received all.
    pub received: u64,
    /// The same, synced.
    pub durable: u64,
    /// The same, seen by its readers.
    pub published: u64,
    /// How far it is behind.
    pub lag: Lag,
}

/// The four watermarks, each the number of an entry (LSN); 0 = none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Watermarks {
    /// In the node's log.
    pub received: u64,
    /// Synced to its disk.
    pub durable: u64,
    /// Written to its store.
    pub applied: u64,
    /// Seen by its readers.
    pub published: u64,
}

impl Watermarks {
    /// The entries that readers do not see yet.
    pub fn gap(&self) -> u64 {
        self.received.saturating_sub(self.published)
    }

    /// Their names, and what they mean, from the first that an entry reaches.
    pub fn named(&self) -> [(&'static str, &'static str, u64); 4] {
        [
            ("received", "in the log", self.received),
            ("durable", "synced to disk", self.durable),
            ("applied", "written to the store", self.applied),
            ("published", "seen by readers", self.published),
        ]
    }
}

/// A lag. `None`: not known, as while a link is down.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Lag {
    /// In entries.
    pub entries: Option<u64>,
    /// In bytes.
    pub bytes: Option<u64>,
    /// In milliseconds.
    pub ms: Option<u64>,
}

/// The lane of a worker.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Lane {
    /// Entries that wait for this worker.
    pub queued: u64,
    /// Entries that it has taken and not finished.
    pub in_hand: u64,
}

/// An error that may be over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LastError {
    /// Its place and its text.
    pub text: String,
    /// How many seconds ago.
    pub age_s: u64,
}

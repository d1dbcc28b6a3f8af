//! World — the interned parts of a state: a replica's generations, and a copy under way. Pure.

use crate::binlog::log::check_next;
use crate::binlog::{Entry, Epoch, LogError, Lsn};
use crate::expiry::LogTime;
use crate::node::{Readers, Replica, SerialReplica};
use crate::replication::snapshot::{Arrival, Head, Totals};
use crate::store::memory::MemoryStore;
use crate::time::{Elapsed, Millis};

pub(super) const MEMORY: &str = "the store in memory does not fail";

/// The end of a replica's log, as far as its hello and the next entry depend on it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct End {
    pub last: Lsn,
    pub time: Millis,
    pub epochs: Vec<(Epoch, Lsn)>,
    /// The number of the list of entries that the running checksum covers; `None`: the checksum is not known.
    pub running: Option<u32>,
}

impl End {
    /// The end of a log that begins after this head, as `binlog::segment::begin_at` begins it.
    pub fn at(head: &Head) -> End {
        let epochs = if head.last == Lsn::NONE { Vec::new() } else { vec![head.epoch] };
        End { last: head.last, time: head.time, epochs, running: head.running }
    }

    /// Whether `entry` would be the first one of its epoch.
    pub fn begins_epoch(&self, entry: &Entry) -> bool {
        self.epochs.last().is_none_or(|&(epoch, _)| epoch != entry.epoch)
    }

    /// The end after one more entry, with which the running checksum is `running`. Errors: it cannot come next.
    pub fn then(&self, entry: &Entry, running: Option<u32>) -> Result<End, LogError> {
        check_next(self.last, self.epochs.last().map(|&(epoch, _)| (epoch, self.time)), entry)?;
        let begun = self.begins_epoch(entry).then_some((entry.epoch, entry.lsn));
        let epochs = self.epochs.iter().copied().chain(begun).collect();
        Ok(End { last: entry.lsn, time: entry.time, epochs, running })
    }
}

/// A generation of the replica's data: its store with what readers are given, and the end of its log.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Generation {
    pub side: SerialReplica<MemoryStore>,
    pub end: End,
    /// The entry whose state was copied; `None`: it is the old data.
    pub copied: Option<Lsn>,
}

impl Generation {
    /// The last entry that readers see.
    pub fn published(&self) -> Lsn {
        self.side.replica().published()
    }

    /// The generation with a replica that has just started on it.
    pub fn started(&self, readers: Readers) -> Generation {
        let heard = self.side.replica().heard();
        let replica = Replica::new(self.end.last, LogTime::at(heard, Elapsed::default()), None, readers);
        Generation { side: SerialReplica::new(replica, self.side.shown().clone()), ..self.clone() }
    }
}

/// A copy under way. The master's part and the replica's part are in one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Copying {
    /// From this entry on the master keeps its log for this copy.
    pub kept: Lsn,
    /// The head that will be sent, once it is made.
    pub head: Option<Head>,
    /// The snapshot from which records are read, once it is taken.
    pub snapshot: Option<MemoryStore>,
    /// The raw key from which the next record is read.
    pub from: Vec<u8>,
    /// The totals of the sent records.
    pub sent: Totals,
    /// The arrived messages.
    pub arrival: Arrival,
    /// The store of the new generation.
    pub store: MemoryStore,
    /// The end of the new generation's log, once the head has arrived.
    pub end: Option<End>,
}

impl Copying {
    /// A copy for which the log is kept after entry `last`, and nothing more is done.
    pub fn after(last: Lsn) -> Copying {
        Copying {
            kept: last.next(),
            head: None,
            snapshot: None,
            from: Vec::new(),
            sent: Totals::default(),
            arrival: Arrival::default(),
            store: MemoryStore::new(),
            end: None,
        }
    }

    /// Whether the master has begun to send.
    pub fn has_begun(&self) -> bool {
        self.head.is_some() || self.snapshot.is_some()
    }
}

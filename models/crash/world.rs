//! World — the interned parts of a state: a run of the log, a store, and the states of a history. Pure.

use crate::apply::{self, Instants};
use crate::binlog::{Entry, Epoch, Lsn};
use crate::effect::Write;
use crate::expiry::ExpiryPolicy;
use crate::invariant::Versions;
use crate::store::memory::MemoryStore;
use crate::store::{Dump, Store as _};
use std::collections::BTreeSet;

pub(super) const MEMORY: &str = "the store in memory does not fail";

/// A node's store. Its second half holds what the entries come to that the first half holds, each applied the first time only.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Held {
    pub store: MemoryStore,
    pub once: MemoryStore,
    applied: BTreeSet<(Epoch, Lsn)>,
}

impl Held {
    /// The store's marker.
    pub fn marker(&self) -> Lsn {
        apply::marker(&self.store).expect(MEMORY)
    }

    /// Notes that entries are applied. Returns those that are so for the first time.
    fn note<'a>(&mut self, entries: &'a [Entry]) -> Vec<&'a Entry> {
        entries.iter().filter(|entry| self.applied.insert((entry.epoch, entry.lsn))).collect()
    }

    /// Writes a part of the batch of a group.
    pub fn write(&mut self, writes: &[Write]) {
        self.store.write(writes).expect(MEMORY);
    }

    /// Notes that a batch without its marker, which has the effect of `entries`, is written.
    pub fn write_once(&mut self, writes: &[Write], entries: &[Entry]) {
        if !self.note(entries).is_empty() {
            self.once.write(writes).expect(MEMORY);
        }
    }

    /// Applies the entries after the marker, as a start does.
    pub fn catch_up(&mut self, entries: &[Entry], policy: &dyn ExpiryPolicy) {
        let instants = instants(policy);
        apply::write_recovered(&mut self.store, entries, &instants).expect(MEMORY);
        let new: Vec<Entry> = self.note(entries).into_iter().cloned().collect();
        apply::write_recovered(&mut self.once, &new, &instants).expect(MEMORY);
    }
}

/// The instants at which a start runs an entry: those of the entry.
pub(super) fn instants(policy: &dyn ExpiryPolicy) -> impl Fn(&Entry) -> Instants {
    |entry| policy.instants(entry, entry.time)
}

/// A step that changes the log's files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LogStep {
    /// A group is appended.
    Append,
    /// The log is synced.
    Sync,
    /// The log is purged.
    Purge,
    /// The node starts.
    Start,
}

/// A call of the log.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Call {
    /// `append` of this group.
    Append(Vec<Entry>),
    /// `sync`.
    Sync,
    /// `purge_within`, of entries before this one.
    Purge(Lsn),
}

/// A run: the disk with which it began, and the calls of its log since then.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Run {
    pub start: u32,
    pub calls: Vec<Call>,
}

/// What a run's log says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct End {
    pub last: Lsn,
    pub durable: Lsn,
    pub first: Lsn,
    pub epochs: Vec<(Epoch, Lsn)>,
}

/// What a start with this disk, this marker, this epoch in the file `node` and this number of drawn epochs comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Started {
    /// The run's number; an error: the reason for which the node does not start.
    pub run: Result<u32, String>,
    /// Whether its log is a new one.
    pub is_new_log: bool,
    /// The epoch in the file `node`.
    pub noted: Epoch,
}

/// The input of a start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Starting {
    pub disk: u32,
    pub marker: Lsn,
    pub noted: Epoch,
    pub drawn: u32,
}

/// The disks that crashes at one moment leave.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Left {
    /// After a kill.
    pub killed: u32,
    /// After a power loss, each once.
    pub powerless: Vec<u32>,
}

/// The state after a number of entries, each applied once and in order.
#[derive(Clone, Debug, Default)]
pub(super) struct After {
    pub store: MemoryStore,
    pub dump: Dump,
    pub versions: Versions,
}

/// The entries from 1 on, and the states after 0, 1, 2, … of them.
pub(super) type States = Vec<After>;

/// An LSN as an index. The bounds have a few entries.
pub(super) fn place(lsn: Lsn) -> usize {
    usize::try_from(lsn.0).unwrap_or(usize::MAX)
}

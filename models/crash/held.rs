//! Held — a store, and beside it the store that holds each entry once. Pure.

use super::model::CrashModel;
use crate::apply::{self, Instants};
use crate::binlog::{Entry, Epoch, Lsn};
use crate::effect::Write;
use crate::expiry::ExpiryPolicy;
use crate::models::bounds::{DRAWN, START};
use crate::models::request::Request;
use crate::node::Master;
use crate::store::memory::MemoryStore;
use crate::store::overlay::Overlay;
use crate::store::{Store as _, key};
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

/// Whether it is the write of the marker.
fn is_marker(write: &Write) -> bool {
    matches!(write, Write::Put { key, .. } if *key == key::marker())
}

impl CrashModel {
    /// The entries that a master logs of these requests, and its batch.
    pub(super) fn executed(
        &self,
        held: u32,
        (epoch, last): (Epoch, Lsn),
        group: &[&Request],
    ) -> (Vec<Entry>, Vec<Write>) {
        let pending = Overlay::new(self.held.value(held).store.clone());
        let mut master = Master::resume(pending, epoch, last, START);
        let mut run =
            |request: &&Request| request.run(&mut master, &*self.policy, (START, DRAWN)).expect(MEMORY);
        let entries = group.iter().flat_map(&mut run).collect();
        (entries, master.into_store().into_writes())
    }

    /// The batch of entries that a replica has received.
    pub(super) fn batch(&self, held: u32, entries: &[Entry]) -> Vec<Write> {
        let mut pending = Overlay::new(self.held.value(held).store.clone());
        apply::write_recovered(&mut pending, entries, &instants(&*self.policy)).expect(MEMORY);
        pending.into_writes()
    }

    /// The store with the batch of these entries. `marker`: whether the marker is in it.
    pub(super) fn applied(&self, held: u32, batch: u32, entries: &[Entry], marker: bool) -> u32 {
        let (own, rest): (Vec<Write>, Vec<Write>) =
            self.batches.value(batch).iter().cloned().partition(is_marker);
        let mut held = self.held.value(held).clone();
        if marker {
            held.write(self.batches.value(batch));
        } else {
            held.write(&rest);
        }
        debug_assert!(!own.is_empty(), "each batch has a marker");
        held.write_once(&rest, entries);
        self.held.number(held)
    }

    /// The store with the marker of this batch, which is a batch of its own.
    pub(super) fn marked(&self, held: u32, batch: u32) -> u32 {
        let own: Vec<Write> =
            self.batches.value(batch).iter().filter(|write| is_marker(write)).cloned().collect();
        let mut held = self.held.value(held).clone();
        held.write(&own);
        self.held.number(held)
    }

    /// The store as a flush takes it: `engine::checkpoint` writes the marker of the last applied entry once more.
    pub(super) fn flushed(&self, held: u32, last: Lsn) -> u32 {
        let mut held = self.held.value(held).clone();
        held.write(&[apply::marker_write(last)]);
        self.held.number(held)
    }
}

//! Held — the batches of a group, and the store after them. Pure.

use super::model::CrashModel;
use super::world::{MEMORY, instants};
use crate::apply;
use crate::binlog::{Entry, Epoch, Lsn};
use crate::effect::Write;
use crate::models::bounds::{DRAWN, START};
use crate::models::request::Request;
use crate::node::Master;
use crate::store::key;
use crate::store::overlay::Overlay;

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

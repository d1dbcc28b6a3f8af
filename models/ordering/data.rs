//! Data — the replica's store with what the checks need to know of it: one interned part of a state.

use super::once::{INSTANTS, Once};
use crate::apply;
use crate::binlog::{Entry, Lsn};
use crate::effect::{Key, KeySet};
use crate::invariant::Versions;
use crate::store::memory::MemoryStore;
use crate::store::{Dump, dump};
use std::borrow::Cow;

/// A store, the last writer of each key, and what was applied.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Data {
    /// The bytes, marker included.
    pub store: MemoryStore,
    /// The last writer of each key.
    pub versions: Versions,
    /// The entries that were applied, and the store as it would be if nothing had been applied twice.
    pub once: Once,
    /// Number of the data before the last batch, as long as a crash may come back to it.
    pub before: Option<u32>,
}

impl Data {
    /// With the batch of a job written by the engine's own code, and whether any of it was written before. `before`
    /// as in [`Data::before`]. Panics: if the store in memory fails, which it does not.
    #[must_use]
    pub fn write(
        &self,
        entries: &[&Entry],
        part: Option<&Key>,
        marker: Lsn,
        before: Option<u32>,
    ) -> (Data, bool) {
        let mut next = Data { before, ..self.clone() };
        apply::write_batch(&mut next.store, entries, part, marker, &INSTANTS).expect("memory does not fail");
        let repeats = next.note(&self.store, entries, part);
        (next, repeats)
    }

    /// With entries after the marker written as at a restart, by the engine's own code. All else as for [`Data::write`].
    #[must_use]
    pub fn recover(&self, entries: &[&Entry], before: Option<u32>) -> (Data, bool) {
        let mut next = Data { before, ..self.clone() };
        apply::write_recovered(&mut next.store, entries, &INSTANTS).expect("memory does not fail");
        let repeats = next.note(&self.store, entries, None);
        (next, repeats)
    }

    /// Notes what was written to the store, which was `store` before. Says whether any of it had been written before.
    fn note(&mut self, store: &MemoryStore, entries: &[&Entry], part: Option<&Key>) -> bool {
        let repeats = self.once.write((store, &self.store), entries, part);
        for entry in entries {
            let keys = part.map_or_else(|| entry.keys(), |key| Cow::Owned(KeySet::of([key.clone()])));
            self.versions.write(&keys, entry.lsn);
        }
        repeats
    }

    /// As a crash leaves it: on disk, so that no later one loses it.
    #[must_use]
    pub fn survived(&self) -> Data {
        Data { before: None, ..self.clone() }
    }

    /// The marker in the store.
    pub fn marker(&self) -> Lsn {
        apply::marker(&self.store).expect("written by write_batch")
    }

    /// The keys as users know them.
    pub fn dump(&self) -> Dump {
        dump(&self.store).expect("written by write_batch")
    }

    /// The keys as they would be if nothing had been applied twice; `None`: as they are.
    pub fn dump_once(&self) -> Option<Dump> {
        self.once.store().map(|store| dump(store).expect("written by write_batch"))
    }
}

//! Data — the replica's store and what the checks need to know about it: one interned part of a state.

use super::once::{INSTANTS, Once};
use crate::apply;
use crate::binlog::{Entry, Lsn};
use crate::effect::{Key, KeySet};
use crate::invariant::Versions;
use crate::store::memory::MemoryStore;
use crate::store::{Dump, dump};
use std::borrow::Cow;

/// A store, the last writer of each key, and the set of entries that were applied.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Data {
    /// The store's bytes, marker included.
    pub store: MemoryStore,
    /// The last writer of each key.
    pub versions: Versions,
    /// The entries that were applied, and the store as it would be if nothing had been applied twice.
    pub once: Once,
    /// Number of the data before the last batch, as long as a crash may bring them back.
    pub before: Option<u32>,
}

impl Data {
    /// Writes the batch of a job by the engine's own code. Returns the data afterwards, and whether any of the batch had
    /// been written before. `before`: as in [`Data::before`]. Panics: if the store in memory fails, which it does not.
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

    /// Writes entries after the marker as a restart does, by the engine's own code. All else is as for [`Data::write`].
    #[must_use]
    pub fn recover(&self, entries: &[&Entry], before: Option<u32>) -> (Data, bool) {
        let mut next = Data { before, ..self.clone() };
        apply::write_recovered(&mut next.store, entries, &INSTANTS).expect("memory does not fail");
        let repeats = next.note(&self.store, entries, None);
        (next, repeats)
    }

    /// Notes what was written to the store, which was `store` before. Returns whether any of it had been written before.
    fn note(&mut self, store: &MemoryStore, entries: &[&Entry], part: Option<&Key>) -> bool {
        let repeats = self.once.write((store, &self.store), entries, part);
        for entry in entries {
            let keys = part.map_or_else(|| entry.keys(), |key| Cow::Owned(KeySet::of([key.clone()])));
            self.versions.write(&keys, entry.lsn);
        }
        repeats
    }

    /// The data as a crash leaves them: all on disk, so that no later crash loses them.
    #[must_use]
    pub fn survived(&self) -> Data {
        Data { before: None, ..self.clone() }
    }

    /// The marker in the store.
    pub fn marker(&self) -> Lsn {
        apply::marker(&self.store).expect("written by write_batch")
    }

    /// The keys and values as users see them.
    pub fn dump(&self) -> Dump {
        dump(&self.store).expect("written by write_batch")
    }

    /// The keys and values as they would be if nothing had been applied twice; `None` if they are the same as in the
    /// store.
    pub fn dump_once(&self) -> Option<Dump> {
        self.once.store().map(|store| dump(store).expect("written by write_batch"))
    }
}

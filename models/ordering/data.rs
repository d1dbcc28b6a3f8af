//! Data — the replica's store with what the checks need to know of it: one interned part of a state.

use crate::apply::{self, Instants};
use crate::binlog::{Entry, Lsn};
use crate::effect::{Key, KeySet};
use crate::invariant::Versions;
use crate::store::memory::MemoryStore;
use crate::store::{Dump, dump};
use crate::time::Millis;
use std::borrow::Cow;
use std::collections::BTreeSet;

/// A store, who wrote its keys, and which entries were written to it how often.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Data {
    /// The bytes, marker included.
    pub store: MemoryStore,
    /// The last writer of each key.
    pub versions: Versions,
    /// Entries and parts of entries above the marker whose writes are in the store.
    pub applied: BTreeSet<(Lsn, Option<Key>)>,
    /// Of the last writers: those that were written when their writes were in the store already.
    pub twice: BTreeSet<Lsn>,
    /// Number of the data before the last batch, as long as a crash may come back to it.
    pub before: Option<u32>,
}

impl Data {
    /// With the batch of a job written by the engine's own code. `before` as in [`Data::before`]. Panics: if the
    /// store in memory fails, which it does not.
    #[must_use]
    pub fn write(&self, entries: &[&Entry], part: Option<&Key>, marker: Lsn, before: Option<u32>) -> Data {
        let mut next = Data { before, ..self.clone() };
        let at = Instants { now: Millis::ZERO, judged_at: Millis::ZERO };
        apply::write_batch(&mut next.store, entries, part, marker, &|_| at).expect("memory does not fail");
        for entry in entries {
            let keys = part.map_or_else(|| entry.keys(), |key| Cow::Owned(KeySet::of([key.clone()])));
            next.versions.write(&keys, entry.lsn);
            if !next.applied.insert((entry.lsn, part.cloned())) {
                next.twice.insert(entry.lsn);
            }
        }
        // What is neither above the marker nor a last writer can make no difference any more.
        next.applied.retain(|(lsn, _)| *lsn > marker);
        let versions = &next.versions;
        next.twice.retain(|lsn| versions.keys().any(|key| versions.of(key) == *lsn));
        next
    }

    /// As a crash leaves it that cannot be followed by another.
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
}

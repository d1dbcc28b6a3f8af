//! Once — the batches of a replica → what its store would hold if no entry had been applied a second time. Pure.
//!
//! A batch is applied a second time after a crash that lost its marker, or by a strategy that gives an entry to two
//! workers. The repetition is visible if and only if the store differs from the one kept here:
//!
//! ```text
//! writes              store     once
//! 1 INCR b            b = 1     b = 1
//! (crash, marker 0)   b = 1     b = 1
//! 1 INCR b again      b = 2     b = 1      exactly_once is broken as soon as a reader looks
//! ```

use crate::apply::{self, Instants};
use crate::binlog::{Entry, Lsn};
use crate::effect::{Key, KeySet};
use crate::store::memory::MemoryStore;
use crate::time::Millis;
use std::collections::BTreeSet;

/// An entry, or its part for one key.
type Piece = (Lsn, Option<Key>);

/// The instants to apply an entry at. All zero, because no command of the ordering model asks for the time.
pub(super) const INSTANTS: fn(&Entry) -> Instants =
    |_| Instants { now: Millis::ZERO, judged_at: Millis::ZERO };

/// The entries that were applied, and the store as it would be without the repetitions.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Once {
    /// The entries and parts that were applied. They are never removed: a marker may be older than one that was written
    /// before it, so a crash may cause any entry to be applied again.
    applied: BTreeSet<Piece>,
    /// The store without the repetitions. `None`: it equals the real store.
    store: Option<MemoryStore>,
}

impl Once {
    /// Notes that the batch of these entries, or of their part for the key `part`, has turned the store `before` into
    /// `after`. Returns whether any of it had been applied before. Panics: if the store in memory fails, which it does
    /// not.
    pub fn write(
        &mut self,
        (before, after): (&MemoryStore, &MemoryStore),
        entries: &[&Entry],
        part: Option<&Key>,
    ) -> bool {
        let fresh: Vec<(&Entry, Vec<Option<Key>>)> =
            entries.iter().map(|entry| (*entry, self.not_applied(entry, part))).collect();
        let is_whole = |(_, pieces): &(&Entry, Vec<Option<Key>>)| *pieces == [part.cloned()];
        let repeats = !fresh.iter().all(is_whole);
        if repeats || self.store.is_some() {
            let mut store = self.store.take().unwrap_or_else(|| before.clone());
            for (entry, pieces) in &fresh {
                for piece in pieces {
                    apply::write_batch(&mut store, &[*entry], piece.as_ref(), Lsn::NONE, &INSTANTS)
                        .expect("memory does not fail");
                }
            }
            // Both stores get the same marker: only what users see counts.
            let marker = apply::marker(after).expect("written by write_batch");
            apply::write_effects(&mut store, std::iter::empty(), marker).expect("memory does not fail");
            self.store = (store != *after).then_some(store);
        }
        self.applied.extend(entries.iter().map(|entry| (entry.lsn, part.cloned())));
        repeats
    }

    /// The pieces of the entry that were not applied yet: all of it, nothing, or the remaining keys.
    fn not_applied(&self, entry: &Entry, part: Option<&Key>) -> Vec<Option<Key>> {
        let is_applied = |part: Option<&Key>| self.applied.contains(&(entry.lsn, part.cloned()));
        match part {
            _ if is_applied(None) || part.is_some_and(|key| is_applied(Some(key))) => Vec::new(),
            Some(key) => vec![Some(key.clone())],
            None => match &*entry.keys() {
                KeySet::Keys(keys) if keys.iter().any(|key| is_applied(Some(key))) => {
                    keys.iter().filter(|key| !is_applied(Some(key))).cloned().map(Some).collect()
                }
                _ => vec![None],
            },
        }
    }

    /// The store as it would be without repetitions; `None` if it equals the real one.
    pub fn store(&self) -> Option<&MemoryStore> {
        self.store.as_ref()
    }
}

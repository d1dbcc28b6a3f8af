//! History — the entries that a node, or its master, has made, and the state after each. Pure.

use super::held::{MEMORY, instants};
use super::model::CrashModel;
use crate::apply;
use crate::binlog::{Entry, Lsn};
use crate::invariant::Versions;
use crate::store::memory::MemoryStore;
use crate::store::{Dump, dump};

/// The state after a number of entries, each applied once and in order.
#[derive(Clone, Debug, Default)]
pub(super) struct After {
    pub store: MemoryStore,
    pub dump: Dump,
    pub versions: Versions,
}

/// The entries from 1 on, and the states after 0, 1, 2, … of them.
pub(super) type States = Vec<After>;

impl CrashModel {
    /// The entries of a history.
    pub(super) fn entries_of(&self, history: u32) -> &[Entry] {
        self.histories.value(history)
    }

    /// The state after the entries of a history through this one. Panics: there is no such entry.
    pub(super) fn after(&self, history: u32, last: Lsn) -> &After {
        let states: &States = self.histories.facts(history, |entries| {
            let mut after = After::default();
            let mut states = vec![after.clone()];
            for entry in entries {
                let one = std::slice::from_ref(entry);
                apply::write_recovered(&mut after.store, one, &instants(&*self.policy)).expect(MEMORY);
                after.dump = dump(&after.store).expect(MEMORY);
                after.versions.write(&entry.payload.keys(), entry.lsn);
                states.push(after.clone());
            }
            states
        });
        &states[place(last)]
    }

    /// The history through this entry.
    pub(super) fn through(&self, history: u32, last: Lsn) -> &[Entry] {
        let made = self.entries_of(history);
        &made[..place(last).min(made.len())]
    }
}

/// An LSN as an index. The bounds have a few entries.
pub(super) fn place(lsn: Lsn) -> usize {
    usize::try_from(lsn.0).unwrap_or(usize::MAX)
}

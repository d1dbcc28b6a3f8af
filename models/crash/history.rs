//! History — the entries that a node, or its master, has made, and the state after each. Pure.

use super::model::CrashModel;
use super::world::{After, MEMORY, States, instants, place};
use crate::apply;
use crate::binlog::{Entry, Lsn};
use crate::store::dump;

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

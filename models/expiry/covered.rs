//! Covered — what a search has met of each key and each command, so that a verdict names what it says nothing of.

use crate::command::Command;
use crate::effect::Key;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What was met of a command.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Met {
    /// A key of it had a deadline on the master when it ran.
    dated: bool,
    /// It was delivered when such a deadline had passed since.
    late: bool,
}

/// What was met of all keys and commands.
#[derive(Debug, Default)]
pub(super) struct Covered(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    /// The keys that had a deadline on the master, and whether each of them died there.
    keys: BTreeMap<Key, bool>,
    commands: BTreeMap<u16, Met>,
}

impl Covered {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        // A panic elsewhere leaves the maps whole: each note is one step.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that the master stores `key` with a deadline, which its clock has passed if `is_dead`.
    pub fn key(&self, key: &Key, is_dead: bool) {
        let mut inner = self.inner();
        match inner.keys.get_mut(key) {
            Some(died) => *died |= is_dead,
            None => drop(inner.keys.insert(key.clone(), is_dead)),
        }
    }

    /// Notes that an entry of the command of that number was delivered. `is_dated`: a key of it had a deadline on the
    /// master; `is_late`: on either clock such a deadline had passed by then, and had not when it ran.
    pub fn command(&self, number: u16, is_dated: bool, is_late: bool) {
        let mut inner = self.inner();
        let met = inner.commands.entry(number).or_default();
        (met.dated, met.late) = (met.dated | is_dated, met.late | is_late);
    }

    /// The keys with a deadline, each with whether it died. The commands on such keys, each with whether it came late. A command
    /// that never changed anything is left out, as there was nothing to replicate. Commands of a program are numbered.
    pub fn coverage(&self, alphabet: &[Command], is_program: bool) -> Vec<(String, bool)> {
        let inner = self.inner();
        let keys = inner.keys.iter().map(|(key, died)| (format!("{key} never dies"), *died));
        let commands = (0u16..).zip(alphabet).filter_map(|(number, command)| {
            let met = inner.commands.get(&number).filter(|met| met.dated)?;
            let name =
                if is_program { format!("write {} ({command})", number + 1) } else { command.to_string() };
            Some((format!("{name} never comes after a deadline of its keys"), met.late))
        });
        keys.chain(commands).collect()
    }

    /// Notes all that the other has.
    pub fn take_over(&self, other: &Covered) {
        let others = other.inner();
        for (key, died) in &others.keys {
            self.key(key, *died);
        }
        for (number, met) in &others.commands {
            self.command(*number, met.dated, met.late);
        }
    }
}

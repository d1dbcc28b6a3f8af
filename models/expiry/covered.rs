//! Covered — which situations a search has met for each key and each command, so that a verdict can name what it does not
//! cover.

use crate::effect::Key;
use crate::models::request::Request;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The situations met for a command.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Met {
    /// When the command ran, one of its keys had a deadline on the master.
    dated: bool,
    /// When its entry was applied, such a deadline had passed in the meantime.
    late: bool,
}

/// The situations met for all keys and commands.
#[derive(Debug, Default)]
pub(super) struct Covered(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    /// The keys that had a deadline on the master; for each, whether it died there.
    keys: BTreeMap<Key, bool>,
    commands: BTreeMap<u16, Met>,
}

impl Covered {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        // A panic of another thread leaves the maps consistent: each note is one step.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that the master stores `key` with a deadline. `is_dead`: the master's clock has passed it.
    pub fn key(&self, key: &Key, is_dead: bool) {
        let mut inner = self.inner();
        match inner.keys.get_mut(key) {
            Some(died) => *died |= is_dead,
            None => drop(inner.keys.insert(key.clone(), is_dead)),
        }
    }

    /// Notes that an entry of the command with that number was applied. `is_dated`: one of its keys had a deadline on the
    /// master. `is_late`: when the command ran, such a deadline had not passed, and by the application it had passed on
    /// either clock.
    pub fn command(&self, number: u16, is_dated: bool, is_late: bool) {
        let mut inner = self.inner();
        let met = inner.commands.entry(number).or_default();
        (met.dated, met.late) = (met.dated | is_dated, met.late | is_late);
    }

    /// The coverage: each key with a deadline, with whether it died, and each command on such keys, with whether it was
    /// applied late. A command that never changed anything is left out, as there was nothing to replicate. Commands of a
    /// program are numbered.
    pub fn coverage(&self, alphabet: &[Request], is_program: bool) -> Vec<(String, bool)> {
        let inner = self.inner();
        let keys = inner.keys.iter().map(|(key, died)| (format!("{key} never dies"), *died));
        let commands = (0u16..).zip(alphabet).filter_map(|(number, request)| {
            let met = inner.commands.get(&number).filter(|met| met.dated)?;
            let name =
                if is_program { format!("write {} ({request})", number + 1) } else { request.to_string() };
            Some((format!("{name} never comes after a deadline of its keys"), met.late))
        });
        keys.chain(commands).collect()
    }

    /// Adds everything that `other` has noted.
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

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

    /// What was not put to the test, in words: keys with a deadline that never died, commands on such keys that never
    /// came late; with the number of such keys and commands. A command that never changed anything is none of them: there
    /// was nothing to replicate.
    pub fn left_out(&self, alphabet: &[Command]) -> (Vec<String>, usize) {
        let inner = self.inner();
        let mut left_out: Vec<String> = Vec::new();
        let mut all = 0;
        for (key, died) in &inner.keys {
            all += 1;
            left_out.extend((!died).then(|| format!("{key} never dies")));
        }
        for (number, command) in (0u16..).zip(alphabet) {
            let met = inner.commands.get(&number).copied().unwrap_or_default();
            all += usize::from(met.dated);
            let is_open = met.dated && !met.late;
            left_out.extend(is_open.then(|| format!("{command} never comes after a deadline of its keys")));
        }
        (left_out, all)
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

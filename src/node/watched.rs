//! Watched — the keys that clients watch (WATCH), and how often they were changed. Pure.
//!
//! ```text
//! client A   WATCH k (k changed 7 times)                MULTI  SET k 2  EXEC  → nil: k was changed
//! client B                                SET k 1 → 8
//! ```
//!
//! A change is a write that a client could see: a key that a command wrote counts if it was alive before the command or is
//! stored after it. The value is not compared, so a key that is written and written back was changed. A key that was
//! alive at WATCH and is dead at EXEC was changed, too, and so was a hash with a field that has died meanwhile; a key or field that
//! was dead at WATCH and is removed was not.
//!
//! Source: <https://redis.io/docs/latest/develop/interact/transactions/>; `touchWatchedKey` in multi.c, Redis 7.0. For fields:
//! the replies of Valkey 9.1.

use super::fields::first_death;
use crate::binlog::{Epoch, Lsn};
use crate::command::{Command, View};
use crate::effect::{Effect, Key, KeySet, Write};
use crate::store::{Read, StoreError, key};
use crate::time::Millis;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The most keys that all clients of a node together may watch.
pub const WATCHED_KEYS_MAX: usize = 1 << 20;

/// The keys that are watched on a master.
///
/// Invariants: a key is in the table while a watch of it is not ended; its number of changes never decreases, except in
/// [`Watched::undo`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Watched {
    keys: BTreeMap<Key, Slot>,
    /// Number of changes of all keys. A slot takes its number from here, so that a key that is watched anew never has a
    /// number that it had before.
    changes: u64,
    /// The keys that were changed since [`Watched::settle`], each with its number before.
    unsettled: Vec<(Key, u64)>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Slot {
    changed: u64,
    watches: usize,
}

/// What a client watches since one WATCH. Clones share the keys.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Watch {
    on: On,
    keys: Arc<[WatchedKey]>,
}

/// The node on which keys are watched. After a change of its role everything counts as changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum On {
    /// A master, which has a table of the keys; its epoch.
    Master(Epoch),
    /// A replica whose readers saw this entry last. Its workers write in parallel and keep no table, so every later entry
    /// counts as a change of each key.
    Replica(Lsn),
}

/// One key of a [`Watch`], as it was at WATCH.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct WatchedKey {
    key: Key,
    changed: u64,
    /// The first instant at which the key, or a field of it, dies if nobody writes to it.
    dies_at: Option<Millis>,
}

impl Watched {
    /// Whether no key is watched.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// The number of watched keys.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Watches `keys` in the state that `reader` reads at `now`. `None`: there would be more than [`WATCHED_KEYS_MAX`], and
    /// nothing is watched. Errors: the store's.
    pub fn watch(
        &mut self,
        epoch: Epoch,
        reader: &dyn Read,
        keys: &[Key],
        now: Millis,
    ) -> Result<Option<Watch>, StoreError> {
        if self.keys.len().saturating_add(keys.len()) > WATCHED_KEYS_MAX {
            return Ok(None);
        }
        let mut watched = watched_keys(reader, keys, now)?;
        for WatchedKey { key, changed, .. } in &mut watched {
            let new = Slot { changed: self.changes, watches: 0 };
            let slot = self.keys.entry(key.clone()).or_insert(new);
            slot.watches += 1;
            *changed = slot.changed;
        }
        Ok(Some(Watch { on: On::Master(epoch), keys: watched.into() }))
    }

    /// Ends `watch` on the master of this epoch. Nothing happens if the watch began on another one.
    pub fn unwatch(&mut self, watch: &Watch, epoch: Epoch) {
        if watch.on != On::Master(epoch) {
            return;
        }
        for WatchedKey { key, .. } in watch.keys.iter() {
            if let Some(slot) = self.keys.get_mut(key) {
                slot.watches -= 1;
                if slot.watches == 0 {
                    self.keys.remove(key);
                }
            }
        }
    }

    /// Whether a key of `watch` was changed from its WATCH until `now`.
    pub fn is_changed(&self, watch: &Watch, epoch: Epoch, now: Millis) -> bool {
        let is_same = |of: &WatchedKey| self.keys.get(&of.key).is_some_and(|slot| slot.changed == of.changed);
        watch.on != On::Master(epoch) || !watch.keys.iter().all(is_same) || watch.has_died(now)
    }

    /// The watched keys that `command` changes, if it has this effect on the state that `reader` reads at `now`. Errors: the
    /// store's.
    pub fn changed_by(
        &self,
        reader: &dyn Read,
        command: &Command,
        effect: &Effect,
        now: Millis,
    ) -> Result<Vec<Key>, StoreError> {
        let mut changed = Vec::new();
        if self.is_empty() {
            return Ok(changed);
        }
        match &effect.keys {
            KeySet::Keys(keys) => {
                for key in keys.iter().filter(|key| self.keys.contains_key(key)) {
                    if is_stored_by(effect, key) || is_alive(reader, key, now)? {
                        changed.push(key.clone());
                    }
                }
            }
            KeySet::Everything => {
                for key in self.keys.keys() {
                    let becomes_alive = match of_database(command, key.db) {
                        Whole::Kept => continue,
                        Whole::Emptied => false,
                        Whole::ReplacedBy(db) => is_alive(reader, &Key::new(db, key.name.clone()), now)?,
                    };
                    if becomes_alive || is_alive(reader, key, now)? {
                        changed.push(key.clone());
                    }
                }
            }
        }
        Ok(changed)
    }

    /// Notes a change of each of `keys`.
    pub fn change(&mut self, keys: impl IntoIterator<Item = Key>) {
        for key in keys {
            if let Some(slot) = self.keys.get_mut(&key) {
                self.changes += 1;
                self.unsettled.push((key, slot.changed));
                slot.changed = self.changes;
            }
        }
    }

    /// Makes the changes since the last call final: they are in the log.
    pub fn settle(&mut self) {
        self.unsettled.clear();
    }

    /// Takes the changes since [`Watched::settle`] back: they did not happen.
    pub fn undo(&mut self) {
        while let Some((key, before)) = self.unsettled.pop() {
            if let Some(slot) = self.keys.get_mut(&key) {
                slot.changed = before;
            }
        }
    }
}

impl Watch {
    /// A watch of `keys` on a replica whose readers see entry `published` last, in the state that `reader` reads at `now`.
    /// Errors: the store's.
    pub fn on_replica(
        published: Lsn,
        reader: &dyn Read,
        keys: &[Key],
        now: Millis,
    ) -> Result<Watch, StoreError> {
        Ok(Watch { on: On::Replica(published), keys: watched_keys(reader, keys, now)?.into() })
    }

    /// Whether a key may have been changed since its WATCH on a replica whose readers see entry `published` last, at `now`.
    pub fn is_changed_on_replica(&self, published: Lsn, now: Millis) -> bool {
        self.on != On::Replica(published) || self.has_died(now)
    }

    /// Whether a key or a field that was alive is dead. A write that would have kept it alive counts as a change by itself.
    fn has_died(&self, now: Millis) -> bool {
        self.keys.iter().any(|key| key.dies_at.is_some_and(|instant| now >= instant))
    }
}

/// The keys as they are in the state that `reader` reads at `now`.
fn watched_keys(reader: &dyn Read, keys: &[Key], now: Millis) -> Result<Vec<WatchedKey>, StoreError> {
    let watched = |key: &Key| -> Result<WatchedKey, StoreError> {
        Ok(WatchedKey { key: key.clone(), changed: 0, dies_at: first_death(reader, key, now)? })
    };
    keys.iter().map(watched).collect()
}

/// Whether `key` is stored and not dead at `now`.
fn is_alive(reader: &dyn Read, key: &Key, now: Millis) -> Result<bool, StoreError> {
    let stored = View::new(reader, key.db, now).stored_metadata(&key.name)?;
    Ok(stored.is_some_and(|stored| !stored.is_dead(now)))
}

/// Whether the effect leaves a record of `key`, dead or alive.
fn is_stored_by(effect: &Effect, of: &Key) -> bool {
    let raw = key::metadata_of(of.db, &of.name);
    let last = effect.writes.iter().rev().find(|write| match write {
        Write::Put { key, .. } | Write::Delete { key } => *key == raw,
        Write::DeleteRange { .. } => false,
    });
    matches!(last, Some(Write::Put { .. }))
}

/// The change that a command makes to a whole database.
enum Whole {
    /// None: the command is about other databases.
    Kept,
    /// Its keys are removed.
    Emptied,
    /// It has the keys that this database had.
    ReplacedBy(u8),
}

/// The change that `command`, which touches every key, makes to database `db`.
fn of_database(command: &Command, db: u8) -> Whole {
    match command.name() {
        "flushdb" if command.db() != db => Whole::Kept,
        "swapdb" => {
            let [first, second] = [1, 2].map(|at| {
                let number = crate::command::parse_integer(&command.argv()[at]);
                number.and_then(|number| u8::try_from(number).ok())
            });
            match (first, second) {
                (Some(first), Some(second)) if first == db => Whole::ReplacedBy(second),
                (Some(first), Some(second)) if second == db => Whole::ReplacedBy(first),
                _ => Whole::Kept,
            }
        }
        _ => Whole::Emptied,
    }
}

//! Invariants — the properties that must hold for a replica; each is a named pure function. Pure.
//!
//! Models and tests call these same functions; grep for a name to find every place where it is checked. They compare
//! *versions* of keys (LSN of the last writer), not values, so that a value that was overwritten and then written again is
//! not mistaken for one that never changed.
//!
//! Most of them compare whole states of both nodes, which only a checker has. The machines that the engine runs assert, in
//! builds with debug assertions, those that take a few numbers: [`published_in_order`], [`marker_in_reach`],
//! [`judged_at_what_is_seen`].
//!
//! ```text
//! log      1 SET a 1    2 SET c 1    3 SET a 2
//! versions after 3:     a = 3, c = 2
//! a reader that saw a = 3 and then sees a = 1: per_key_order and monotonic_reads are broken
//! a reader that sees a = 3, c = 0: no prefix of the log has these versions: prefix is broken
//! ```
//!
//! Contents are compared as well: a key at version n must hold what it held on the master after entry n. Versions alone
//! are labels that the observer assigns; a batch that wrote other bytes would pass.

use crate::binlog::{Entry, Lsn};
use crate::effect::{Key, KeySet};
use crate::store::{Content, Dump, Stored};
use crate::time::Millis;
use std::borrow::Borrow;
use std::collections::BTreeMap;

/// The version of every key: LSN of its last writer, 0 = never written. A write to everything is the last writer
/// of each key.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Versions {
    keys: BTreeMap<Key, Lsn>,
    everything: Lsn,
}

impl Versions {
    /// Records that entry `lsn` wrote `keys`.
    pub fn write(&mut self, keys: &KeySet, lsn: Lsn) {
        match keys {
            KeySet::Everything => {
                self.keys.clear();
                self.everything = lsn;
            }
            KeySet::Keys(keys) => self.keys.extend(keys.iter().map(|key| (key.clone(), lsn))),
        }
    }

    /// The version of `key`.
    pub fn of(&self, key: &Key) -> Lsn {
        self.keys.get(key).copied().unwrap_or(self.everything)
    }

    /// The keys that were written by name since the last write to everything.
    pub fn keys(&self) -> impl Iterator<Item = &Key> {
        self.keys.keys()
    }

    /// The version of every key that is not one of [`Versions::keys`].
    pub fn others(&self) -> Lsn {
        self.everything
    }

    /// The newest version of any key: the LSN of the last entry that is still the writer of a key.
    pub fn newest(&self) -> Lsn {
        self.keys.values().copied().max().unwrap_or_default().max(self.everything)
    }

    /// Whether no key has an older version here than in `earlier`.
    fn none_older_than(&self, earlier: &Versions) -> bool {
        let named = self.keys.keys().chain(earlier.keys.keys());
        self.everything >= earlier.everything && named.into_iter().all(|key| self.of(key) >= earlier.of(key))
    }

    /// Whether both give every key the same version.
    fn equal(&self, other: &Versions) -> bool {
        let mut named = self.keys.keys().chain(other.keys.keys());
        self.everything == other.everything && named.all(|key| self.of(key) == other.of(key))
    }
}

/// The contents of a store: the versions of its keys, and the keys themselves.
#[derive(Clone, Copy, Debug)]
pub struct State<'a> {
    /// The last writer of each key.
    pub versions: &'a Versions,
    /// The keys with their values and deadlines.
    pub dump: &'a Dump,
}

/// **convergence**: the watermark has reached the end of the log, so the replica's state is the master's.
pub fn convergence(replica: State<'_>, master: State<'_>) -> bool {
    replica.versions.equal(master.versions) && replica.dump == master.dump
}

/// **per_key_order**, in addition to [`convergence`]: no key's version is older than the version that a reader `saw`
/// before; each version is one that the master had; and each key holds what it held on the master at that version.
/// `history` is the master after 0, 1, 2, … entries.
pub fn per_key_order(history: &[State<'_>], saw: &Versions, sees: State<'_>) -> bool {
    let after = |lsn: Lsn| usize::try_from(lsn.0).ok().and_then(|lsn| history.get(lsn));
    let is_the_masters = |key: &Key| {
        let version = sees.versions.of(key);
        after(version).is_some_and(|master| {
            master.versions.of(key) == version && master.dump.get(key) == sees.dump.get(key)
        })
    };
    let unnamed = after(sees.versions.others()).map(|master| master.dump.keys());
    let mut keys = sees.versions.keys().chain(sees.dump.keys()).chain(unnamed.into_iter().flatten());
    monotonic_reads(saw, sees.versions) && keys.all(is_the_masters)
}

/// **prefix**, in addition to [`convergence`]: the length of the prefix of the log whose state a reader sees, compared
/// by versions and contents. `None`: there is no such prefix, or it is shorter than the prefix that the reader `saw`
/// before. `history` is the master after 0, 1, 2, … entries.
pub fn prefix(history: &[State<'_>], saw: Lsn, sees: State<'_>) -> Option<Lsn> {
    // Entry n is the newest writer of some key in the n-th state, so no other length has these versions.
    let length = sees.versions.newest();
    let master = usize::try_from(length.0).ok().and_then(|length| history.get(length))?;
    (length >= saw && convergence(sees, *master)).then_some(length)
}

/// **monotonic_reads**: no reader sees an older version after a newer one, crash and restart included.
pub fn monotonic_reads(seen: &Versions, sees: &Versions) -> bool {
    sees.none_older_than(seen)
}

/// **exactly_once**: the replica holds what it would hold if each entry, or part of one, had been applied the first time
/// only (`once`), crash and restart included. A repeated application that leaves no visible difference does not break
/// it.
pub fn exactly_once(replica: &Dump, once: &Dump) -> bool {
    replica == once
}

/// **published_in_order**: what readers are given never goes back: neither the last entry that they see, nor the instant by
/// which they judge.
pub fn published_in_order<T: PartialOrd>(before: T, after: T) -> bool {
    before <= after
}

/// **marker_in_reach**: the marker of a batch is not behind the watermark at which the batch begins, and not beyond the last
/// admitted entry.
pub fn marker_in_reach(watermark: Lsn, marker: Lsn, admitted: Lsn) -> bool {
    watermark <= marker && marker <= admitted
}

/// **judged_at_what_is_seen**: readers judge at an instant that is not before the times of the entries that they see: `heard`
/// is the latest of these.
pub fn judged_at_what_is_seen(heard: Millis, judged_at: Millis) -> bool {
    heard <= judged_at
}

/// A replica that can take no step unless it crashes or a new entry is logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AtRest {
    /// The last entry of the log.
    pub logged: Lsn,
    /// The last entry admitted.
    pub admitted: Lsn,
    /// The watermark.
    pub applied: Lsn,
    /// The last entry that is published to readers.
    pub published: Lsn,
    /// Whether readers are allowed to read.
    pub readers_are_in: bool,
    /// Whether one more entry would be admitted.
    pub admits_more: bool,
}

/// **progress**: a replica at rest has admitted, applied and published each logged entry, readers are allowed to
/// read, and one more entry would be admitted.
pub fn progress(replica: AtRest) -> bool {
    let AtRest { logged, admitted, applied, published, readers_are_in, admits_more } = replica;
    [admitted, applied, published].iter().all(|&lsn| lsn == logged) && readers_are_in && admits_more
}

/// The stores of both nodes at the same LSN, and the later of their own clocks.
#[derive(Clone, Copy, Debug)]
pub struct SameLsn<'a> {
    /// The store of the master.
    pub master: &'a Dump,
    /// The store of the replica.
    pub replica: &'a Dump,
    /// The later of the two clocks: a key that is dead by it may be removed on one node and still be stored
    /// on the other.
    pub latest_clock: Millis,
}

/// **same_value**: at the same LSN every key that is stored on both nodes has the same value, and a key that is
/// stored on one of them only is dead.
pub fn same_value(nodes: SameLsn<'_>) -> bool {
    let lonely = |dump: &Dump, other: &Dump| {
        dump.iter().any(|(key, stored)| !other.contains_key(key) && !stored.is_dead(nodes.latest_clock))
    };
    let equal = nodes.master.iter().filter_map(|(key, stored)| Some((stored, nodes.replica.get(key)?))).all(
        |(master, replica)| {
            let seen = |stored: &Stored| stored.content.seen_at(nodes.latest_clock);
            master.content == replica.content || seen(master) == seen(replica)
        },
    );
    equal && !lonely(nodes.master, nodes.replica) && !lonely(nodes.replica, nodes.master)
}

/// **same_deadline**: at the same LSN every key that is stored on both nodes has the same deadline, to the
/// millisecond, and so has every field of a hash that is alive by both clocks.
pub fn same_deadline(nodes: SameLsn<'_>) -> bool {
    nodes.master.iter().filter_map(|(key, stored)| Some((stored, nodes.replica.get(key)?))).all(
        |(master, replica)| {
            let fields = |stored: &Stored| stored.content.living_fields(nodes.latest_clock);
            let deadlines = |stored: &Stored| {
                fields(stored).into_iter().flatten().map(|(field, (_, it))| (field, it)).collect::<Vec<_>>()
            };
            master.deadline == replica.deadline && deadlines(master) == deadlines(replica)
        },
    )
}

/// **no_immortal_key**: at the same LSN every key that has no deadline on the replica is stored on the
/// master, too, and has no deadline there. The same holds for the fields of a hash that both store. A hash all of whose fields
/// have deadlines has one itself.
pub fn no_immortal_key(nodes: SameLsn<'_>) -> bool {
    nodes.replica.iter().all(|(key, replica)| match nodes.master.get(key) {
        None => replica.dies_at().is_some(),
        Some(master) => {
            (replica.deadline.is_some() || master.deadline.is_none())
                && replica.content.lasting_fields().is_subset(&master.content.lasting_fields())
        }
    })
}

/// The state in which a reader of the replica saw a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Sight {
    /// The key was alive; this LSN is the last writer of its value.
    Alive(Lsn),
    /// The deadline of the key had passed; this LSN is the last writer of its value.
    Dead(Lsn),
}

/// **no_resurrection**: a key that a reader saw dead is not seen alive again unless its value was written.
pub fn no_resurrection(saw: &BTreeMap<Key, Sight>, sees: &BTreeMap<Key, Sight>) -> bool {
    sees.iter().all(|(key, sight)| match (saw.get(key), sight) {
        (Some(Sight::Dead(before)), Sight::Alive(now)) => now > before,
        _ => true,
    })
}

/// **no_early_death**: each key of the master's state directly after the entries that the replica has applied is
/// visible on the replica until the master's own time reaches the key's deadline, and so is each field of a hash.
pub fn no_early_death(master: &Dump, master_now: Millis, sees: &Visible) -> bool {
    master.iter().filter(|(_, stored)| !stored.is_dead(master_now)).all(|(key, stored)| {
        let has = |field: &Vec<u8>| match sees.get(key) {
            Some(Content::Hash(seen)) => seen.contains_key(field),
            _ => true,
        };
        let living = stored.content.living_fields(master_now);
        sees.contains_key(key) && living.is_none_or(|living| living.keys().all(has))
    })
}

/// **durability**: each write that was acknowledged is in `history`. After a promotion this is the history of the node that was
/// promoted last; where a replica acknowledges what is durable, it is what a kill leaves there. A write is told from others by
/// what `W` says of it.
pub fn durability<W: PartialEq>(acknowledged: impl IntoIterator<Item = W>, history: &[W]) -> bool {
    acknowledged.into_iter().all(|write| history.contains(&write))
}

/// **one_history**: none of the entries that followers are given has the epoch and the number of another entry that they were `given`
/// before. An epoch and a number name one entry for ever, so a follower that asks for what comes after it gets the right one.
pub fn one_history(given: &[Entry], gives: &[Entry]) -> bool {
    let is_named_alike = |one: &Entry, other: &Entry| (one.epoch, one.lsn) == (other.epoch, other.lsn);
    gives.iter().all(|entry| given.iter().all(|before| !is_named_alike(before, entry) || before == entry))
}

/// All keys that a reader sees at one moment: the living keys, with their values.
pub type Visible = BTreeMap<Key, Content>;

/// The keys of `dump` that are visible to a reader that judges at `now`.
pub fn visible(dump: &Dump, now: Millis) -> Visible {
    let alive = dump.iter().filter(|(_, stored)| !stored.is_dead(now));
    alive.map(|(key, stored)| (key.clone(), stored.content.seen_at(now))).collect()
}

/// **past_read**: the first of the master's `moments` (what its readers could see, oldest first, not older than
/// the moment that this reader saw last) at which the master could have answered `read`. `None`: the invariant
/// is broken.
pub fn past_read<V: PartialEq>(moments: &[impl Borrow<V>], read: &V) -> Option<usize> {
    moments.iter().position(|moment| moment.borrow() == read)
}

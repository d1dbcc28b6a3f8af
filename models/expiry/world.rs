//! The interned parts of a state: what is under way, the replica, and what readers know.

use crate::binlog::{Entry, Lsn, Payload};
use crate::command::{Command, Kind};
use crate::effect::{Key, KeySet};
use crate::invariant::{Sight, Visible};
use crate::node::Replica;
use crate::store::Dump;
use crate::store::memory::MemoryStore;
use crate::time::Millis;
use std::collections::BTreeMap;

/// What is under way to the replica.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Message {
    /// An entry, with what the checks must know of it.
    Entry {
        /// The entry.
        entry: Entry,
        /// The keys whose value it wrote; empty if it changed deadlines only.
        wrote: KeySet,
        /// What the master stored right after it; empty where nobody asks.
        master: Dump,
    },
    /// The master's log time.
    Heartbeat(Millis),
}

/// Undelivered messages by number, oldest first, each with the tick at which it was sent.
pub type Link = Vec<(u8, u32)>;

/// The replica, and what is needed to judge it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ReplicaSide {
    /// The machine.
    pub replica: Replica<MemoryStore>,
    /// What the master stored after the entries that the replica has applied.
    pub master_then: Dump,
    /// The last entry that wrote the value of a key.
    pub writers: BTreeMap<Key, Lsn>,
}

impl ReplicaSide {
    /// A replica of an empty history.
    pub fn new() -> ReplicaSide {
        ReplicaSide {
            replica: Replica::new(MemoryStore::new()),
            master_then: Dump::new(),
            writers: BTreeMap::new(),
        }
    }

    /// Notes what the entry that was just applied wrote, and what the master stored after it.
    pub fn note(&mut self, lsn: Lsn, wrote: &KeySet, master: Dump) {
        match wrote {
            KeySet::Everything => self.writers.values_mut().for_each(|writer| *writer = lsn),
            KeySet::Keys(keys) => self.writers.extend(keys.iter().map(|key| (key.clone(), lsn))),
        }
        self.master_then = master;
    }

    /// How a reader who judges at `now` and `saw` the keys before sees those of `stored`. A key that was seen dead
    /// and is not stored any more is dead still.
    pub fn sights(&self, saw: &Saw, stored: &Dump, now: Millis) -> Saw {
        let dead = saw.iter().filter(|(_, sight)| matches!(sight, Sight::Dead(_)));
        let mut sights: Saw = dead.map(|(key, sight)| (key.clone(), *sight)).collect();
        for (key, record) in stored {
            let writer = self.writers.get(key).copied().unwrap_or_default();
            let sight = if record.is_dead(now) { Sight::Dead(writer) } else { Sight::Alive(writer) };
            sights.insert(key.clone(), sight);
        }
        sights
    }
}

impl Default for ReplicaSide {
    fn default() -> ReplicaSide {
        ReplicaSide::new()
    }
}

/// How readers of the replica saw the keys.
pub type Saw = BTreeMap<Key, Sight>;

/// What the master's readers could see, oldest first, from the moment that the replica's reader saw last.
pub type Moments<V = Visible> = Vec<V>;

/// The keys whose value a master's command wrote, given the entry that it came to.
pub fn wrote(command: &Command, entry: &Entry) -> KeySet {
    match (command.kind(), &entry.payload) {
        (Kind::Deadline, _) => KeySet::empty(),
        (_, Payload::Effect(effect)) => effect.keys.clone(),
        (_, Payload::Command(command)) => command.keys(),
    }
}

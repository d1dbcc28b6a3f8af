//! The interned parts of a state: what is under way, the replica, and what readers know.

use crate::binlog::{Entry, Lsn, Payload};
use crate::command::{Command, Kind};
use crate::effect::{Key, KeySet};
use crate::expiry::LogTime;
use crate::invariant::{self, Sight, Visible};
use crate::node::{Readers, Replica, SerialReplica};
use crate::store::Dump;
use crate::store::memory::MemoryStore;
use crate::time::{Elapsed, Millis};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

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
        /// The deadlines of its keys on the master, right before it and right after it, in their order.
        deadlines: Vec<Millis>,
        /// The command of the alphabet that it was logged for, if it is one of its own.
        command: Option<u16>,
    },
    /// The master's log time.
    Heartbeat(Millis),
}

impl Message {
    /// The master's time that it carries.
    pub fn time(&self) -> Millis {
        match self {
            Message::Entry { entry, .. } => entry.time,
            Message::Heartbeat(time) => *time,
        }
    }
}

/// Undelivered messages by number, oldest first, each with the millisecond from the start at which it was sent.
pub type Link = Vec<(u64, u32)>;

/// The replica, and what is needed to judge it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ReplicaSide {
    /// The machine.
    pub replica: SerialReplica<MemoryStore>,
    /// What the master stored after the entries that the replica has published.
    pub master_then: Dump,
    /// The last entry that wrote the value of a key.
    pub writers: BTreeMap<Key, Lsn>,
    /// Numbers of the messages whose entries still have to be published, oldest first.
    pub unpublished: Vec<u32>,
    /// The elapsed clock at the last receipt, if log time may be estimated.
    pub received_at: Elapsed,
}

impl ReplicaSide {
    /// A replica of an empty history; `limit_ms` is how long silence may last before its log time is estimated.
    pub fn new(limit_ms: Option<u64>) -> ReplicaSide {
        ReplicaSide {
            replica: SerialReplica::new(
                Replica::new(Lsn::NONE, LogTime::default(), limit_ms, Readers::In),
                MemoryStore::new(),
            ),
            master_then: Dump::new(),
            writers: BTreeMap::new(),
            unpublished: Vec::new(),
            received_at: Elapsed::default(),
        }
    }

    /// Those of them whose entries still have to be applied.
    pub fn unapplied(&self) -> &[u32] {
        &self.unpublished[self.unpublished.len() - self.replica.received().count()..]
    }

    /// Notes what an entry that was just published wrote, and what the master stored after it.
    pub fn note(&mut self, lsn: Lsn, wrote: &KeySet, master: Dump) {
        match wrote {
            KeySet::Everything => self.writers.values_mut().for_each(|writer| *writer = lsn),
            KeySet::Keys(keys) => self.writers.extend(keys.iter().map(|key| (key.clone(), lsn))),
        }
        self.master_then = master;
    }

    /// How a reader who judges at `now` sees the keys that were ever written. A key that is not stored is seen dead,
    /// whoever removed it: only an entry that writes its value may bring it back.
    pub fn sights(&self, stored: &Dump, now: Millis) -> Saw {
        let keys = self.writers.keys().chain(stored.keys());
        let sight = |key: &Key| {
            let writer = self.writers.get(key).copied().unwrap_or_default();
            let is_alive = stored.get(key).is_some_and(|stored| !stored.is_dead(now));
            if is_alive { Sight::Alive(writer) } else { Sight::Dead(writer) }
        };
        keys.map(|key| (key.clone(), sight(key))).collect()
    }
}

/// How readers of the replica saw the keys.
pub type Saw = BTreeMap<Key, Sight>;

/// What the master's readers could see, oldest first, from the moment that the replica's reader saw last.
pub type Moments = Vec<Arc<Visible>>;

/// The keys whose value a master's command wrote, given the entry that it came to.
pub fn wrote(command: &Command, entry: &Entry) -> KeySet {
    match (command.kind(), &entry.payload) {
        (Kind::Deadline, _) => KeySet::empty(),
        (_, Payload::Effect(effect)) => effect.keys.clone(),
        (_, Payload::Command(command)) => command.keys(),
    }
}

/// The master's `moments` with those added that come after `from`, up to `to`, while it stores `stored`.
pub fn moments_with(moments: &[Arc<Visible>], stored: &Dump, (from, to): (Millis, Millis)) -> Moments {
    let mut moments = moments.to_vec();
    for instant in instants_between(stored, from, to) {
        let sees = invariant::visible(stored, instant);
        if moments.last().is_none_or(|last| **last != sees) {
            moments.push(Arc::new(sees));
        }
    }
    moments
}

/// The instants after `from`, to `to` itself, at which readers of what is stored see something else: keys that die on the way
/// do so one after the other.
fn instants_between(stored: &Dump, from: Millis, to: Millis) -> BTreeSet<Millis> {
    let deadlines = stored.values().filter_map(|stored| stored.deadline);
    deadlines.filter(|deadline| from < *deadline && *deadline < to).chain([to]).collect()
}

//! World — the interned parts of a state: messages under way, the replica, and what readers know.

use crate::binlog::{Entry, Lsn};
use crate::effect::{Key, KeySet};
use crate::expiry::LogTime;
use crate::invariant::{self, Sight, Visible};
use crate::models::request::Request;
use crate::node::{Readers, Replica, SerialReplica};
use crate::store::memory::MemoryStore;
use crate::store::{Dump, Stored};
use crate::time::{Elapsed, Millis};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A message under way to the replica.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Message {
    /// An entry, with what the checks must know about it.
    Entry {
        /// The entry.
        entry: Entry,
        /// The keys whose value it wrote; empty if it changed deadlines only.
        wrote: KeySet,
        /// The master's store right after it; empty if it is not needed.
        master: Dump,
        /// The deadlines of its keys on the master, right before it and right after it, in their order.
        deadlines: Vec<Millis>,
        /// The number, in the alphabet, of the command whose own entry this is; `None` for any other entry.
        command: Option<u16>,
    },
    /// The master's log time.
    Heartbeat(Millis),
}

impl Message {
    /// The master's log time that the message carries.
    pub fn time(&self) -> Millis {
        match self {
            Message::Entry { entry, .. } => entry.time,
            Message::Heartbeat(time) => *time,
        }
    }
}

/// The numbers of the undelivered messages, oldest first, each with the millisecond since the start at which it was sent.
pub type Link = Vec<(u64, u32)>;

/// The replica, and what is needed to judge it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ReplicaSide {
    /// The engine's replica.
    pub replica: SerialReplica<MemoryStore>,
    /// The master's store after the entries that the replica has published.
    pub master_then: Dump,
    /// The last entry that wrote the value of each key.
    pub writers: BTreeMap<Key, Lsn>,
    /// Numbers of the messages whose entries are received and not published yet, oldest first.
    pub unpublished: Vec<u32>,
    /// The elapsed clock at the last receipt, if log time may be estimated.
    pub received_at: Elapsed,
}

impl ReplicaSide {
    /// A replica of an empty history. `limit_ms`: how long the link may be silent before log time is estimated.
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

    /// The part of `unpublished` whose entries are not applied yet.
    pub fn unapplied(&self) -> &[u32] {
        &self.unpublished[self.unpublished.len() - self.replica.received().count()..]
    }

    /// Notes what a newly published entry wrote, and what the master stored after it.
    pub fn note(&mut self, lsn: Lsn, wrote: &KeySet, master: Dump) {
        match wrote {
            KeySet::Everything => self.writers.values_mut().for_each(|writer| *writer = lsn),
            KeySet::Keys(keys) => self.writers.extend(keys.iter().map(|key| (key.clone(), lsn))),
        }
        self.master_then = master;
    }

    /// How a reader that judges at `now` sees each key that was ever written. A key that is not stored is seen dead, no
    /// matter which node removed it: only an entry that writes its value may make it alive again.
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

/// How readers of the replica saw each key last.
pub type Saw = BTreeMap<Key, Sight>;

/// The views that the master's readers could have, oldest first, from the moment on that the replica's reader saw last.
pub type Moments = Vec<Arc<Visible>>;

/// The keys whose value a request wrote on the master, given the entry that it resulted in. Of a transaction that also changes
/// deadlines: those keys of the entry that its other commands name.
pub fn wrote(request: &Request, entry: &Entry) -> KeySet {
    let entry = entry.keys().into_owned();
    match (request.written_keys(), entry) {
        (named, _) if named.is_empty() => named,
        (KeySet::Keys(named), KeySet::Keys(keys)) if request.command().is_none() => {
            KeySet::of(keys.into_iter().filter(|key| named.contains(key)))
        }
        (_, keys) => keys,
    }
}

/// The master's `moments`, plus those that follow after `from` and up to `to` while it stores `stored`.
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

/// The instants after `from` and up to `to`, `to` included, at which readers of `stored` see something new: keys that die
/// in between die one after the other.
fn instants_between(stored: &Dump, from: Millis, to: Millis) -> BTreeSet<Millis> {
    let deadlines = stored.values().flat_map(Stored::deadlines);
    deadlines.filter(|deadline| from < *deadline && *deadline < to).chain([to]).collect()
}

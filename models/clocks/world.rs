//! World — both nodes with their clocks and folders, the link, and what readers know.

use super::lifetime::GivenDuration;
use super::{Setup, TICK_MS};
use crate::binlog::{Entry, Epoch, Lsn};
use crate::effect::{Key, KeySet};
use crate::expiry::{Judging, LogTime};
use crate::models::bounds::START;
use crate::models::expiry::{ReplicaSide, Saw};
use crate::node::{Master, MasterClock, Pair, Readers, Replica, SerialReplica};
use crate::store::memory::MemoryStore;
use crate::store::{Content, Dump};
use crate::time::{Elapsed, Millis, Moment};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The only key of this model.
pub(super) fn key() -> Key {
    Key::new(0, "k")
}

/// How long the link must be silent before log time is estimated, in milliseconds.
pub(super) const LIMIT_MS: u64 = 2 * TICK_MS;

/// A reader's view: the living keys, each with its value and the answer of PEXPIRETIME.
pub(super) type Seen = BTreeMap<Key, (Content, Option<Millis>)>;

/// The view of a reader that judges `dump` at `now`. `offset_ms`: wall time minus log time.
pub(super) fn seen(dump: &Dump, now: Millis, offset_ms: i64) -> Seen {
    let alive = dump.iter().filter(|(_, stored)| !stored.is_dead(now));
    let told = |deadline: Millis| deadline.offset(offset_ms);
    alive.map(|(key, stored)| (key.clone(), (stored.content.clone(), stored.deadline.map(told)))).collect()
}

/// A message to the replica.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Message {
    Entry(Lsn),
    Heartbeat(Millis),
    /// The master's offset, valid from log time `time` on.
    Offset {
        time: Millis,
        offset_ms: i64,
    },
}

/// An entry with what the checks must know about it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Logged {
    pub entry: Entry,
    /// The keys whose value it wrote.
    pub wrote: KeySet,
    /// The master's store after it.
    pub then: Dump,
    /// When its command ran, in milliseconds of elapsed time.
    pub at: u64,
}

/// An offset that the master measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Measured {
    /// It is valid for the entries after this one, from this log time on.
    pub after: Lsn,
    pub time: Millis,
    pub offset_ms: i64,
    /// When it was measured.
    pub at: u64,
}

/// The content of the master's folder, and what has happened since the folder was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Folder {
    pub pair: Pair,
    pub ceiling: Millis,
    /// When it was written.
    pub at: u64,
    /// By how much the wall clock has been set since then.
    pub stepped_ms: i64,
}

/// The state of both nodes and of the link. Most steps change one of its larger parts, so the worlds share the others.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct World {
    /// Milliseconds since the start.
    pub elapsed: u64,
    /// How far the wall clocks of master and replica have been set ahead, in total.
    pub ahead_ms: [i64; 2],
    pub master: Arc<Master<MemoryStore>>,
    pub clock: MasterClock,
    pub folder: Folder,
    pub log: Arc<Vec<Logged>>,
    /// The offsets that the master has measured since its start, oldest first.
    pub offsets: Vec<Measured>,
    /// The undelivered messages, each with the moment at which its time was the master's time.
    pub link: Vec<(u64, Message)>,
    pub side: Arc<ReplicaSide>,
    /// `newest`: when the latest delivered time was the master's time. `receipt`: when a message was delivered last.
    pub newest: u64,
    pub receipt: u64,
    /// `saw`: how the replica's readers saw the key last. `moments`: the master's moments, from the one on that they saw
    /// last.
    pub saw: Arc<Saw>,
    pub moments: Arc<Vec<Seen>>,
    /// `told`: the latest instant that readers of the replica were told. `exempt`: the latest estimate that the
    /// invariants exempt.
    pub told: Millis,
    pub exempt: Millis,
    pub given: Option<GivenDuration>,
    pub sent: u8,
    pub passes: u8,
    pub may_step: bool,
    pub may_restart: bool,
    /// Whether the master has started again.
    pub has_started: bool,
    /// Whether the replica still receives entries from before that start, whose offsets the master no longer knows.
    pub catches_up: bool,
}

impl World {
    pub fn new(setup: &Setup, judging: Judging) -> World {
        let now = Moment { elapsed: Elapsed(START.0), wall: START };
        let clock = MasterClock::started(judging, None, 0, START, now);
        let pair = clock.pair(now);
        let mut side = ReplicaSide::new(Some(LIMIT_MS));
        let log_time = LogTime::at(Millis::ZERO, now.elapsed);
        let mut replica = Replica::new(Lsn::NONE, log_time, Some(LIMIT_MS), Readers::In);
        replica.set_ceiling(Millis::ZERO);
        side.replica = SerialReplica::new(replica, MemoryStore::new());
        let mut world = World {
            elapsed: 0,
            ahead_ms: [0, 0],
            master: Arc::new(Master::resume(MemoryStore::new(), Epoch(1), Lsn::NONE, START)),
            clock,
            folder: Folder { pair, ceiling: START, at: 0, stepped_ms: 0 },
            log: Arc::default(),
            offsets: vec![Measured { after: Lsn::NONE, time: START, offset_ms: 0, at: 0 }],
            link: Vec::new(),
            side: Arc::new(side),
            newest: 0,
            receipt: 0,
            saw: Arc::default(),
            moments: Arc::new(vec![Seen::new()]),
            told: Millis::ZERO,
            exempt: Millis::ZERO,
            given: None,
            sent: 0,
            passes: 0,
            may_step: setup.choice.steps,
            may_restart: setup.restarts,
            has_started: false,
            catches_up: false,
        };
        world.write_folder();
        world
    }

    /// The readings of both clocks of a node: 0 = the master, 1 = the replica.
    pub fn now(&self, node: usize) -> Moment {
        let elapsed = START.0 + self.elapsed;
        Moment { elapsed: Elapsed(elapsed), wall: Millis(elapsed).offset(self.ahead_ms[node]) }
    }
}

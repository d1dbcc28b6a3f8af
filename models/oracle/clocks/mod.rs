//! Wall clocks that are set and nodes that restart, without optimizations — one program × one choice → the invariants
//! that break. Pure.
//!
//! The engine provides [`Master`], [`MasterClock`], [`Pair`], [`SerialReplica`], the policy, and [`crate::invariant`]. A
//! step is one of these, at any moment:
//!
//! ```text
//! next command · a tick passes · heartbeat · oldest message delivered, applied, published · either node removes the dead key
//! a wall clock is set, once · a node is stopped or killed, once, and starts again
//! ```
//!
//! Elapsed time is the same on both nodes; only the wall clocks differ. The master's ticker writes the folder after each
//! tick and with each heartbeat. A state holds what readers saw *before* it, as in [`super::expiry`].

mod restart;

use super::{MEMORY, Opinion, Visit, search};
use crate::binlog::{Entry, Epoch, Lsn};
use crate::command::{Command, Kind};
use crate::effect::Key;
use crate::expiry::{ExpiryPolicy, LogTime};
use crate::invariant::{self, Sight};
use crate::models::bounds::DRAWN;
use crate::models::bounds::START;
use crate::models::invariants::Invariant;
use crate::node::{Master, MasterClock, MasterInput, MasterOutput, Pair, Readers, Replica, SerialReplica};
use crate::store::memory::MemoryStore;
use crate::store::{Content, Dump, dump};
use crate::time::{Elapsed, Millis, Moment};
use std::collections::{BTreeMap, VecDeque};
use std::fmt;

/// Length of a tick in milliseconds.
const TICK_MS: u64 = 1_000;
/// By how much a ceiling is ahead of the counted or heard log time, in milliseconds.
const LEAD_MS: u64 = 1_000;
/// The silence after which log time is estimated, in milliseconds.
const LIMIT_MS: u64 = 2_000;
/// The steps by which a wall clock may be set, in ticks.
const SET_BY: [i64; 4] = [1, -1, 2, -2];

const MASTER: usize = 0;
const REPLICA: usize = 1;
const NODES: [&str; 2] = ["master", "replica"];

/// A question to the oracle: what to judge, and within which bounds.
#[derive(Clone, Copy)]
pub struct Question<'a> {
    /// The expiry policy.
    pub policy: &'a dyn ExpiryPolicy,
    /// The commands, each sent once, in their order.
    pub program: &'a [Command],
    /// Maximum number of ticks that pass; the ticks of a downtime do not count.
    pub passes_max: u8,
    /// Whether a wall clock may be set.
    pub steps: bool,
    /// Whether a node may restart.
    pub restarts: bool,
}

/// The invariants that break.
pub fn opinion(question: &Question<'_>) -> Opinion {
    let now = Moment { elapsed: Elapsed(START.0), wall: START };
    let clock = MasterClock::started(question.policy.judging(), None, 0, START, now);
    let mut started = State {
        elapsed: 0,
        ahead_ms: [0, 0],
        folder: Folder { pair: clock.pair(now), ceiling: START, at: 0, set_by_ms: 0 },
        offsets: vec![Offset { after: Lsn::NONE, time: START, offset_ms: clock.offset_ms(), at: 0 }],
        clock,
        master: Master::new(MemoryStore::new(), Epoch(1)),
        log: Vec::new(),
        link: VecDeque::new(),
        replica: SerialReplica::new(
            Replica::new(Lsn::NONE, LogTime::at(Millis::ZERO, now.elapsed), Some(LIMIT_MS), Readers::In),
            MemoryStore::new(),
        ),
        ceiling_of_replica: Millis::ZERO,
        delivered_at: 0,
        heard_at: 0,
        saw: BTreeMap::new(),
        moments: Vec::new(),
        told: Millis::ZERO,
        guessed: Millis::ZERO,
        given: None,
        master_started: false,
        is_sent_old: false,
        passes: 0,
        may_set: question.steps,
        may_restart: question.restarts,
        sent: 0,
    };
    started.write_folder();
    search(vec![started], |state| question.visit(state))
}

/// A reader's view: the living keys, each with its value and the answer of PEXPIRETIME.
type View = BTreeMap<Key, (Content, Option<Millis>)>;

fn view(held: &Dump, now: Millis, offset_ms: i64) -> View {
    let alive = held.iter().filter(|(_, stored)| !stored.is_dead(now));
    let learned = alive.map(|(key, stored)| {
        (key.clone(), (stored.content.clone(), stored.deadline.map(|at| at.offset(offset_ms))))
    });
    learned.collect()
}

/// An entry of the master's log.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Logged {
    entry: Entry,
    /// Whether it wrote the value of the key.
    wrote: bool,
    /// The master's store right after it.
    then: Dump,
    /// When its command ran.
    at: u64,
}

/// An offset of the master, valid after entry `after`, from log time `time` on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Offset {
    after: Lsn,
    time: Millis,
    offset_ms: i64,
    /// When it was measured.
    at: u64,
}

/// A message under way to the replica.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Message {
    Entry(Lsn),
    /// The master's log time, and when it was sent.
    Heartbeat(Millis, u64),
    Offset(Offset),
}

impl fmt::Display for Message {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Message::Entry(lsn) => write!(out, "entry {lsn}"),
            Message::Heartbeat(time, _) => write!(out, "a heartbeat of {time}"),
            Message::Offset(Offset { time, offset_ms, .. }) => {
                write!(out, "the offset {offset_ms} ms from {time} on")
            }
        }
    }
}

/// The content of the master's folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Folder {
    pair: Pair,
    ceiling: Millis,
    /// When it was written.
    at: u64,
    /// By how much the master's wall clock has been set since then.
    set_by_ms: i64,
}

/// A key that was given a duration, while no other command has been sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct GivenDuration {
    /// The entry that gave it.
    lsn: Lsn,
    /// `end`: when the key must die. The others: by how much later or earlier it may die.
    end: u64,
    longer: u64,
    shorter: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct State {
    /// Milliseconds since the start.
    elapsed: u64,
    /// How far each wall clock has been set ahead, in total.
    ahead_ms: [i64; 2],
    clock: MasterClock,
    master: Master<MemoryStore>,
    folder: Folder,
    log: Vec<Logged>,
    /// The offsets that the master has measured since its start, oldest first.
    offsets: Vec<Offset>,
    /// Undelivered messages, oldest first.
    link: VecDeque<Message>,
    replica: SerialReplica<MemoryStore>,
    /// The durable ceiling of the time that the replica tells its readers.
    ceiling_of_replica: Millis,
    /// When a message was delivered last, or the replica started.
    delivered_at: u64,
    /// The moment at which the latest delivered time was the master's time.
    heard_at: u64,
    /// How readers of the replica saw the key.
    saw: BTreeMap<Key, Sight>,
    /// The views that the master's readers could have, oldest first, from the moment on that a reader of the replica saw last.
    moments: Vec<View>,
    /// The latest instant by which a reader of the replica was answered.
    told: Millis,
    /// The latest estimate that the invariants exempt.
    guessed: Millis,
    given: Option<GivenDuration>,
    /// Whether the master has started again.
    master_started: bool,
    /// Whether the replica still receives entries from before that start.
    is_sent_old: bool,
    passes: u8,
    may_set: bool,
    may_restart: bool,
    /// Number of commands sent.
    sent: usize,
}

impl State {
    /// The readings of both clocks of a node.
    fn moment(&self, node: usize) -> Moment {
        let unset = START.0 + self.elapsed;
        Moment { elapsed: Elapsed(unset), wall: Millis(unset).offset(self.ahead_ms[node]) }
    }

    /// The master's log time.
    fn read(&mut self) -> Millis {
        self.clock.read(self.moment(MASTER))
    }

    fn write_folder(&mut self) {
        let now = self.moment(MASTER);
        let ceiling = self.clock.next_ceiling(now, LEAD_MS);
        self.clock.raise(ceiling);
        self.folder = Folder { pair: self.clock.pair(now), ceiling, at: self.elapsed, set_by_ms: 0 };
    }

    fn master_holds(&self) -> Dump {
        dump(self.master.store()).expect(MEMORY)
    }

    fn replica_holds(&self) -> Dump {
        dump(self.replica.shown()).expect(MEMORY)
    }

    /// Readers of the master read.
    fn master_is_seen(&mut self) -> View {
        let sees = view(&self.master_holds(), self.read(), self.clock.offset_ms());
        if self.moments.last() != Some(&sees) {
            self.moments.push(sees.clone());
        }
        sees
    }

    /// The entries that the replica has published.
    fn published(&self) -> impl DoubleEndedIterator<Item = &Logged> {
        let last = self.replica.replica().published();
        self.log.iter().filter(move |logged| logged.entry.lsn <= last)
    }

    /// The master measures its offset, and sends it if it has changed.
    fn measure(&mut self) {
        let Some(step) = self.clock.measure(self.moment(MASTER)) else { return };
        let (after, at) = (self.master.last(), self.elapsed);
        let offset = Offset { after, time: step.time, offset_ms: step.offset_ms, at };
        self.offsets.push(offset);
        self.link.push_back(Message::Offset(offset));
        self.master_is_seen();
    }

    /// Whether a heartbeat would carry news.
    fn has_news(&self) -> bool {
        let (mut clock, now) = (self.clock.clone(), self.moment(MASTER));
        clock.read(now) > self.master.time() || clock.measure(now).is_some()
    }
}

type Steps = Vec<(String, State)>;

impl Question<'_> {
    fn visit(&self, state: &State) -> Visit<State> {
        let mut seen = state.clone();
        let broken = self.look(&mut seen);
        let steps = [
            self.command(&seen),
            self.heartbeat(&seen),
            self.delivery(&seen),
            self.removals(&seen),
            self.time(&seen),
            Self::settings(&seen),
            self.restarts(&seen),
        ];
        Visit { broken, steps: steps.into_iter().flatten().collect() }
    }

    /// Readers of both nodes look: what is broken.
    fn look(&self, state: &mut State) -> Vec<Invariant> {
        let mut broken = Vec::new();
        let master_sees = state.master_is_seen();
        let replica = state.replica.replica().clone();
        let now = state.moment(REPLICA);
        let judges = replica.reads_at(self.policy, now, state.told);
        if state.link.is_empty() && !state.has_news() {
            let is_behind = judges.time < replica.heard().min(now.wall);
            if replica.published() != state.master.last() || replica.readers() != Readers::In || is_behind {
                broken.push(Invariant::Progress);
            }
        }
        if let Some(GivenDuration { end, longer, shorter, .. }) = state.given {
            let is_alive = !master_sees.is_empty();
            let is_late = is_alive && state.elapsed >= end + longer;
            if is_late || (!is_alive && state.elapsed + shorter < end) {
                broken.push(Invariant::Lifetime);
            }
        }
        if replica.readers() != Readers::In {
            return broken;
        }
        state.told = state.told.max(judges.time);
        let is_silent = state.elapsed - state.delivered_at > LIMIT_MS;
        if judges.estimated && (is_silent || judges.time <= state.guessed) {
            state.guessed = state.guessed.max(judges.time);
            return broken;
        }
        let held = state.replica_holds();
        let sees = view(&held, judges.time, replica.offset_ms());
        if let Some(GivenDuration { lsn, end, longer, .. }) = state.given
            && replica.published() >= lsn
            && !sees.is_empty()
            && state.heard_at >= end + longer
        {
            broken.push(Invariant::Lifetime);
        }
        let sights = sights(state, &sees);
        if !invariant::no_resurrection(&state.saw, &sights) {
            broken.push(Invariant::NoResurrection);
        }
        let then = state.published().next_back().map(|logged| logged.then.clone()).unwrap_or_default();
        if !invariant::no_early_death(&then, state.read(), &invariant::visible(&held, judges.time)) {
            broken.push(Invariant::NoEarlyDeath);
        }
        let is_alike = |moment: &View| match state.is_sent_old {
            true => contents(moment).eq(contents(&sees)),
            false => *moment == sees,
        };
        match state.moments.iter().position(is_alike) {
            Some(behind) => drop(state.moments.drain(..behind)),
            None => broken.push(Invariant::PastRead),
        }
        state.saw = sights;
        broken
    }

    /// The master executes `input`. `command`: the client's command, if `input` is one.
    fn master_acts(&self, next: &mut State, input: MasterInput, command: Option<&Command>) {
        // The master as it was after each entry: entries that remove dead keys come before the command's own entry.
        let (mut then, at) = (next.master.clone(), next.elapsed);
        for output in next.master.step(self.policy, input).expect(MEMORY) {
            match output {
                MasterOutput::Append(entry) => {
                    let own = command.filter(|_| entry.lsn == next.master.last());
                    if own.is_none() {
                        let removal = MasterInput::Expire { key: key(), now: entry.time };
                        then.step(self.policy, removal).expect(MEMORY);
                    }
                    let after = if own.is_some() { &next.master } else { &then };
                    let wrote = own.is_none_or(|command| command.kind() != Kind::Deadline);
                    let then = dump(after.store()).expect(MEMORY);
                    next.link.push_back(Message::Entry(entry.lsn));
                    next.log.push(Logged { entry, wrote, then, at });
                }
                MasterOutput::Heartbeat(time) => next.link.push_back(Message::Heartbeat(time, at)),
                MasterOutput::Reply(_) => {}
            }
        }
    }

    fn command(&self, state: &State) -> Steps {
        let Some(command) = self.program.get(state.sent) else { return Vec::new() };
        let mut next = State { sent: state.sent + 1, ..state.clone() };
        next.measure();
        let moment = next.moment(MASTER);
        let now = next.clock.begin(moment);
        next.master.set_offset(next.clock.offset_ms());
        let request = MasterInput::Request { command: command.clone(), now, random: DRAWN };
        self.master_acts(&mut next, request, Some(command));
        next.clock.end();
        next.given = duration(command).map(|duration| {
            // Log time that is ahead of the counted time stands still.
            let stands_ms = if next.master_started { now.since(next.clock.counted(moment)) } else { 0 };
            let (lsn, end) = (next.master.last(), next.elapsed + duration);
            GivenDuration { lsn, end, longer: stands_ms.min(LEAD_MS), shorter: 0 }
        });
        vec![(format!("a client sends {command}"), next)]
    }

    /// A heartbeat, if it has news.
    fn heartbeat(&self, state: &State) -> Steps {
        if !state.has_news() {
            return Vec::new();
        }
        let mut next = state.clone();
        next.measure();
        let now = next.read();
        self.master_acts(&mut next, MasterInput::Heartbeat { now }, None);
        next.write_folder();
        vec![("the master sends a heartbeat".to_owned(), next)]
    }

    fn delivery(&self, state: &State) -> Steps {
        let mut next = state.clone();
        let Some(message) = next.link.pop_front() else { return Vec::new() };
        let now = next.moment(REPLICA);
        let (time, at) = match message {
            Message::Entry(lsn) => {
                let logged = next.log.iter().find(|logged| logged.entry.lsn == lsn);
                let (entry, at) =
                    logged.map(|logged| (logged.entry.clone(), logged.at)).expect("it is logged");
                let time = entry.time;
                next.replica.receive(self.policy, entry, now);
                next.replica.apply(self.policy, now.wall).expect(MEMORY);
                next.replica.publish();
                (time, at)
            }
            Message::Heartbeat(time, at) => {
                next.replica.heartbeat(time, now.elapsed);
                next.is_sent_old = false;
                (time, at)
            }
            Message::Offset(Offset { time, offset_ms, at, .. }) => {
                next.replica.offset(time, offset_ms, now.elapsed);
                (time, at)
            }
        };
        next.delivered_at = next.elapsed;
        next.heard_at = next.heard_at.max(at);
        next.ceiling_of_replica = next.ceiling_of_replica.max(Millis(time.0 + LEAD_MS));
        vec![(format!("the link delivers {message}"), next)]
    }

    fn removals(&self, state: &State) -> Steps {
        let is_dead = |held: Dump, now: Millis| held.get(&key()).is_some_and(|stored| stored.is_dead(now));
        let mut steps = Vec::new();
        let mut next = state.clone();
        let now = next.read();
        if is_dead(state.master_holds(), now) {
            self.master_acts(&mut next, MasterInput::Expire { key: key(), now }, None);
            steps.push(("the master removes the key".to_owned(), next));
        }
        let wall = state.moment(REPLICA).wall;
        let by = state.replica.replica().removes_at(self.policy, wall);
        if by.is_some_and(|by| is_dead(state.replica_holds(), by)) {
            let mut next = state.clone();
            next.replica.remove(self.policy, &key(), wall).expect(MEMORY);
            steps.push(("the replica removes the key".to_owned(), next));
        }
        steps
    }

    fn time(&self, state: &State) -> Steps {
        if state.passes == self.passes_max {
            return Vec::new();
        }
        let mut next = State { passes: state.passes + 1, elapsed: state.elapsed + TICK_MS, ..state.clone() };
        next.write_folder();
        vec![("a tick passes".to_owned(), next)]
    }

    /// The steps in which a wall clock is set.
    fn settings(state: &State) -> Steps {
        let set = |node: usize, ticks: i64| {
            let by_ms = ticks * TICK_MS.cast_signed();
            let mut next = State { may_set: false, ..state.clone() };
            next.ahead_ms[node] += by_ms;
            if node == MASTER {
                next.folder.set_by_ms += by_ms;
            }
            (format!("the wall clock of the {} is set by {by_ms} ms", NODES[node]), next)
        };
        let nodes = [MASTER, REPLICA].into_iter().filter(|_| state.may_set);
        nodes.flat_map(|node| SET_BY.map(|ticks| set(node, ticks))).collect()
    }
}

/// The only key.
fn key() -> Key {
    Key { db: 0, name: b"k".to_vec() }
}

fn contents(view: &View) -> impl Iterator<Item = (&Key, &Content)> {
    view.iter().map(|(key, (content, _))| (key, content))
}

/// The lifetime that a command gives the key, in milliseconds; `None` if it gives none.
fn duration(command: &Command) -> Option<u64> {
    let is_one = command.name() == "psetex";
    is_one.then(|| String::from_utf8_lossy(&command.argv()[2]).parse().expect("a number of the alphabet"))
}

/// How a reader of the replica sees the key, if it was ever written.
fn sights(state: &State, sees: &View) -> BTreeMap<Key, Sight> {
    let writer = state.published().rev().find(|logged| logged.wrote).map(|logged| logged.entry.lsn);
    let sight = |writer: Lsn| if sees.is_empty() { Sight::Dead(writer) } else { Sight::Alive(writer) };
    writer.into_iter().map(|writer| (key(), sight(writer))).collect()
}

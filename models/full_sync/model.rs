//! The model itself: states, actions, transitions.

use super::world::{Copying, End, Generation, MEMORY};
use super::{BEFORE, Choice, INVARIANTS, OLD, Setup};
use crate::binlog::{Entry, Epoch, Log, Lsn};
use crate::expiry::{ExpiryPolicy, LogTime, Policy};
use crate::invariant::{self, Visible};
use crate::models::bounds::{DRAWN, START};
use crate::models::intern::{Interner, Memo};
use crate::models::invariants::{self, Invariant};
use crate::models::judged::{InvariantSet, Judged, Witnesses};
use crate::models::request::Request;
use crate::models::scenario;
use crate::node::{Master, Readers, Replica, SerialReplica};
use crate::store::memory::MemoryStore;
use crate::store::{Dump, dump};
use crate::time::{Elapsed, Millis};
use stateright::{Model, Property};
use std::sync::Arc;

/// The epoch in which the master writes, and that of the replica's old history.
const EPOCHS: [Epoch; 2] = [Epoch(2), Epoch(1)];

/// A step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// A client sends this command of the alphabet to the master.
    Write(usize),
    /// Time passes.
    Pass,
    /// The master removes a dead key.
    Remove,
    /// The master purges all of its log that no replica needs.
    Purge,
    /// A minute has passed since the copy was complete: the master keeps the log for it no longer.
    Late,
    /// The connection is cut.
    Cut,
    /// The replica is killed and starts again.
    Crash,
    /// The replica connects, and says how far its log goes.
    Connect,
    /// The replica asks for the whole store, and the master keeps its log from here on.
    Ask,
    /// The master takes the snapshot.
    Snapshot,
    /// The next message of the copy is sent and arrives: the head, a record, or the end.
    Arrive,
    /// Among the records, the next entry is sent and arrives.
    Stream,
    /// The replica makes the complete copy current, and starts again on it.
    Switch,
    /// The replica receives the next entry, applies it and gives it to readers.
    Deliver,
    /// The replica receives the master's log time, after all entries.
    Heartbeat,
}

/// The connection between the replica and its master.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Link {
    /// There is none.
    Down,
    /// The master has refused the replica, which will ask for the whole store.
    Refused,
    /// The master's store is copied; the number of the copy.
    Copying(u32),
    /// The replica is sent the log.
    Up,
    /// The replica was refused and does not connect again.
    Stopped,
}

/// A state of the model, made of the numbers of interned parts and of small counters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct State {
    /// Number of the master.
    pub master: u32,
    /// Number of the master's whole log.
    pub log: u32,
    /// The first entry of the log that is not purged.
    pub first: Lsn,
    /// From this entry on the log is kept for a replica whose copy is complete; `None`: for no such replica.
    pub kept: Option<Lsn>,
    /// The latest deadline of a key that the master has removed without an entry.
    pub removed: Millis,
    /// The connection.
    pub link: Link,
    /// Number of the replica's current generation.
    pub current: u32,
    /// Number of a complete copy that is not current yet.
    pub ready: Option<u32>,
    /// Number of the moments, from the one on that a reader of the replica saw last.
    pub moments: u32,
    /// Milliseconds since the beginning.
    pub elapsed: u64,
    /// Number of writes so far.
    pub writes: u8,
    /// Number of times that time has passed.
    pub passes: u8,
    /// Number of cut connections.
    pub cuts: u8,
    /// Number of crashes.
    pub crashes: u8,
    /// The invariants that the last step broke.
    pub broken: InvariantSet,
}

/// The model of one choice.
pub struct FullSyncModel {
    pub(super) setup: Setup,
    pub(super) alphabet: Vec<Request>,
    pub(super) policy: Arc<dyn ExpiryPolicy + Send + Sync>,
    pub(super) masters: Interner<Master<MemoryStore>, Dump>,
    pub(super) logs: Interner<Log>,
    /// The lists of entries that checksums cover.
    pub(super) summed: Interner<Vec<Entry>>,
    pub(super) generations: Interner<Generation, Dump>,
    pub(super) copies: Interner<Copying>,
    pub(super) moments: Interner<Vec<Arc<Visible>>>,
    /// For a master, its log, a command and the time: the numbers of master and log after the command.
    pub(super) written: Memo<(u32, u32, usize, u64), (u32, u32)>,
    /// For a generation, the master's log and the time: the number of the generation after the next entry, if it may come next.
    pub(super) delivered: Memo<(u32, u32, u64), Option<u32>>,
    pub(super) moments_after: Memo<(u32, u32, u64, u64), u32>,
    /// For a generation and the moments: the moments after a look, if it shows one of them, and whether it shows less than the last.
    pub(super) looks: Memo<(u32, u32), (Option<u32>, bool)>,
    /// For a master, its log and the time: the numbers of master and log after a heartbeat.
    pub(super) told: Memo<(u32, u32, u64), (u32, u32)>,
    /// For a generation, a master, its log and the first entry in it: the generation and the link after the handshake.
    pub(super) answers: Memo<(u32, u32, u32, Lsn), (u32, Link)>,
    /// For a master, a generation and the time: whether both store the same.
    pub(super) equal: Memo<(u32, u32, u64), bool>,
    /// Whether a state comes to rest. Parts of the state that cannot change this are left out.
    pub(super) rests: Memo<State, bool>,
    pub(super) witnesses: Witnesses,
}

impl FullSyncModel {
    /// Makes the model of this setup.
    pub fn new(setup: Setup) -> FullSyncModel {
        FullSyncModel {
            alphabet: scenario::requests(setup.alphabet),
            setup,
            policy: Policy::LogClock.get(),
            masters: Interner::new(),
            logs: Interner::new(),
            summed: Interner::new(),
            generations: Interner::new(),
            copies: Interner::new(),
            moments: Interner::new(),
            written: Memo::new(),
            delivered: Memo::new(),
            moments_after: Memo::new(),
            looks: Memo::new(),
            told: Memo::new(),
            answers: Memo::new(),
            equal: Memo::new(),
            rests: Memo::new(),
            witnesses: Witnesses::default(),
        }
    }

    pub(super) fn choice(&self) -> Choice {
        self.setup.choice
    }

    /// The master's clock.
    pub(super) fn now(&self, state: &State) -> Millis {
        Millis(START.0 + state.elapsed)
    }

    pub(super) fn master(&self, state: &State) -> &Master<MemoryStore> {
        self.masters.value(state.master)
    }

    pub(super) fn master_dump(&self, state: &State) -> &Dump {
        self.masters.facts(state.master, |master| dump(master.store()).expect(MEMORY))
    }

    pub(super) fn log(&self, state: &State) -> &Log {
        self.logs.value(state.log)
    }

    pub(super) fn current(&self, state: &State) -> &Generation {
        self.generations.value(state.current)
    }

    /// The data that readers of a generation see.
    pub(super) fn shown(&self, generation: u32) -> &Dump {
        self.generations.facts(generation, |generation| dump(generation.side.shown()).expect(MEMORY))
    }

    /// A master that has run these commands, and its log.
    fn ran(&self, lines: &[&str], epoch: Epoch) -> (Master<MemoryStore>, Log) {
        let (mut master, mut log) = (Master::new(MemoryStore::new(), epoch), Log::new());
        for request in scenario::requests(lines) {
            for entry in request.run(&mut master, &*self.policy, (START, DRAWN)).expect(MEMORY) {
                log.append(entry).expect("a master's own entry comes next");
            }
        }
        (master, log)
    }

    /// The data that the replica has at the beginning.
    fn old(&self) -> Generation {
        let (master, log) = self.ran(OLD, EPOCHS[1]);
        let running = self.checksum(&log, log.last());
        let end = End { last: log.last(), time: master.time(), epochs: log.epochs().to_vec(), running };
        let log_time = LogTime::at(master.time(), Elapsed::default());
        let replica = Replica::new(log.last(), log_time, None, Readers::In);
        Generation { side: SerialReplica::new(replica, master.into_store()), end, copied: None }
    }

    /// The possible steps of clients, of the master alone, and the possible faults.
    fn others(&self, state: &State, actions: &mut Vec<Action>) {
        let setup = &self.setup;
        if state.writes < setup.writes_max {
            actions.extend((0..self.alphabet.len()).map(Action::Write));
        }
        if state.passes < setup.passes_max {
            actions.push(Action::Pass);
        }
        actions.extend(self.dead_key(state).map(|_| Action::Remove));
        if state.first < self.needed(state) {
            actions.push(Action::Purge);
        }
        actions.extend(state.kept.map(|_| Action::Late));
        if matches!(state.link, Link::Copying(_) | Link::Up) && state.cuts < setup.cuts_max {
            actions.push(Action::Cut);
        }
        if state.crashes < setup.crashes_max {
            actions.push(Action::Crash);
        }
    }

    /// The steps of replica, link and master that bring the replica up to date.
    pub(super) fn work(&self, state: &State, actions: &mut Vec<Action>) {
        match state.link {
            // The replica of the old role is stopped.
            _ if state.ready.is_some() => actions.push(Action::Switch),
            Link::Down => actions.push(Action::Connect),
            Link::Refused => actions.push(Action::Ask),
            Link::Copying(copy) => {
                let copying = self.copies.value(copy);
                actions.push(if copying.has_begun() { Action::Arrive } else { Action::Snapshot });
                actions.extend(self.next_streamed(state, copying).map(|_| Action::Stream));
            }
            Link::Up if self.next_entry(state).is_some() => actions.push(Action::Deliver),
            Link::Up => {
                let replica = self.current(state).side.replica();
                let waits = replica.readers() != Readers::In || replica.heard() < self.now(state);
                actions.extend(waits.then_some(Action::Heartbeat));
            }
            Link::Stopped => {}
        }
    }

    /// The state after `action`, and whether the replica was refused without cause; nothing else is judged. `None`: the action is
    /// not possible.
    pub(super) fn after(&self, state: &State, action: Action) -> Option<(State, bool)> {
        let mut next = State { broken: InvariantSet::default(), ..*state };
        match action {
            Action::Write(number) => self.write(&mut next, number)?,
            Action::Pass => {
                next.elapsed += super::PASS_MS;
                next.passes += 1;
            }
            Action::Remove => self.remove(&mut next)?,
            Action::Purge => next.first = self.needed(state),
            Action::Late => next.kept = None,
            Action::Cut => self.cut(&mut next),
            Action::Crash => self.crash(&mut next),
            Action::Connect => return Some(self.connect(next)),
            Action::Ask => self.ask(&mut next),
            Action::Snapshot => self.snapshot(&mut next)?,
            Action::Arrive => self.arrive(&mut next)?,
            Action::Stream => self.stream(&mut next)?,
            Action::Switch => next.current = next.ready.take()?,
            Action::Deliver => self.deliver(&mut next)?,
            Action::Heartbeat => self.heartbeat(&mut next),
        }
        Some((next, false))
    }
}

impl Model for FullSyncModel {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        let (master, log) = self.ran(BEFORE, EPOCHS[0]);
        let sees = |store: &MemoryStore| Arc::new(invariant::visible(&dump(store).expect(MEMORY), START));
        let old = self.old();
        let moments = vec![sees(old.side.shown()), sees(master.store())];
        vec![State {
            master: self.masters.number(master),
            log: self.logs.number(log),
            first: Lsn(1),
            kept: None,
            removed: Millis::ZERO,
            link: Link::Down,
            current: self.generations.number(old),
            ready: None,
            moments: self.moments.number(moments),
            elapsed: 0,
            writes: 0,
            passes: 0,
            cuts: 0,
            crashes: 0,
            broken: InvariantSet::default(),
        }]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        self.work(state, actions);
        self.others(state, actions);
    }

    fn next_state(&self, state: &State, action: Action) -> Option<State> {
        let (next, is_refused_wrongly) = self.after(state, action)?;
        Some(self.observed(state, next, is_refused_wrongly))
    }

    fn properties(&self) -> Vec<Property<Self>> {
        let holds: [fn(&Self, &State) -> bool; INVARIANTS.len()] = [
            |_, state| !state.broken.has(0),
            |_, state| !state.broken.has(1),
            |_, state| !state.broken.has(2),
            |_, state| !state.broken.has(3),
        ];
        INVARIANTS.iter().zip(holds).map(|(name, holds)| Property::always(name.name(), holds)).collect()
    }
}

impl Judged for FullSyncModel {
    fn invariants(&self) -> &'static [Invariant] {
        INVARIANTS
    }

    fn sometimes(&self) -> &'static [&'static str] {
        invariants::FULL_SYNC.sometimes
    }

    fn broken(&self, state: &State) -> InvariantSet {
        state.broken
    }

    fn witnesses(&self) -> &Witnesses {
        &self.witnesses
    }

    fn is_rare(&self, action: &Action) -> bool {
        matches!(action, Action::Cut | Action::Crash)
    }
}

//! The model itself: states, actions, transitions.

use super::session::{End, Session, length_at};
use super::{Choice, INVARIANTS, Setup};
use crate::binlog::{Entry, Epoch, Log, Lsn};
use crate::models::intern::{Interner, Memo};
use crate::models::invariants::{self, Invariant};
use crate::models::judged::{InvariantSet, Judged, Witnesses};
use crate::replication::Ack;
use stateright::{Model, Property};

/// One of the two nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Side {
    /// The master.
    Master,
    /// The replica.
    Replica,
}

impl Side {
    /// Both.
    pub const BOTH: [Side; 2] = [Side::Master, Side::Replica];

    pub(super) fn index(self) -> usize {
        usize::from(self == Side::Replica)
    }
}

/// A fault of the network, which happens to the messages on their way to one side.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    /// The oldest is lost.
    Lost,
    /// The oldest comes twice.
    Repeated,
    /// The two oldest change places.
    Swapped,
    /// A bit at the end of the oldest, in a checksum, is another.
    Damaged,
    /// A bit in the length of the oldest, an entry, is another, so the message seems to go on.
    Lengthened,
}

impl Fault {
    /// All faults.
    pub const ALL: &[Fault] =
        &[Fault::Lost, Fault::Repeated, Fault::Swapped, Fault::Damaged, Fault::Lengthened];
}

/// A step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// A client writes to the master.
    Write,
    /// A node's log is made durable.
    Sync(Side),
    /// The replica applies the next entry.
    Apply,
    /// The replica connects; the master answers its hello.
    Connect,
    /// The master's whole store is copied.
    Copy,
    /// The master sends its next messages.
    Send,
    /// The replica sends an ack.
    Ack,
    /// The oldest message on its way to this side arrives.
    Arrive(Side),
    /// A message has arrived in part, and nothing more comes: the replica hangs up.
    GiveUp,
    /// The network does this to messages on their way to that side.
    Fail(Side, Fault),
    /// The connection is cut.
    Cut,
    /// A node is killed, loses this many entries that are not durable, and starts again.
    Kill(Side, u8),
}

/// A state of the model, made of the numbers of interned parts and of small counters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct State {
    /// Numbers of the logs of master and replica.
    pub logs: [u32; 2],
    /// The last entry of each log that a kill cannot lose.
    pub durable: [Lsn; 2],
    /// The last entry that the replica's readers see.
    pub applied: Lsn,
    /// The master's epoch.
    pub epoch: Epoch,
    /// Number of epochs begun. It stands for the bits that the last one drew.
    pub drawn: u32,
    /// Number of the connection; `None`: there is none.
    pub session: Option<u32>,
    /// Whether the replica was refused, and will ask for the whole store.
    pub is_refused: bool,
    /// The replica's acks that the master keeps after a connection, under choices that keep them.
    pub kept: Ack,
    /// Number of writes so far.
    pub writes: u8,
    /// Number of faults of the network so far.
    pub faults: u8,
    /// Number of kills so far.
    pub kills: u8,
    /// The invariants that the last step broke.
    pub broken: InvariantSet,
}

/// The model of one choice.
pub struct ReplicationModel {
    pub(super) setup: Setup,
    pub(super) logs: Interner<Log>,
    pub(super) sessions: Interner<Session>,
    /// The lists of entries that checksums cover.
    pub(super) summed: Interner<Vec<Entry>>,
    /// For two logs: whether the first is a beginning of the second.
    pub(super) beginnings: Memo<(u32, u32), bool>,
    /// Whether a state comes to rest. Parts of the state that cannot change this are left out.
    pub(super) rests: Memo<State, bool>,
    pub(super) witnesses: Witnesses,
}

impl ReplicationModel {
    /// Makes the model of this setup.
    pub fn new(setup: Setup) -> ReplicationModel {
        ReplicationModel {
            setup,
            logs: Interner::new(),
            sessions: Interner::new(),
            summed: Interner::new(),
            beginnings: Memo::new(),
            rests: Memo::new(),
            witnesses: Witnesses::default(),
        }
    }

    pub(super) fn choice(&self) -> Choice {
        self.setup.choice
    }

    pub(super) fn log(&self, state: &State, side: Side) -> &Log {
        self.logs.value(state.logs[side.index()])
    }

    pub(super) fn session(&self, state: &State) -> Option<&Session> {
        state.session.map(|session| self.sessions.value(session))
    }

    /// The steps that bring the replica up to date. Whether it comes to rest is judged by taking the first of them again and again.
    pub(super) fn work(&self, state: &State, actions: &mut Vec<Action>) {
        for side in Side::BOTH {
            if state.durable[side.index()] < self.log(state, side).last() {
                actions.push(Action::Sync(side));
            }
        }
        if state.applied < self.log(state, Side::Replica).last() {
            actions.push(Action::Apply);
        }
        let Some(session) = self.session(state) else {
            actions.push(if state.is_refused { Action::Copy } else { Action::Connect });
            return;
        };
        // The replica's first ack goes out at once.
        if self.has_to_ack(state, session) {
            actions.push(Action::Ack);
        }
        let held = Side::BOTH.into_iter().filter(|side| !session.held(*side).is_empty());
        actions.extend(held.map(Action::Arrive));
        if self.has_to_send(state, session) {
            actions.push(Action::Send);
        }
        // The time limit is long: all messages under way arrive before it.
        let is_over = session.down.is_empty() && !self.has_to_send(state, session);
        if is_over && !session.partial.is_empty() && self.choice() != Choice::WaitsForEver {
            actions.push(Action::GiveUp);
        }
        if is_over && matches!(session.end, End::Asked(_)) {
            actions.push(Action::GiveUp);
        }
    }

    /// The possible steps of clients, and the possible faults.
    fn others(&self, state: &State, actions: &mut Vec<Action>) {
        if state.writes < self.setup.writes_max {
            actions.push(Action::Write);
        }
        if state.kills < self.setup.kills_max {
            for side in Side::BOTH {
                let lost_max = self.log(state, side).last().0 - state.durable[side.index()].0;
                let lost_max = u8::try_from(lost_max).unwrap_or(u8::MAX);
                actions.extend((0..=lost_max).map(|lost| Action::Kill(side, lost)));
            }
        }
        let Some(session) = self.session(state).filter(|_| state.faults < self.setup.faults_max) else {
            return;
        };
        actions.push(Action::Cut);
        for side in Side::BOTH {
            let possible = Fault::ALL.iter().filter(|fault| fault.may_be(session.held(side)));
            actions.extend(possible.map(|&fault| Action::Fail(side, fault)));
        }
    }

    /// The state after `action`, and whether the replica was refused without cause; nothing else is judged. `None`: the action is
    /// not possible.
    pub(super) fn after(&self, state: &State, action: Action) -> Option<(State, bool)> {
        let mut next = State { broken: InvariantSet::default(), ..*state };
        match action {
            Action::Write => self.write(&mut next)?,
            Action::Sync(side) => next.durable[side.index()] = self.log(state, side).last(),
            Action::Apply => next.applied = state.applied.next(),
            Action::Connect => return Some(self.connect(next)),
            Action::Copy => self.copy(&mut next),
            Action::Send => self.send(&mut next)?,
            Action::Ack => self.send_ack(&mut next)?,
            Action::Arrive(Side::Replica) => self.receive(&mut next)?,
            Action::Arrive(Side::Master) => self.take_ack(&mut next)?,
            Action::GiveUp => next.session = None,
            Action::Cut => (next.session, next.faults) = (None, state.faults + 1),
            Action::Fail(side, fault) => self.fail(&mut next, side, fault)?,
            Action::Kill(side, lost) => self.kill(&mut next, side, lost),
        }
        Some((next, false))
    }
}

impl Fault {
    /// Whether it can happen to these messages.
    pub(super) fn may_be(self, held: &[Vec<u8>]) -> bool {
        match self {
            Fault::Lost | Fault::Repeated | Fault::Damaged => !held.is_empty(),
            Fault::Swapped => held.len() > 1 && held[0] != held[1],
            Fault::Lengthened => held.first().is_some_and(|first| length_at(first).is_some()),
        }
    }
}

impl Model for ReplicationModel {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        let empty = self.logs.number(Log::new());
        let mut state = State {
            logs: [empty, empty],
            durable: [Lsn::NONE; 2],
            applied: Lsn::NONE,
            epoch: Epoch::default(),
            drawn: 0,
            session: None,
            is_refused: false,
            kept: Ack::default(),
            writes: 0,
            faults: 0,
            kills: 0,
            broken: InvariantSet::default(),
        };
        self.start_master(&mut state);
        vec![state]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        self.work(state, actions);
        self.others(state, actions);
    }

    fn next_state(&self, state: &State, action: Action) -> Option<State> {
        let (next, is_refused_wrongly) = self.after(state, action)?;
        Some(self.judged(next, is_refused_wrongly))
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

impl Judged for ReplicationModel {
    fn invariants(&self) -> &'static [Invariant] {
        INVARIANTS
    }

    fn sometimes(&self) -> &'static [&'static str] {
        invariants::REPLICATION.sometimes
    }

    fn broken(&self, state: &State) -> InvariantSet {
        state.broken
    }

    fn witnesses(&self) -> &Witnesses {
        &self.witnesses
    }

    fn is_rare(&self, action: &Action) -> bool {
        matches!(action, Action::Fail(..) | Action::Cut | Action::Kill(..))
    }
}

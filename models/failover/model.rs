//! The model itself: states, actions, transitions.

use super::{Choice, Fault, INVARIANTS, Setup, WRITES_MAX};
use crate::binlog::{Entry, Epoch, Log, Lsn, Payload};
use crate::models::intern::{Interner, Memo};
use crate::models::invariants::{self, Invariant};
use crate::models::judged::{InvariantSet, Judged, Witnesses};
use crate::models::scenario;
use stateright::{Model, Property};

/// One of the three nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Node {
    /// The node that is master at the beginning.
    A,
    /// A replica at the beginning.
    B,
    /// The other replica.
    C,
}

impl Node {
    /// All of them.
    pub const ALL: [Node; 3] = [Node::A, Node::B, Node::C];

    /// Its number.
    pub fn index(self) -> usize {
        self as usize
    }

    /// The node that is neither this one nor `other`; one of the others if both are the same.
    pub(super) fn third(self, other: Node) -> Node {
        Node::ALL.into_iter().find(|node| ![self, other].contains(node)).unwrap_or(self)
    }
}

/// The role in which a node acts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// A master.
    Master,
    /// A replica of this node.
    Follows(Node),
}

/// A follower's connection to the node that it follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Link {
    /// There is none.
    Down,
    /// There is none, and there never was one to this node since it became master.
    New,
    /// It is sent the log.
    Up,
    /// It was refused and does not connect again.
    Stopped,
}

/// A node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Member {
    /// Number of its log.
    pub log: u32,
    /// The last entry that is durable in its log; 0 where this no longer matters.
    pub durable: Lsn,
    /// The last entry that it has said to have received; 0 where it says so of what it has written.
    pub told: Lsn,
    /// The file `node`: the epoch that it began last.
    pub noted: Epoch,
    /// Its role.
    pub role: Role,
    /// Its connection; a master has none.
    pub link: Link,
    /// Whether its master has accepted it since it was told to follow; false where this does not matter.
    pub is_accepted: bool,
    /// Whether clients that write to it wait, because a replica takes over.
    pub waits: bool,
}

/// The outcome of a client's write so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Written {
    /// It was not sent yet.
    Not,
    /// The client of this node waits.
    Waits(Node),
    /// The client of this node was told that it is done.
    Acknowledged(Node),
    /// The client waits no longer: the node started again, or is no master any more.
    GivenUp,
}

/// A step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// A client sends the next write to this node.
    Write(Node),
    /// The client is told that this write is done.
    Acknowledge(usize),
    /// This replica says that it has received the next entry, and has not written it yet.
    Tell(Node),
    /// This replica receives the next entry.
    Receive(Node),
    /// All of this node's log becomes durable.
    Sync(Node),
    /// This replica connects to its master: it resumes, or gets a copy.
    Connect(Node),
    /// This node is killed and starts again.
    Kill(Node),
    /// This node loses power and starts again.
    LosePower(Node),
    /// This replica is promoted.
    Promote(Node),
    /// This node is told to follow the one that was promoted last.
    Follow(Node),
}

/// A state of the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct State {
    /// The nodes.
    pub members: [Member; 3],
    /// The node that was promoted last.
    pub current: Node,
    /// The writes.
    pub writes: [Written; WRITES_MAX],
    /// Number of promotions.
    pub promotions: u8,
    /// Number of kills.
    pub kills: u8,
    /// Number of losses of power.
    pub losses: u8,
    /// Number of epochs begun. It stands for the bits that the last one drew.
    pub drawn: u32,
    /// The invariants that the last step broke.
    pub broken: InvariantSet,
}

impl State {
    /// A node.
    pub fn member(&self, node: Node) -> &Member {
        &self.members[node.index()]
    }

    pub(super) fn member_mut(&mut self, node: Node) -> &mut Member {
        &mut self.members[node.index()]
    }

    /// The master that a node follows, if that one acts as master.
    pub(super) fn master_of(&self, node: Node) -> Option<Node> {
        match self.member(node).role {
            Role::Follows(master) if self.member(master).role == Role::Master => Some(master),
            _ => None,
        }
    }

    /// Number of writes so far.
    pub(super) fn written(&self) -> usize {
        self.writes.iter().filter(|write| **write != Written::Not).count()
    }
}

/// The model of one choice.
pub struct FailoverModel {
    pub(super) setup: Setup,
    pub(super) contents: Vec<Payload>,
    pub(super) logs: Interner<Log>,
    /// For a log, an epoch and the number of a write: the log with it.
    pub(super) appended: Memo<(u32, Epoch, usize), u32>,
    /// For a log and the master's log: the log with the next entry, if the log takes it.
    pub(super) received: Memo<(u32, u32), Option<u32>>,
    /// The lists of entries that checksums cover.
    pub(super) summed: Interner<Vec<Entry>>,
    /// For the master's log, its epoch, the follower's log and whether the master knows its own history: whether it resumes.
    pub(super) handshakes: Memo<(u32, Epoch, u32, bool), bool>,
    /// For the master's log, its epoch and the follower's log: whether the follower receives everything in the end.
    pub(super) comes: Memo<(u32, Epoch, u32), bool>,
    /// For two logs: whether the first is a beginning of the second.
    pub(super) beginnings: Memo<(u32, u32), bool>,
    pub(super) witnesses: Witnesses,
}

impl FailoverModel {
    /// Makes the model of this setup.
    pub fn new(setup: Setup) -> FailoverModel {
        FailoverModel {
            setup,
            contents: scenario::commands(&super::CONTENTS).into_iter().map(Payload::Command).collect(),
            logs: Interner::new(),
            appended: Memo::new(),
            received: Memo::new(),
            summed: Interner::new(),
            handshakes: Memo::new(),
            comes: Memo::new(),
            beginnings: Memo::new(),
            witnesses: Witnesses::default(),
        }
    }

    pub(super) fn choice(&self) -> Choice {
        self.setup.choice
    }

    pub(super) fn has(&self, fault: Fault) -> bool {
        self.choice().fault() == Some(fault)
    }

    /// A node's log.
    pub fn log(&self, state: &State, node: Node) -> &Log {
        self.logs.value(state.member(node).log)
    }

    /// Whether durability matters: an acknowledgement counts it, or a loss of power may still come.
    pub(super) fn minds_durable(&self, state: &State) -> bool {
        let may_lose = state.losses < self.setup.scenario.losses_max;
        may_lose || self.choice().acknowledged().counts_durable()
    }

    /// The possible steps of clients, and of the nodes by themselves.
    fn work(&self, state: &State, actions: &mut Vec<Action>) {
        let may_write = state.written() < usize::from(self.setup.scenario.writes_max);
        for node in Node::ALL {
            let (member, last) = (state.member(node), self.log(state, node).last());
            if member.role == Role::Master && !member.waits && may_write {
                actions.push(Action::Write(node));
            }
            if let Some(master) = state.master_of(node) {
                let next = self.log(state, master).last() > last;
                match member.link {
                    Link::Down | Link::New => actions.push(Action::Connect(node)),
                    Link::Up if next => self.receives(member, last, node, actions),
                    Link::Up | Link::Stopped => {}
                }
            }
            if self.minds_durable(state) && member.durable < last {
                actions.push(Action::Sync(node));
            }
        }
        let writes = 0..state.written();
        actions.extend(writes.filter(|&write| self.is_done(state, write)).map(Action::Acknowledge));
    }

    /// A replica that is sent the next entry.
    fn receives(&self, member: &Member, last: Lsn, node: Node, actions: &mut Vec<Action>) {
        if self.has(Fault::EarlyAck) && member.told <= last {
            actions.push(Action::Tell(node));
        }
        actions.push(Action::Receive(node));
    }

    /// The possible steps of operators, and the possible accidents.
    fn others(&self, state: &State, actions: &mut Vec<Action>) {
        for node in Node::ALL {
            if self.may_be_promoted(state, node) {
                actions.push(Action::Promote(node));
            }
            if self.has_written(state, node) && !self.is_led(state, node) {
                actions.push(Action::Follow(node));
            }
            if state.kills < self.setup.scenario.kills_max {
                actions.push(Action::Kill(node));
            }
            if self.may_lose_power(state, node) {
                actions.push(Action::LosePower(node));
            }
        }
    }
}

impl Model for FailoverModel {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        let member = Member {
            log: self.logs.number(Log::new()),
            durable: Lsn::NONE,
            told: Lsn::NONE,
            noted: Epoch(0),
            role: Role::Follows(Node::A),
            link: Link::Up,
            is_accepted: self.minds_accepted(),
            waits: false,
        };
        let mut state = State {
            members: [member; 3],
            current: Node::A,
            writes: [Written::Not; WRITES_MAX],
            promotions: 0,
            kills: 0,
            losses: 0,
            drawn: 0,
            broken: InvariantSet::default(),
        };
        // All nodes begin empty, and the replicas connected.
        self.begin(&mut state, Node::A, false);
        vec![state]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        self.work(state, actions);
        self.others(state, actions);
    }

    fn next_state(&self, state: &State, action: Action) -> Option<State> {
        let mut next = State { broken: InvariantSet::default(), ..*state };
        let mut is_refused_wrongly = false;
        match action {
            Action::Write(node) => self.write(&mut next, node)?,
            Action::Acknowledge(write) => self.acknowledge(&mut next, write)?,
            Action::Tell(node) => next.member_mut(node).told = self.log(state, node).last().next(),
            Action::Receive(node) => self.receive(&mut next, node)?,
            Action::Sync(node) => next.member_mut(node).durable = self.log(state, node).last(),
            Action::Connect(node) => is_refused_wrongly = self.connect(&mut next, node)?,
            Action::Kill(node) => self.kill(&mut next, node),
            Action::LosePower(node) => self.lose_power(&mut next, node),
            Action::Promote(node) => self.promote(&mut next, node),
            Action::Follow(node) => self.follow(&mut next, node),
        }
        if !self.minds_durable(&next) {
            next.members.iter_mut().for_each(|member| member.durable = Lsn::NONE);
        }
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

impl Judged for FailoverModel {
    fn invariants(&self) -> &'static [Invariant] {
        INVARIANTS
    }

    fn sometimes(&self) -> &'static [&'static str] {
        invariants::FAILOVER.sometimes
    }

    fn broken(&self, state: &State) -> InvariantSet {
        state.broken
    }

    fn witnesses(&self) -> &Witnesses {
        &self.witnesses
    }

    fn is_rare(&self, action: &Action) -> bool {
        matches!(action, Action::Kill(_) | Action::LosePower(_) | Action::Promote(_))
    }
}

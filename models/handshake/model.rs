//! The handshake model itself: states, actions, transitions.

use super::{CONTENTS, Event, Fault, INVARIANTS, Setup};
use crate::binlog::{Entry, Epoch, Log, Payload};
use crate::models::intern::{Interner, Memo};
use crate::models::invariants::{self, Invariant};
use crate::models::judged::{InvariantSet, Judged, Witnesses};
use crate::models::scenario;
use stateright::{Model, Property};

/// One of the two nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Node {
    /// The node that is master at the beginning.
    A,
    /// The other node.
    B,
}

impl Node {
    pub(super) fn index(self) -> usize {
        usize::from(self == Node::B)
    }

    pub(super) fn other(self) -> Node {
        if self == Node::A { Node::B } else { Node::A }
    }
}

/// A node's folder. It records the node's role and epoch before the node takes a write; a process has no other state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Folder {
    /// Number of its log.
    pub log: u32,
    /// The file `node`: the epoch that was last begun in this folder; 0 if it names none.
    pub noted: Epoch,
    /// The file `node`: whether the node follows a master.
    pub follower: bool,
    /// Whether its files say that no entry can be lost. With fsync *always* they say so while the node runs, too.
    pub clean: bool,
}

/// How a node goes down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Down {
    /// It is stopped, or killed when everything is durable.
    Stopped,
    /// It is killed when not everything is durable; this many entries are lost.
    Killed(u8),
}

/// The folder that a node starts with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum With {
    /// Its own folder.
    Own,
    /// The copy.
    Copy,
    /// Its own folder, from which the file `node` was removed.
    NodeRemoved,
}

/// A step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// A client sends this write to a master.
    Write {
        /// Which node.
        node: Node,
        /// Number of the content that it writes.
        content: usize,
        /// Whether log time has advanced since the previous entry.
        later: bool,
    },
    /// The replica receives the next entry.
    Deliver,
    /// The link breaks.
    Cut,
    /// The replica connects, and says how far its log goes.
    Connect,
    /// A node goes down and starts again. This covers a running node that changes its role, as it opens its folder again,
    /// too.
    Restart {
        /// Which node.
        node: Node,
        /// How it goes down.
        down: Down,
        /// The folder that it starts with.
        with: With,
        /// Whether it starts as master; otherwise as replica.
        as_master: bool,
    },
    /// The folder of a node is copied, while the node may be running.
    Copy(Node),
    /// A snapshot of a master's machine is taken.
    Snapshot(Node),
    /// The machine returns to its snapshot.
    Revert,
}

/// A state of the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct State {
    /// The folders of both nodes.
    pub folders: [Folder; 2],
    /// Whether the link is up.
    pub is_up: bool,
    /// The copy, and which node's folder it is of.
    pub copy: Option<(Node, Folder)>,
    /// The snapshot, and which node's machine it is of.
    pub snapshot: Option<(Node, Folder)>,
    /// Whether the machine has returned to it.
    pub reverted: bool,
    /// Number of epochs begun. It stands for the bits that the last one drew.
    pub drawn: u32,
    /// Number of writes so far.
    pub writes: u8,
    /// Whether log time has advanced since the start.
    pub is_later: bool,
    /// Number of starts so far, not counting the first start of each node.
    pub starts: u8,
    /// The invariants that the last step broke.
    pub broken: InvariantSet,
}

impl State {
    pub(super) fn folder(&self, node: Node) -> &Folder {
        &self.folders[node.index()]
    }

    /// The node that is master while the other node is a replica; `None` if there is no such pair.
    pub(super) fn master(&self) -> Option<Node> {
        match self.folders.map(|folder| folder.follower) {
            [false, true] => Some(Node::A),
            [true, false] => Some(Node::B),
            _ => None,
        }
    }
}

/// The model of one way to distinguish histories.
pub struct HandshakeModel {
    pub(super) setup: Setup,
    pub(super) contents: Vec<Payload>,
    pub(super) logs: Interner<Log>,
    pub(super) appended: Memo<(u32, Epoch, usize, bool), u32>,
    /// The lists of entries that checksums cover.
    pub(super) summed: Interner<Vec<Entry>>,
    /// For the master's log, its epoch and the replica's log: whether the replica resumes.
    pub(super) handshakes: Memo<(u32, Epoch, u32), bool>,
    /// For two logs: whether the first is a beginning of the second.
    pub(super) beginnings: Memo<(u32, u32), bool>,
    pub(super) witnesses: Witnesses,
}

impl HandshakeModel {
    /// Makes the model of this setup.
    pub fn new(setup: Setup) -> HandshakeModel {
        let contents = scenario::commands(&CONTENTS);
        HandshakeModel {
            setup,
            contents: contents.into_iter().map(Payload::Command).collect(),
            logs: Interner::new(),
            appended: Memo::new(),
            summed: Interner::new(),
            handshakes: Memo::new(),
            beginnings: Memo::new(),
            witnesses: Witnesses::default(),
        }
    }

    fn writes(&self, state: &State, actions: &mut Vec<Action>) {
        if state.writes == self.setup.scenario.writes_max {
            return;
        }
        for node in [Node::A, Node::B].into_iter().filter(|node| !state.folder(*node).follower) {
            // Contents differ only in their names, so the first write is always the first content.
            let contents = if state.writes == 0 { 1 } else { self.contents.len() };
            for later in [false, true].into_iter().filter(|later| !later || !state.is_later) {
                actions.extend((0..contents).map(|content| Action::Write { node, content, later }));
            }
        }
    }

    fn link(&self, state: &State, actions: &mut Vec<Action>) {
        if !state.is_up {
            actions.extend(state.master().map(|_| Action::Connect));
            return;
        }
        if self.setup.may(Event::Cut) {
            actions.push(Action::Cut);
        }
        if self.next_entry(state).is_some() {
            actions.push(Action::Deliver);
        }
    }

    fn restarts(&self, state: &State, node: Node, actions: &mut Vec<Action>) {
        let setup = &self.setup;
        if state.starts == setup.scenario.starts_max {
            return;
        }
        let folder = state.folder(node);
        let mut ends = vec![(Down::Stopped, With::Own)];
        if setup.may(Event::Kill) {
            let lost_max = u8::from(self.log(folder).last().0 > 0);
            ends.extend((0..=lost_max).map(|lost| (Down::Killed(lost), With::Own)));
        }
        let put_back =
            if state.copy.is_some_and(|(from, _)| from == node) { Event::Restore } else { Event::Clone };
        if state.copy.is_some() && setup.may(put_back) {
            ends.push((Down::Stopped, With::Copy));
        }
        if setup.may(Event::Removal) {
            ends.push((Down::Stopped, With::NodeRemoved));
        }
        for (down, with) in ends {
            for as_master in [!folder.follower, folder.follower] {
                let is_other_role = as_master == folder.follower;
                let is_aimless = with == With::NodeRemoved && !as_master;
                if (!is_other_role || setup.may(Event::Promotion)) && !is_aimless {
                    actions.push(Action::Restart { node, down, with, as_master });
                }
            }
        }
    }

    fn copies(&self, state: &State, actions: &mut Vec<Action>) {
        let copies = self.setup.may(Event::Restore) || self.setup.may(Event::Clone);
        if copies && state.copy.is_none() {
            actions.extend([Node::A, Node::B].map(Action::Copy));
        }
        if !self.setup.may(Event::Revert) {
            return;
        }
        match state.snapshot {
            None => {
                let masters = [Node::A, Node::B].into_iter().filter(|node| !state.folder(*node).follower);
                actions.extend(masters.map(Action::Snapshot));
            }
            Some(_) => actions.extend((!state.reverted).then_some(Action::Revert)),
        }
    }
}

impl Model for HandshakeModel {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        let log = self.logs.number(Log::new());
        let folder = Folder { log, noted: Epoch(0), follower: true, clean: true };
        let mut state = State {
            folders: [folder, folder],
            is_up: false,
            copy: None,
            snapshot: None,
            reverted: false,
            drawn: 0,
            writes: 0,
            is_later: false,
            starts: 0,
            broken: InvariantSet::default(),
        };
        self.start(&mut state, Node::A, true);
        // Both nodes begin empty and connected.
        vec![State { is_up: true, ..state }]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        self.writes(state, actions);
        self.link(state, actions);
        for node in [Node::A, Node::B] {
            self.restarts(state, node, actions);
        }
        self.copies(state, actions);
    }

    fn next_state(&self, state: &State, action: Action) -> Option<State> {
        let mut next = State { broken: InvariantSet::default(), ..*state };
        let mut is_refused_wrongly = false;
        match action {
            Action::Write { node, content, later } => self.write(&mut next, node, content, later),
            Action::Deliver => self.deliver(&mut next)?,
            Action::Cut => next.is_up = false,
            Action::Connect => is_refused_wrongly = self.connect(&mut next)?,
            Action::Restart { node, down, with, as_master } => {
                self.restart(&mut next, node, (down, with), as_master)?;
            }
            Action::Copy(node) => next.copy = Some((node, *state.folder(node))),
            Action::Snapshot(node) => next.snapshot = Some((node, *state.folder(node))),
            Action::Revert => {
                let (node, folder) = state.snapshot?;
                next.folders[node.index()] = folder;
                (next.reverted, next.is_up) = (true, false);
            }
        }
        let parted = next.is_up && !self.is_beginning(&next)?;
        let broken = InvariantSet::default().with(0, parted).with(1, is_refused_wrongly);
        Some(State { broken, ..next })
    }

    fn properties(&self) -> Vec<Property<Self>> {
        let holds: [fn(&Self, &State) -> bool; INVARIANTS.len()] =
            [|_, state| !state.broken.has(0), |_, state| !state.broken.has(1)];
        INVARIANTS.iter().zip(holds).map(|(name, holds)| Property::always(name.name(), holds)).collect()
    }
}

impl Judged for HandshakeModel {
    fn invariants(&self) -> &'static [Invariant] {
        INVARIANTS
    }

    fn sometimes(&self) -> &'static [&'static str] {
        invariants::HANDSHAKE.sometimes
    }

    fn broken(&self, state: &State) -> InvariantSet {
        state.broken
    }

    fn witnesses(&self) -> &Witnesses {
        &self.witnesses
    }

    fn is_rare(&self, action: &Action) -> bool {
        matches!(action, Action::Restart { .. } | Action::Revert)
    }
}

impl HandshakeModel {
    pub(super) fn log(&self, folder: &Folder) -> &Log {
        self.logs.value(folder.log)
    }

    pub(super) fn forgets_epochs(&self) -> bool {
        self.setup.fault == Some(Fault::ForgetsEpochs)
    }
}

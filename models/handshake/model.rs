//! The model: states, actions, transitions.

use super::{CONTENTS, Event, Fault, INVARIANTS, Setup};
use crate::binlog::{Entry, Epoch, Log, Payload};
use crate::models::intern::{Interner, Memo};
use crate::models::invariants::{self, Invariant};
use crate::models::judged::{InvariantSet, Judged, Witnesses};
use crate::models::scenario;
use crate::models::story::Story;
use stateright::{Model, Property};

/// Which node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Node {
    /// The one that is master at the beginning.
    A,
    /// The other.
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

/// A node's folder. What a node runs as, and in which epoch, stands in it before it takes a write: a process has nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Folder {
    /// Number of the log.
    pub log: u32,
    /// The file `node`: the last epoch that was begun here; 0 if it says none.
    pub noted: Epoch,
    /// The file `node`: whether the node follows a master.
    pub follower: bool,
    /// Whether its files say that nothing can be lost. With fsync *always* they say so while a node runs, too.
    pub clean: bool,
}

/// How a node goes down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Down {
    /// It is stopped, or killed when all is durable.
    Stopped,
    /// It is killed when not all is durable; so many entries are lost.
    Killed(u8),
}

/// What a node starts with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum With {
    /// Its folder.
    Own,
    /// The copy.
    Copy,
    /// Its folder, from which the file `node` was removed.
    NodeRemoved,
}

/// A step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// A client sends this write to a master.
    Write {
        /// To which.
        node: Node,
        /// Which of the contents.
        content: usize,
        /// Whether log time has gone on since the entry before.
        later: bool,
    },
    /// The replica receives the next entry.
    Deliver,
    /// The link breaks.
    Cut,
    /// The replica connects, and says where it is.
    Connect,
    /// A node goes down and starts again. A change of roles of a running node is the same: it opens its folder anew.
    Restart {
        /// Which.
        node: Node,
        /// How it goes down.
        down: Down,
        /// With what it starts.
        with: With,
        /// As what.
        as_master: bool,
    },
    /// The folder of a node, which may run, is copied.
    Copy(Node),
    /// A snapshot of a master's machine is taken.
    Snapshot(Node),
    /// The machine goes back to it.
    Revert,
}

/// A state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct State {
    /// The folders of both nodes.
    pub folders: [Folder; 2],
    /// Whether the link is up.
    pub is_up: bool,
    /// The copy, and whose it is.
    pub copy: Option<(Node, Folder)>,
    /// The snapshot, and of whose machine it is.
    pub snapshot: Option<(Node, Folder)>,
    /// Whether the machine went back to it.
    pub reverted: bool,
    /// Epochs begun: the bits that the last one drew.
    pub drawn: u32,
    /// Writes so far.
    pub writes: u8,
    /// Whether log time has gone on.
    pub is_later: bool,
    /// Starts so far, those at the beginning not counted.
    pub starts: u8,
    /// What the last step broke.
    pub broken: InvariantSet,
}

impl State {
    pub(super) fn folder(&self, node: Node) -> &Folder {
        &self.folders[node.index()]
    }

    /// The master, if the other node is a replica.
    pub(super) fn master(&self) -> Option<Node> {
        match self.folders.map(|folder| folder.follower) {
            [false, true] => Some(Node::A),
            [true, false] => Some(Node::B),
            _ => None,
        }
    }
}

/// The model of one choice.
pub struct HandshakeModel {
    pub(super) setup: Setup,
    pub(super) contents: Vec<Payload>,
    pub(super) logs: Interner<Log>,
    pub(super) appended: Memo<(u32, Epoch, usize, bool), u32>,
    /// What checksums are of.
    pub(super) summed: Interner<Vec<Entry>>,
    /// Of the master's log, its epoch, the replica's log: whether it resumes.
    pub(super) handshakes: Memo<(u32, Epoch, u32), bool>,
    /// Of two logs: whether the first is a beginning of the second.
    pub(super) beginnings: Memo<(u32, u32), bool>,
    pub(super) witnesses: Witnesses,
}

impl HandshakeModel {
    /// The model of these bounds.
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
            // Contents are alike but for their names: the first write is of the first.
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
        // Both had nothing when they met.
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
        let holds: [fn(&Self, &State) -> bool; 2] =
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

    fn take_over(&self, other: &Self) {
        self.witnesses.take_over(&other.witnesses);
    }

    fn is_rare(&self, action: &Action) -> bool {
        matches!(action, Action::Restart { .. } | Action::Revert)
    }

    fn story(&self, path: &[Action]) -> Story {
        super::story::tell(self, path)
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

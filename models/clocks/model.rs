//! The clocks model itself: states, actions, transitions.

use super::world::{World, key};
use super::{Fault, INVARIANTS, Setup, TICK_MS};
use crate::expiry::{ExpiryPolicy, Judging};
use crate::models::intern::Interner;
use crate::models::invariants::{self, Invariant};
use crate::models::judged::{InvariantSet, Judged, Witnesses};
use crate::models::scaled;
use crate::node::STEP_MS;
use crate::store::dump;
use stateright::{Model, Property};
use std::sync::Arc;

pub(super) const MEMORY: &str = "the store in memory does not fail";

/// A state of the model: the number of the world, and what the last step broke.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct State {
    /// Number of the `World`.
    pub world: u32,
    /// The invariants that the last step broke.
    pub broken: InvariantSet,
}

/// One of the two nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Node {
    /// The master.
    Master,
    /// The replica.
    Replica,
}

impl Node {
    pub(super) fn index(self) -> usize {
        usize::from(self == Node::Replica)
    }
}

/// A step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// A client sends this command of the alphabet to the master.
    Command(usize),
    /// The link delivers its oldest message.
    Deliver,
    /// A tick passes.
    Pass,
    /// The master sends a heartbeat.
    Heartbeat,
    /// The master removes the key. It is dead.
    MasterRemoves,
    /// The replica removes the key. It is dead by its policy.
    ReplicaRemoves,
    /// The wall clock of this node is set ahead by this many ticks; below 0: back.
    Step(Node, i8),
    /// A node is stopped or killed, and starts again after this many ticks.
    Restart {
        /// Which node.
        node: Node,
        /// Whether it is killed; otherwise it is stopped.
        is_killed: bool,
        /// How many ticks it is down.
        down: u8,
    },
}

/// The model of one policy, with or without steps of the wall clocks.
pub struct ClocksModel {
    pub(super) setup: Setup,
    pub(super) policy: Arc<dyn ExpiryPolicy + Send + Sync>,
    /// The clock by which the master counts log time.
    judging: Judging,
    pub(super) worlds: Interner<World>,
    pub(super) witnesses: Witnesses,
}

impl ClocksModel {
    /// Makes the model of this setup.
    pub fn new(setup: Setup) -> ClocksModel {
        let policy = scaled::policy(setup.choice.policy, TICK_MS);
        let judging = if setup.fault == Some(Fault::WallClock) { Judging::Local } else { policy.judging() };
        ClocksModel { setup, policy, judging, worlds: Interner::new(), witnesses: Witnesses::default() }
    }

    pub(super) fn world(&self, state: &State) -> &World {
        self.worlds.value(state.world)
    }

    /// Whether a heartbeat of the master would carry news.
    pub(super) fn has_news(&self, world: &World) -> bool {
        let mut clock = world.clock.clone();
        let now = world.now(0);
        let is_stepped =
            clock.pair(now).wall.0.abs_diff(clock.pair(now).log.offset(clock.offset_ms()).0) > STEP_MS;
        clock.read(now) > world.master.time() || (self.judging == Judging::LogTime && is_stepped)
    }

    fn removals(&self, world: &World, actions: &mut Vec<Action>) {
        let is_dead =
            |stored: &crate::store::Dump, by| stored.get(&key()).is_some_and(|stored| stored.is_dead(by));
        let now = world.clock.clone().read(world.now(0));
        if is_dead(&dump(world.master.store()).expect(MEMORY), now) {
            actions.push(Action::MasterRemoves);
        }
        let replica = world.side.replica.replica();
        if let Some(by) = replica.removes_at(&*self.policy, world.now(1).wall)
            && is_dead(&dump(world.side.replica.shown()).expect(MEMORY), by)
        {
            actions.push(Action::ReplicaRemoves);
        }
    }
}

impl Model for ClocksModel {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        let world = self.worlds.number(World::new(&self.setup, self.judging));
        vec![State { world, broken: InvariantSet::default() }]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        let (setup, world) = (&self.setup, self.world(state));
        let sent = usize::from(world.sent);
        if sent < setup.length_max {
            let symbols = if setup.is_program { sent..sent + 1 } else { 0..setup.alphabet.len() };
            actions.extend(symbols.map(Action::Command));
        }
        if !world.link.is_empty() {
            actions.push(Action::Deliver);
        }
        if world.passes < setup.passes_max {
            actions.push(Action::Pass);
        }
        if self.has_news(world) {
            actions.push(Action::Heartbeat);
        }
        self.removals(world, actions);
        for node in [Node::Master, Node::Replica] {
            if world.may_step {
                actions.extend([1, -1, 2, -2].map(|ticks| Action::Step(node, ticks)));
            }
        }
        for node in [Node::Master, Node::Replica] {
            if world.may_restart {
                let restart = |is_killed| (0..=2).map(move |down| Action::Restart { node, is_killed, down });
                actions.extend([false, true].into_iter().flat_map(restart));
            }
        }
    }

    fn next_state(&self, state: &State, action: Action) -> Option<State> {
        let mut world = self.world(state).clone();
        let policy = &*self.policy;
        match action {
            Action::Command(symbol) => world.command(policy, self.setup.alphabet.get(symbol)?),
            Action::Deliver => world.deliver(policy),
            Action::Pass => world.pass(),
            Action::Heartbeat => world.heartbeat(policy),
            Action::MasterRemoves => world.master_removes(policy),
            Action::ReplicaRemoves => world.replica_removes(policy),
            Action::Step(node, ticks) => world.step(node, ticks),
            Action::Restart { node: Node::Master, is_killed, down } => {
                world.restart_master(self.judging, is_killed, down);
            }
            Action::Restart { node: Node::Replica, is_killed, down } => {
                world.restart_replica(self.setup.fault, is_killed, down);
            }
        }
        let (broken, tested) = world.observed(self);
        self.witnesses.note(tested);
        Some(State { world: self.worlds.number(world), broken })
    }

    fn properties(&self) -> Vec<Property<Self>> {
        let holds: [fn(&Self, &State) -> bool; INVARIANTS.len()] = [
            |_, state| !state.broken.has(0),
            |_, state| !state.broken.has(1),
            |_, state| !state.broken.has(2),
            |_, state| !state.broken.has(3),
            |_, state| !state.broken.has(4),
        ];
        INVARIANTS.iter().zip(holds).map(|(name, holds)| Property::always(name.name(), holds)).collect()
    }
}

impl Judged for ClocksModel {
    fn invariants(&self) -> &'static [Invariant] {
        INVARIANTS
    }

    fn sometimes(&self) -> &'static [&'static str] {
        invariants::CLOCKS.sometimes
    }

    fn broken(&self, state: &State) -> InvariantSet {
        state.broken
    }

    fn witnesses(&self) -> &Witnesses {
        &self.witnesses
    }

    fn is_rare(&self, action: &Action) -> bool {
        matches!(action, Action::Step(..) | Action::Restart { .. })
    }
}

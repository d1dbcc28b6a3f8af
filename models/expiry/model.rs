//! The model: states, actions, transitions.

use super::checks::{self, Judgement};
use super::world::{Link, Message, Moments, ReplicaSide, Saw, wrote};
use crate::binlog::Epoch;
use crate::command::Command;
use crate::effect::Key;
use crate::expiry::log_clock::Reading;
use crate::expiry::{ExpiryPolicy, Judging, Removal};
use crate::invariant::{self, Visible};
use crate::models::intern::{Interner, Memo};
use crate::models::judged::{InvariantSet, Judged, Witnesses};
use crate::models::story::Story;
use crate::node::{Master, MasterInput, MasterOutput, ReplicaInput};
use crate::store::memory::MemoryStore;
use crate::store::{Dump, dump};
use crate::time::Millis;
use stateright::{Model, Property};
use std::sync::Arc;

const MEMORY: &str = "the store in memory does not fail";

/// Which invariants a model judges. They are apart because what readers know multiplies the states, and the
/// stored state does not depend on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Judges {
    /// `progress`, `same_value`, `same_deadline`, `no_immortal_key`.
    State,
    /// `no_resurrection`, `no_early_death`, `past_read`.
    Reads,
}

/// What is explored.
#[derive(Clone, Debug)]
pub struct Setup {
    /// Which invariants are judged.
    pub judges: Judges,
    /// The master's clock at tick 0; late enough for any skew.
    pub start: Millis,
    /// Milliseconds a tick.
    pub tick_ms: u64,
    /// The commands that a client may send.
    pub alphabet: Vec<Command>,
    /// Whether the alphabet is a program: sent in order, each command once.
    pub in_order: bool,
    /// How many commands at most.
    pub length_max: usize,
    /// How many ticks may pass.
    pub ticks_max: u8,
    /// How many ticks a message may be under way while the link is up.
    pub delay_ticks_max: u8,
    /// The replica's clocks: ticks that they are ahead of the master's.
    pub skews: Vec<i8>,
    /// How long log time may stand still before it is estimated, `None` = for ever.
    pub log_clock_limit_ticks: Option<u8>,
    /// Whether the link may go down (once) and come back.
    pub link_down: bool,
    /// Whether readers of the replica are shown what is dead: a bug that the catalogue seeds.
    pub readers_see_the_dead: bool,
}

/// A state: numbers of interned parts and small counters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct State {
    /// Number of the master.
    pub master: u32,
    /// Number of the undelivered messages.
    pub link: u32,
    /// Number of the [`ReplicaSide`].
    pub replica: u32,
    /// Number of what the replica's readers saw.
    pub saw: u32,
    /// Number of the master's moments.
    pub moments: u32,
    /// Ticks passed.
    pub tick: u8,
    /// The replica's clock less the master's, in ticks.
    pub skew: i8,
    /// Commands sent.
    pub sent: u16,
    /// Whether the link is down; `None` when it may not go down any more.
    pub down: Option<bool>,
    /// What the last step broke.
    pub broken: InvariantSet,
}

/// A step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// A client sends this command of the alphabet to the master.
    Command(usize),
    /// Time passes: one tick.
    Tick,
    /// The master sends a heartbeat.
    Heartbeat,
    /// The link delivers its oldest message.
    Deliver,
    /// The master removes the n-th key that it stores, which is dead.
    MasterRemoves(u16),
    /// The replica removes the n-th key that it stores, which its policy finds dead.
    ReplicaRemoves(u16),
    /// The link goes down.
    LinkDown,
    /// The link comes back.
    LinkUp,
}

/// What a step of the master comes to: its number afterwards, and the messages that it sends.
type MasterStep = (u32, Arc<[u32]>);

/// What a look of the readers comes to: broken and tested, and the numbers of what they know afterwards.
type Look = (Judgement, u32, u32);

/// The model of one policy.
pub struct ExpiryModel {
    setup: Setup,
    policy: Arc<dyn ExpiryPolicy + Send + Sync>,
    pub(super) masters: Interner<Master<MemoryStore>, Dump>,
    pub(super) messages: Interner<Message>,
    pub(super) links: Interner<Link>,
    pub(super) replicas: Interner<ReplicaSide, Dump>,
    saws: Interner<Saw>,
    /// Moments of different numbers share what could be seen.
    moments: Interner<Moments<Arc<Visible>>>,
    master_steps: Memo<(u32, Action, u8), MasterStep>,
    replica_steps: Memo<(u32, ReplicaStep, Millis), u32>,
    same_lsn: Memo<(u32, u32, Millis), Judgement>,
    moments_after: Memo<(u32, u32, u8), u32>,
    looks: Memo<(u32, u32, u32, u8, i8), Look>,
    witnesses: Witnesses,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum ReplicaStep {
    Message(u32),
    Remove(u16),
}

impl ExpiryModel {
    /// The model of `policy`.
    pub fn new(setup: Setup, policy: Arc<dyn ExpiryPolicy + Send + Sync>) -> ExpiryModel {
        ExpiryModel {
            setup,
            policy,
            masters: Interner::new(),
            messages: Interner::new(),
            links: Interner::new(),
            replicas: Interner::new(),
            saws: Interner::new(),
            moments: Interner::new(),
            master_steps: Memo::new(),
            replica_steps: Memo::new(),
            same_lsn: Memo::new(),
            moments_after: Memo::new(),
            looks: Memo::new(),
            witnesses: Witnesses::default(),
        }
    }

    /// What is explored.
    pub fn setup(&self) -> &Setup {
        &self.setup
    }

    /// The policy that is judged.
    pub fn policy(&self) -> &dyn ExpiryPolicy {
        &*self.policy
    }

    /// The master's clock at a tick.
    pub fn master_clock(&self, tick: u8) -> Millis {
        Millis(self.setup.start.0 + u64::from(tick) * self.setup.tick_ms)
    }

    /// The replica's clock at a tick of the master's.
    pub fn replica_clock(&self, tick: u8, skew: i8) -> Millis {
        self.master_clock(tick).offset(i64::from(skew) * self.setup.tick_ms.cast_signed())
    }

    fn limit_ms(&self) -> Option<u64> {
        self.setup.log_clock_limit_ticks.map(|ticks| u64::from(ticks) * self.setup.tick_ms)
    }

    /// What the master of that number stores.
    pub fn master_dump(&self, master: u32) -> &Dump {
        self.masters.facts(master, |master| dump(master.store()).expect(MEMORY))
    }

    /// What the replica of that number stores.
    pub fn replica_dump(&self, replica: u32) -> &Dump {
        self.replicas.facts(replica, |side| dump(side.replica.store()).expect(MEMORY))
    }

    /// By which instant readers of the replica judge.
    pub(super) fn readers_judge_at(&self, state: &State) -> Reading {
        if self.setup.readers_see_the_dead {
            return Reading { time: Millis::ZERO, estimated: false };
        }
        let local = self.replica_clock(state.tick, state.skew);
        self.replicas.value(state.replica).replica.judges_at(
            self.policy(),
            self.limit_ms(),
            local,
            Millis::ZERO,
        )
    }

    /// The n-th key that is stored.
    pub fn nth_key(stored: &Dump, n: u16) -> Key {
        stored.keys().nth(n.into()).cloned().expect("an action names a stored key")
    }

    /// Lets the master do its part of `action`, and sends what comes of it.
    fn master_acts(&self, state: &mut State, action: Action) {
        let (master, messages) = self.master_steps.get((state.master, action, state.tick), || {
            self.master_step(state.master, action, self.master_clock(state.tick))
        });
        state.master = master;
        if !messages.is_empty() {
            let mut link = self.links.value(state.link).clone();
            link.extend(messages.iter().map(|&message| (state.tick, message)));
            state.link = self.links.number(link);
        }
    }

    fn master_step(&self, before: u32, action: Action, now: Millis) -> MasterStep {
        let mut master = self.masters.value(before).clone();
        let mut then = master.clone();
        let (input, command) = match action {
            Action::Command(symbol) => {
                let command = &self.setup.alphabet[symbol];
                (MasterInput::Request { command: command.clone(), now, random: 0 }, Some(command))
            }
            Action::MasterRemoves(n) => {
                (MasterInput::Expire { key: Self::nth_key(self.master_dump(before), n), now }, None)
            }
            _ => (MasterInput::Heartbeat { now }, None),
        };
        let outputs = master.step(self.policy(), input).expect(MEMORY);
        let messages = outputs.into_iter().filter_map(|output| match output {
            MasterOutput::Append(entry) => {
                // An entry that is not the command's own is a DEL that the master logs for a dead key.
                let wrote = match command {
                    Some(command) if entry.lsn == master.last() => wrote(command, &entry),
                    _ => entry.keys().into_owned(),
                };
                let master = match self.setup.judges {
                    Judges::Reads if entry.lsn == master.last() => dump(master.store()).expect(MEMORY),
                    Judges::Reads => {
                        if let crate::effect::KeySet::Keys(keys) = &*entry.keys() {
                            for key in keys {
                                then.step(self.policy(), MasterInput::Expire { key: key.clone(), now })
                                    .expect(MEMORY);
                            }
                        }
                        dump(then.store()).expect(MEMORY)
                    }
                    Judges::State => Dump::new(),
                };
                Some(self.messages.number(Message::Entry { entry, wrote, master }))
            }
            MasterOutput::Heartbeat(time) => Some(self.messages.number(Message::Heartbeat(time))),
            MasterOutput::Reply(_) => None,
        });
        let messages = messages.collect();
        (self.masters.number(master), messages)
    }

    fn replica_acts(&self, state: &mut State, step: ReplicaStep) {
        let local = self.replica_clock(state.tick, state.skew);
        state.replica = self.replica_steps.get((state.replica, step, local), || {
            let mut side = self.replicas.value(state.replica).clone();
            let (input, note) = match step {
                ReplicaStep::Remove(n) => {
                    (ReplicaInput::Remove(Self::nth_key(self.replica_dump(state.replica), n)), None)
                }
                ReplicaStep::Message(message) => match self.messages.value(message) {
                    Message::Entry { entry, wrote, master } => {
                        let note = (entry.lsn, wrote.clone(), master.clone());
                        (ReplicaInput::Entry(entry.clone()), Some(note))
                    }
                    Message::Heartbeat(time) => (ReplicaInput::Heartbeat(*time), None),
                },
            };
            side.replica.step(self.policy(), self.limit_ms(), input, local).expect(MEMORY);
            if let (Some((lsn, wrote, master)), Judges::Reads) = (note, self.setup.judges) {
                side.note(lsn, &wrote, master);
            }
            self.replicas.number(side)
        });
    }

    /// Checks the state, and lets readers look.
    fn observed(&self, mut state: State) -> State {
        let (broken, tested) = match self.setup.judges {
            Judges::State => self.state_judged(&state),
            Judges::Reads => self.reads_judged(&mut state),
        };
        state.broken = broken;
        self.witnesses.note(tested);
        state
    }

    fn state_judged(&self, state: &State) -> Judgement {
        let applied = self.replicas.value(state.replica).replica.applied();
        let logged = self.masters.value(state.master).last();
        let is_at_rest = state.down != Some(true) && self.links.value(state.link).is_empty();
        let (stuck, rested) =
            if is_at_rest { checks::at_rest(logged, applied) } else { Judgement::default() };
        if applied != logged {
            return (stuck, rested);
        }
        let local = self.replica_clock(state.tick, state.skew);
        let latest = self.master_clock(state.tick).max(local);
        let (broken, tested) = self.same_lsn.get((state.master, state.replica, latest), || {
            checks::at_same_lsn(self.master_dump(state.master), self.replica_dump(state.replica), latest)
        });
        (InvariantSet(broken.0 | stuck.0), InvariantSet(tested.0 | rested.0))
    }

    fn reads_judged(&self, state: &mut State) -> Judgement {
        let master_now = self.master_clock(state.tick);
        state.moments = self.moments_after.get((state.moments, state.master, state.tick), || {
            let mut moments = self.moments.value(state.moments).clone();
            let sees = invariant::visible(self.master_dump(state.master), master_now);
            if moments.last().is_none_or(|last| **last != sees) {
                moments.push(Arc::new(sees));
            }
            self.moments.number(moments)
        });
        let look = (state.replica, state.saw, state.moments, state.tick, state.skew);
        let (judgement, saw, moments) = self.looks.get(look, || {
            let side = self.replicas.value(state.replica);
            let judged = self.readers_judge_at(state);
            if judged.estimated {
                return (Judgement::default(), state.saw, state.moments);
            }
            let (saw, moments) = (self.saws.value(state.saw), self.moments.value(state.moments));
            let stored = self.replica_dump(state.replica);
            let clocks = (judged.time, master_now);
            let (judgement, sights, behind) = checks::reader_looks(side, stored, (saw, moments), clocks);
            let ahead = moments[behind..].to_vec();
            (judgement, self.saws.number(sights), self.moments.number(ahead))
        });
        (state.saw, state.moments) = (saw, moments);
        judgement
    }

    /// Heartbeats carry log time. Where neither readers nor removal go by it, they would only be noise.
    fn heartbeats_matter(&self) -> bool {
        self.policy.judging() == Judging::LogTime || self.policy.removal() == Removal::LogTime
    }

    fn removals(&self, state: &State, actions: &mut Vec<Action>) {
        let dead = |dump: &Dump, now: Millis| {
            let numbered: Vec<u16> =
                (0u16..).zip(dump.values()).filter(|(_, it)| it.is_dead(now)).map(|(n, _)| n).collect();
            numbered
        };
        let master = dead(self.master_dump(state.master), self.master_clock(state.tick));
        actions.extend(master.into_iter().map(Action::MasterRemoves));
        let by = match self.policy.removal() {
            Removal::ByMaster => return,
            Removal::Local => self.replica_clock(state.tick, state.skew),
            Removal::LogTime => self.replicas.value(state.replica).replica.log_time().heard(),
        };
        actions.extend(dead(self.replica_dump(state.replica), by).into_iter().map(Action::ReplicaRemoves));
    }
}

impl Model for ExpiryModel {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        let one = |&skew: &i8| State {
            master: self.masters.number(Master::new(MemoryStore::new(), Epoch(1))),
            link: self.links.number(Link::new()),
            replica: self.replicas.number(ReplicaSide::new()),
            saw: self.saws.number(Saw::new()),
            moments: self.moments.number(vec![Default::default()]),
            tick: 0,
            skew,
            sent: 0,
            down: self.setup.link_down.then_some(false),
            broken: InvariantSet::default(),
        };
        self.setup.skews.iter().map(one).collect()
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        let link = self.links.value(state.link);
        let is_down = state.down == Some(true);
        if usize::from(state.sent) < self.setup.length_max {
            let symbols = 0..self.setup.alphabet.len();
            let in_turn = |symbol: &usize| !self.setup.in_order || *symbol == usize::from(state.sent);
            actions.extend(symbols.filter(in_turn).map(Action::Command));
        }
        if !link.is_empty() && !is_down {
            actions.push(Action::Deliver);
        }
        let waits = link.first().map_or(0, |(sent, _)| state.tick - sent);
        let may_wait = is_down || link.is_empty() || waits < self.setup.delay_ticks_max;
        if state.tick < self.setup.ticks_max && may_wait {
            actions.push(Action::Tick);
        }
        let tells_news = self.masters.value(state.master).time() < self.master_clock(state.tick);
        if tells_news && !is_down && self.heartbeats_matter() {
            actions.push(Action::Heartbeat);
        }
        self.removals(state, actions);
        match state.down {
            Some(false) => actions.push(Action::LinkDown),
            Some(true) => actions.push(Action::LinkUp),
            None => {}
        }
    }

    fn next_state(&self, state: &State, action: Action) -> Option<State> {
        let mut next = State { broken: InvariantSet::default(), ..*state };
        match action {
            Action::Command(symbol) => {
                self.setup.alphabet.get(symbol)?;
                self.master_acts(&mut next, action);
                // A command that changed nothing is a step that nobody can tell from none.
                if !self.setup.in_order && next.master == state.master {
                    return None;
                }
                next.sent += 1;
            }
            Action::Heartbeat | Action::MasterRemoves(_) => self.master_acts(&mut next, action),
            Action::ReplicaRemoves(n) => self.replica_acts(&mut next, ReplicaStep::Remove(n)),
            Action::Deliver => {
                let mut link = self.links.value(state.link).clone();
                let (_, message) = link.remove(0);
                next.link = self.links.number(link);
                self.replica_acts(&mut next, ReplicaStep::Message(message));
            }
            Action::Tick => next.tick += 1,
            Action::LinkDown => next.down = Some(true),
            Action::LinkUp => next.down = None,
        }
        Some(self.observed(next))
    }

    fn properties(&self) -> Vec<Property<Self>> {
        let holds: [fn(&Self, &State) -> bool; 4] = [
            |_, state| !state.broken.has(0),
            |_, state| !state.broken.has(1),
            |_, state| !state.broken.has(2),
            |_, state| !state.broken.has(3),
        ];
        self.invariants().iter().zip(holds).map(|(name, holds)| Property::always(name, holds)).collect()
    }
}

impl Judged for ExpiryModel {
    fn invariants(&self) -> &'static [&'static str] {
        match self.setup.judges {
            Judges::State => checks::STATE_INVARIANTS,
            Judges::Reads => checks::READ_INVARIANTS,
        }
    }

    fn sometimes(&self) -> &'static [&'static str] {
        match self.setup.judges {
            Judges::State => checks::STATE_SOMETIMES,
            Judges::Reads => checks::READ_SOMETIMES,
        }
    }

    fn broken(&self, state: &State) -> InvariantSet {
        state.broken
    }

    fn witnesses(&self) -> &Witnesses {
        &self.witnesses
    }

    fn is_rare(&self, action: &Action) -> bool {
        matches!(action, Action::LinkDown)
    }

    fn story(&self, path: &[Action]) -> Story {
        super::story::tell(self, path)
    }
}

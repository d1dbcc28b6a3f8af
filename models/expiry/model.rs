//! The model: states, actions, transitions.

use super::checks::{self, Judgement};
use super::covered::Covered;
use super::instants::{Passing, Pending, instants};
use super::lifetimes::dated;
use super::world::{Link, Message, Moments, ReplicaSide, Saw, instants_between, wrote};
use crate::binlog::{Entry, Epoch};
use crate::command::Command;
use crate::effect::{Key, KeySet};
use crate::expiry::{Clocks, ExpiryPolicy, Judging, Reading, Removal, RemovalLog};
use crate::invariant::{self, Visible};
use crate::models::intern::{Interner, Memo};
use crate::models::judged::{InvariantSet, Judged, Pause, Witnesses};
use crate::models::story::Story;
use crate::node::{Master, MasterInput, MasterOutput, ReplicaInput};
use crate::store::memory::MemoryStore;
use crate::store::{Dump, dump};
use crate::time::Millis;
use stateright::{Model, Property};
use std::collections::BTreeSet;
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
    /// The master's clock at the beginning; late enough for any skew.
    pub start: Millis,
    /// How time passes.
    pub passing: Passing,
    /// Milliseconds a tick.
    pub tick_ms: u64,
    /// The commands that a client may send.
    pub alphabet: Vec<Command>,
    /// So many of the first of them come first, in order: all, where the alphabet is a program.
    pub begins: usize,
    /// How many commands at most.
    pub length_max: usize,
    /// How many times time may pass.
    pub passes_max: u8,
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

impl Setup {
    /// What one search explores, in words; `programs` says of what.
    pub fn in_words(&self, programs: &str) -> String {
        let times = self.passes_max;
        let how = match self.passing {
            Passing::Ticks => format!("{times} ticks of {} ms", self.tick_ms),
            Passing::Instants => format!("time passes up to {times} times to where something changes"),
        };
        let skew = self.skews.iter().map(|skew| self.skew_ms(*skew).abs()).max().unwrap_or(0);
        let mut words =
            format!("{programs}, {how}, delay up to {} ms, skew up to ±{skew} ms", self.delay_ms());
        if self.link_down {
            words += ", the link down once";
        }
        if let Some(ticks) = self.log_clock_limit_ticks {
            words += &format!(", log time estimated after {} silent ms", u64::from(ticks) * self.tick_ms);
        }
        words
    }

    /// The replica's clock less the master's, `skew` ticks of it; but no clock begins before the instant 0.
    pub fn skew_ms(&self, skew: i8) -> i64 {
        let tick_ms = self.tick_ms.min(self.start.0 / 128);
        i64::from(skew) * tick_ms.cast_signed()
    }

    /// How long a message may be under way while the link is up.
    pub fn delay_ms(&self) -> u64 {
        u64::from(self.delay_ticks_max) * self.tick_ms
    }
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
    /// Milliseconds since the beginning.
    pub elapsed: u64,
    /// How many times time has passed.
    pub passes: u8,
    /// The latest instant by which a reader was answered; of the stored state nobody asks.
    pub told: Millis,
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
    /// So many milliseconds pass.
    Pass(u64),
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

/// A look of the readers: replica, what they saw, the master's moments, the clock, the skew, what they were told.
type Sight = (u32, u32, u32, u64, i8, Millis);

/// What a look of the readers comes to: broken and tested, and what they know afterwards.
type Look = (Judgement, u32, u32, Millis);

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
    master_steps: Memo<(u32, Action, u64), MasterStep>,
    replica_steps: Memo<(u32, ReplicaStep, Millis, Millis), u32>,
    same_lsn: Memo<(u32, u32, Millis), Judgement>,
    moments_after: Memo<(u32, u32, u64, u64), u32>,
    looks: Memo<Sight, Look>,
    instants: Memo<(u32, u32, u32, i8, bool), Arc<[u64]>>,
    /// Numbers of commands after which a key of the last one has a deadline, where the alphabet is a program.
    dated: Vec<u16>,
    /// Whether anybody goes by log time. Where not, heartbeats would only be noise.
    heartbeats_matter: bool,
    witnesses: Witnesses,
    covered: Covered,
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
            heartbeats_matter: heartbeats_matter(&*policy),
            dated: dated(&setup.alphabet[..setup.begins], setup.start),
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
            instants: Memo::new(),
            witnesses: Witnesses::default(),
            covered: Covered::default(),
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

    /// The master's clock after so many milliseconds.
    pub fn master_clock(&self, elapsed: u64) -> Millis {
        Millis(self.setup.start.0 + elapsed)
    }

    /// The replica's clock after so many milliseconds of the master's.
    pub fn replica_clock(&self, elapsed: u64, skew: i8) -> Millis {
        self.master_clock(elapsed).offset(self.skew_ms(skew))
    }

    /// The replica's clock less the master's.
    pub fn skew_ms(&self, skew: i8) -> i64 {
        self.setup.skew_ms(skew)
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
        let local = self.replica_clock(state.elapsed, state.skew);
        let side = self.replicas.value(state.replica);
        side.replica.judges_at(self.policy(), self.limit_ms(), local, state.told)
    }

    /// The n-th key that is stored.
    pub fn nth_key(stored: &Dump, n: u16) -> Key {
        stored.keys().nth(n.into()).cloned().expect("an action names a stored key")
    }

    /// Lets the master do its part of `action`, and sends what comes of it.
    fn master_acts(&self, state: &mut State, action: Action) {
        let (master, messages) = self.master_steps.get((state.master, action, state.elapsed), || {
            self.master_step(state.master, action, self.master_clock(state.elapsed))
        });
        state.master = master;
        if !messages.is_empty() {
            let mut link = self.links.value(state.link).clone();
            link.extend(messages.iter().map(|&message| (state.elapsed, message)));
            state.link = self.links.number(link);
        }
    }

    fn master_step(&self, before: u32, action: Action, now: Millis) -> MasterStep {
        let mut master = self.masters.value(before).clone();
        let mut then = master.clone();
        let (input, command) = match action {
            Action::Command(symbol) => {
                let command = &self.setup.alphabet[symbol];
                let number = u16::try_from(symbol).ok();
                let request = MasterInput::Request { command: command.clone(), now, random: 0 };
                (request, Some((command, number)))
            }
            Action::MasterRemoves(n) => {
                (MasterInput::Expire { key: Self::nth_key(self.master_dump(before), n), now }, None)
            }
            _ => (MasterInput::Heartbeat { now }, None),
        };
        let outputs = master.step(self.policy(), input).expect(MEMORY);
        let after = dump(master.store()).expect(MEMORY);
        for (key, stored) in &after {
            if stored.deadline.is_some() {
                self.covered.key(key, false);
            }
        }
        let messages = outputs.into_iter().filter_map(|output| match output {
            MasterOutput::Append(entry) => {
                let own = command.filter(|_| entry.lsn == master.last());
                Some(self.messages.number(self.message(entry, own, (before, &after), &mut then, now)))
            }
            MasterOutput::Heartbeat(time) => Some(self.messages.number(Message::Heartbeat(time))),
            MasterOutput::Reply(_) => None,
        });
        let messages = messages.collect();
        (self.masters.number(master), messages)
    }

    /// An entry with what the checks must know of it. `own`: the command that it is the last entry of; any other removes
    /// what is dead, or comes before the command's own. `then`: the master as it was before it.
    fn message(
        &self,
        entry: Entry,
        own: Option<(&Command, Option<u16>)>,
        (before, after): (u32, &Dump),
        then: &mut Master<MemoryStore>,
        now: Millis,
    ) -> Message {
        let wrote = own.map_or_else(|| entry.keys().into_owned(), |(command, _)| wrote(command, &entry));
        let touched = own.map_or_else(|| entry.keys().into_owned(), |(command, _)| command.keys());
        if let (None, KeySet::Keys(keys)) = (own, &touched) {
            for key in keys {
                then.step(self.policy(), MasterInput::Expire { key: key.clone(), now }).expect(MEMORY);
            }
        }
        let master = match (self.setup.judges, own) {
            (Judges::State, _) => Dump::new(),
            (Judges::Reads, Some(_)) => after.clone(),
            (Judges::Reads, None) => dump(then.store()).expect(MEMORY),
        };
        let deadlines =
            [self.master_dump(before), after].into_iter().flatten().filter(|(key, _)| match &touched {
                KeySet::Everything => true,
                KeySet::Keys(keys) => keys.contains(*key),
            });
        let deadlines: BTreeSet<Millis> = deadlines.filter_map(|(_, stored)| stored.deadline).collect();
        let command = own.and_then(|(_, number)| number);
        Message::Entry { entry, wrote, master, deadlines: deadlines.into_iter().collect(), command }
    }

    fn replica_acts(&self, state: &mut State, step: ReplicaStep) {
        let now = self.master_clock(state.elapsed);
        let local = self.replica_clock(state.elapsed, state.skew);
        state.replica = self.replica_steps.get((state.replica, step, local, now), || {
            let mut side = self.replicas.value(state.replica).clone();
            let (input, note) = match step {
                ReplicaStep::Remove(n) => {
                    (ReplicaInput::Remove(Self::nth_key(self.replica_dump(state.replica), n)), None)
                }
                ReplicaStep::Message(message) => match self.messages.value(message) {
                    Message::Entry { entry, wrote, master, deadlines, command } => {
                        if let Some(number) = command {
                            let (ran, came) = (entry.time, now.max(local));
                            let mut ahead = deadlines.iter().filter(|deadline| ran < **deadline);
                            let is_late = ahead.clone().any(|deadline| *deadline <= came);
                            self.covered.command(*number, ahead.next().is_some(), is_late);
                        }
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
    fn observed(&self, before: u64, mut state: State) -> State {
        let (broken, tested) = match self.setup.judges {
            Judges::State => self.state_judged(&state),
            Judges::Reads => self.reads_judged(before, &mut state),
        };
        state.broken = broken;
        self.witnesses.note(tested);
        state
    }

    fn state_judged(&self, state: &State) -> Judgement {
        let applied = self.replicas.value(state.replica).replica.applied();
        let logged = self.masters.value(state.master).last();
        let (now, local) = (self.master_clock(state.elapsed), self.replica_clock(state.elapsed, state.skew));
        let is_told = !self.heartbeats_matter || self.masters.value(state.master).time() == now;
        let is_at_rest = state.down != Some(true) && self.links.value(state.link).is_empty() && is_told;
        let (stuck, rested) = if is_at_rest {
            let heard = self.replicas.value(state.replica).replica.log_time().heard().min(local);
            let reads =
                if self.setup.readers_see_the_dead { heard } else { self.readers_judge_at(state).time };
            checks::at_rest(logged, applied, (reads, heard))
        } else {
            Judgement::default()
        };
        if applied != logged {
            return (stuck, rested);
        }
        let latest = now.max(local);
        let (broken, tested) = self.same_lsn.get((state.master, state.replica, latest), || {
            checks::at_same_lsn(self.master_dump(state.master), self.replica_dump(state.replica), latest)
        });
        (InvariantSet(broken.0 | stuck.0), InvariantSet(tested.0 | rested.0))
    }

    fn reads_judged(&self, before: u64, state: &mut State) -> Judgement {
        let master_now = self.master_clock(state.elapsed);
        let since = (state.moments, state.master, before, state.elapsed);
        state.moments = self.moments_after.get(since, || {
            let mut moments = self.moments.value(state.moments).clone();
            let stored = self.master_dump(state.master);
            for instant in instants_between(stored, self.master_clock(before), master_now) {
                let sees = invariant::visible(stored, instant);
                if moments.last().is_none_or(|last| **last != sees) {
                    moments.push(Arc::new(sees));
                }
            }
            self.moments.number(moments)
        });
        let look = (state.replica, state.saw, state.moments, state.elapsed, state.skew, state.told);
        let (judgement, saw, moments, told) = self.looks.get(look, || {
            let side = self.replicas.value(state.replica);
            let judged = self.readers_judge_at(state);
            let told = state.told.max(judged.time);
            if judged.estimated && self.setup.log_clock_limit_ticks.is_some() {
                return (Judgement::default(), state.saw, state.moments, told);
            }
            let (saw, moments) = (self.saws.value(state.saw), self.moments.value(state.moments));
            let stored = self.replica_dump(state.replica);
            let clocks = (judged.time, master_now);
            let (judgement, sights, behind) = checks::reader_looks(side, stored, (saw, moments), clocks);
            let ahead = moments[behind..].to_vec();
            (judgement, self.saws.number(sights), self.moments.number(ahead), told)
        });
        (state.saw, state.moments, state.told) = (saw, moments, told);
        judgement
    }

    /// How long time may pass: to each instant at which something changes, while the oldest message may wait.
    fn passes(&self, state: &State, actions: &mut Vec<Action>) {
        if state.passes == self.setup.passes_max {
            return;
        }
        let link = self.links.value(state.link);
        let is_down = state.down == Some(true);
        let bound =
            link.first().filter(|_| !is_down).map(|(sent, _)| sent.saturating_add(self.setup.delay_ms()));
        let may_pass =
            |elapsed: &u64| *elapsed > state.elapsed && bound.is_none_or(|bound| *elapsed <= bound);
        if self.setup.passing == Passing::Ticks {
            let next = state.elapsed + self.setup.tick_ms;
            actions.extend(may_pass(&next).then_some(Action::Pass(self.setup.tick_ms)));
            return;
        }
        let of = (state.master, state.link, state.replica, state.skew, is_down);
        let instants = self.instants.get(of, || {
            let carried = link.iter().filter_map(|(_, message)| match self.messages.value(*message) {
                Message::Entry { deadlines, .. } => Some(deadlines),
                Message::Heartbeat(_) => None,
            });
            let pending = Pending {
                master: self.master_dump(state.master),
                replica: self.replica_dump(state.replica),
                under_way: carried.flatten().copied().collect(),
                heard_at: self
                    .limit_ms()
                    .map(|_| self.replicas.value(state.replica).replica.log_time().heard_at()),
                oldest: link.first().map(|(sent, _)| *sent),
                is_down,
            };
            instants(&self.setup, self.skew_ms(state.skew), &pending).into()
        });
        let passes = instants.iter().filter(|elapsed| may_pass(elapsed));
        actions.extend(passes.map(|elapsed| Action::Pass(elapsed - state.elapsed)));
    }

    /// Notes which keys of the master die while time passes.
    fn note_deaths(&self, master: u32, from: u64, to: u64) {
        let (from, to) = (self.master_clock(from), self.master_clock(to));
        for (key, stored) in self.master_dump(master) {
            if stored.is_dead(to) && !stored.is_dead(from) {
                self.covered.key(key, true);
            }
        }
    }

    fn removals(&self, state: &State, actions: &mut Vec<Action>) {
        let dead = |dump: &Dump, now: Millis| {
            let numbered: Vec<u16> =
                (0u16..).zip(dump.values()).filter(|(_, it)| it.is_dead(now)).map(|(n, _)| n).collect();
            numbered
        };
        let master = dead(self.master_dump(state.master), self.master_clock(state.elapsed));
        actions.extend(master.into_iter().map(Action::MasterRemoves));
        let by = match self.policy.removal() {
            Removal::ByMaster => return,
            Removal::Local => self.replica_clock(state.elapsed, state.skew),
            Removal::LogTime => self.replicas.value(state.replica).replica.log_time().heard(),
        };
        actions.extend(dead(self.replica_dump(state.replica), by).into_iter().map(Action::ReplicaRemoves));
    }
}

/// Whether readers or removal go by log time, which heartbeats carry, or removals are told with one.
fn heartbeats_matter(policy: &dyn ExpiryPolicy) -> bool {
    let reads_at = |heard: u64| {
        let log_time = Reading { time: Millis(heard), estimated: false };
        policy.reads_at(Clocks { log_time, local: Millis(2), told: Millis::ZERO })
    };
    policy.judging() == Judging::LogTime
        || policy.removal() == Removal::LogTime
        || policy.removal_log() == RemovalLog::Late
        || reads_at(1) != reads_at(3)
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
            elapsed: 0,
            passes: 0,
            told: Millis::ZERO,
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
            let (sent, begins) = (usize::from(state.sent), self.setup.begins);
            // What a program begins with is made once, unless the whole alphabet is free.
            let symbols = if sent < begins { sent..sent + 1 } else { begins..self.setup.alphabet.len() };
            actions.extend(symbols.map(Action::Command));
        }
        if !link.is_empty() && !is_down {
            actions.push(Action::Deliver);
        }
        self.passes(state, actions);
        let tells_news = self.masters.value(state.master).time() < self.master_clock(state.elapsed);
        if tells_news && !is_down && self.heartbeats_matter {
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
                if symbol >= self.setup.begins && next.master == state.master {
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
            Action::Pass(ms) => {
                self.note_deaths(next.master, next.elapsed, next.elapsed + ms);
                next.elapsed += ms;
                next.passes += 1;
            }
            Action::LinkDown => next.down = Some(true),
            Action::LinkUp => next.down = None,
        }
        Some(self.observed(state.elapsed, next))
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

    fn left_out(&self) -> (Vec<String>, usize) {
        self.covered.left_out(&self.setup.alphabet)
    }

    fn take_over(&self, other: &ExpiryModel) {
        self.witnesses.take_over(&other.witnesses);
        self.covered.take_over(&other.covered);
    }

    fn plan(&self, random: &mut fastrand::Rng) -> Vec<Pause> {
        let length = u16::try_from(self.setup.length_max).unwrap_or(u16::MAX);
        let one = |_: u8| {
            let dated = if random.bool() { random.choice(&self.dated).copied() } else { None };
            let after = dated.unwrap_or_else(|| random.u16(0..=length));
            Pause { after, waiting_max: random.choice([0, 1, 2, u8::MAX]).unwrap_or_default() }
        };
        let mut plan: Vec<Pause> = (0..self.setup.passes_max).map(one).collect();
        plan.sort_unstable();
        plan
    }

    /// Time passes where it is planned to, before the next command is sent and when enough was delivered.
    fn suits(&self, state: &State, action: &Action, plan: &[Pause]) -> bool {
        let Some(next) = plan.get(usize::from(state.passes)).filter(|pause| pause.after <= state.sent) else {
            return !matches!(action, Action::Pass(_));
        };
        match action {
            Action::Pass(_) => self.links.value(state.link).len() <= next.waiting_max.into(),
            Action::Command(_) => false,
            _ => true,
        }
    }

    fn is_rare(&self, action: &Action) -> bool {
        matches!(action, Action::LinkDown)
    }

    fn story(&self, path: &[Action]) -> Story {
        super::story::tell(self, path)
    }
}

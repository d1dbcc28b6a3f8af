//! The expiry model itself: states, actions, transitions.

use super::action::Action;
use super::checks::{self, Judgement};
use super::covered::Covered;
use super::lifetimes::dated;
use super::setup::{Judges, Setup};
use super::world::{Link, Message, Moments, ReplicaSide, Saw, moments_with};
use crate::binlog::Epoch;
use crate::effect::Key;
use crate::expiry::{Clocks, ExpiryPolicy, Judging, Reading, Removal, RemovalLog};
use crate::models::intern::{Interner, Memo};
use crate::models::invariants::{self, Invariant};
use crate::models::judged::{InvariantSet, Judged, Pause, Witnesses};
use crate::models::setting::Passing;
use crate::node::Master;
use crate::store::memory::MemoryStore;
use crate::store::{Dump, dump};
use crate::time::{Elapsed, Millis, Moment};
use stateright::{Model, Property};
use std::sync::Arc;

pub(super) const MEMORY: &str = "the store in memory does not fail";

/// A state of the model, made of the numbers of interned parts and of small counters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct State {
    /// Number of the master.
    pub master: u32,
    /// Number of the undelivered messages.
    pub link: u32,
    /// Number of the [`ReplicaSide`].
    pub replica: u32,
    /// Number of what the replica's readers have seen.
    pub saw: u32,
    /// Number of the master's moments, from the one on that the replica's readers saw last.
    pub moments: u32,
    /// Milliseconds since the beginning.
    pub elapsed: u64,
    /// How many times time has passed.
    pub passes: u8,
    /// The latest instant by which a reader was answered; unused where only the stored state is judged.
    pub told: Millis,
    /// Whether that answer was an estimate after a long silence.
    pub guessed: bool,
    /// Number of the skew, in [`Clocks::skews_ms`](crate::models::setting::Clocks::skews_ms).
    pub skew: u16,
    /// Number of commands sent.
    pub sent: u16,
    /// Whether the link is down; `None` if it may not go down any more.
    pub down: Option<bool>,
    /// The invariants that the last step broke.
    pub broken: InvariantSet,
}

/// The result of a step of the master: its number afterwards, and the number of the list of messages that it sends.
pub(super) type MasterStep = (u32, u32);

/// Everything that decides how much time may pass: master, link, replica, skew, whether the link is down.
type Waiting = (u32, u32, u32, u16, bool);

/// Everything that decides what readers see: replica, what they saw, the master's moments, the clock, the skew, the
/// instant that they were told, and whether that was an estimate.
type Sight = (u32, u32, u32, u64, u16, Millis, bool);

/// The result of a look of the readers: the judgement, then what they saw, the moments, told and guessed, as in
/// [`State`].
type Look = (Judgement, u32, u32, Millis, bool);

/// The model of one expiry policy.
pub struct ExpiryModel {
    pub(super) setup: Setup,
    policy: Arc<dyn ExpiryPolicy + Send + Sync>,
    pub(super) masters: Interner<Master<MemoryStore>, Dump>,
    pub(super) messages: Interner<Message>,
    /// The links, each with the number of the link that is left after its oldest message is delivered.
    pub(super) links: Interner<Link, u32>,
    /// The link after this many milliseconds and with this list of messages sent.
    pub(super) links_after: Memo<(u32, u64, u32), u32>,
    pub(super) sendings: Interner<Vec<u32>>,
    pub(super) replicas: Interner<ReplicaSide, Dump>,
    saws: Interner<Saw>,
    /// The lists of moments. Equal moments in different lists are shared.
    moments: Interner<Moments>,
    pub(super) master_steps: Memo<(u32, Action, u64), MasterStep>,
    pub(super) replica_steps: Memo<(u32, ReplicaStep, Moment), u32>,
    same_lsn: Memo<(u32, u32, Millis), Judgement>,
    moments_after: Memo<(u32, u32, u64, u64), u32>,
    deaths: Memo<(u32, u64, u64), ()>,
    looks: Memo<Sight, Look>,
    pub(super) instants: Memo<Waiting, Arc<[u64]>>,
    /// For a replica and a message: whether the effect of the message does not depend on the time of delivery.
    pub(super) timeless: Memo<(u32, u32), bool>,
    /// The states whose late deliveries are noted: master, link, replica, skew, elapsed time, number of passages of time.
    pub(super) lateness: Memo<(u32, u32, u32, u16, u64, u8), ()>,
    /// The numbers of commands after which a key of the last command has a deadline, if the alphabet is a program.
    dated: Vec<u16>,
    /// Whether anything depends on log time. If nothing does, heartbeats would only add states.
    heartbeats_matter: bool,
    witnesses: Witnesses,
    pub(super) covered: Covered,
}

/// A step of the replica.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum ReplicaStep {
    Message(u32),
    Apply,
    Publish,
    Remove(u16),
}

impl ExpiryModel {
    /// Makes the model of `policy`.
    pub fn new(setup: Setup, policy: Arc<dyn ExpiryPolicy + Send + Sync>) -> ExpiryModel {
        ExpiryModel {
            heartbeats_matter: heartbeats_matter(&*policy),
            dated: dated(&setup.alphabet[..setup.begins], setup.clocks.start),
            setup,
            policy,
            masters: Interner::new(),
            messages: Interner::new(),
            links: Interner::new(),
            links_after: Memo::new(),
            sendings: Interner::new(),
            replicas: Interner::new(),
            saws: Interner::new(),
            moments: Interner::new(),
            master_steps: Memo::new(),
            replica_steps: Memo::new(),
            same_lsn: Memo::new(),
            moments_after: Memo::new(),
            deaths: Memo::new(),
            looks: Memo::new(),
            instants: Memo::new(),
            timeless: Memo::new(),
            lateness: Memo::new(),
            witnesses: Witnesses::default(),
            covered: Covered::default(),
        }
    }

    /// The setup of this model.
    pub fn setup(&self) -> &Setup {
        &self.setup
    }

    /// The policy that is judged.
    pub fn policy(&self) -> &dyn ExpiryPolicy {
        &*self.policy
    }

    /// The master's clock after this many milliseconds.
    pub fn master_clock(&self, elapsed: u64) -> Millis {
        Millis(self.setup.clocks.start.0 + elapsed)
    }

    /// The replica's clock when this many milliseconds have passed.
    pub fn replica_clock(&self, elapsed: u64, skew: u16) -> Millis {
        self.master_clock(elapsed).offset(self.skew_ms(skew))
    }

    /// The readings of the replica's two clocks. Elapsed time is the same on both nodes.
    pub(super) fn replica_moment(&self, elapsed: u64, skew: u16) -> Moment {
        Moment { elapsed: Elapsed(self.master_clock(elapsed).0), wall: self.replica_clock(elapsed, skew) }
    }

    /// The skew with that number, in milliseconds.
    pub fn skew_ms(&self, skew: u16) -> i64 {
        self.setup.skew_ms(skew)
    }

    pub(super) fn limit_ms(&self) -> Option<u64> {
        self.setup.clocks.log_clock_limit_ticks.map(|ticks| u64::from(ticks) * self.setup.clocks.tick_ms)
    }

    /// The store of the master with that number.
    pub fn master_dump(&self, master: u32) -> &Dump {
        self.masters.facts(master, |master| dump(master.store()).expect(MEMORY))
    }

    /// The store that readers of the replica with number `replica` see.
    pub fn replica_dump(&self, replica: u32) -> &Dump {
        self.replicas.facts(replica, |side| dump(side.replica.shown()).expect(MEMORY))
    }

    /// The reading by which readers of the replica judge.
    pub(super) fn readers_judge_at(&self, state: &State) -> Reading {
        if self.setup.readers_see_the_dead {
            return Reading { time: Millis::ZERO, estimated: false };
        }
        let moment = self.replica_moment(state.elapsed, state.skew);
        let side = self.replicas.value(state.replica);
        side.replica.replica().reads_at(self.policy(), moment, state.told)
    }

    /// The n-th key that is stored.
    pub fn nth_key(stored: &Dump, n: u16) -> Key {
        stored.keys().nth(n.into()).cloned().expect("an action names a stored key")
    }

    /// Checks the state, and lets readers read.
    fn observed(&self, before: &State, mut state: State) -> State {
        let (broken, tested) = match self.setup.judges {
            Judges::State => self.state_judged(&state),
            Judges::Reads => self.reads_judged(before, &mut state),
        };
        state.broken = broken;
        self.witnesses.note(tested);
        state
    }

    fn state_judged(&self, state: &State) -> Judgement {
        let applied = self.replicas.value(state.replica).replica.replica().published();
        let logged = self.masters.value(state.master).last();
        let (now, local) = (self.master_clock(state.elapsed), self.replica_clock(state.elapsed, state.skew));
        let is_told = !self.heartbeats_matter || self.masters.value(state.master).time() == now;
        let is_up_and_empty = state.down != Some(true) && self.links.value(state.link).is_empty();
        let is_at_rest =
            is_up_and_empty && is_told && self.replicas.value(state.replica).unpublished.is_empty();
        let (stuck, rested) = if is_at_rest {
            let heard = self.replicas.value(state.replica).replica.replica().heard().min(local);
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

    fn reads_judged(&self, before: &State, state: &mut State) -> Judgement {
        let master_now = self.master_clock(state.elapsed);
        // The last moment stays current until the master changes or time passes.
        if (before.master, before.elapsed) != (state.master, state.elapsed) {
            let since = (state.moments, state.master, before.elapsed, state.elapsed);
            let times = (self.master_clock(before.elapsed), self.master_clock(state.elapsed));
            state.moments = self.moments_after.get(since, || {
                let (moments, stored) = (self.moments.value(state.moments), self.master_dump(state.master));
                self.moments.number(moments_with(moments, stored, times))
            });
        }
        let look =
            (state.replica, state.saw, state.moments, state.elapsed, state.skew, state.told, state.guessed);
        let (judgement, saw, moments, told, guessed) = self.looks.get(look, || {
            let side = self.replicas.value(state.replica);
            let judged = self.readers_judge_at(state);
            let told = state.told.max(judged.time);
            let is_guess = self.is_guess(state, judged);
            let guessed = if judged.time > state.told { is_guess } else { state.guessed };
            if is_guess {
                return (Judgement::default(), state.saw, state.moments, told, guessed);
            }
            let (saw, moments) = (self.saws.value(state.saw), self.moments.value(state.moments));
            let stored = self.replica_dump(state.replica);
            let clocks = (judged.time, master_now);
            let (judgement, sights, behind) = checks::reader_looks(side, stored, (saw, moments), clocks);
            let ahead = moments[behind..].to_vec();
            (judgement, self.saws.number(sights), self.moments.number(ahead), told, guessed)
        });
        (state.saw, state.moments, state.told, state.guessed) = (saw, moments, told, guessed);
        judgement
    }

    /// Whether the reading is an estimate that the invariants exempt. It is exempt if the link was silent for longer than
    /// the limit and the estimate is not later than the time of a received entry that is still unpublished. It is also
    /// exempt if it repeats an earlier exempt estimate.
    fn is_guess(&self, state: &State, judged: Reading) -> bool {
        let Some(limit) = self.limit_ms().filter(|_| judged.estimated) else { return false };
        let side = self.replicas.value(state.replica);
        let now = self.replica_moment(state.elapsed, state.skew).elapsed;
        let next = side.unpublished.first().map(|message| self.messages.value(*message).time());
        let is_silent = now.since(side.received_at) > limit;
        let given_before = state.guessed && judged.time <= state.told;
        given_before || is_silent && next.is_none_or(|next| judged.time <= next)
    }
}

/// Whether heartbeats matter: whether readers or removals go by log time, which heartbeats carry, or removals are logged
/// with one.
pub(in crate::models) fn heartbeats_matter(policy: &dyn ExpiryPolicy) -> bool {
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
        let one = |skew: u16| State {
            master: self.masters.number(Master::new(MemoryStore::new(), Epoch(1))),
            link: self.links.number(Link::new()),
            replica: self.replicas.number(ReplicaSide::new(self.limit_ms())),
            saw: self.saws.number(Saw::new()),
            moments: self.moments.number(vec![Default::default()]),
            elapsed: 0,
            passes: 0,
            told: Millis::ZERO,
            guessed: false,
            skew,
            sent: 0,
            down: self.setup.clocks.link_down.then_some(false),
            broken: InvariantSet::default(),
        };
        (0u16..).zip(&self.setup.clocks.skews_ms).map(|(skew, _)| one(skew)).collect()
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        let link = self.links.value(state.link);
        let is_down = state.down == Some(true);
        if usize::from(state.sent) < self.setup.length_max {
            let (sent, begins) = (usize::from(state.sent), self.setup.begins);
            // The commands that a program begins with are sent once, in order; in the rest of the program any other
            // command may come.
            let symbols = if sent < begins { sent..sent + 1 } else { begins..self.setup.alphabet.len() };
            actions.extend(symbols.map(Action::Command));
        }
        if !link.is_empty() && !is_down {
            actions.push(Action::Deliver);
        }
        let side = self.replicas.value(state.replica);
        if self.setup.clocks.apart && !side.unapplied().is_empty() {
            actions.push(Action::Apply);
        }
        if side.unapplied().len() < side.unpublished.len() {
            actions.push(Action::Publish);
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
                // A command that changed nothing leads to a state that no check can tell from the previous one.
                if symbol >= self.setup.begins && next.master == state.master {
                    return None;
                }
                next.sent += 1;
            }
            Action::Heartbeat | Action::MasterRemoves(_) => self.master_acts(&mut next, action),
            Action::ReplicaRemoves(n) => self.replica_acts(&mut next, ReplicaStep::Remove(n)),
            Action::Deliver => {
                let (_, message) = *self.links.value(state.link).first()?;
                next.link = *self.links.facts(state.link, |link| self.links.number(link[1..].to_vec()));
                self.replica_acts(&mut next, ReplicaStep::Message(message));
            }
            Action::Apply => self.replica_acts(&mut next, ReplicaStep::Apply),
            Action::Publish => self.replica_acts(&mut next, ReplicaStep::Publish),
            Action::Pass(ms) => {
                let lived = (next.master, next.elapsed, next.elapsed + ms);
                self.deaths.get(lived, || self.note_deaths(lived));
                next.elapsed += ms;
                next.passes += 1;
            }
            Action::LinkDown => next.down = Some(true),
            Action::LinkUp => next.down = None,
        }
        Some(self.observed(state, next))
    }

    fn properties(&self) -> Vec<Property<Self>> {
        let holds: [fn(&Self, &State) -> bool; checks::STATE_INVARIANTS.len()] = [
            |_, state| !state.broken.has(0),
            |_, state| !state.broken.has(1),
            |_, state| !state.broken.has(2),
            |_, state| !state.broken.has(3),
        ];
        self.invariants()
            .iter()
            .zip(holds)
            .map(|(name, holds)| Property::always(name.name(), holds))
            .collect()
    }
}

impl Judged for ExpiryModel {
    fn invariants(&self) -> &'static [Invariant] {
        match self.setup.judges {
            Judges::State => checks::STATE_INVARIANTS,
            Judges::Reads => checks::READ_INVARIANTS,
        }
    }

    fn sometimes(&self) -> &'static [&'static str] {
        match self.setup.judges {
            Judges::State => invariants::EXPIRY_STATE.sometimes,
            Judges::Reads => invariants::EXPIRY_READS.sometimes,
        }
    }

    fn broken(&self, state: &State) -> InvariantSet {
        state.broken
    }

    fn reduces(&self) -> bool {
        true
    }

    fn merged(&self, state: State) -> State {
        State { broken: InvariantSet::default(), ..state }
    }

    fn ample_step(&self, state: &State) -> Option<Action> {
        self.prompt_delivery(state)
    }

    fn witnesses(&self) -> &Witnesses {
        &self.witnesses
    }

    fn coverage(&self) -> Vec<(String, bool)> {
        let is_program = self.setup.begins == self.setup.alphabet.len();
        match self.setup.clocks.passing {
            Passing::Instants => self.covered.coverage(&self.setup.alphabet, is_program),
            // In ticks, the setting of the story says how far time passes.
            Passing::Ticks => Vec::new(),
        }
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
        let mut plan: Vec<Pause> = (0..self.setup.clocks.passes_max).map(one).collect();
        plan.sort_unstable();
        plan
    }

    /// Whether a planned pause allows the action: time passes only where it is planned, before the next command and after
    /// enough deliveries.
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
}

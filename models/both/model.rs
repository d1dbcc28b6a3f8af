//! The model of ordering and expiry together: states, actions, transitions, and the checks after each transition.

use super::{INVARIANTS, Setup};
use crate::binlog::{Entry, Epoch, Lsn, Payload};
use crate::effect::Write;
use crate::expiry::{ExpiryPolicy, LogTime};
use crate::invariant::Visible;
use crate::models::bounds::DRAWN;
use crate::models::bounds::batch_entries_max;
use crate::models::expiry::{Pending, heartbeats_matter, instants};
use crate::models::intern::{Interner, Memo};
use crate::models::invariants::{self, Invariant};
use crate::models::judged::{InvariantSet, Judged, Witnesses};
use crate::models::ordering::{Control, Data, Move, Task};
use crate::node::{Master, MasterInput, MasterOutput, Readers, Replica};
use crate::ordering::AnyStrategy;
use crate::store::memory::MemoryStore;
use crate::store::record::Record;
use crate::store::{Dump, dump};
use crate::time::{Elapsed, Millis, Moment};
use stateright::{Model, Property};
use std::sync::Arc;

pub(super) const MEMORY: &str = "the store in memory does not fail";

/// The messages under way to the replica, oldest first, each with the millisecond since the start at which it was sent.
pub(super) type Link = Vec<(u64, Message)>;

/// A message to the replica.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Message {
    /// The entry with this LSN.
    Entry(Lsn),
    /// The master's log time, sent after all earlier entries.
    Heartbeat(Millis),
}

/// A state of the model, made of the numbers of interned parts and of small counters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct State {
    /// Number of the master.
    pub master: u32,
    /// Number of the master's log.
    pub log: u32,
    /// Number of the undelivered messages.
    pub link: u32,
    /// Number of the replica's workers, publication and log time.
    pub control: u32,
    /// Number of the replica's store.
    pub data: u32,
    /// Number of the store that readers see: the one that was published last, or the live one.
    pub published: u32,
    /// The last entry in the replica's own log.
    pub received: Lsn,
    /// Whether the replica has started and has not yet applied all of its own log.
    pub recovers: bool,
    /// Number of the master's moments, from the one on that a reader saw last.
    pub moments: u32,
    /// Milliseconds since the beginning.
    pub elapsed: u64,
    /// How many times time has passed.
    pub passes: u8,
    /// The latest instant by which a reader was answered.
    pub told: Millis,
    /// Number of the skew.
    pub skew: u16,
    /// Number of commands sent.
    pub sent: u16,
    /// Crashes that may still happen.
    pub crashes_left: u8,
    /// The invariants that the last step broke.
    pub broken: InvariantSet,
}

/// A step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// A client sends this command of the alphabet to the master.
    Command(usize),
    /// The link delivers its oldest message. An entry is written to the replica's log, and the replica's strategy admits
    /// it. A message waits while admission is closed.
    Deliver,
    /// A step of the strategy or of a worker.
    Move(Move),
    /// This many milliseconds pass.
    Pass(u64),
    /// The master sends a heartbeat.
    Heartbeat,
    /// The replica is killed and starts again. The number: how many of its batches, the oldest ones, had been flushed.
    Crash(u16),
    /// After a restart, the replica applies this many entries of its log, the next ones, as one batch.
    Recover(u16),
}

/// A replica's workers, publication and log time.
pub(super) type Pool = Control<AnyStrategy>;

/// The moves of a control, computed once. With each: the control that it leads to and, for a write, its task.
pub(super) type Moves = Box<[(Move, u32, Option<Task>)]>;

/// Everything that decides how much time may pass: master, store, log, skew, when the oldest message was sent.
type Waiting = (u32, u32, u32, u16, Option<u64>);

/// A step of the master: master, log, link, time and action. Master, log and link follow from it.
type MasterStep = (u32, u32, u32, u64, Action);

/// A delivery: control, log, link and the last entry received. Control, link and the last entry received follow from it.
type Delivery = (u32, u32, u32, Lsn);

/// The model of one strategy with one policy.
pub struct BothModel {
    pub(super) setup: Setup,
    pub(super) policy: Arc<dyn ExpiryPolicy + Send + Sync>,
    pub(super) heartbeats_matter: bool,
    pub(super) masters: Interner<Master<MemoryStore>, Dump>,
    /// The logs, each with the deadlines that its entries set.
    pub(super) logs: Interner<Vec<Entry>, Vec<Millis>>,
    pub(super) links: Interner<Link>,
    pub(super) controls: Interner<Pool, Moves>,
    pub(super) datas: Interner<Data, Dump>,
    pub(super) moments: Interner<Vec<Arc<Visible>>>,
    pub(super) moments_after: Memo<(u32, u32, u64, u64), u32>,
    pub(super) looks: Memo<(u32, Millis, u32), Option<u32>>,
    pub(super) writes: Memo<(u32, u32, Task), u32>,
    pub(super) master_steps: Memo<MasterStep, (u32, u32, u32)>,
    pub(super) deliveries: Memo<Delivery, Option<(u32, u32, Lsn)>>,
    instants: Memo<Waiting, Arc<[u64]>>,
    pub(super) witnesses: Witnesses,
}

impl BothModel {
    /// Makes the model of this setup.
    pub fn new(setup: Setup) -> BothModel {
        let policy = setup.choice.policy.get();
        BothModel {
            heartbeats_matter: heartbeats_matter(&*policy),
            policy,
            setup,
            masters: Interner::new(),
            logs: Interner::new(),
            links: Interner::new(),
            controls: Interner::new(),
            datas: Interner::new(),
            moments: Interner::new(),
            moments_after: Memo::new(),
            looks: Memo::new(),
            writes: Memo::new(),
            master_steps: Memo::new(),
            deliveries: Memo::new(),
            instants: Memo::new(),
            witnesses: Witnesses::default(),
        }
    }

    pub(super) fn master_clock(&self, state: &State) -> Millis {
        Millis(self.setup.times.clocks.start.0 + state.elapsed)
    }

    pub(super) fn replica_clock(&self, state: &State) -> Millis {
        self.master_clock(state).offset(self.setup.times.skew_ms(state.skew))
    }

    pub(super) fn master_dump(&self, master: u32) -> &Dump {
        self.masters.facts(master, |master| dump(master.store()).expect(MEMORY))
    }

    pub(super) fn replica_dump(&self, data: u32) -> &Dump {
        self.datas.facts(data, Data::dump)
    }

    pub(super) fn replica(&self, state: &State) -> &Replica {
        &self.controls.value(state.control).replica
    }

    /// The instant by which readers of the replica judge.
    pub(super) fn readers_judge_at(&self, state: &State) -> Millis {
        let now = Moment { elapsed: Elapsed(self.master_clock(state).0), wall: self.replica_clock(state) };
        self.replica(state).reads_at(&*self.policy, now, state.told).time
    }

    pub(super) fn moves(&self, state: &State) -> &[(Move, u32, Option<Task>)] {
        if state.recovers {
            return &[];
        }
        self.controls.facts(state.control, |control| {
            let moves = control.moves(false).into_iter();
            moves.map(|(step, next, task)| (step, self.controls.number(next), task)).collect()
        })
    }

    pub(super) fn strategy(&self) -> AnyStrategy {
        let strategy = self.setup.choice.strategy;
        strategy.machine(self.setup.workers, batch_entries_max(strategy))
    }

    /// The number of the control of a replica that has just started.
    pub(super) fn fresh(&self, replica: Replica, may_crash: bool) -> u32 {
        self.controls.number(Control::new(self.strategy(), self.setup.workers, replica, Lsn::NONE, may_crash))
    }

    fn passes(&self, state: &State, actions: &mut Vec<Action>) {
        let times = &self.setup.times;
        if state.passes == times.clocks.passes_max {
            return;
        }
        let oldest = self.links.value(state.link).first().map(|(sent, _)| *sent);
        let of = (state.master, state.data, state.log, state.skew, oldest);
        let instants = self.instants.get(of, || {
            let pending = Pending {
                master: self.master_dump(state.master),
                replica: self.replica_dump(state.data),
                under_way: self.logs.facts(state.log, |log| deadlines(log)).clone(),
                received_at: None,
                oldest,
                is_down: false,
                floor_ms: self.policy.judging().floor_ms(),
            };
            instants(times, times.skew_ms(state.skew), &pending).into()
        });
        let bound = oldest.map(|sent| sent + times.delay_ms());
        let may_pass = |at: &&u64| **at > state.elapsed && bound.is_none_or(|bound| **at <= bound);
        actions.extend(instants.iter().filter(may_pass).map(|at| Action::Pass(at - state.elapsed)));
    }
}

/// The deadlines that the effects of these entries set.
fn deadlines(log: &[Entry]) -> Vec<Millis> {
    let effects = log.iter().flat_map(|entry| entry.payload.parts()).filter_map(Payload::effect);
    let given = effects.flat_map(|effect| &effect.writes).filter_map(|write| match write {
        Write::Put { key, value } => Record::decode(key, value).ok()?.deadline,
        Write::Delete { .. } | Write::DeleteRange { .. } => None,
    });
    given.collect()
}

impl Model for BothModel {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        let data = self.datas.number(Data::default());
        let replica = Replica::new(Lsn::NONE, LogTime::default(), None, Readers::In);
        let one = |skew: u16| State {
            master: self.masters.number(Master::new(MemoryStore::new(), Epoch(1))),
            log: self.logs.number(Vec::new()),
            link: self.links.number(Link::new()),
            control: self.fresh(replica.clone(), self.setup.crashes_max > 0),
            data,
            published: data,
            received: Lsn::NONE,
            recovers: false,
            moments: self.moments.number(vec![Default::default()]),
            elapsed: 0,
            passes: 0,
            told: Millis::ZERO,
            skew,
            sent: 0,
            crashes_left: self.setup.crashes_max,
            broken: InvariantSet::default(),
        };
        (0u16..).zip(&self.setup.times.clocks.skews_ms).map(|(skew, _)| one(skew)).collect()
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        let (times, sent) = (&self.setup.times, usize::from(state.sent));
        if sent < times.length_max {
            // If the alphabet is a program, each of its commands is sent once, in its place.
            let is_program = times.begins > 0;
            let symbols = if is_program { sent..sent + 1 } else { 0..times.alphabet.len() };
            actions.extend(symbols.map(Action::Command));
        }
        if state.recovers {
            let left = state.received.0 - self.controls.value(state.control).applier.admitted().0;
            actions.extend((1..=u16::try_from(left).unwrap_or(u16::MAX)).map(Action::Recover));
        } else if self.may_deliver(state) {
            actions.push(Action::Deliver);
        }
        let is_begin = |step: &Move| matches!(step, Move::Begin(_));
        let moves = || self.moves(state).iter().map(|(step, _, _)| *step);
        actions.extend(moves().filter(|step| !is_begin(step)).map(Action::Move));
        self.passes(state, actions);
        if self.heartbeats_matter && self.masters.value(state.master).time() < self.master_clock(state) {
            actions.push(Action::Heartbeat);
        }
        if state.crashes_left > 0 && state.received > Lsn::NONE {
            actions.extend((0..=self.batches(state.data)).map(Action::Crash));
        }
        actions.extend(moves().filter(is_begin).map(Action::Move));
    }

    fn next_state(&self, state: &State, action: Action) -> Option<State> {
        let mut next = State { broken: InvariantSet::default(), ..*state };
        let now = self.master_clock(state);
        match action {
            Action::Command(symbol) => {
                let request = self.setup.times.alphabet.get(symbol)?;
                next.sent += 1;
                self.master_acts(&mut next, action, |master| {
                    let entries = request.run(master, &*self.policy, (now, DRAWN)).expect(MEMORY);
                    entries.into_iter().map(MasterOutput::Append).collect()
                });
            }
            Action::Heartbeat => self.master_acts(&mut next, action, |master| {
                master.step(&*self.policy, MasterInput::Heartbeat { now }).expect(MEMORY)
            }),
            Action::Deliver => self.deliver(&mut next)?,
            Action::Move(step) => {
                let (_, after, task) = self.moves(state).iter().find(|(possible, _, _)| *possible == step)?;
                next.control = *after;
                if let Some(task) = task {
                    next.data = self.written(state, task);
                }
                let [was, is] = [state, &next].map(|state| self.replica(state).published());
                if is > was {
                    // Log time and the snapshot are published together, as in the engine (`publication.rs`).
                    next.published = next.data;
                }
            }
            Action::Pass(ms) => (next.elapsed, next.passes) = (state.elapsed + ms, state.passes + 1),
            Action::Crash(flushed) => self.crashed(&mut next, flushed)?,
            Action::Recover(count) => self.recovered(&mut next, count),
        }
        Some(self.observed(state.elapsed, next))
    }

    fn properties(&self) -> Vec<Property<Self>> {
        let holds: [fn(&Self, &State) -> bool; INVARIANTS.len()] =
            [|_, state| !state.broken.has(0), |_, state| !state.broken.has(1)];
        INVARIANTS.iter().zip(holds).map(|(name, holds)| Property::always(name.name(), holds)).collect()
    }
}

impl Judged for BothModel {
    fn invariants(&self) -> &'static [Invariant] {
        INVARIANTS
    }

    fn sometimes(&self) -> &'static [&'static str] {
        invariants::BOTH.sometimes
    }

    fn broken(&self, state: &State) -> InvariantSet {
        state.broken
    }

    fn witnesses(&self) -> &Witnesses {
        &self.witnesses
    }

    fn is_rare(&self, action: &Action) -> bool {
        matches!(action, Action::Crash(_))
    }
}

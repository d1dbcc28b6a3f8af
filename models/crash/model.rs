//! The model itself: states, actions, transitions.

use super::disk::Disk;
use super::world::{Call, End, Held, Left, LogStep, Run, Started, Starting, States, place};
use super::{Choice, Fault, INVARIANTS, Role, Setup, Step};
use crate::binlog::{Entry, Epoch, Fsync, Lsn};
use crate::effect::Write;
use crate::expiry::{ExpiryPolicy, Policy};
use crate::models::intern::{Interner, Memo};
use crate::models::invariants::{self, Invariant};
use crate::models::judged::{InvariantSet, Judged, Witnesses};
use crate::models::request::Request;
use crate::models::scenario;
use crate::store::Dump;
use stateright::{Model, Property};
use std::sync::Arc;

/// The end of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Accident {
    /// The process is killed: everything written stays.
    Kill,
    /// The machine loses power, and the disk has the content of this number.
    PowerLoss(u32),
}

/// When a crash comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Moment {
    /// Between two steps.
    Between,
    /// In this step, at the change of a file or a name with this number, which is done half.
    During(LogStep, u8),
}

/// A step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// Clients send a group: one command of the alphabet, or two. A replica receives new entries of its master in this way.
    Send(usize, Option<usize>),
    /// A replica receives again so many entries that it has lost.
    Receive(u8),
    /// The next step of the group.
    Next,
    /// The log is synced by itself.
    Sync,
    /// A flush of the store begins.
    BeginFlush,
    /// The flush ends.
    EndFlush,
    /// The node crashes.
    Crash(Moment, Accident),
    /// The node starts.
    Start,
}

/// The node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Place {
    /// It runs; the number of the run.
    Up(u32),
    /// It is down; the number of its disk.
    Down(u32),
    /// It has refused to start.
    Refused,
}

/// A state of the model, made of the numbers of interned parts and of small counters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct State {
    /// The node.
    pub place: Place,
    /// Number of steps of the group that are done; 0 also where there is no group.
    pub done: u8,
    /// Number of entries of the group; 0: there is none.
    pub group: u8,
    /// Number of the group's batch.
    pub batch: u32,
    /// Number of the entries that were made, the group among them. A replica's are those of its master.
    pub history: u32,
    /// Number of the store.
    pub held: u32,
    /// Number of the store as the flush under way takes it.
    pub flushing: Option<u32>,
    /// Number of the store as it was flushed last.
    pub flushed: u32,
    /// All entries through this one are acknowledged. While the node is down: those that must be there.
    pub acked: Lsn,
    /// While the node is down: its log had been synced through this one.
    pub durable: Lsn,
    /// Readers have seen all through this one. While the node is down: what they must still see.
    pub seen: Lsn,
    /// Followers have received all through this one.
    pub sent: Lsn,
    /// Number of the entries that followers have received and that the node has lost.
    pub lost: u32,
    /// The epoch in the file `node`.
    pub noted: Epoch,
    /// Number of epochs begun, about. It stands for the bits that the last one drew.
    pub drawn: u32,
    /// Number of writes so far.
    pub writes: u8,
    /// Number of flushes so far.
    pub flushes: u8,
    /// Number of crashes so far.
    pub crashes: u8,
    /// Whether the disk may have lost what an fsync had promised.
    pub lied: bool,
    /// The invariants that the last step broke.
    pub broken: InvariantSet,
}

/// A run, and perhaps a change of a call.
type Interrupted = (u32, Option<(Call, u8)>);

/// A store, its epoch and last entry, and a group.
type Sending = (u32, Epoch, Lsn, usize, Option<usize>);

/// The model of one choice.
pub struct CrashModel {
    pub(super) setup: Setup,
    pub(super) alphabet: Vec<Request>,
    pub(super) policy: Arc<dyn ExpiryPolicy + Send + Sync>,
    pub(super) disks: Interner<Disk>,
    pub(super) runs: Interner<Run, End>,
    pub(super) held: Interner<Held, [Dump; 2]>,
    pub(super) batches: Interner<Vec<Write>>,
    pub(super) histories: Interner<Vec<Entry>, States>,
    pub(super) lost: Interner<Vec<Entry>>,
    /// For a run and a call: the number of changes of files that it makes.
    pub(super) changes: Memo<(u32, Call), u8>,
    /// For a run, and perhaps a change of a call: what crashes leave.
    pub(super) left: Memo<Interrupted, Arc<Left>>,
    pub(super) starts: Memo<Starting, Started>,
    pub(super) start_changes: Memo<Starting, u8>,
    pub(super) left_in_start: Memo<(Starting, u8), (Arc<Left>, Epoch)>,
    /// For a store, its epoch and last entry, and a group: its entries, and the number of its batch.
    pub(super) made: Memo<Sending, (Vec<Entry>, u32)>,
    /// For a run and an entry: the entries of the log from there on.
    pub(super) read: Memo<(u32, Lsn), Result<Vec<Entry>, String>>,
    pub(super) witnesses: Witnesses,
}

impl CrashModel {
    /// Makes the model of this setup.
    pub fn new(setup: Setup) -> CrashModel {
        let policy = if setup.choice.logs_commands() { Policy::AtEntryTime } else { Policy::LogClock };
        CrashModel {
            setup,
            alphabet: scenario::requests(setup.alphabet),
            policy: policy.get(),
            disks: Interner::new(),
            runs: Interner::new(),
            held: Interner::new(),
            batches: Interner::new(),
            histories: Interner::new(),
            lost: Interner::new(),
            changes: Memo::new(),
            left: Memo::new(),
            starts: Memo::new(),
            start_changes: Memo::new(),
            left_in_start: Memo::new(),
            made: Memo::new(),
            read: Memo::new(),
            witnesses: Witnesses::default(),
        }
    }

    pub(super) fn choice(&self) -> Choice {
        self.setup.choice
    }

    pub(super) fn has(&self, fault: Fault) -> bool {
        self.choice().fault() == Some(fault)
    }

    /// The steps of a group. A replica has no clients.
    pub(super) fn order(&self) -> impl Iterator<Item = Step> {
        let is_replica = self.setup.role == Role::Replica;
        let order = self.choice().order().iter().copied();
        order.filter(move |step| !(is_replica && *step == Step::Reply))
    }

    /// The next step of the group.
    pub(super) fn next_step(&self, state: &State) -> Option<Step> {
        self.order().nth(usize::from(state.done)).filter(|_| state.group > 0)
    }

    /// Whether a step of the group is done. Without a group all are.
    pub(super) fn is_done(&self, state: &State, step: Step) -> bool {
        state.group == 0 || self.order().take(usize::from(state.done)).any(|done| done == step)
    }

    /// The last entry that the node has, in its log or in hand.
    pub(super) fn last(&self, state: &State, run: u32) -> Lsn {
        let in_hand = if self.is_done(state, Step::Append) { 0 } else { state.group };
        Lsn(self.end(run).last.0 + u64::from(in_hand))
    }

    /// The entries of the group.
    pub(super) fn group<'a>(&'a self, state: &State, run: u32) -> &'a [Entry] {
        let through = self.through(state.history, self.last(state, run));
        &through[through.len().saturating_sub(usize::from(state.group))..]
    }

    /// The step in which the log's files change, if a state has one of this kind next: the call of the log.
    pub(super) fn call(&self, state: &State, run: u32, step: LogStep) -> Option<Call> {
        let end = self.end(run);
        let next = self.next_step(state);
        match step {
            LogStep::Append => {
                (next == Some(Step::Append)).then(|| Call::Append(self.group(state, run).to_vec()))
            }
            LogStep::Sync => {
                let syncs_for_a_flush = self.may_flush(state) && !self.has(Fault::FlushFirst);
                let syncs = self.syncs_by_itself() || next == Some(Step::Sync) || syncs_for_a_flush;
                (syncs && end.durable < end.last).then_some(Call::Sync)
            }
            LogStep::Purge if self.has(Fault::PurgeFirst) => None,
            LogStep::Purge => {
                let flushed = self.held.value(state.flushing?).marker();
                self.purge(run, flushed)
            }
            LogStep::Start => None,
        }
    }

    /// The call that purges the log after a flush through this entry; `None`: nothing can be purged.
    pub(super) fn purge(&self, run: u32, flushed: Lsn) -> Option<Call> {
        let call = Call::Purge(flushed.next());
        (self.setup.segments && self.changes(run, &call) > 0).then_some(call)
    }

    /// Whether the log is synced at any moment.
    fn syncs_by_itself(&self) -> bool {
        self.choice().fsync() == Fsync::EverySec
    }

    /// Whether a flush may begin: something is to be flushed, no flush is under way, and no group is written in part.
    fn may_flush(&self, state: &State) -> bool {
        let marker = if self.marker_is_apart() { Step::Mark } else { Step::Apply };
        let (applied, marked) = (self.is_done(state, Step::Apply), self.is_done(state, marker));
        let may_begin = applied && marked || self.has(Fault::MarkerApart) && (applied || marked);
        let is_free = state.flushing.is_none() && state.flushes < self.setup.flushes_max;
        may_begin && is_free && state.held != state.flushed
    }

    /// Whether the marker is a step of its own.
    pub(super) fn marker_is_apart(&self) -> bool {
        self.choice().order().contains(&Step::Mark)
    }

    /// The steps of a running node.
    fn work(&self, state: &State, run: u32, actions: &mut Vec<Action>) {
        let end = self.end(run);
        if state.group > 0 {
            actions.push(Action::Next);
        } else {
            self.sends(state, run, actions);
        }
        if self.syncs_by_itself() && end.durable < end.last {
            actions.push(Action::Sync);
        }
        if self.may_flush(state) {
            actions.push(Action::BeginFlush);
        }
        actions.extend(state.flushing.map(|_| Action::EndFlush));
    }

    /// The groups that may come next.
    fn sends(&self, state: &State, run: u32, actions: &mut Vec<Action>) {
        let behind = self.entries_of(state.history).len().saturating_sub(place(self.end(run).last));
        if self.setup.role == Role::Replica && behind > 0 {
            actions.push(Action::Receive(1));
            actions.extend((behind > 1).then_some(Action::Receive(2)));
            return;
        }
        let left = self.setup.writes_max - state.writes;
        let all = 0..self.alphabet.len();
        if left > 0 {
            actions.extend(all.clone().map(|first| Action::Send(first, None)));
        }
        if left > 1 {
            actions.extend(
                all.clone().flat_map(|first| all.clone().map(move |then| Action::Send(first, Some(then)))),
            );
        }
    }

    /// The crashes at a moment.
    fn crashes(&self, moment: Moment, left: &Left, actions: &mut Vec<Action>) {
        actions.push(Action::Crash(moment, Accident::Kill));
        let losses = left.powerless.iter().map(|&disk| Action::Crash(moment, Accident::PowerLoss(disk)));
        actions.extend(losses);
    }
}

impl Model for CrashModel {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        let empty = self.disks.number(Disk::default());
        let noted = self.begun(&[], Epoch(0).next(0), 1);
        let held = self.held.number(Held::default());
        vec![State {
            place: Place::Up(self.runs.number(Run { start: empty, calls: Vec::new() })),
            done: 0,
            group: 0,
            batch: self.batches.number(Vec::new()),
            history: self.histories.number(Vec::new()),
            held,
            flushing: None,
            flushed: held,
            acked: Lsn::NONE,
            durable: Lsn::NONE,
            seen: Lsn::NONE,
            sent: Lsn::NONE,
            lost: self.lost.number(Vec::new()),
            noted,
            drawn: 1,
            writes: 0,
            flushes: 0,
            crashes: 0,
            lied: false,
            broken: InvariantSet::default(),
        }]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        let may_crash = state.crashes < self.setup.crashes_max;
        match state.place {
            Place::Refused => {}
            Place::Up(run) => {
                self.work(state, run, actions);
                if !may_crash {
                    return;
                }
                self.crashes(Moment::Between, &self.left(run, None), actions);
                for step in [LogStep::Append, LogStep::Sync, LogStep::Purge] {
                    let Some(call) = self.call(state, run, step) else { continue };
                    for at in 0..self.changes(run, &call) {
                        let left = self.left(run, Some((call.clone(), at)));
                        self.crashes(Moment::During(step, at), &left, actions);
                    }
                }
            }
            Place::Down(disk) => {
                actions.push(Action::Start);
                if !may_crash {
                    return;
                }
                let starting = self.starting(state, disk);
                for at in 0..self.start_changes(starting) {
                    let (left, _) = self.left_in_start(starting, at);
                    self.crashes(Moment::During(LogStep::Start, at), &left, actions);
                }
            }
        }
    }

    fn next_state(&self, state: &State, action: Action) -> Option<State> {
        self.stepped(state, action)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        let holds: [fn(&Self, &State) -> bool; INVARIANTS.len()] = [
            |_, state| !state.broken.has(0),
            |_, state| !state.broken.has(1),
            |_, state| !state.broken.has(2),
            |_, state| !state.broken.has(3),
            |_, state| !state.broken.has(4),
            |_, state| !state.broken.has(5),
        ];
        INVARIANTS.iter().zip(holds).map(|(name, holds)| Property::always(name.name(), holds)).collect()
    }
}

impl Judged for CrashModel {
    fn invariants(&self) -> &'static [Invariant] {
        INVARIANTS
    }

    fn sometimes(&self) -> &'static [&'static str] {
        invariants::CRASH.sometimes
    }

    fn broken(&self, state: &State) -> InvariantSet {
        state.broken
    }

    fn witnesses(&self) -> &Witnesses {
        &self.witnesses
    }

    fn is_rare(&self, action: &Action) -> bool {
        matches!(action, Action::Crash(..))
    }
}

//! The model: states, actions, transitions, and the checks after each.

use super::control::{Control, Move};
use super::data::Data;
use super::log::{Place, Programs};
use crate::apply::Task;
use crate::binlog::{Entry, Lsn};
use crate::invariant::{self, State as Holds, Versions};
use crate::models::intern::{Interner, Memo};
use crate::models::judged::{InvariantSet, Judged, Witnesses};
use crate::models::story::Story;
use crate::ordering::{Ordering, Reads};
use crate::store::Dump;
use stateright::{Model, Property};
use std::collections::BTreeSet;
use std::fmt::Debug;
use std::hash::Hash;
use std::sync::Arc;

/// Names of the invariants, in the order of their bits.
pub const INVARIANTS: &[&str] =
    &["convergence", "per_key_order", "prefix", "monotonic_reads", "exactly_once"];
const CONVERGENCE: usize = 0;
const PER_KEY_ORDER: usize = 1;
const PREFIX: usize = 2;
const MONOTONIC_READS: usize = 3;
const EXACTLY_ONCE: usize = 4;

const SOMETIMES: &[&str] = &[
    "the watermark reaches the end of a log of two entries or more",
    "a reader sees one key at two versions",
    "a reader sees a state between the first and the last of its log",
    "a reader who saw a key is let in again after a restart",
    "after a restart entries run again",
];

/// What is explored.
#[derive(Clone, Debug)]
pub struct Setup {
    /// The programs and their logs.
    pub programs: Programs,
    /// Number of workers.
    pub workers: usize,
    /// Number of crashes at most.
    pub crashes_max: u8,
    /// Whether readers are let in right after a restart, before the replica has caught up.
    pub reads_after_crash: bool,
    /// Whether workers that the strategy cannot tell apart are sorted.
    pub canonical: bool,
}

/// A state: numbers of interned parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct State {
    /// Number of the [`Control`].
    pub control: u32,
    /// Number of the replica's [`Data`].
    pub data: u32,
    /// Number of the data that a crash would leave.
    pub flushed: u32,
    /// Number of the data that was published last; the live data where readers read that.
    pub published: u32,
    /// Number of the versions that readers saw last.
    pub seen: u32,
    /// The program so far.
    pub place: Place,
    /// Readers are let in when the watermark has reached this LSN; 0 = they are.
    pub opens_at: u8,
    /// Crashes that may still happen.
    pub crashes_left: u8,
    /// Whether the store may still flush.
    pub may_flush: bool,
    /// What the last step broke.
    pub broken: InvariantSet,
}

/// A step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// A client sends this command of the alphabet; the master logs it, the replica admits the entry.
    Command(usize),
    /// The replica admits an entry of its log again, after a restart.
    Readmit,
    /// A step of the strategy or of a worker.
    Move(Move),
    /// The store flushes what was written.
    Flush,
    /// The replica is killed and starts again.
    Crash,
}

/// A move of a control: what it leads to, and for a write its task.
type Moves = Arc<[(Move, u32, Option<Arc<Task>>)]>;

/// The model of one strategy.
pub struct OrderingModel<O> {
    setup: Setup,
    new: Box<dyn Fn(usize) -> O + Send + Sync>,
    pub(super) controls: Interner<Control<O>>,
    pub(super) datas: Interner<Data>,
    versions: Interner<Versions>,
    entries: Interner<Entry>,
    moves: Memo<u32, Moves>,
    admissions: Memo<(u32, u32), Option<u32>>,
    writes: Memo<(u32, Place, Arc<Task>), u32>,
    facts: Memo<u32, Arc<DataFacts>>,
    checks: Memo<(Place, u32, u32), (InvariantSet, InvariantSet)>,
    converged: Memo<(Place, u32), bool>,
    witnesses: Witnesses,
}

/// What the checks ask of a [`Data`], once.
struct DataFacts {
    dump: Dump,
    versions: u32,
}

impl<O> OrderingModel<O>
where
    O: Ordering + Clone + Eq + Hash + Debug + Send + Sync + 'static,
{
    /// The model of the strategy that `new` makes for a number of workers.
    pub fn new(setup: Setup, new: impl Fn(usize) -> O + Send + Sync + 'static) -> OrderingModel<O> {
        OrderingModel {
            setup,
            new: Box::new(new),
            controls: Interner::new(),
            datas: Interner::new(),
            versions: Interner::new(),
            entries: Interner::new(),
            moves: Memo::new(),
            admissions: Memo::new(),
            writes: Memo::new(),
            facts: Memo::new(),
            checks: Memo::new(),
            converged: Memo::new(),
            witnesses: Witnesses::default(),
        }
    }

    /// What is explored.
    pub fn setup(&self) -> &Setup {
        &self.setup
    }

    fn fresh_control(&self, marker: Lsn) -> u32 {
        let workers = self.setup.workers;
        self.controls.number(Control::new((self.new)(workers), workers, marker))
    }

    fn moves_of(&self, control: u32) -> Moves {
        self.moves.get(control, || {
            let moves = self.controls.value(control).moves(self.setup.canonical);
            let numbered = moves
                .into_iter()
                .map(|(step, next, task)| (step, self.controls.number(next), task.map(Arc::new)));
            numbered.collect()
        })
    }

    /// The control with the entry after its last admitted one admitted; `None` if the strategy waits or refuses.
    fn admitted(&self, control: u32, place: Place) -> Option<u32> {
        let current = self.controls.value(control);
        let (entry, admission) = self.setup.programs.entry(place, current.applier.admitted().next());
        let entry = self.entries.number(entry.clone());
        self.admissions.get((control, entry), || {
            let next = current.admit(admission)?.ok()?;
            Some(self.controls.number(next))
        })
    }

    fn written(&self, data: u32, place: Place, task: &Arc<Task>) -> u32 {
        // The entries of a job are those of its prefix of the program, whatever follows.
        let length = usize::try_from(task.job.last.0).unwrap_or(usize::MAX);
        let prefix = self.setup.programs.at(place).prefixes[length];
        self.writes.get((data, prefix, Arc::clone(task)), || {
            let entries: Vec<&Entry> =
                task.job.lsns().map(|lsn| &self.setup.programs.entry(prefix, lsn).0).collect();
            let marker = task.marker.unwrap_or_default();
            self.datas.number(self.datas.value(data).write(&entries, task.job.part.as_ref(), marker))
        })
    }

    fn facts(&self, data: u32) -> Arc<DataFacts> {
        self.facts.get(data, || {
            let data = self.datas.value(data);
            Arc::new(DataFacts { dump: data.dump(), versions: self.versions.number(data.versions.clone()) })
        })
    }

    /// The data that readers are given.
    pub(super) fn read(&self, state: &State) -> u32 {
        match self.reads(state) {
            Reads::Latest => state.data,
            Reads::Published => state.published,
        }
    }

    fn reads(&self, state: &State) -> Reads {
        self.controls.value(state.control).applier.ordering().reads()
    }

    /// Lets readers in where they may be, lets them look, and notes what is broken.
    fn observed(&self, before: &State, mut state: State) -> State {
        let control = self.controls.value(state.control);
        let reads = control.applier.ordering().reads();
        if reads == Reads::Latest {
            state.published = state.data;
        }
        let reached = match reads {
            Reads::Latest => control.applier.watermark(),
            Reads::Published => control.published,
        };
        let reopened = state.opens_at > 0 && reached >= Lsn(state.opens_at.into());
        if reopened {
            state.opens_at = 0;
        }
        let length = self.setup.programs.at(state.place).prefixes.len() as u64 - 1;
        let at_end = control.is_quiet() && control.applier.watermark() == Lsn(length);
        let mut broken = InvariantSet::default();
        let converged = !at_end || self.has_converged(state.place, state.data);
        let mut tested = InvariantSet::default().with(CONVERGENCE, at_end && length >= 2);
        if state.opens_at == 0 {
            let (violated, seen_tests) = self.look(state.place, state.seen, self.read(&state));
            broken = violated;
            tested.0 |= seen_tests.0;
            tested = tested
                .with(MONOTONIC_READS, reopened && state.seen != self.versions.number(Versions::default()))
                .with(EXACTLY_ONCE, state.crashes_left < self.setup.crashes_max && before.data != state.data);
            state.seen = self.facts(self.read(&state)).versions;
        }
        // Both levels say convergence first (DESIGN, *Guarantee levels*).
        state.broken =
            broken.with(CONVERGENCE, !converged).with(PER_KEY_ORDER, !converged).with(PREFIX, !converged);
        self.witnesses.note(tested);
        state
    }

    fn has_converged(&self, place: Place, data: u32) -> bool {
        self.converged.get((place, data), || {
            let program = self.setup.programs.at(place);
            let value = self.datas.value(data);
            let replica = Holds { versions: &value.versions, dump: &self.facts(data).dump };
            invariant::convergence(replica, Holds { versions: &program.versions, dump: &program.dump })
        })
    }

    /// What a reader who saw the versions `seen` breaks by seeing `data`, and what that puts to the test.
    fn look(&self, place: Place, seen: u32, data: u32) -> (InvariantSet, InvariantSet) {
        self.checks.get((place, seen, data), || {
            let programs = &self.setup.programs;
            let prefixes = &programs.at(place).prefixes;
            let history: Vec<&Versions> = prefixes.iter().map(|&at| &programs.at(at).versions).collect();
            let dumps: Vec<&Dump> = prefixes.iter().map(|&at| &programs.at(at).dump).collect();
            let (saw, value, facts) = (self.versions.value(seen), self.datas.value(data), self.facts(data));
            let sees = &value.versions;
            let seen_length = invariant::prefix(&history, Lsn::NONE, &saw).unwrap_or_default();
            let length = invariant::prefix(&history, seen_length, sees);
            let holds = Holds { versions: sees, dump: &facts.dump };
            let twice: &BTreeSet<Lsn> = &value.twice;
            let broken = InvariantSet::default()
                .with(PER_KEY_ORDER, !invariant::per_key_order(&history, &saw, sees))
                .with(PREFIX, length.is_none())
                .with(MONOTONIC_READS, !invariant::monotonic_reads(&saw, sees))
                .with(EXACTLY_ONCE, !invariant::exactly_once(holds, twice, &dumps));
            let rewritten = sees.keys().any(|key| saw.of(key) > Lsn::NONE && sees.of(key) != saw.of(key));
            let between = length.is_some_and(|at| at > Lsn::NONE && at.0 + 1 < prefixes.len() as u64);
            (broken, InvariantSet::default().with(PER_KEY_ORDER, rewritten).with(PREFIX, between))
        })
    }

    fn crashed(&self, state: &State) -> State {
        let marker = self.datas.value(state.flushed).marker();
        let length = self.setup.programs.at(state.place).prefixes.len() - 1;
        let opens_at = if self.setup.reads_after_crash { 0 } else { u8::try_from(length).unwrap_or(u8::MAX) };
        State {
            control: self.fresh_control(marker),
            data: state.flushed,
            published: state.flushed,
            opens_at,
            crashes_left: state.crashes_left - 1,
            may_flush: state.crashes_left > 1,
            ..*state
        }
    }
}

impl<O> Model for OrderingModel<O>
where
    O: Ordering + Clone + Eq + Hash + Debug + Send + Sync + 'static,
{
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        let data = self.datas.number(Data::default());
        vec![State {
            control: self.fresh_control(Lsn::NONE),
            data,
            flushed: data,
            published: data,
            seen: self.versions.number(Versions::default()),
            place: 0,
            opens_at: 0,
            crashes_left: self.setup.crashes_max,
            may_flush: self.setup.crashes_max > 0,
            broken: InvariantSet::default(),
        }]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        let control = self.controls.value(state.control);
        let program = self.setup.programs.at(state.place);
        let admitted = control.applier.admitted().0;
        if admitted + 1 < program.prefixes.len() as u64 {
            actions.push(Action::Readmit);
        } else {
            let known = program.children.iter().enumerate().filter(|(_, child)| child.is_some());
            actions.extend(known.map(|(symbol, _)| Action::Command(symbol)));
        }
        actions.extend(self.moves_of(state.control).iter().map(|(step, _, _)| Action::Move(*step)));
        if state.may_flush && state.data != state.flushed {
            actions.push(Action::Flush);
        }
        if state.crashes_left > 0 && program.prefixes.len() > 1 {
            actions.push(Action::Crash);
        }
    }

    fn next_state(&self, state: &State, action: Action) -> Option<State> {
        let mut next = State { broken: InvariantSet::default(), ..*state };
        match action {
            Action::Command(symbol) => {
                next.place = (*self.setup.programs.at(state.place).children.get(symbol)?)?;
                next.control = self.admitted(state.control, next.place)?;
            }
            Action::Readmit => next.control = self.admitted(state.control, state.place)?,
            Action::Move(step) => {
                let moves = self.moves_of(state.control);
                let (_, control, task) = moves.iter().find(|(possible, _, _)| *possible == step)?;
                next.control = *control;
                if let Some(task) = task {
                    next.data = self.written(state.data, state.place, task);
                }
                if step == Move::Publish {
                    next.published = next.data;
                }
            }
            Action::Flush => {
                next.flushed = state.data;
                next.may_flush = false;
            }
            Action::Crash => next = self.crashed(&next),
        }
        Some(self.observed(state, next))
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always(INVARIANTS[CONVERGENCE], |_, state: &State| !state.broken.has(CONVERGENCE)),
            Property::always(INVARIANTS[PER_KEY_ORDER], |_, state: &State| !state.broken.has(PER_KEY_ORDER)),
            Property::always(INVARIANTS[PREFIX], |_, state: &State| !state.broken.has(PREFIX)),
            Property::always(INVARIANTS[MONOTONIC_READS], |_, state: &State| {
                !state.broken.has(MONOTONIC_READS)
            }),
            Property::always(INVARIANTS[EXACTLY_ONCE], |_, state: &State| !state.broken.has(EXACTLY_ONCE)),
        ]
    }
}

impl<O> Judged for OrderingModel<O>
where
    O: Ordering + Clone + Eq + Hash + Debug + Send + Sync + 'static,
{
    fn invariants(&self) -> &'static [&'static str] {
        INVARIANTS
    }

    fn sometimes(&self) -> &'static [&'static str] {
        SOMETIMES
    }

    fn broken(&self, state: &State) -> InvariantSet {
        state.broken
    }

    fn witnesses(&self) -> &Witnesses {
        &self.witnesses
    }

    fn story(&self, path: &[Action]) -> Story {
        super::story::tell(self, path)
    }
}

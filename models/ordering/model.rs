//! The ordering model itself: states, actions, transitions, and the checks after each transition.

use super::Machine;
use super::action::{Action, Move};
use super::checks::{
    self, CONVERGENCE, EXACTLY_ONCE, INVARIANTS, MONOTONIC_READS, PER_KEY_ORDER, PREFIX, PROGRESS,
};
use super::control::{Control, Fault, Task};
use super::data::Data;
use super::log::{ProgramIndex, Programs};
use super::routes::Routes;
use crate::binlog::{Entry, Lsn};
use crate::invariant::{self, State as Holds, Versions};
use crate::models::intern::{Interner, Memo};
use crate::models::invariants::{self, Invariant};
use crate::models::judged::{InvariantSet, Judged, Witnesses};
use crate::node::Readers;
use crate::ordering::{Reads, Refused};
use crate::store::Dump;
use stateright::{Model, Property};
use std::fmt::Debug;
use std::hash::Hash;
use std::sync::{Arc, OnceLock};

/// The programs, bounds and options of a search.
#[derive(Clone, Debug)]
pub struct Setup {
    /// The programs and their logs.
    pub programs: Programs,
    /// Number of workers.
    pub workers: usize,
    /// Maximum number of crashes.
    pub crashes_max: u8,
    /// Whether readers are let in right after a restart, before the replica has caught up.
    pub reads_after_crash: bool,
    /// Whether workers that the strategy cannot tell apart are sorted, so that states that differ only in their order are
    /// one.
    pub canonical: bool,
    /// Whether the replica crashes only when it has applied everything that it admitted (see the module docs).
    pub crash_when_quiet: bool,
    /// The entry after which the replica resumes after a crash.
    pub position: Position,
    /// Whether a crash may lose the end of the log, as far as the store does not hold those entries.
    pub tail_may_be_lost: bool,
    /// Whether batches hold as many entries as [`batch_entries_max`](crate::models::bounds::batch_entries_max) says. A
    /// path can be exported only then.
    pub shipped_batches: bool,
    /// Record of which worker took which key; `None`: not recorded.
    pub routes: Option<Arc<Routes>>,
}

/// The entry after which a replica resumes after a crash. All variants but the first are bugs that the catalogue seeds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Position {
    /// After the marker, which is part of each batch: the engine's way.
    #[default]
    Marker,
    /// After the last entry that it received, applied or not.
    Received,
    /// After a marker that is written after its batch, so that a crash leaves the previous batch's marker.
    BehindBatch,
    /// After the entry that follows the marker, as if that entry had been written, too.
    AheadOfBatch,
    /// After a marker that each part of an entry carries as if it were the whole entry.
    WithFirstPart,
}

/// A state of the model, made of the numbers of interned parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct State {
    /// Number of the [`Control`].
    pub control: u32,
    /// Number of the replica's [`Data`].
    pub data: u32,
    /// Number of the data that was published last; for a strategy whose readers read the live store, number of the live
    /// data.
    pub published: u32,
    /// Number of the versions that readers have seen so far.
    pub seen: u32,
    /// The program so far.
    pub place: ProgramIndex,
    /// Crashes that may still happen.
    pub crashes_left: u8,
    /// The invariants that the last step broke.
    pub broken: InvariantSet,
}

/// The facts about a [`Control`] that the model needs, computed once.
pub(super) struct ControlFacts {
    /// The moves. With each: the number of the control that it leads to and, for a write, the number of its task.
    pub(super) moves: Box<[(Move, u32, Option<u32>)]>,
    pub(super) admits: bool,
    pub(super) fault: Option<Fault>,
    pub(super) work: usize,
    pub(super) cutting: bool,
    pub(super) admitted: Lsn,
    pub(super) to_recover: u64,
    pub(super) watermark: Lsn,
    /// The last entry that readers can see.
    pub(super) published: Lsn,
    pub(super) readers_are_in: bool,
    pub(super) reads: Reads,
    /// See [`OrderingModel::first_that_commutes`].
    pub(super) first_that_commutes: OnceLock<Option<Move>>,
}

impl ControlFacts {
    /// Whether every admitted entry is applied, and no worker has a step of its own left to do.
    pub(super) fn is_quiet(&self) -> bool {
        let works = |step: &Move| matches!(step, Move::Take(_) | Move::Write(_) | Move::Finish(_));
        self.watermark == self.admitted && !self.moves.iter().any(|(step, _, _)| works(step))
    }
}

/// The result of admitting an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Admitted {
    /// The strategy admits nothing at the moment.
    Waits,
    /// The strategy refuses the entry.
    Refused(Refused),
    /// The entry is admitted; number of the control afterwards.
    Next(u32),
}

/// The model of one strategy.
pub struct OrderingModel<O> {
    pub(super) setup: Setup,
    pub(super) new: Box<dyn Fn(usize) -> O + Send + Sync>,
    pub(super) controls: Interner<Control<O>, ControlFacts>,
    pub(super) datas: Interner<Data, DataFacts>,
    versions: Interner<Versions>,
    nothing_seen: u32,
    pub(super) tasks: Interner<Task>,
    admissions: Memo<(u32, u32), Admitted>,
    runs: Interner<Vec<u32>>,
    run_of: Memo<(ProgramIndex, u32), u32>,
    writes: Memo<(u32, u32, u32, bool), (u32, bool)>,
    checks: Memo<(ProgramIndex, u32, u32), (InvariantSet, InvariantSet)>,
    converged: Memo<(ProgramIndex, u32), bool>,
    /// See [`Programs::admissions`].
    pub(super) next_entries: Vec<Vec<ProgramIndex>>,
    /// For a control and the number of a move: whether the move commutes, see `ample.rs`.
    pub(super) commuting: Memo<(u32, usize), bool>,
    witnesses: Witnesses,
}

/// The facts about a [`Data`] that the checks need, computed once.
pub(super) struct DataFacts {
    pub(super) dump: Dump,
    /// The store as it would be if nothing had been applied twice; `None` if it would be the same.
    pub(super) once: Option<Dump>,
    pub(super) versions: u32,
    /// Number of batches that a crash may lose.
    pub(super) batches: u16,
}

impl<O: Machine> OrderingModel<O> {
    /// Makes the model of the strategy that `new` makes for a given number of workers.
    pub fn new(setup: Setup, new: impl Fn(usize) -> O + Send + Sync + 'static) -> OrderingModel<O> {
        let versions = Interner::new();
        OrderingModel {
            nothing_seen: versions.number(Versions::default()),
            next_entries: setup.programs.admissions(),
            commuting: Memo::new(),
            setup,
            new: Box::new(new),
            controls: Interner::new(),
            datas: Interner::new(),
            versions,
            tasks: Interner::new(),
            admissions: Memo::new(),
            runs: Interner::new(),
            run_of: Memo::new(),
            writes: Memo::new(),
            checks: Memo::new(),
            converged: Memo::new(),
            witnesses: Witnesses::default(),
        }
    }

    /// The setup of this model.
    pub fn setup(&self) -> &Setup {
        &self.setup
    }

    /// Number of programs with an entry for which the strategy declares itself undefined: they are not explored further.
    pub fn left_out(&self) -> usize {
        self.setup.programs.left_out(&|| (self.new)(self.setup.workers))
    }

    /// The versions with that number.
    pub(super) fn versions_of(&self, number: u32) -> &Versions {
        self.versions.value(number)
    }

    pub(super) fn control(&self, control: u32) -> &ControlFacts {
        self.controls.facts(control, |value| {
            let moves = value.moves(self.setup.canonical).into_iter().map(|(step, next, task)| {
                (step, self.controls.number(next), task.map(|task| self.tasks.number(task)))
            });
            ControlFacts {
                moves: moves.collect(),
                admits: value.applier.admits(),
                fault: value.fault,
                work: value.work(),
                cutting: value.cutting,
                admitted: value.applier.admitted(),
                to_recover: value.to_recover(),
                watermark: value.applier.watermark(),
                published: value.replica.published(),
                readers_are_in: value.replica.readers() == Readers::In,
                reads: value.applier.ordering().reads(),
                first_that_commutes: OnceLock::new(),
            }
        })
    }

    /// The result of admitting the entry that follows the last admitted one.
    pub(super) fn admission(&self, control: u32, place: ProgramIndex) -> Admitted {
        let lsn = self.control(control).admitted.next();
        let prefix = self.setup.programs.at(self.setup.programs.prefix(place, lsn));
        self.admissions.get((control, prefix.entry_number), || {
            let Some((_, admission)) = prefix.entry.as_ref() else { return Admitted::Waits };
            match self.controls.value(control).admit(admission) {
                None => Admitted::Waits,
                Some(Err(refused)) => Admitted::Refused(refused),
                Some(Ok(next)) => Admitted::Next(self.controls.number(next)),
            }
        })
    }

    pub(super) fn admitted(&self, control: u32, place: ProgramIndex) -> Option<u32> {
        match self.admission(control, place) {
            Admitted::Next(control) => Some(control),
            Admitted::Waits | Admitted::Refused(_) => None,
        }
    }

    /// The number of the data after the task's batch is written, and whether an entry of the batch had been written
    /// before. The key of the memo is everything that the result depends on: the data, the task, each of its entries, and
    /// whether a crash may follow.
    pub(super) fn written(&self, state: &State, task: u32) -> (u32, bool) {
        let (data, may_crash) = (state.data, state.crashes_left > 0);
        let value = self.tasks.value(task);
        let programs = &self.setup.programs;
        let run = self.run_of.get((programs.prefix(state.place, value.job.last()), task), || {
            let number = |&lsn: &Lsn| programs.at(programs.prefix(state.place, lsn)).entry_number;
            self.runs.number(value.job.lsns.iter().map(number).collect())
        });
        self.writes.get((data, task, run, may_crash), || {
            let entries: Vec<&Entry> =
                value.job.lsns.iter().map(|&lsn| &programs.entry(state.place, lsn).0).collect();
            let before = may_crash.then_some(data);
            let marker = value.marker.map(|marker| match self.setup.position {
                // A marker that no crash can bring back must not make states differ.
                _ if !may_crash => Lsn::NONE,
                Position::BehindBatch => Lsn(value.job.first().0 - 1),
                Position::WithFirstPart => value.job.last(),
                _ => marker,
            });
            let data = self.datas.value(data);
            let (written, repeats) = match marker {
                Some(marker) => data.write(&entries, value.job.part.as_ref(), marker, before),
                None => data.recover(&entries, before),
            };
            (self.datas.number(written), repeats)
        })
    }

    pub(super) fn data(&self, data: u32) -> &DataFacts {
        self.datas.facts(data, |value| {
            let batches = value.before.map_or(0, |before| self.data(before).batches + 1);
            let versions = self.versions.number(value.versions.clone());
            DataFacts { dump: value.dump(), once: value.dump_once(), versions, batches }
        })
    }

    /// Lets readers read if they may, and notes what is broken. `again`: the step wrote an entry a second time, or the
    /// log continued after entries that a crash had left.
    fn observed(&self, before: &State, again: bool, mut state: State) -> State {
        let control = self.control(state.control);
        if control.reads != Reads::Published {
            state.published = state.data;
        }
        let are_in = control.readers_are_in;
        let were_in =
            self.control(before.control).readers_are_in && before.crashes_left == state.crashes_left;
        let length = self.setup.programs.length(state.place);
        let at_end = control.is_quiet() && control.watermark == length;
        let converged = !at_end || self.has_converged(state.place, state.data);
        let is_between = control.published > Lsn::NONE && control.published < length;
        let at_rest = self.at_rest(&state);
        let progresses = at_rest.is_none_or(invariant::progress);
        let mut tested = InvariantSet::default()
            .with(PROGRESS, at_rest.is_some() && length > Lsn::NONE)
            .with(CONVERGENCE, at_end && length >= Lsn(2))
            .with(PREFIX, is_between && are_in)
            .with(EXACTLY_ONCE, again);
        let mut broken = InvariantSet::default();
        // Readers that were already let in and are given the same data again see nothing new.
        if are_in && (!were_in || before.published != state.published) {
            let (violated, looked_at) = self.look(state.place, state.seen, state.published);
            broken = violated;
            tested.0 |= looked_at.0;
            tested = tested.with(MONOTONIC_READS, !were_in && state.seen != self.nothing_seen);
            state.seen = self.data(state.published).versions;
        }
        state.broken = checks::with_progress(checks::with_convergence(broken, converged), progresses);
        self.witnesses.note(tested);
        state
    }

    /// The moves of the strategy and of the workers that are possible in a state. While the replica recovers there are
    /// none, because its worker pool has not started.
    pub(super) fn moves<'a>(&'a self, state: &State) -> impl Iterator<Item = Move> + 'a {
        let moves = if self.recovers(state) { &[][..] } else { &self.control(state.control).moves };
        moves.iter().map(|(step, _, _)| *step)
    }

    fn has_converged(&self, place: ProgramIndex, data: u32) -> bool {
        self.converged.get((place, data), || {
            let program = self.setup.programs.at(place);
            if program.wrong.as_ref().is_some_and(|wrong| wrong.is_behind) {
                // The master has run a write that it has not logged yet, so this is not the end.
                return true;
            }
            let value = self.datas.value(data);
            let replica = Holds { versions: &value.versions, dump: &self.data(data).dump };
            invariant::convergence(replica, Holds { versions: &program.versions, dump: &program.dump })
        })
    }

    /// The invariants that a reader which has seen the versions `seen` breaks by seeing `data`, and those that this look
    /// puts to the test.
    fn look(&self, place: ProgramIndex, seen: u32, data: u32) -> (InvariantSet, InvariantSet) {
        self.checks.get((place, seen, data), || {
            let programs = &self.setup.programs;
            let prefixes = programs.at(place).prefixes.iter().map(|&at| programs.at(at));
            let history: Vec<Holds<'_>> =
                prefixes.map(|master| Holds { versions: &master.versions, dump: &master.dump }).collect();
            let (saw, value, facts) = (self.versions.value(seen), self.datas.value(data), self.data(data));
            let sees = Holds { versions: &value.versions, dump: &facts.dump };
            let once = facts.once.as_ref().unwrap_or(&facts.dump);
            let broken = checks::reader_looks(&history, saw, sees, once);
            let sees = &value.versions;
            let rewritten = sees.keys().any(|key| saw.of(key) > Lsn::NONE && sees.of(key) != saw.of(key));
            (broken, InvariantSet::default().with(PER_KEY_ORDER, rewritten))
        })
    }
}

impl<O: Machine> Model for OrderingModel<O> {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        let data = self.datas.number(Data::default());
        let initial = State {
            control: self.fresh_control(Lsn::NONE, None, Lsn::NONE, self.setup.crashes_max > 0),
            data,
            published: data,
            seen: self.nothing_seen,
            place: 0,
            crashes_left: self.setup.crashes_max,
            broken: InvariantSet::default(),
        };
        // Even the initial state may break something: a strategy may admit nothing at all.
        vec![self.observed(&initial, false, initial)]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        let control = self.control(state.control);
        let program = self.setup.programs.at(state.place);
        if self.recovers(state) {
            // A node applies its whole log before it opens its port and its link. The number fits: a place is a u16, and
            // no program has more entries than there are places.
            let left = u16::try_from(control.to_recover).unwrap_or(u16::MAX);
            actions.extend((1..=left).map(Action::Recover));
        } else if control.admitted < self.setup.programs.length(state.place) {
            actions.push(Action::Resend);
        } else if control.readers_are_in {
            let known = program.children.iter().enumerate().filter(|(_, child)| child.is_some());
            actions.extend(known.map(|(symbol, _)| Action::Command(symbol)));
        }
        let is_begin = |step: &Move| matches!(step, Move::Begin(_));
        actions.extend(self.moves(state).filter(|step| !is_begin(step)).map(Action::Move));
        if self.may_crash(state) {
            self.crashes(state, actions);
        }
        actions.extend(self.moves(state).filter(is_begin).map(Action::Move));
    }

    fn next_state(&self, state: &State, action: Action) -> Option<State> {
        let mut next = State { broken: InvariantSet::default(), ..*state };
        let mut again = false;
        match action {
            Action::Command(symbol) => {
                next.place = (*self.setup.programs.at(state.place).children.get(symbol)?)?;
                next.control = self.admitted(state.control, next.place)?;
            }
            Action::Recover(count) => {
                let (recovered, repeats) = self.recovered(&next, count);
                next = recovered;
                again = repeats || self.control(state.control).admitted > Lsn::NONE;
            }
            Action::Move(step) => {
                let control = self.control(state.control);
                let &(_, after, task) = control.moves.iter().find(|(possible, _, _)| *possible == step)?;
                next.control = after;
                if let Some(task) = task {
                    (next.data, again) = self.written(state, task);
                }
                if step == Move::Publish {
                    next.published = next.data;
                }
                self.note_route(state, step, after);
            }
            Action::Resend => next.control = self.admitted(state.control, state.place)?,
            Action::Crash(flushed_batches, lost) => next = self.crashed(&next, flushed_batches, lost)?,
        }
        assert!(self.rank(&next) > self.rank(state), "{action:?} raises no rank: {state:?}, {next:?}");
        Some(self.observed(state, again, next))
    }

    fn properties(&self) -> Vec<Property<Self>> {
        let holds: [fn(&Self, &State) -> bool; INVARIANTS.len()] = [
            |_, state| !state.broken.has(PROGRESS),
            |_, state| !state.broken.has(CONVERGENCE),
            |_, state| !state.broken.has(PER_KEY_ORDER),
            |_, state| !state.broken.has(PREFIX),
            |_, state| !state.broken.has(MONOTONIC_READS),
            |_, state| !state.broken.has(EXACTLY_ONCE),
        ];
        INVARIANTS.iter().zip(holds).map(|(name, holds)| Property::always(name.name(), holds)).collect()
    }
}

impl<O: Machine> Judged for OrderingModel<O> {
    fn invariants(&self) -> &'static [Invariant] {
        INVARIANTS
    }

    fn sometimes(&self) -> &'static [&'static str] {
        invariants::ORDERING.sometimes
    }

    fn broken(&self, state: &State) -> InvariantSet {
        state.broken
    }

    fn reduces(&self) -> bool {
        self.looks_for_steps_that_commute()
    }

    fn merged(&self, state: State) -> State {
        State { broken: InvariantSet::default(), ..state }
    }

    fn ample_step(&self, state: &State) -> Option<Action> {
        self.first_that_commutes(state).map(Action::Move)
    }

    fn witnesses(&self) -> &Witnesses {
        &self.witnesses
    }

    fn is_rare(&self, action: &Action) -> bool {
        matches!(action, Action::Crash(..))
    }
}

//! Ordering, without optimizations — one program × one strategy → the invariants that break. Pure.
//!
//! The engine provides [`Applier`] with its strategy, [`apply::write_batch`], the master's log ([`Programs`]), and the
//! functions of [`crate::invariant`]. A step is one of these, by any worker and at any moment:
//!
//! ```text
//! next command logged and admitted · worker takes, begins, writes, finishes · cut · publish · crash
//! after a crash: recovery from the marker on, in batches of any size, before anything else; then the master sends the lost
//! entries again
//! ```
//!
//! A state holds what readers saw *before* it. A visit lets readers read, so the states after it hold what they saw here.

use super::{MEMORY, Opinion, Visit, search};
use crate::apply::{self, Applier, Instants, Worker};
use crate::binlog::{Entry, Lsn};
use crate::effect::{Key, KeySet};
use crate::invariant::{self, AtRest, State as Holds, Versions};
use crate::models::invariants::Invariant;
use crate::models::ordering::{Machine, ProgramIndex, Programs};
use crate::ordering::{Job, Reads, Refused};
use crate::store::memory::MemoryStore;
use crate::store::{Dump, dump};
use crate::time::Millis;
use std::collections::BTreeSet;
use std::rc::Rc;

/// A question to the oracle: what to judge, and within which bounds.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// The programs and their logs.
    pub programs: &'a Programs,
    /// Number of workers.
    pub workers: usize,
    /// Maximum number of crashes.
    pub crashes_max: u8,
    /// Whether readers are let in right after a restart.
    pub reads_after_crash: bool,
    /// Whether a crash may lose the end of the log, as far as the store does not hold those entries.
    pub tail_may_be_lost: bool,
}

/// The invariants that break under the strategy that `new` makes for a number of workers. Panics: on a strategy that
/// gives out a job without entries or with an entry that was not admitted, or that publishes an old snapshot; no built-in
/// strategy does.
pub fn opinion<O: Machine>(question: &Question<'_>, new: &dyn Fn(usize) -> O) -> Opinion {
    let plain = Plain { question, new };
    search(vec![plain.started(Rc::default())], |state| plain.visit(state))
}

/// The instants to apply an entry at. Unused, as no command of the ordering model asks for the time.
fn instants(_: &Entry) -> Instants {
    Instants { now: Millis::ZERO, judged_at: Millis::ZERO }
}

/// The data of a replica.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Held {
    store: MemoryStore,
    /// The last writer of each key.
    versions: Versions,
    /// Each entry that was applied, with each of its keys; without a key if it wrote every key.
    applied: BTreeSet<(Lsn, Option<Key>)>,
    /// A second store, to which each entry was applied only the first time. Its marker is never set.
    once: MemoryStore,
}

impl Held {
    /// The data after a batch of these entries, or of their part for one key, is written.
    fn written(&self, entries: &[&Entry], part: Option<&Key>, marker: Lsn) -> Held {
        let mut next = self.clone();
        apply::write_batch(&mut next.store, entries, part, marker, &instants).expect(MEMORY);
        for &entry in entries {
            let keys = part.map_or_else(|| entry.keys().into_owned(), |key| KeySet::of([key.clone()]));
            next.versions.write(&keys, entry.lsn);
            next.write_once(entry, part, &keys);
        }
        next
    }

    /// Writes to the second store whatever of the entry, or of its part, was not applied yet. `keys`: the keys that it
    /// touches.
    fn write_once(&mut self, entry: &Entry, part: Option<&Key>, keys: &KeySet) {
        let pieces: Vec<Option<Key>> = match keys {
            KeySet::Everything => vec![None],
            KeySet::Keys(keys) => keys.iter().cloned().map(Some).collect(),
        };
        let is_new = |piece: &&Option<Key>| !self.applied.contains(&(entry.lsn, (*piece).clone()));
        let new: Vec<Option<Key>> = pieces.iter().filter(is_new).cloned().collect();
        // A command is split only if necessary: if some of its pieces were applied before.
        let parts = if new == pieces { vec![part.cloned()] } else { new };
        for part in &parts {
            apply::write_batch(&mut self.once, &[entry], part.as_ref(), Lsn::NONE, &instants).expect(MEMORY);
        }
        self.applied.extend(pieces.into_iter().map(|piece| (entry.lsn, piece)));
    }

    fn dump(&self) -> Dump {
        dump(&self.store).expect(MEMORY)
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct State<O> {
    applier: Applier<O>,
    /// Whether a cut was made whose snapshot is not published yet.
    cutting: bool,
    /// The last entry in the latest published snapshot, or in the store at the start.
    published: Lsn,
    held: Rc<Held>,
    /// The data that readers see.
    given: Rc<Held>,
    /// The data before each batch since the start, as long as a crash may bring them back.
    before: Vec<Rc<Held>>,
    /// The versions that readers have seen so far.
    saw: Versions,
    place: ProgramIndex,
    /// The last entry of the log that the replica had when it started.
    log: Lsn,
    /// Readers are let in when everything up to this entry is published; 0: they are in.
    opens_at: Lsn,
    crashes_left: u8,
}

impl<O: Machine> State<O> {
    /// The last entry that readers may see.
    fn shown(&self) -> Lsn {
        match self.applier.ordering().reads() {
            Reads::Latest | Reads::BetweenBatches => self.applier.watermark(),
            Reads::Published => self.published,
        }
    }

    fn readers_are_in(&self) -> bool {
        self.opens_at == Lsn::NONE
    }

    /// Writes a batch, which a crash may lose.
    fn write(&mut self, entries: &[&Entry], part: Option<&Key>, marker: Lsn) {
        if self.crashes_left > 0 {
            self.before.push(Rc::clone(&self.held));
        }
        self.held = Rc::new(self.held.written(entries, part, marker));
    }

    /// The state after a step in which readers get the newest data that they may see, and are let in if these are new
    /// enough.
    fn given_to_readers(mut self) -> State<O> {
        if self.applier.ordering().reads() != Reads::Published {
            self.given = Rc::clone(&self.held);
        }
        if self.shown() >= self.opens_at {
            self.opens_at = Lsn::NONE;
        }
        self
    }
}

type Steps<O> = Vec<(String, State<O>)>;

struct Plain<'a, O> {
    question: &'a Question<'a>,
    new: &'a dyn Fn(usize) -> O,
}

impl<O: Machine> Plain<'_, O> {
    /// A replica that starts with this data, before any command.
    fn started(&self, held: Rc<Held>) -> State<O> {
        let marker = apply::marker(&held.store).expect(MEMORY);
        State {
            applier: Applier::new((self.new)(self.question.workers), self.question.workers, marker),
            cutting: false,
            published: marker,
            given: Rc::clone(&held),
            held,
            before: Vec::new(),
            saw: Versions::default(),
            place: 0,
            log: Lsn::NONE,
            opens_at: Lsn::NONE,
            crashes_left: self.question.crashes_max,
        }
    }

    fn length(&self, state: &State<O>) -> Lsn {
        self.question.programs.length(state.place)
    }

    fn visit(&self, state: &State<O>) -> Visit<State<O>> {
        let own = self.steps_of_replica(state);
        let mut broken = Vec::new();
        if own.is_empty() && !invariant::progress(self.at_rest(state)) {
            broken.push(Invariant::Progress);
        }
        if self.is_all_done(state) && !self.has_converged(state) {
            broken.extend([Invariant::Convergence, Invariant::PerKeyOrder, Invariant::Prefix]);
        }
        let mut saw = &state.saw;
        if state.readers_are_in() {
            broken.extend(self.broken_by_look(state));
            saw = &state.given.versions;
        }
        let steps = own.into_iter().chain(self.commands(state)).chain(self.crashes(state));
        let steps = steps.map(|(words, next)| (words, State { saw: saw.clone(), ..next }.given_to_readers()));
        Visit { broken, steps: steps.collect() }
    }

    fn is_all_done(&self, state: &State<O>) -> bool {
        let workers = state.applier.workers();
        let is_done = |worker| workers[worker] == Worker::Idle && self.work(state, worker).is_none();
        state.applier.watermark() == self.length(state) && (0..workers.len()).all(is_done)
    }

    fn has_converged(&self, state: &State<O>) -> bool {
        let master = self.question.programs.at(state.place);
        let master = Holds { versions: &master.versions, dump: &master.dump };
        invariant::convergence(Holds { versions: &state.held.versions, dump: &state.held.dump() }, master)
    }

    fn broken_by_look(&self, state: &State<O>) -> Vec<Invariant> {
        let programs = self.question.programs;
        let prefixes = programs.at(state.place).prefixes.iter().map(|&at| programs.at(at));
        let history: Vec<Holds<'_>> =
            prefixes.map(|master| Holds { versions: &master.versions, dump: &master.dump }).collect();
        let (dumped, once) = (state.given.dump(), dump(&state.given.once).expect(MEMORY));
        let sees = Holds { versions: &state.given.versions, dump: &dumped };
        let verdicts = [
            (Invariant::PerKeyOrder, invariant::per_key_order(&history, &state.saw, sees)),
            (Invariant::Prefix, invariant::prefix(&history, state.saw.newest(), sees).is_some()),
            (Invariant::MonotonicReads, invariant::monotonic_reads(&state.saw, sees.versions)),
            (Invariant::ExactlyOnce, invariant::exactly_once(&dumped, &once)),
        ];
        verdicts.into_iter().filter(|(_, holds)| !holds).map(|(name, _)| name).collect()
    }

    fn at_rest(&self, state: &State<O>) -> AtRest {
        let next = if state.applier.admitted() < self.length(state) {
            vec![state.place]
        } else {
            self.longer(state)
        };
        let refuses = |place: &ProgramIndex| matches!(self.admission(state, *place), Some(Err(refused)) if !refused.declared);
        AtRest {
            logged: self.length(state),
            admitted: state.applier.admitted(),
            applied: state.applier.watermark(),
            published: state.shown(),
            readers_are_in: state.readers_are_in(),
            admits_more: state.applier.admits() && !next.iter().any(refuses),
        }
    }

    /// The programs with one more command.
    fn longer(&self, state: &State<O>) -> Vec<ProgramIndex> {
        self.question.programs.at(state.place).children.iter().flatten().copied().collect()
    }

    /// The result of admitting the next entry of the log of `place`; `None` while the strategy admits nothing.
    fn admission(&self, state: &State<O>, place: ProgramIndex) -> Option<Result<State<O>, Refused>> {
        if !state.applier.admits() {
            return None;
        }
        let (_, admission) = self.question.programs.entry(place, state.applier.admitted().next());
        let mut next = State { place, ..state.clone() };
        Some(next.applier.admit(admission).map(|()| next))
    }

    /// The steps of the replica itself, without commands and crashes.
    fn steps_of_replica(&self, state: &State<O>) -> Steps<O> {
        if state.applier.admitted() < state.log {
            return self.recoveries(state);
        }
        let workers = 0..state.applier.workers().len();
        let mut steps: Steps<O> = workers.filter_map(|worker| self.work(state, worker)).collect();
        if state.applier.admitted() < self.length(state)
            && let Some(Ok(next)) = self.admission(state, state.place)
        {
            steps.push((format!("the master sends entry {} again", next.applier.admitted()), next));
        }
        let mut next = state.clone();
        if let Some(at) = state.applier.publishable() {
            assert!(at > state.published, "entry {at} is published after entry {}", state.published);
            next.applier.published();
            (next.published, next.cutting, next.given) = (at, false, Rc::clone(&state.held));
            steps.push((format!("the snapshot at entry {at} is published"), next));
        } else if state.applier.ordering().reads() == Reads::Published
            && state.applier.admits()
            && state.applier.admitted() > state.published
            && !state.cutting
        {
            next.applier.cut();
            next.cutting = true;
            steps.push((format!("a cut after entry {}", state.applier.admitted()), next));
        }
        steps
    }

    /// The next step of a worker.
    fn work(&self, state: &State<O>, worker: usize) -> Option<(String, State<O>)> {
        let mut next = state.clone();
        let words = match &state.applier.workers()[worker] {
            Worker::Idle => {
                let job = next.applier.take(worker)?;
                let is_admitted = |&lsn: &Lsn| Lsn::NONE < lsn && lsn <= state.applier.admitted();
                assert!(!job.lsns.is_empty() && job.lsns.iter().all(is_admitted), "not a job: {job:?}");
                format!("takes {}", in_words(job))
            }
            Worker::Taken(job) => {
                let marker = next.applier.begin(worker)?;
                format!("begins to write {}, marker {marker}", in_words(job))
            }
            Worker::Writing(job, marker) => {
                let entry = |&lsn: &Lsn| &self.question.programs.entry(state.place, lsn).0;
                let entries: Vec<&Entry> = job.lsns.iter().map(entry).collect();
                next.write(&entries, job.part.as_ref(), *marker);
                next.applier.wrote(worker);
                format!("writes {}, marker {marker}", in_words(job))
            }
            Worker::Written(job) => {
                next.applier.finish(worker)?;
                format!("finishes {}", in_words(job))
            }
        };
        Some((format!("worker {} {words}", worker + 1), next))
    }

    /// The recovery steps: the next entry of the log, the next two, and so on, are applied as one batch.
    fn recoveries(&self, state: &State<O>) -> Steps<O> {
        let from = state.applier.admitted();
        let to = (from.0 + 1..=state.log.0).map(Lsn);
        let recovered = |to: Lsn| {
            let lsns = (from.0 + 1..=to.0).map(Lsn);
            let entries: Vec<&Entry> =
                lsns.map(|lsn| &self.question.programs.entry(state.place, lsn).0).collect();
            let mut next = state.clone();
            next.write(&entries, None, to);
            let held = Rc::clone(&next.held);
            let fresh = self.started(Rc::clone(&held));
            let next = State { applier: fresh.applier, published: to, given: held, ..next };
            (format!("the log is applied to entry {to}"), next)
        };
        to.map(recovered).collect()
    }

    /// A client's next command. There is none during recovery, because a node applies its log before it opens its port.
    fn commands(&self, state: &State<O>) -> Steps<O> {
        if !state.readers_are_in() || state.applier.admitted() < self.length(state) {
            return Vec::new();
        }
        let logged = |place| {
            let next = self.admission(state, place)?.ok()?;
            Some((format!("entry {} is logged and admitted", next.applier.admitted()), next))
        };
        self.longer(state).into_iter().filter_map(logged).collect()
    }

    fn crashes(&self, state: &State<O>) -> Steps<O> {
        let length = self.length(state);
        if state.crashes_left == 0 || length == Lsn::NONE {
            return Vec::new();
        }
        let crash = |(flushed, left, log): (usize, &Rc<Held>, Lsn)| {
            let next = State {
                log,
                saw: state.saw.clone(),
                place: state.place,
                opens_at: if self.question.reads_after_crash { Lsn::NONE } else { length },
                crashes_left: state.crashes_left - 1,
                ..self.started(Rc::clone(left))
            };
            (
                format!(
                    "a crash leaves the first {flushed} batches, marker {} and the log to entry {log}",
                    next.applier.watermark()
                ),
                next,
            )
        };
        let lefts = state.before.iter().chain([&state.held]).enumerate();
        let logs = |(flushed, left): (usize, &'_ Rc<Held>)| {
            let held = apply::marker(&left.store).expect(MEMORY);
            let shortest = if self.question.tail_may_be_lost { held } else { length };
            (shortest.0..=length.0).map(move |log| (flushed, Lsn(log))).collect::<Vec<_>>()
        };
        let all: Vec<(usize, Lsn)> = lefts.flat_map(logs).collect();
        let held = |flushed: usize| state.before.get(flushed).unwrap_or(&state.held);
        all.into_iter().map(|(flushed, log)| crash((flushed, held(flushed), log))).collect()
    }
}

/// A job in words: `entries 1 and 2`, or `the part of entry 1 for a`.
fn in_words(job: &Job) -> String {
    let lsns: Vec<String> = job.lsns.iter().map(ToString::to_string).collect();
    let lsns = lsns.join(" and ");
    job.part
        .as_ref()
        .map_or_else(|| format!("entry {lsns}"), |key| format!("the part of entry {lsns} for {key}"))
}

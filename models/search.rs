//! Search — a model → verdicts with shortest counterexamples, breadth first.
//!
//! The models are stateright's, but the search is our own. stateright's breadth-first checker keeps for each property the
//! *last* violation that it met, not the first (0.31, `bfs.rs`), and carries the whole path with every state. Here the
//! visited set is also the queue: states are kept in the order of discovery, and a hash table of their numbers finds them
//! again. States are compared in full, so no collision of fingerprints can hide one. `tests/models.rs` compares verdicts
//! and counts with stateright's.

use super::invariants::Invariant;
use super::judged::{InvariantSet, Judged};
use hashbrown::HashTable;
use rustc_hash::FxBuildHasher;
use std::hash::BuildHasher;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// When a search stops before it is finished.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Maximum number of unique states.
    pub states_max: usize,
    /// For each invariant, by its number: only a path with fewer steps than this is wanted, because another search has
    /// found one of this length. 0: another search decides the invariant. Invariants beyond the end of the list have no
    /// limit.
    pub shorter_than: Vec<usize>,
}

impl Limits {
    /// Limits of this many unique states, with every invariant to be decided.
    pub fn of(states_max: usize) -> Limits {
        Limits { states_max, shorter_than: Vec::new() }
    }

    /// Whether a path of `depth` or more steps is of no interest for invariant `index`.
    fn is_settled(&self, index: usize, depth: usize) -> bool {
        self.shorter_than.get(index).is_some_and(|steps| depth >= *steps)
    }
}

impl Default for Limits {
    /// A number of states that fits into four gigabytes.
    fn default() -> Limits {
        Limits::of(60_000_000)
    }
}

/// How far a search has come, for an observer on another thread, and the way to stop it.
#[derive(Debug, Default)]
pub struct Progress {
    /// Unique states found.
    pub unique: AtomicU64,
    /// Number of states generated, repeated ones included.
    pub generated: AtomicU64,
    /// Number of steps to the state that is looked at now.
    pub depth: AtomicU64,
    /// Set by an observer to stop the search.
    pub stop: AtomicBool,
    /// The only invariant of interest: with its first violation the search ends, and its task with it. `None`: all of them.
    pub only: Option<Invariant>,
}

impl Progress {
    /// Whether this invariant is of interest.
    pub fn asks_for(&self, invariant: Invariant) -> bool {
        self.only.is_none_or(|only| only == invariant)
    }
}

/// The result of a search.
#[derive(Clone, Debug)]
pub struct Found<A> {
    /// Number of unique states. If a search explored twice, this is the sum of both explorations.
    pub unique: usize,
    /// Number of states generated, repeated ones included.
    pub generated: u64,
    /// Number of steps to the farthest state.
    pub depth: usize,
    /// Bytes of memory per unique state, visited set and queue together.
    pub state_bytes: usize,
    /// Whether every reachable state was looked at, or every invariant was decided as far as [`Limits`] asks.
    pub finished: bool,
    /// Whether it ended early because every invariant was decided. Then it says nothing about an invariant that it did
    /// not find broken.
    pub ended_early: bool,
    /// For each invariant, the actions of a shortest path that breaks it.
    pub broken: Vec<Option<Vec<A>>>,
}

/// The states that are explored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exploration {
    /// Every reachable state: the paths found are shortest.
    Whole,
    /// Fewer states with the same verdicts. Of steps that commute, one order is explored ([`Judged::ample_step`]). States that
    /// differ only in what the last step broke are one state ([`Judged::merged`]). The paths found may be longer than
    /// necessary.
    Reduced,
}

/// Judges every invariant of `model` that `limits` leave open, and finds a shortest path to each violation.
///
/// A reduced exploration decides which invariants are broken. If any are, a second exploration looks at every state, nearest
/// first, until it has found their shortest paths.
pub fn search<M: Judged>(model: &M, limits: &Limits, progress: &Progress) -> Found<M::Action> {
    let wanted = |index| limits.shorter_than.get(index).copied().unwrap_or(usize::MAX);
    let wanted: Vec<usize> = (0..model.invariants().len()).map(wanted).collect();
    let is_open = |steps: usize| steps == usize::MAX;
    if !model.reduces() || !wanted.iter().any(|&steps| is_open(steps)) {
        return explore(model, Exploration::Whole, limits, progress);
    }
    let open = wanted.iter().map(|&steps| if is_open(steps) { steps } else { 0 }).collect();
    let open = Limits { shorter_than: open, ..limits.clone() };
    let reduced = explore(model, Exploration::Reduced, &open, progress);
    let saw_all = reduced.finished && !reduced.ended_early;
    let is_decided = |steps, path: &Option<_>| path.is_none() && (saw_all || is_open(steps));
    let left = wanted.into_iter().zip(&reduced.broken);
    let shorter_than: Vec<usize> =
        left.map(|(steps, path)| if is_decided(steps, path) { 0 } else { steps }).collect();
    if shorter_than.iter().all(|&steps| steps == 0) {
        return reduced;
    }
    let shortest = explore(model, Exploration::Whole, &Limits { shorter_than, ..limits.clone() }, progress);
    reduced.then(shortest)
}

impl<A> Found<A> {
    /// The result of a search: of this reduced exploration, and of `shortest`, which looked for the shortest paths.
    fn then(self, shortest: Found<A>) -> Found<A> {
        let unique = self.unique + shortest.unique;
        let bytes = self.unique * self.state_bytes + shortest.unique * shortest.state_bytes;
        let paths = shortest.broken.into_iter().zip(self.broken);
        Found {
            unique,
            generated: self.generated + shortest.generated,
            depth: self.depth.max(shortest.depth),
            state_bytes: bytes / unique.max(1),
            // If the second exploration was cut short, a path may be longer than necessary. The verdict stands.
            finished: self.finished,
            ended_early: self.ended_early,
            broken: paths.map(|(shortest, any)| shortest.or(any)).collect(),
        }
    }
}

/// Looks at the states of `model`, nearest first, until all are seen, all invariants are decided, a limit is reached, or
/// the search is told to stop.
pub fn explore<M: Judged>(
    model: &M,
    exploration: Exploration,
    limits: &Limits,
    progress: &Progress,
) -> Found<M::Action> {
    let mut visited =
        Visited { exploration, states: Vec::new(), parents: Vec::new(), numbers: HashTable::new() };
    let mut first_broken: Vec<Option<Violation<M::Action>>> = vec![None; model.invariants().len()];
    for state in model.init_states() {
        let (kept, broken) = visited.kept(model, state, &mut Vec::new());
        note(&mut first_broken, broken, || None);
        visited.insert(kept, NONE);
    }
    let (mut actions, mut passed, mut generated) = (Vec::new(), Vec::new(), 0u64);
    let (mut at, mut depth, mut level_end) = (0, 0, 0);
    let (mut cut_short, mut ended_early) = (false, false);
    'states: while at < visited.states.len() {
        let is_new_level = at == level_end;
        if is_new_level {
            (depth, level_end) = (depth + usize::from(at > 0), visited.states.len());
        }
        // A step from this level is the last step of a path of `depth + 1` steps.
        let is_decided = |first_broken: &[Option<_>]| {
            let one =
                |(index, first): (usize, &Option<_>)| first.is_some() || limits.is_settled(index, depth + 1);
            first_broken.iter().enumerate().all(one)
        };
        if is_new_level && is_decided(&first_broken) {
            ended_early = true;
            break;
        }
        if at % 1024 == 0 {
            progress.unique.store(visited.states.len() as u64, Ordering::Relaxed);
            progress.generated.store(generated, Ordering::Relaxed);
            progress.depth.store(depth as u64, Ordering::Relaxed);
            cut_short = progress.stop.load(Ordering::Relaxed) || visited.states.len() > limits.states_max;
            if cut_short {
                break;
            }
        }
        let state = visited.states[at];
        model.actions(&state, &mut actions);
        for action in actions.drain(..) {
            let Some(next) = model.next_state(&state, action.clone()) else { continue };
            passed.clear();
            let (next, broken) = visited.kept(model, next, &mut passed);
            generated += 1 + passed.len() as u64;
            visited.insert(next, at);
            if broken != InvariantSet::default() {
                note(&mut first_broken, broken, || Some((at, action.clone())));
                if is_decided(&first_broken) {
                    ended_early = true;
                    break 'states;
                }
            }
        }
        at += 1;
    }
    progress.unique.store(visited.states.len() as u64, Ordering::Relaxed);
    progress.generated.store(generated, Ordering::Relaxed);
    Found {
        unique: visited.states.len(),
        generated,
        depth,
        state_bytes: visited.bytes() / visited.states.len().max(1),
        finished: !cut_short,
        ended_early,
        broken: first_broken.into_iter().map(|first| first.map(|step| visited.path(model, step))).collect(),
    }
}

/// The step that broke an invariant: the number of the state before it, and the action; `None`: an initial state breaks
/// it.
type Violation<A> = Option<(usize, A)>;

/// Notes `step` for each invariant of `broken` that no earlier step broke.
fn note<A>(first_broken: &mut [Option<Violation<A>>], broken: InvariantSet, step: impl Fn() -> Violation<A>) {
    for (_, first) in first_broken.iter_mut().enumerate().filter(|(index, _)| broken.has(*index)) {
        first.get_or_insert_with(&step);
    }
}

/// The parent of an initial state.
const NONE: u32 = u32::MAX;

/// The states in the order of discovery, each with its predecessor.
struct Visited<S> {
    exploration: Exploration,
    states: Vec<S>,
    parents: Vec<u32>,
    numbers: HashTable<u32>,
}

impl<S: Copy + Eq + std::hash::Hash> Visited<S> {
    /// The state that is kept for `state`, and the invariants that were broken on the way from `state` to it. Adds the steps
    /// of that way to `passed`.
    fn kept<M: Judged<State = S>>(
        &self,
        model: &M,
        state: S,
        passed: &mut Vec<M::Action>,
    ) -> (S, InvariantSet) {
        let mut broken = model.broken(&state);
        if self.exploration == Exploration::Whole {
            return (state, broken);
        }
        let mut kept = model.merged(state);
        while let Some(step) = model.ample_step(&kept)
            && let Some(next) = model.next_state(&kept, step.clone())
        {
            broken.0 |= model.broken(&next).0;
            kept = model.merged(next);
            passed.push(step);
        }
        (kept, broken)
    }

    fn insert(&mut self, state: S, parent: impl TryInto<u32>) {
        let hash = FxBuildHasher.hash_one(state);
        let states = &self.states;
        let known = self.numbers.find(hash, |&number| states[number as usize] == state).is_some();
        if !known {
            // The number fits: Limits::states_max is far below 2^32.
            let number = u32::try_from(states.len()).unwrap_or(u32::MAX);
            let rehash = |&number: &u32| FxBuildHasher.hash_one(states[number as usize]);
            self.numbers.insert_unique(hash, number, rehash);
            self.states.push(state);
            self.parents.push(parent.try_into().unwrap_or(NONE));
        }
    }

    fn bytes(&self) -> usize {
        self.states.len() * size_of::<S>() + self.parents.len() * 4 + self.numbers.capacity() * 5
    }

    /// The state that is kept after `action` is taken in state number `at`. Adds the steps that follow `action` on the way to
    /// it to `passed`.
    fn after<M: Judged<State = S>>(
        &self,
        model: &M,
        (at, action): (usize, &M::Action),
        passed: &mut Vec<M::Action>,
    ) -> Option<S> {
        let next = model.next_state(&self.states[at], action.clone())?;
        Some(self.kept(model, next, passed).0)
    }

    /// The actions from an initial state to the end of the step `last`.
    fn path<M: Judged<State = S>>(&self, model: &M, last: Violation<M::Action>) -> Vec<M::Action> {
        let Some((mut at, action)) = last else { return Vec::new() };
        let mut steps = vec![(at, action)];
        while self.parents[at] != NONE {
            let parent = self.parents[at] as usize;
            let mut actions = Vec::new();
            model.actions(&self.states[parent], &mut actions);
            let leads_here = |action: &M::Action| {
                self.after(model, (parent, action), &mut Vec::new()) == Some(self.states[at])
            };
            steps.extend(actions.into_iter().find(leads_here).map(|action| (parent, action)));
            at = parent;
        }
        let mut path = Vec::new();
        for state in model.init_states() {
            path.clear();
            if self.kept(model, state, &mut path).0 == self.states[at] {
                break;
            }
        }
        for (at, action) in steps.into_iter().rev() {
            path.push(action.clone());
            self.after(model, (at, &action), &mut path);
        }
        path
    }
}

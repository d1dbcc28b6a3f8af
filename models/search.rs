//! Search — a model → verdicts with shortest counterexamples, breadth first.
//!
//! The models are stateright's, but the search is our own. stateright's breadth-first checker keeps for each property the
//! *last* violation that it met, not the first (0.31, `bfs.rs`), and carries the whole path with every state. Here the
//! visited set is also the queue: states are kept in the order of discovery, and a hash table of their numbers finds them
//! again. States are compared in full, so no collision of fingerprints can hide one. `tests/models.rs` compares verdicts
//! and counts with stateright's.

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
}

/// The result of a search.
#[derive(Clone, Debug)]
pub struct Found<A> {
    /// Number of unique states.
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

/// Looks at every state of `model`, nearest first, until all states are seen, all invariants are decided, a limit is
/// reached, or the search is told to stop.
pub fn search<M: Judged>(model: &M, limits: &Limits, progress: &Progress) -> Found<M::Action> {
    let mut visited = Visited::new(model.init_states());
    let mut first_broken: Vec<Option<usize>> = vec![None; model.invariants().len()];
    let (mut actions, mut generated, mut depth, mut level_end) = (Vec::new(), 0u64, 0, 0);
    let mut at = 0;
    let (mut cut_short, mut ended_early) = (false, false);
    while at < visited.states.len() {
        let is_new_level = at == level_end;
        if is_new_level {
            (depth, level_end) = (depth + usize::from(at > 0), visited.states.len());
        }
        let state = visited.states[at];
        let broken = model.broken(&state);
        let is_any_broken = broken != InvariantSet::default();
        if is_any_broken {
            for (_, first) in first_broken.iter_mut().enumerate().filter(|(index, _)| broken.has(*index)) {
                first.get_or_insert(at);
            }
        }
        if is_any_broken || is_new_level {
            let is_decided =
                |(index, first): (usize, &Option<usize>)| first.is_some() || limits.is_settled(index, depth);
            if first_broken.iter().enumerate().all(is_decided) {
                ended_early = true;
                break;
            }
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
        model.actions(&state, &mut actions);
        for action in actions.drain(..) {
            if let Some(next) = model.next_state(&state, action) {
                generated += 1;
                visited.insert(next, at);
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
        broken: first_broken.iter().map(|first| first.map(|at| visited.path(model, at))).collect(),
    }
}

/// The states in the order of discovery, each with its predecessor.
struct Visited<S> {
    states: Vec<S>,
    parents: Vec<u32>,
    numbers: HashTable<u32>,
}

impl<S: Copy + Eq + std::hash::Hash> Visited<S> {
    fn new(initial: Vec<S>) -> Visited<S> {
        let mut visited = Visited { states: Vec::new(), parents: Vec::new(), numbers: HashTable::new() };
        for state in initial {
            visited.insert(state, u32::MAX as usize);
        }
        visited
    }

    fn insert(&mut self, state: S, parent: usize) {
        let hash = FxBuildHasher.hash_one(state);
        let states = &self.states;
        let known = self.numbers.find(hash, |&number| states[number as usize] == state).is_some();
        if !known {
            // The number fits: Limits::states_max is far below 2^32.
            let number = u32::try_from(states.len()).unwrap_or(u32::MAX);
            let rehash = |&number: &u32| FxBuildHasher.hash_one(states[number as usize]);
            self.numbers.insert_unique(hash, number, rehash);
            self.states.push(state);
            self.parents.push(u32::try_from(parent).unwrap_or(u32::MAX));
        }
    }

    fn bytes(&self) -> usize {
        self.states.len() * size_of::<S>() + self.parents.len() * 4 + self.numbers.capacity() * 5
    }

    /// The actions from an initial state to state number `at`.
    fn path<M: Judged<State = S>>(&self, model: &M, mut at: usize) -> Vec<M::Action> {
        let mut path = Vec::new();
        while self.parents[at] != u32::MAX {
            let parent = self.parents[at] as usize;
            let mut actions = Vec::new();
            model.actions(&self.states[parent], &mut actions);
            let leads_here = |action: &M::Action| {
                model.next_state(&self.states[parent], action.clone()) == Some(self.states[at])
            };
            path.extend(actions.into_iter().find(leads_here));
            at = parent;
        }
        path.reverse();
        path
    }
}

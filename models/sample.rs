//! Sample — a model too large to search → schedules drawn at random from a seed.
//!
//! A sample proves nothing, so a verdict says *sampled*. The same seed draws the same schedules.

use super::invariants::Invariant;
use super::judged::{Judged, Pause};
use super::search::{Found, Progress};
use rustc_hash::FxHashSet;
use std::sync::atomic::Ordering;

/// The number of schedules to draw, and how many of them use one model: a model remembers every state that it has met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Walks {
    /// Number of schedules.
    pub all: u64,
    /// Number of schedules until a new model replaces the old one.
    pub a_model: u64,
}

impl Walks {
    /// The number for a program of this many writes: 200, but fewer if each would take long. The time and the memory of
    /// one schedule grow with the square of the program's length, as every batch leaves a store of its own.
    pub fn for_program(writes: usize) -> Walks {
        let writes = u64::try_from(writes).unwrap_or(u64::MAX).max(1);
        let square = writes.saturating_mul(writes);
        Walks { all: (2_000_000 / square).clamp(10, 200), a_model: (200_000 / square).max(1) }
    }

    /// So many schedules of a program of this many writes; the number for the program if none is given.
    pub fn within(schedules: Option<u64>, writes: usize) -> Walks {
        let own = Walks::for_program(writes);
        Walks { all: schedules.unwrap_or(own.all), ..own }
    }
}

/// Maximum number of steps of one schedule: far more than a program of a thousand commands needs.
const STEPS_MAX: usize = 100_000;

/// One step in this many is a rare one (a crash, a link that goes down).
const RARELY: usize = 64;

/// Draws schedules and keeps the shortest one that breaks each invariant. Every schedule continues until no step is
/// possible. The same seed and the same numbers draw the same schedules. Notes `into`, a model of the same setup, what
/// was put to the test.
pub fn sample<M: Judged>(
    (model, into): (&dyn Fn() -> M, &M),
    walks: Walks,
    seed: u64,
    progress: &Progress,
) -> Found<M::Action> {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut found = Found {
        unique: 0,
        generated: 0,
        depth: 0,
        state_bytes: size_of::<M::State>(),
        finished: false,
        ended_early: false,
        broken: vec![None; into.invariants().len()],
    };
    let mut left = walks.all;
    let is_over = |found: &Found<M::Action>| {
        let is_open = |(name, path): (&Invariant, &Option<_>)| progress.asks_for(*name) && path.is_none();
        let is_decided = progress.only.is_some() && !into.invariants().iter().zip(&found.broken).any(is_open);
        is_decided || progress.stop.load(Ordering::Relaxed)
    };
    while left > 0 && !is_over(&found) {
        let now = left.min(walks.a_model.max(1));
        let model = model();
        let mut met = FxHashSet::default();
        for _ in 0..now {
            if !is_over(&found) {
                walk(&model, &mut random, &mut found, &mut met);
            }
        }
        found.unique += met.len();
        into.take_over(&model);
        left -= now;
        progress.unique.store(found.unique as u64, Ordering::Relaxed);
        progress.generated.store(found.generated, Ordering::Relaxed);
        progress.depth.store(found.depth as u64, Ordering::Relaxed);
    }
    found
}

/// Runs one schedule to its end.
fn walk<M: Judged>(
    model: &M,
    random: &mut fastrand::Rng,
    found: &mut Found<M::Action>,
    met: &mut FxHashSet<M::State>,
) {
    let Some(mut state) = random.choice(model.init_states()) else { return };
    let plan = model.plan(random);
    let (mut path, mut actions) = (Vec::new(), Vec::new());
    while path.len() < STEPS_MAX {
        model.actions(&state, &mut actions);
        let Some((action, next)) = draw(model, &state, &mut actions, (&plan, random)) else { break };
        path.push(action);
        state = next;
        met.insert(state);
        found.generated += 1;
        for (index, shortest) in found.broken.iter_mut().enumerate() {
            let is_shorter = shortest.as_ref().is_none_or(|known| path.len() < known.len());
            if model.broken(&state).has(index) && is_shorter {
                *shortest = Some(path.clone());
            }
        }
    }
    found.depth = found.depth.max(path.len());
}

/// Draws a possible step at random; if there is a plan, a step that fits it.
fn draw<M: Judged>(
    model: &M,
    state: &M::State,
    actions: &mut Vec<M::Action>,
    (plan, random): (&[Pause], &mut fastrand::Rng),
) -> Option<(M::Action, M::State)> {
    while !actions.is_empty() {
        let rare_now = random.usize(..RARELY) == 0;
        let suiting: Vec<usize> =
            (0..actions.len()).filter(|&at| model.suits(state, &actions[at], plan)).collect();
        let wanted = suiting.iter().copied().filter(|&at| model.is_rare(&actions[at]) == rare_now);
        let at = random.choice(wanted.collect::<Vec<_>>()).or_else(|| random.choice(suiting));
        let at = at.unwrap_or_else(|| random.usize(..actions.len()));
        let action = actions.swap_remove(at);
        if let Some(next) = model.next_state(state, action.clone()) {
            actions.clear();
            return Some((action, next));
        }
    }
    None
}

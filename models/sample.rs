//! Sample — a model too large to search → schedules drawn at random from a seed.
//!
//! Nothing is proved by it: a verdict says *sampled*. The same seed draws the same schedules.

use super::judged::Judged;
use super::search::{Found, Progress};
use rustc_hash::FxHashSet;
use std::sync::atomic::Ordering;

/// How many schedules are drawn.
pub const WALKS: u64 = 200;

/// Steps of one schedule at most: far beyond what a program of a thousand commands takes.
const STEPS_MAX: usize = 100_000;

/// One in so many steps is one that happens rarely (a crash, a link that goes down).
const RARELY: usize = 64;

/// Draws [`WALKS`] schedules and keeps the shortest that breaks each invariant. Every schedule goes on until nothing
/// can happen any more.
pub fn sample<M: Judged>(model: &M, seed: u64, progress: &Progress) -> Found<M::Action> {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut broken: Vec<Option<Vec<M::Action>>> = vec![None; model.invariants().len()];
    let (mut generated, mut depth) = (0u64, 0);
    let mut unique: FxHashSet<M::State> = FxHashSet::default();
    for walk in 0..WALKS {
        if progress.stop.load(Ordering::Relaxed) {
            break;
        }
        let initial = model.init_states();
        let Some(mut state) = random.choice(initial) else { break };
        let mut path = Vec::new();
        let mut actions = Vec::new();
        while path.len() < STEPS_MAX {
            model.actions(&state, &mut actions);
            let Some((action, next)) = draw(model, &state, &mut actions, &mut random) else { break };
            path.push(action);
            state = next;
            unique.insert(state);
            generated += 1;
            for (index, shortest) in broken.iter_mut().enumerate() {
                let is_shorter = shortest.as_ref().is_none_or(|known| path.len() < known.len());
                if model.broken(&state).has(index) && is_shorter {
                    *shortest = Some(path.clone());
                }
            }
        }
        depth = depth.max(path.len());
        progress.unique.store(unique.len() as u64, Ordering::Relaxed);
        progress.generated.store(generated, Ordering::Relaxed);
        progress.depth.store(walk, Ordering::Relaxed);
    }
    Found {
        unique: unique.len(),
        generated,
        depth,
        state_bytes: size_of::<M::State>(),
        finished: false,
        broken,
    }
}

/// A step that is possible, drawn at random.
fn draw<M: Judged>(
    model: &M,
    state: &M::State,
    actions: &mut Vec<M::Action>,
    random: &mut fastrand::Rng,
) -> Option<(M::Action, M::State)> {
    while !actions.is_empty() {
        let rare_now = random.usize(..RARELY) == 0;
        let wanted: Vec<usize> =
            (0..actions.len()).filter(|&at| model.is_rare(&actions[at]) == rare_now).collect();
        let at = random.choice(wanted).unwrap_or_else(|| random.usize(..actions.len()));
        let action = actions.swap_remove(at);
        if let Some(next) = model.next_state(state, action.clone()) {
            actions.clear();
            return Some((action, next));
        }
    }
    None
}

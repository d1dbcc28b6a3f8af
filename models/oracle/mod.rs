//! Oracle — one program × one choice → the invariants that break, found by a search that is as simple as possible. Pure.
//!
//! It is a second opinion on the verdicts of the fast models ([`super::search`] over [`super::ordering`],
//! [`super::expiry`], [`super::both`], [`super::clocks`] and [`super::handshake`]). It shares with them the engine's
//! machines, the invariants and the programs' logs, and nothing else:
//!
//! | | fast model | here |
//! |---|---|---|
//! | state | numbers of interned parts | every part complete |
//! | step | looked up in memos | computed again |
//! | equal workers | sorted | each one separately |
//! | end | when every invariant is broken | when every state was visited |
//! | counterexample | shortest | the first one found |
//!
//! Its rules are written independently, not copied: if the two disagree, one of them is wrong (`tests/models/oracle.rs`).

pub mod both;
pub mod clocks;
pub mod expiry;
pub mod handshake;
pub mod ordering;

use crate::models::invariants::Invariant;
use rustc_hash::FxHashSet;
use std::collections::BTreeMap;
use std::hash::Hash;
use std::rc::Rc;

const MEMORY: &str = "the store in memory does not fail";

/// The verdict of a plain search on one program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opinion {
    /// Each invariant that breaks, with the steps of the first path on which it was seen to.
    pub broken: BTreeMap<Invariant, Vec<String>>,
    /// States visited.
    pub states: usize,
}

/// The result of a visit to one state.
struct Visit<S> {
    /// The invariants that it breaks.
    broken: Vec<Invariant>,
    /// The steps that lead on from it, each in words and with the state that it leads to.
    steps: Vec<(String, S)>,
}

/// Visits every state that is reachable from the `initial` ones, depth first.
fn search<S: Eq + Hash>(initial: Vec<S>, visit: impl Fn(&S) -> Visit<S>) -> Opinion {
    let mut visited = FxHashSet::default();
    let mut broken = BTreeMap::new();
    let mut stack: Vec<(S, Vec<Rc<str>>)> = initial.into_iter().map(|state| (state, Vec::new())).collect();
    while let Some((state, path)) = stack.pop() {
        if visited.contains(&state) {
            continue;
        }
        let visit = visit(&state);
        for name in visit.broken {
            broken.entry(name).or_insert_with(|| path.iter().map(ToString::to_string).collect());
        }
        for (words, next) in visit.steps {
            let longer = path.iter().cloned().chain([words.into()]).collect();
            stack.push((next, longer));
        }
        visited.insert(state);
    }
    Opinion { broken, states: visited.len() }
}

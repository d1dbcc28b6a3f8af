//! What every model of replicheck gives beside stateright's [`Model`]: which invariants it judges, which are
//! broken, which were put to the test at all, and how a path reads as a story.

use super::invariants::Invariant;
use super::story::Story;
use stateright::Model;
use std::fmt::Debug;
use std::hash::Hash;
use std::sync::atomic::{AtomicU32, Ordering};

/// A set of invariants of one model: bit i stands for the i-th of [`Judged::invariants`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InvariantSet(pub u8);

impl InvariantSet {
    /// The set with invariant `index`, if `yes`.
    #[must_use]
    pub fn with(self, index: usize, yes: bool) -> InvariantSet {
        InvariantSet(self.0 | (u8::from(yes) << index))
    }

    /// Whether invariant `index` is in it.
    pub fn has(self, index: usize) -> bool {
        self.0 >> index & 1 == 1
    }

    /// Those of `judged`, the model's invariants, that are in it.
    pub fn of(self, judged: &'static [Invariant]) -> Vec<Invariant> {
        judged.iter().enumerate().filter(|(index, _)| self.has(*index)).map(|(_, name)| *name).collect()
    }
}

/// Which invariants a search has put to the test: for each *always* a *sometimes* that shows it is not vacuous.
#[derive(Debug, Default)]
pub struct Witnesses(AtomicU32);

impl Witnesses {
    /// Notes that these invariants were put to the test.
    pub fn note(&self, tested: InvariantSet) {
        if tested.0 != 0 {
            self.0.fetch_or(u32::from(tested.0), Ordering::Relaxed);
        }
    }

    /// Notes all that the other has.
    pub fn take_over(&self, other: &Witnesses) {
        self.0.fetch_or(other.0.load(Ordering::Relaxed), Ordering::Relaxed);
    }

    /// Whether invariant `index` was put to the test.
    pub fn has(&self, index: usize) -> bool {
        self.0.load(Ordering::Relaxed) >> index & 1 == 1
    }
}

/// A place in a schedule that is drawn at random, at which time is to pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Pause {
    /// When so many commands were sent.
    pub after: u16,
    /// When no more messages than these are under way.
    pub waiting_max: u8,
}

/// A model whose states know which invariants the last step broke.
pub trait Judged:
    Model<State: Copy + Eq + Hash + Debug + Send + Sync, Action: Clone + PartialEq + Debug>
{
    /// The invariants, in the order of their bits.
    fn invariants(&self) -> &'static [Invariant];

    /// For each invariant, what a run must have seen for a verdict *holds* to mean anything.
    fn sometimes(&self) -> &'static [&'static str];

    /// The invariants that the step into `state` broke.
    fn broken(&self, state: &Self::State) -> InvariantSet;

    /// Which invariants were put to the test so far.
    fn witnesses(&self) -> &Witnesses;

    /// What a verdict *holds* needs besides the witnesses: that each key dies, that each command comes late. Each is named by the
    /// words that are printed if it is missing, with whether the search met it. *progress* does not need it.
    fn coverage(&self) -> Vec<(String, bool)> {
        Vec::new()
    }

    /// Takes over what another model with the same setup was put to.
    fn take_over(&self, other: &Self);

    /// Where in a schedule time is to pass, drawn before any step is, so that it is not all spent at the beginning.
    fn plan(&self, _random: &mut fastrand::Rng) -> Vec<Pause> {
        Vec::new()
    }

    /// Whether the step goes with a plan.
    fn suits(&self, _state: &Self::State, _action: &Self::Action, _plan: &[Pause]) -> bool {
        true
    }

    /// Whether this step is one of the faults that a schedule drawn at random should meet rarely.
    fn is_rare(&self, _action: &Self::Action) -> bool {
        false
    }

    /// The path that takes these actions from the initial state, in words.
    fn story(&self, path: &[Self::Action]) -> Story;
}

/// The state from which the path starts: the first initial state from which all of it can be gone, if possible to a broken end.
/// Panics: the path does not exist.
pub(super) fn start_of<M: Judged>(model: &M, path: &[M::Action]) -> M::State {
    let end = |mut state: M::State| {
        for action in path {
            let mut possible = Vec::new();
            model.actions(&state, &mut possible);
            state = possible.contains(action).then(|| model.next_state(&state, action.clone()))??;
        }
        Some(model.broken(&state))
    };
    let mut starts = model.init_states().into_iter().filter_map(|state| Some((state, end(state)?)));
    let first = starts.next().expect("a path of this model");
    let broken = [first].into_iter().chain(starts).find(|(_, broken)| *broken != InvariantSet::default());
    broken.unwrap_or(first).0
}

//! Judged — what every model of replicheck provides in addition to stateright's [`Model`]: which invariants it judges,
//! which of them are broken, and which were put to the test at all. Pure.

use super::invariants::Invariant;
use stateright::Model;
use std::fmt::Debug;
use std::hash::Hash;
use std::sync::atomic::{AtomicU32, Ordering};

/// A set of invariants of one model: bit i stands for the i-th of [`Judged::invariants`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InvariantSet(pub u8);

impl InvariantSet {
    /// The set, with invariant `index` added if `yes`.
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

/// Which invariants a search has put to the test: for each *always* property, a *sometimes* that shows that it is not
/// vacuous.
#[derive(Debug, Default)]
pub struct Witnesses(AtomicU32);

impl Witnesses {
    /// Notes that these invariants were put to the test.
    pub fn note(&self, tested: InvariantSet) {
        if tested.0 != 0 {
            self.0.fetch_or(u32::from(tested.0), Ordering::Relaxed);
        }
    }

    /// Adds everything that `other` has noted.
    pub fn take_over(&self, other: &Witnesses) {
        self.0.fetch_or(other.0.load(Ordering::Relaxed), Ordering::Relaxed);
    }

    /// Whether invariant `index` was put to the test.
    pub fn has(&self, index: usize) -> bool {
        self.0.load(Ordering::Relaxed) >> index & 1 == 1
    }
}

/// A point in a randomly drawn schedule at which time should pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Pause {
    /// It comes once this many commands were sent.
    pub after: u16,
    /// It comes once at most this many messages are under way.
    pub waiting_max: u8,
}

/// A model whose states record which invariants the last step broke.
pub trait Judged:
    Model<State: Copy + Eq + Hash + Debug + Send + Sync, Action: Clone + PartialEq + Debug>
{
    /// The invariants, in the order of their bits.
    fn invariants(&self) -> &'static [Invariant];

    /// For each invariant, a situation in words that a search must have met; otherwise a verdict *holds* means nothing.
    fn sometimes(&self) -> &'static [&'static str];

    /// The invariants that the step into `state` broke.
    fn broken(&self, state: &Self::State) -> InvariantSet;

    /// Whether a reduced exploration of this model looks at fewer states than a whole one.
    fn reduces(&self) -> bool {
        false
    }

    /// `state` without the record of what the last step broke. It has the same steps as `state`, which lead to the same
    /// states.
    fn merged(&self, state: Self::State) -> Self::State {
        state
    }

    /// An *ample set* of one step (Peled, *All from one, one for all*, CAV 1993): every invariant that some run from `state`
    /// breaks is also broken by a run that takes this step first. `None`: no such step is known. A run of ample steps alone
    /// must end.
    fn ample_step(&self, _state: &Self::State) -> Option<Self::Action> {
        None
    }

    /// Which invariants were put to the test so far.
    fn witnesses(&self) -> &Witnesses;

    /// Further situations that a verdict *holds* needs: each key dies, each command is applied late. Each is given by the
    /// words to print if it is missing, and by whether the search met it. *progress* does not need them.
    fn coverage(&self) -> Vec<(String, bool)> {
        Vec::new()
    }

    /// Adds the witnesses and the coverage of another model with the same setup.
    fn take_over(&self, other: &Self) {
        self.witnesses().take_over(other.witnesses());
    }

    /// The points at which time should pass in a schedule, drawn before the first step, so that not all time passes at
    /// the beginning.
    fn plan(&self, _random: &mut fastrand::Rng) -> Vec<Pause> {
        Vec::new()
    }

    /// Whether the step fits the plan.
    fn suits(&self, _state: &Self::State, _action: &Self::Action, _plan: &[Pause]) -> bool {
        true
    }

    /// Whether this step is a fault that should occur rarely in a randomly drawn schedule.
    fn is_rare(&self, _action: &Self::Action) -> bool {
        false
    }
}

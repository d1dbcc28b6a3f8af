//! Checks — what the ordering model checks after each step, by the functions of [`crate::invariant`].

use crate::invariant::{self, State, Versions};
use crate::models::invariants::{self, Invariant};
use crate::models::judged::InvariantSet;
use crate::store::Dump;

/// The invariants, in the order of their bits.
pub const INVARIANTS: &[Invariant] = invariants::ORDERING.invariants;
pub(super) const PROGRESS: usize = 0;
pub(super) const CONVERGENCE: usize = 1;
pub(super) const PER_KEY_ORDER: usize = 2;
pub(super) const PREFIX: usize = 3;
pub(super) const MONOTONIC_READS: usize = 4;
pub(super) const EXACTLY_ONCE: usize = 5;

/// The invariants broken when a reader that has seen the versions `saw` now sees `sees`. `history`: the master's state
/// after 0, 1, 2, … entries. `once`: what the store would hold if nothing had been applied twice.
pub fn reader_looks(history: &[State<'_>], saw: &Versions, sees: State<'_>, once: &Dump) -> InvariantSet {
    InvariantSet::default()
        .with(PER_KEY_ORDER, !invariant::per_key_order(history, saw, sees))
        .with(PREFIX, invariant::prefix(history, saw.newest(), sees).is_none())
        .with(MONOTONIC_READS, !invariant::monotonic_reads(saw, sees.versions))
        .with(EXACTLY_ONCE, !invariant::exactly_once(sees.dump, once))
}

/// The set with what a missing convergence breaks: each guarantee level demands convergence, so it breaks the invariants
/// of both levels.
#[must_use]
pub fn with_convergence(broken: InvariantSet, converged: bool) -> InvariantSet {
    broken.with(CONVERGENCE, !converged).with(PER_KEY_ORDER, !converged).with(PREFIX, !converged)
}

/// The set `broken` with *progress* in it, if the replica does not progress.
#[must_use]
pub fn with_progress(broken: InvariantSet, progresses: bool) -> InvariantSet {
    broken.with(PROGRESS, !progresses)
}

//! What the model checks after each step, by the functions of [`crate::invariant`].

use crate::binlog::Lsn;
use crate::invariant::{self, State, Versions};
use crate::models::judged::InvariantSet;
use crate::store::Dump;
use std::collections::BTreeSet;

/// Names of the invariants, in the order of their bits.
pub const INVARIANTS: &[&str] =
    &["convergence", "per_key_order", "prefix", "monotonic_reads", "exactly_once"];
pub(super) const CONVERGENCE: usize = 0;
pub(super) const PER_KEY_ORDER: usize = 1;
pub(super) const PREFIX: usize = 2;
pub(super) const MONOTONIC_READS: usize = 3;
pub(super) const EXACTLY_ONCE: usize = 4;

/// The master after 0, 1, 2, … entries.
#[derive(Clone, Debug)]
pub struct History<'a> {
    /// Who wrote each key last.
    pub versions: Vec<&'a Versions>,
    /// What was stored.
    pub dumps: Vec<&'a Dump>,
}

/// What a reader of the replica breaks who saw the versions `saw` and now is given `sees`, of whose last writers `twice`
/// were written again.
pub fn reader_looks(
    history: &History<'_>,
    saw: &Versions,
    sees: State<'_>,
    twice: &BTreeSet<Lsn>,
) -> InvariantSet {
    let versions = &history.versions;
    let seen_length = invariant::prefix(versions, Lsn::NONE, saw).unwrap_or_default();
    InvariantSet::default()
        .with(PER_KEY_ORDER, !invariant::per_key_order(versions, saw, sees.versions))
        .with(PREFIX, invariant::prefix(versions, seen_length, sees.versions).is_none())
        .with(MONOTONIC_READS, !invariant::monotonic_reads(saw, sees.versions))
        .with(EXACTLY_ONCE, !invariant::exactly_once(sees, twice, &history.dumps))
}

/// Both levels say convergence first (DESIGN, *Guarantee levels*).
#[must_use]
pub fn with_convergence(broken: InvariantSet, converged: bool) -> InvariantSet {
    broken.with(CONVERGENCE, !converged).with(PER_KEY_ORDER, !converged).with(PREFIX, !converged)
}

//! Reads — judges the state after a start, and after a group is shown.

use super::Role;
use super::model::{CrashModel, State};
use super::world::MEMORY;
use crate::binlog::{Entry, Lsn};
use crate::invariant::{self, AtRest};
use crate::models::judged::InvariantSet;
use crate::store::{Dump, dump};

/// The bits, which are the places in [`super::INVARIANTS`].
pub(super) const PROGRESS: usize = 0;
pub(super) const CONVERGENCE: usize = 1;
const MONOTONIC_READS: usize = 2;
const EXACTLY_ONCE: usize = 3;
const ONE_HISTORY: usize = 4;
const DURABILITY: usize = 5;

/// The findings of a start.
pub(super) struct Found {
    /// The last entry of the log.
    pub last: Lsn,
    /// The entries of the log, and those before its first one, which the store holds.
    pub history: Vec<Entry>,
    /// The entries that it has applied.
    pub missing: Vec<Entry>,
    /// Whether the log is a new one.
    pub is_new_log: bool,
}

impl CrashModel {
    /// What a store holds, and what it would hold if each entry had been applied once.
    pub(super) fn dumps(&self, held: u32) -> &[Dump; 2] {
        self.held.facts(held, |held| [&held.store, &held.once].map(|store| dump(store).expect(MEMORY)))
    }

    /// *convergence*: the store holds what the entries through this one come to.
    fn has_converged(&self, state: &State, last: Lsn) -> bool {
        let after = self.after(state.history, last);
        let [dump, _] = self.dumps(state.held);
        let state_of = |dump| invariant::State { versions: &after.versions, dump };
        invariant::convergence(state_of(dump), state_of(&after.dump))
    }

    /// The state after a start that has ended with an error.
    pub(super) fn judged_when_refused(&self, state: State) -> State {
        let place = super::Place::Refused;
        State { place, broken: InvariantSet::default().with(PROGRESS, !state.lied), ..state }
    }

    /// The state after a start.
    pub(super) fn judged_when_started(&self, before: &State, after: State, found: &Found) -> State {
        let Found { last, history, missing, is_new_log } = found;
        let (last, marker) = (*last, self.held.value(after.held).marker());
        // A store that is ahead of its log is a matter of convergence.
        let applied = marker.min(last);
        let rest = AtRest {
            logged: last,
            admitted: last,
            applied,
            published: applied,
            readers_are_in: true,
            admits_more: true,
        };
        // No follower can resume from a new log.
        let is_cut_off = *is_new_log && !before.lied;
        let [holds, once] = self.dumps(after.held);
        let acknowledged = self.through(before.history, before.acked);
        let is_durable = invariant::durability(acknowledged.iter().cloned(), history);
        let [saw, sees] = [self.after(before.history, before.seen), self.after(after.history, last)];
        let broken = InvariantSet::default()
            .with(PROGRESS, is_cut_off || !invariant::progress(rest))
            .with(CONVERGENCE, !self.has_converged(&after, last))
            .with(MONOTONIC_READS, !invariant::monotonic_reads(&saw.versions, &sees.versions))
            .with(EXACTLY_ONCE, !invariant::exactly_once(holds, once))
            .with(DURABILITY, !is_durable);
        let flushed = self.held.value(before.flushed).marker();
        let applies = !missing.is_empty();
        let tested = InvariantSet::default()
            .with(PROGRESS, applies)
            .with(CONVERGENCE, applies && flushed > Lsn::NONE)
            .with(MONOTONIC_READS, before.seen > Lsn::NONE)
            .with(EXACTLY_ONCE, missing.iter().any(|entry| entry.lsn <= before.sent))
            .with(DURABILITY, before.acked > Lsn::NONE);
        self.witnesses.note(tested);
        State { broken, ..after }
    }

    /// The state after a group, whose last entry is `last`, is given to readers and followers.
    pub(super) fn judged_when_shown(&self, state: State, group: &[Entry], last: Lsn) -> State {
        let lost = self.lost.value(state.lost);
        let is_one = invariant::one_history(lost, group);
        let broken = InvariantSet::default()
            .with(CONVERGENCE, !self.has_converged(&state, last))
            .with(ONE_HISTORY, self.setup.role == Role::Master && !is_one);
        let has_number = |lsn: Lsn| group.iter().any(|entry| entry.lsn == lsn);
        let tested = lost.iter().any(|entry| has_number(entry.lsn));
        self.witnesses.note(InvariantSet::default().with(ONE_HISTORY, tested));
        State { broken, ..state }
    }
}

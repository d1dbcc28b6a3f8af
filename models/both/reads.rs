//! Reads — what readers of the replica see after each step, and whether a replica at rest has made progress.

use super::model::{BothModel, State};
use crate::binlog::Lsn;
use crate::invariant::{self, AtRest};
use crate::models::expiry::moments_with;
use crate::models::judged::InvariantSet;
use crate::node::Readers;
use crate::time::Millis;

impl BothModel {
    /// Lets readers read, and notes what is broken.
    pub(super) fn observed(&self, before: u64, mut state: State) -> State {
        let control = self.controls.value(state.control);
        if !self.setup.snapshots {
            state.published = state.data;
        }
        let since = (state.moments, state.master, before, state.elapsed);
        state.moments = self.moments_after.get(since, || {
            let times = (Millis(self.setup.times.clocks.start.0 + before), self.master_clock(&state));
            let (moments, stored) = (self.moments.value(state.moments), self.master_dump(state.master));
            self.moments.number(moments_with(moments, stored, times))
        });
        let mut tested = InvariantSet::default();
        let mut is_past = true;
        if control.replica.readers() == Readers::In && !state.recovers {
            let judged = self.readers_judge_at(&state);
            state.told = state.told.max(judged);
            let stored = self.replica_dump(state.published);
            let last = self.moments.value(state.moments).last().cloned();
            let is_behind = || last.is_some_and(|last| *last != invariant::visible(stored, judged));
            tested = tested.with(1, stored.len() > 1 && is_behind());
            match self.looked((state.published, judged, state.moments)) {
                Some(moments) => state.moments = moments,
                None => is_past = false,
            }
        }
        let rest = self.at_rest(&state);
        tested = tested.with(0, rest.is_some_and(|rest| rest.logged > Lsn::NONE));
        state.broken = InvariantSet::default()
            .with(0, rest.is_some_and(|rest| !invariant::progress(rest)))
            .with(1, !is_past);
        self.witnesses.note(tested);
        state
    }

    /// The number of the master's moments from the one on that a reader sees now; `None` if its view matches no moment.
    fn looked(&self, (data, judged, moments): (u32, Millis, u32)) -> Option<u32> {
        self.looks.get((data, judged, moments), || {
            let sees = invariant::visible(self.replica_dump(data), judged);
            let known = self.moments.value(moments);
            let at = invariant::past_read(known, &sees)?;
            Some(self.moments.number(known[at..].to_vec()))
        })
    }

    /// The facts of a replica at rest: it has no step left, the link is empty, and it has received the master's current
    /// time. `None` if it is not at rest.
    fn at_rest(&self, state: &State) -> Option<AtRest> {
        let master = self.masters.value(state.master);
        let is_told = !self.heartbeats_matter || master.time() == self.master_clock(state);
        let is_empty = self.links.value(state.link).is_empty();
        if state.recovers || !is_told || !is_empty || !self.moves(state).is_empty() {
            return None;
        }
        let control = self.controls.value(state.control);
        let heard = control.replica.heard().min(self.replica_clock(state));
        Some(AtRest {
            logged: master.last(),
            admitted: control.applier.admitted(),
            applied: control.applier.watermark(),
            published: control.replica.published(),
            readers_are_in: control.replica.readers() == Readers::In && self.readers_judge_at(state) >= heard,
            admits_more: control.applier.admits(),
        })
    }
}

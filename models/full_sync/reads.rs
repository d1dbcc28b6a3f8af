//! Reads — what readers of the replica see after each step, and whether the replica comes to rest with all that was logged.

use super::model::{Action, FullSyncModel, Link, State};
use crate::binlog::Lsn;
use crate::invariant::{self, AtRest, SameLsn};
use crate::models::expiry::moments_with;
use crate::models::judged::InvariantSet;
use crate::node::Readers;
use crate::time::{Elapsed, Millis, Moment};

/// More steps than a replica takes until it rests: a copy and a log within any bounds that are searched.
const STEPS_MAX: u8 = 100;

impl FullSyncModel {
    /// Lets readers read, and notes what is broken.
    pub(super) fn observed(&self, before: &State, mut state: State, is_refused_wrongly: bool) -> State {
        state.moments = self.moments_of(before, &state);
        let is_past = self.look(&mut state);
        let rest = self.at_rest(&state);
        let is_copy = self.current(&state).copied.is_some();
        let stands = match rest {
            Some(rest) => !invariant::progress(rest),
            None => is_copy && !self.rests(&state, STEPS_MAX),
        };
        state.broken = InvariantSet::default()
            .with(0, stands)
            .with(1, !self.is_converged(&state))
            .with(2, is_refused_wrongly)
            .with(3, !is_past);
        // The log went on after the copy, and the replica with it.
        let went_on = self.current(&state).copied.is_some_and(|copied| copied < self.master(&state).last());
        let has_resumed = before.link == Link::Down && state.link == Link::Up;
        let tested = InvariantSet::default()
            .with(0, rest.is_some() && went_on)
            .with(1, went_on && self.has_all(&state))
            .with(2, has_resumed && state.kept.is_some() && went_on);
        self.witnesses.note(tested);
        state
    }

    /// The number of the moments after a step: those of the master's readers are added.
    fn moments_of(&self, before: &State, state: &State) -> u32 {
        let since = (before.moments, state.master, before.elapsed, state.elapsed);
        self.moments_after.get(since, || {
            let known = self.moments.value(before.moments);
            let times = (self.now(before), self.now(state));
            self.moments.number(moments_with(known, self.master_dump(state), times))
        })
    }

    /// The instant by which readers of the replica judge.
    pub(super) fn readers_judge_at(&self, state: &State) -> Millis {
        let now = Moment { elapsed: Elapsed::default(), wall: self.now(state) };
        self.current(state).side.replica().reads_at(&*self.policy, now, Millis::ZERO).time
    }

    /// A reader of the replica reads all keys. Returns whether it sees one of the moments; earlier ones are then forgotten.
    fn look(&self, state: &mut State) -> bool {
        let generation = self.current(state);
        if generation.side.replica().readers() != Readers::In {
            return true;
        }
        let (found, is_behind) = self.looks.get((state.current, state.moments), || {
            let sees = invariant::visible(self.shown(state.current), self.readers_judge_at(state));
            let moments = self.moments.value(state.moments);
            let at = invariant::past_read(moments, &sees);
            let left = at.map(|at| self.moments.number(moments[at..].to_vec()));
            (left, moments.last().is_some_and(|last| **last != sees))
        });
        self.witnesses.note(InvariantSet::default().with(3, generation.copied.is_some() && is_behind));
        state.moments = found.unwrap_or(state.moments);
        found.is_some()
    }

    /// Whether the replica has a copy, and has applied the whole log after it.
    fn has_all(&self, state: &State) -> bool {
        let generation = self.current(state);
        generation.copied.is_some() && generation.published() == self.master(state).last()
    }

    /// *convergence*: a replica that has applied everything stores what the master stores.
    fn is_converged(&self, state: &State) -> bool {
        let is_equal = || {
            let nodes = SameLsn {
                master: self.master_dump(state),
                replica: self.shown(state.current),
                latest_clock: self.now(state),
            };
            invariant::same_value(nodes) && invariant::same_deadline(nodes)
        };
        !self.has_all(state) || self.equal.get((state.master, state.current, state.elapsed), is_equal)
    }

    /// The facts of a replica that has no step left; `None` if it has one.
    fn at_rest(&self, state: &State) -> Option<AtRest> {
        if self.next_work(state).is_some() {
            return None;
        }
        let generation = self.current(state);
        Some(AtRest {
            logged: self.master(state).last(),
            admitted: generation.end.last,
            applied: generation.published(),
            published: generation.published(),
            readers_are_in: generation.side.replica().readers() == Readers::In,
            admits_more: state.link == Link::Up,
        })
    }

    /// The first step that is no write, no fault and no purge.
    fn next_work(&self, state: &State) -> Option<Action> {
        let mut actions = Vec::new();
        self.work(state, &mut actions);
        actions.first().copied()
    }

    /// Whether the replica has no step left after at most `steps_left` steps that are no writes, no faults and no purges.
    fn rests(&self, state: &State, steps_left: u8) -> bool {
        // These parts decide no such step.
        let of = State {
            moments: 0,
            writes: 0,
            passes: 0,
            cuts: 0,
            crashes: 0,
            broken: InvariantSet::default(),
            ..*state
        };
        self.rests.get(of, || match self.next_work(state) {
            None => true,
            Some(action) => {
                let next = self.after(state, action).map(|(next, _)| next);
                steps_left > 0 && next.is_some_and(|next| self.rests(&next, steps_left - 1))
            }
        })
    }

    /// The last entry that readers of the replica see.
    pub(super) fn seen(&self, state: &State) -> Lsn {
        self.current(state).published()
    }
}

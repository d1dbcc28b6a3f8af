//! Reads — the checks after each step: reads of both nodes, and a replica at rest.

use super::model::{ClocksModel, MEMORY};
use super::world::{LIMIT_MS, Seen, World, key, seen};
use crate::binlog::Lsn;
use crate::effect::Key;
use crate::invariant::Sight::{Alive, Dead};
use crate::invariant::{self, AtRest};
use crate::models::judged::InvariantSet;
use crate::node::Readers;
use crate::store::{Content, dump};
use std::sync::Arc;

impl World {
    /// Adds what the master's readers see now to its moments, if that is new.
    pub fn note_moment(&mut self) {
        let time = self.clock.read(self.now(0));
        let sees = seen(&dump(self.master.store()).expect(MEMORY), time, self.clock.offset_ms());
        if self.moments.last() != Some(&sees) {
            Arc::make_mut(&mut self.moments).push(sees);
        }
    }

    /// Reads both nodes. Returns the invariants that are broken, and those that were put to the test.
    pub fn observed(&mut self, model: &ClocksModel) -> (InvariantSet, InvariantSet) {
        self.note_moment();
        let (mut broken, mut tested) = self.master_judged();
        let replica = self.side.replica.replica();
        if replica.readers() == Readers::In {
            let (reads_broken, reads_tested) = self.reads_judged(model);
            (broken.0, tested.0) = (broken.0 | reads_broken.0, tested.0 | reads_tested.0);
        }
        if let Some(rest) = self.at_rest(model) {
            broken = broken.with(0, !invariant::progress(rest));
            tested = tested.with(0, rest.logged > Lsn::NONE);
        }
        (broken, tested)
    }

    /// Judges *lifetime* on the master.
    fn master_judged(&self) -> (InvariantSet, InvariantSet) {
        let Some(given) = self.given else { return Default::default() };
        let is_alive = self.moments.last().is_some_and(|sees| sees.contains_key(&key()));
        let is_over = self.elapsed >= given.at + given.duration;
        let broken = !given.may_be(is_alive, self.elapsed);
        (InvariantSet::default().with(1, broken), InvariantSet::default().with(1, is_over))
    }

    /// Judges a read of the replica.
    fn reads_judged(&mut self, model: &ClocksModel) -> (InvariantSet, InvariantSet) {
        let now = self.now(1);
        let replica = self.side.replica.replica();
        let reading = replica.reads_at(&*model.policy, now, self.told);
        let published = replica.published();
        self.told = self.told.max(reading.time);
        let is_silent = self.elapsed - self.receipt > LIMIT_MS;
        if reading.estimated && (is_silent || reading.time <= self.exempt) {
            self.exempt = self.exempt.max(reading.time);
            return Default::default();
        }
        let stored = dump(self.side.replica.shown()).expect(MEMORY);
        let sees = seen(&stored, reading.time, replica.offset_ms());
        let sights = self.side.sights(&stored, reading.time);
        let master_now = self.clock.read(self.now(0));
        let visible = invariant::visible(&stored, reading.time);
        let moment = if self.catches_up {
            let moments: Vec<_> = self.moments.iter().map(without_instants).collect();
            invariant::past_read(&moments, &without_instants(&sees))
        } else {
            invariant::past_read(&self.moments, &sees)
        };
        // A key that was dead on the master by the latest delivered time must be dead on the replica.
        let is_late = self.given.is_some_and(|given| {
            published >= given.lsn && sees.contains_key(&key()) && !given.may_be(true, self.newest)
        });
        let broken = InvariantSet::default()
            .with(1, is_late)
            .with(2, !invariant::no_resurrection(&self.saw, &sights))
            .with(3, !invariant::no_early_death(&self.side.master_then, master_now, &visible))
            .with(4, moment.is_none());
        let was_alive = |key: &Key| matches!(self.saw.get(key), Some(Alive(_)));
        let is_dead = |sight: &invariant::Sight| matches!(sight, Dead(_));
        let tested = InvariantSet::default()
            .with(2, sights.iter().any(|(key, sight)| was_alive(key) && is_dead(sight)))
            .with(3, stored.contains_key(&key()) && !sees.contains_key(&key()))
            .with(4, self.moments.last() != Some(&sees));
        if *self.saw != sights {
            self.saw = Arc::new(sights);
        }
        if let Some(moment @ 1..) = moment {
            Arc::make_mut(&mut self.moments).drain(..moment);
        }
        (broken, tested)
    }

    /// The facts of a replica at rest: the link is empty, and the master has no news to send. `None` if it is not at
    /// rest.
    fn at_rest(&self, model: &ClocksModel) -> Option<AtRest> {
        if !self.link.is_empty() || model.has_news(self) {
            return None;
        }
        let replica = self.side.replica.replica();
        let (now, last) = (self.now(1), self.side.replica.replica().published());
        let heard = replica.heard().min(now.wall);
        let reads = replica.reads_at(&*model.policy, now, self.told).time;
        Some(AtRest {
            logged: self.master.last(),
            admitted: last,
            applied: last,
            published: last,
            readers_are_in: replica.readers() == Readers::In && reads >= heard,
            admits_more: true,
        })
    }
}

/// A view without the answers of PEXPIRETIME.
fn without_instants(seen: &Seen) -> Vec<(&Key, &Content)> {
    seen.iter().map(|(key, (content, _))| (key, content)).collect()
}

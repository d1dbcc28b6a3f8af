//! Checks — what the expiry model checks after each step, by the functions of [`crate::invariant`].

use super::world::{Moments, ReplicaSide, Saw};
use crate::binlog::Lsn;
use crate::effect::Key;
use crate::invariant::Sight::{Alive, Dead};
use crate::invariant::{self, AtRest, SameLsn};
use crate::models::invariants::{self, Invariant};
use crate::models::judged::InvariantSet;
use crate::store::{Dump, Stored};
use crate::time::Millis;
use std::sync::Arc;

/// What is judged of the stored state, in the order of the bits.
pub const STATE_INVARIANTS: &[Invariant] = invariants::EXPIRY_STATE.invariants;
/// What is judged of reads, in the order of the bits.
pub const READ_INVARIANTS: &[Invariant] = invariants::EXPIRY_READS.invariants;

/// The result of a check: the invariants that are broken, and those that were put to the test.
pub type Judgement = (InvariantSet, InvariantSet);

/// Judges both stores when the replica has applied everything that the master has logged.
pub fn at_same_lsn(master: &Dump, replica: &Dump, latest_clock: Millis) -> Judgement {
    let nodes = SameLsn { master, replica, latest_clock };
    let broken = InvariantSet::default()
        .with(1, !invariant::same_value(nodes))
        .with(2, !invariant::same_deadline(nodes))
        .with(3, !invariant::no_immortal_key(nodes));
    let has_deadline = |stored: &Stored| stored.deadlines().next().is_some();
    let both = || replica.iter().filter_map(|(key, stored)| Some((stored, master.get(key)?)));
    let tested = InvariantSet::default()
        .with(1, both().next().is_some())
        .with(2, both().any(|(here, there)| has_deadline(here) && has_deadline(there)))
        .with(3, replica.values().any(has_deadline));
    (broken, tested)
}

/// Judges a replica whose link is up and empty and that has received the master's current time. It must have applied
/// every entry, and its readers must judge by an instant no earlier than `heard`. Its admission is never closed, as it
/// applies each message at delivery. `reads`: the instant by which its readers judge; `heard`: the earlier of its log
/// time and its own clock.
pub fn at_rest(logged: Lsn, applied: Lsn, (reads, heard): (Millis, Millis)) -> Judgement {
    let replica = AtRest {
        logged,
        admitted: applied,
        applied,
        published: applied,
        readers_are_in: reads >= heard,
        admits_more: true,
    };
    let broken = InvariantSet::default().with(0, !invariant::progress(replica));
    (broken, InvariantSet::default().with(0, logged > Lsn::NONE))
}

/// Judges what a reader of the replica sees that judges at `judged_at`. Returns the judgement and what the reader knows
/// from now on: the sights, and how many of the master's moments lie before the one that it has seen.
pub fn reader_looks(
    side: &ReplicaSide,
    stored: &Dump,
    (saw, moments): (&Saw, &Moments),
    (judged_at, master_now): (Millis, Millis),
) -> (Judgement, Saw, usize) {
    let sees = invariant::visible(stored, judged_at);
    let sights = side.sights(stored, judged_at);
    let moment = invariant::past_read(moments, &sees);
    let broken = InvariantSet::default()
        .with(0, !invariant::no_resurrection(saw, &sights))
        .with(1, !invariant::no_early_death(&side.master_then, master_now, &sees))
        .with(2, moment.is_none());
    let was = |key: &Key| saw.get(key).copied();
    let tested = InvariantSet::default()
        .with(0, sights.iter().any(|(key, now)| matches!((was(key), now), (Some(Dead(_)), Alive(_)))))
        .with(1, sights.iter().any(|(key, now)| matches!((was(key), now), (Some(Alive(_)), Dead(_)))))
        .with(2, moments.last().map(Arc::as_ref) != Some(&sees));
    ((broken, tested), sights, moment.unwrap_or(0))
}

//! `relative` — effects with the time that remains; the replica counts from arrival, less the lag that it
//! measures. Pure.
//!
//! ```text
//! master    at 5000: deadline 15000   → logged: 10000 remain, written at 5000
//! replica   at 5200 by its own clock  → lag 200, deadline 5200 + 10000 - 200
//! ```
//!
//! The lag is measured as a replica can measure it: its own clock less the entry's time, never below zero. So
//! the lag includes the difference of the two clocks. Deadlines on the replica are in the replica's own time, and so is
//! the removal of dead keys: by log time it would come at the wrong moment.

use super::{ExpiryPolicy, Removal};
use crate::binlog::{Entry, Payload};
use crate::command::Command;
use crate::effect::{Effect, Write};
use crate::store::key;
use crate::store::record::Record;
use crate::time::Millis;

/// Remaining times in the log, deadlines in the replica's own time.
#[derive(Clone, Copy, Debug)]
pub struct Relative;

impl ExpiryPolicy for Relative {
    fn logged(&self, _command: &Command, effect: Effect, now: Millis) -> Payload {
        // A deadline of 0 means none, so a key that is about to die has one millisecond left.
        Payload::Effect(with_deadlines(effect, |deadline| Millis(deadline.since(now).max(1))))
    }

    fn arrived(&self, entry: Entry, local: Millis) -> Entry {
        let lag = local.since(entry.time);
        let here = |remaining: Millis| Millis(local.0.saturating_add(remaining.0).saturating_sub(lag).max(1));
        let payload = entry.payload.map_effects(&mut |effect| with_deadlines(effect, here));
        Entry { payload, ..entry }
    }

    fn removal(&self) -> Removal {
        Removal::Local
    }
}

/// The effect with each deadline in it replaced.
fn with_deadlines(mut effect: Effect, replace: impl Fn(Millis) -> Millis) -> Effect {
    for write in &mut effect.writes {
        if let Write::Put { key, value } = write
            && key::metadata_key(key).is_some()
            && let Ok(record) = Record::decode(key, value)
        {
            *value = Record { deadline: record.deadline.map(&replace), ..record }.encode();
        }
    }
    effect
}

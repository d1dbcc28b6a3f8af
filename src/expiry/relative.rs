//! `relative` — effects with the time that remains; the replica counts from arrival, less the lag that it
//! measures. Pure.
//!
//! The deadlines of fields are treated in the same way. A write that replaces such a deadline deletes its record in the
//! replica's index only if the replica computed the same instant, which it rarely does. Such a record stays until its
//! deadline, and HLEN on the replica counts it.
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
use crate::store::record::{Record, StoredElement, Value, encode_field};
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
        match write {
            Write::Put { key, value } if key::is_field_deadline(key) => {
                *key = with_field_deadline(key, &replace).unwrap_or_else(|| key.clone());
                value.clear();
            }
            Write::Put { key, value } if key::is_metadata(key) => {
                if let Ok(record) = Record::decode(key, value) {
                    let deadline = record.deadline.map(&replace);
                    *value = Record { deadline, value: with_last_replaced(record.value, &replace) }.encode();
                }
            }
            Write::Put { key, value } => {
                if let Ok(StoredElement { value: own, deadline: Some(deadline) }) =
                    StoredElement::decode(key, value)
                {
                    *value = encode_field(own, Some(replace(deadline)));
                }
            }
            Write::Delete { key } if key::is_field_deadline(key) => {
                *key = with_field_deadline(key, &replace).unwrap_or_else(|| key.clone());
            }
            Write::Delete { .. } | Write::DeleteRange { .. } => {}
        }
    }
    effect
}

/// The raw key of an index record with its deadline replaced.
fn with_field_deadline(raw: &[u8], replace: &impl Fn(Millis) -> Millis) -> Option<Vec<u8>> {
    let (deadline, field) = key::deadline_and_field(raw)?;
    let prefix = raw.len() - field.len() - 8;
    Some([&raw[..prefix], replace(deadline).0.to_be_bytes().as_slice(), field].concat())
}

/// A hash with the latest deadline of its fields replaced.
fn with_last_replaced(value: Value, replace: &impl Fn(Millis) -> Millis) -> Value {
    match value {
        Value::Hash(hash, Some(last)) if last > Millis::ZERO => Value::Hash(hash, Some(replace(last))),
        value => value,
    }
}

//! `master_expires` — commands with absolute deadlines, applied as if nothing had expired; the master logs a
//! DEL for each key that it expires. Pure.
//!
//! Redis's way (since 3.2 replicas hide what is dead by their own clock, and never delete it).

use super::{ExpiryPolicy, Removal};
use crate::apply::Instants;
use crate::binlog::{Entry, Payload};
use crate::command::Command;
use crate::effect::Effect;
use crate::time::Millis;

/// The master decides when a key is gone.
#[derive(Clone, Copy, Debug)]
pub struct MasterExpires;

impl ExpiryPolicy for MasterExpires {
    fn logged(&self, command: &Command, effect: Effect, now: Millis) -> Payload {
        Payload::Command(command.without_chance(&effect).with_absolute_deadline(now))
    }

    fn instants(&self, entry: &Entry, _local: Millis) -> Instants {
        Instants { now: entry.time, judged_at: Millis::ZERO }
    }

    fn removal(&self) -> Removal {
        Removal::ByMaster
    }
}

//! `absolute` — SETEX, EXPIRE and the like are logged with an absolute deadline, other commands as they came; the replica
//! runs them by its own clock. Pure.
//!
//! Pika before #2833: the second founding bug. Unsafe on purpose: INCR on a key that is dead on the replica and
//! was alive on the master makes a key without a deadline.

use super::{ExpiryPolicy, Removal};
use crate::apply::Instants;
use crate::binlog::{Entry, Payload};
use crate::command::Command;
use crate::effect::Effect;
use crate::time::Millis;

/// Absolute deadlines, the replica's clock for everything.
#[derive(Clone, Copy, Debug)]
pub struct Absolute;

impl ExpiryPolicy for Absolute {
    fn logged(&self, command: &Command, effect: Effect, now: Millis) -> Payload {
        Payload::Command(command.without_chance(&effect).with_absolute_deadline(now))
    }

    fn instants(&self, _entry: &Entry, local: Millis) -> Instants {
        Instants { now: local, judged_at: local }
    }

    fn removal(&self) -> Removal {
        Removal::Local
    }
}

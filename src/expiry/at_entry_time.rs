//! `at_entry_time` — the command as it came, without chance, run at the time that its entry carries. Pure.
//!
//! The cheapest cure: the replica's state is the master's, whenever entries arrive. Readers still judge by the
//! replica's own clock, so they may see what no reader of the master saw.

use super::ExpiryPolicy;
use crate::binlog::Payload;
use crate::command::Command;
use crate::effect::Effect;
use crate::time::Millis;

/// Commands as they came, without chance, at the entry's time.
#[derive(Clone, Copy, Debug)]
pub struct AtEntryTime;

impl ExpiryPolicy for AtEntryTime {
    fn logged(&self, command: &Command, effect: Effect, _now: Millis) -> Payload {
        Payload::Command(command.without_chance(&effect))
    }
}

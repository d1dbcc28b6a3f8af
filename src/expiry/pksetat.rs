//! `pksetat` — a write whose outcome depends on the old value logs its result with an absolute deadline; others
//! log the command. Pure.
//!
//! The cure that Pika began (#2833, `pksetexat`), carried through for every command.

use super::ExpiryPolicy;
use crate::binlog::Payload;
use crate::command::Command;
use crate::effect::Effect;
use crate::time::Millis;

/// Results where the old value matters, commands elsewhere.
#[derive(Clone, Copy, Debug)]
pub struct Pksetat;

impl ExpiryPolicy for Pksetat {
    fn logged(&self, command: &Command, effect: Effect, now: Millis) -> Payload {
        if command.depends_on_stored() {
            Payload::Effect(effect)
        } else {
            Payload::Command(command.with_absolute_deadline(now))
        }
    }
}

//! `verbatim` — the command as it came, run at the replica's clock on arrival. Pure.
//!
//! Unsafe on purpose: durations count again from arrival, and a command that finds its key dead on the replica
//! does something else than it did on the master.

use super::{ExpiryPolicy, Removal};
use crate::apply::Instants;
use crate::binlog::{Entry, Payload};
use crate::command::Command;
use crate::effect::Effect;
use crate::time::Millis;

/// Commands as they came, the replica's clock for everything.
#[derive(Clone, Copy, Debug)]
pub struct Verbatim;

impl ExpiryPolicy for Verbatim {
    fn logged(&self, command: &Command, _effect: Effect, _now: Millis) -> Payload {
        Payload::Command(command.clone())
    }

    fn instants(&self, _entry: &Entry, local: Millis) -> Instants {
        Instants { now: local, judged_at: local }
    }

    fn removal(&self) -> Removal {
        Removal::Local
    }
}

//! Lifetimes — commands → how long keys live by them, which is what delays and skews are measured by.

use super::ELAPSED_MS_MAX;
use crate::binlog::Epoch;
use crate::command::Command;
use crate::effect::KeySet;
use crate::expiry::Policy;
use crate::node::{Master, MasterInput};
use crate::store::memory::MemoryStore;
use crate::store::{Dump, dump};
use crate::time::Millis;

/// The tick where no key has a deadline.
const TICK_MS: u64 = 1001;

/// What is stored after each command, run one after the other at `start`; nothing after one that fails.
fn stored_after_each(commands: &[Command], start: Millis) -> Vec<Dump> {
    let mut master = Master::new(MemoryStore::new(), Epoch(1));
    let mut stored = Vec::new();
    for command in commands {
        let request = MasterInput::Request { command: command.clone(), now: start, random: 0 };
        if master.step(&*Policy::Effects.get(), request).is_err() {
            break;
        }
        stored.push(dump(master.store()).unwrap_or_default());
    }
    stored
}

/// How many commands were run each time that a key of the last one has a deadline afterwards.
pub(super) fn dated(program: &[Command], start: Millis) -> Vec<u16> {
    let is_dated = |command: &Command, stored: &Dump| match command.keys() {
        KeySet::Everything => false,
        KeySet::Keys(keys) => {
            keys.iter().any(|key| stored.get(key).is_some_and(|stored| stored.deadline.is_some()))
        }
    };
    let stored = stored_after_each(program, start);
    let numbered = (1u16..).zip(program.iter().zip(&stored));
    numbered.filter(|(_, (command, stored))| is_dated(command, stored)).map(|(count, _)| count).collect()
}

/// A tick in milliseconds for these commands: half of the longest lifetime that ends within a run, and 1 ms more. Two ticks
/// are just over that lifetime.
pub fn tick_ms(commands: &[Command], start: Millis) -> u64 {
    let stored = stored_after_each(commands, start);
    let deadlines = stored.iter().flat_map(Dump::values).filter_map(|stored| stored.deadline);
    let lifetimes = deadlines.map(|deadline| deadline.since(start));
    let longest = lifetimes.filter(|lifetime| *lifetime <= ELAPSED_MS_MAX).max();
    longest.map_or(TICK_MS, |longest| longest / 2 + 1)
}

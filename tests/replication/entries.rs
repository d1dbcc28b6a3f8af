//! Entries for the tests of replication.

use replicheck::binlog::{Entry, Epoch, Log, Lsn, Payload};
use replicheck::effect::{Effect, Key, KeySet, Write};
use replicheck::time::Millis;

/// An entry whose value has that length and depends on the LSN.
pub fn entry(lsn: u64, epoch: u64, time: u64, value_bytes: usize) -> Entry {
    let name = format!("key {lsn}");
    let value = lsn.to_be_bytes().into_iter().cycle().take(value_bytes).collect();
    let writes = vec![Write::Put { key: name.clone().into_bytes(), value }];
    let effect = Effect { writes, keys: KeySet::of([Key::new(0, name)]) };
    Entry { lsn: Lsn(lsn), epoch: Epoch(epoch), time: Millis(time), payload: Payload::Effect(effect) }
}

/// A log whose n-th entry has the n-th of these epochs.
pub fn log_of(epochs: &[u64]) -> Log {
    let mut log = Log::new();
    for &epoch in epochs {
        log.append(entry(log.last().0 + 1, epoch, 0, 3)).expect("epochs that do not go back");
    }
    log
}

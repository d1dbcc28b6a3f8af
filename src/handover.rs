//! Hand-over — entries from the link → the replica's own log, its state, its workers: the order of these steps.
//! Threads through the pool that it is given.
//!
//! ```text
//! received 4 5     append 4 5 ─▶ receive t(4) t(5) ─▶ admit 4 ─▶ admit 5 (waits while the pool is full)
//! ```
//!
//! The log comes first, so only received entries are applied, and after a crash the log has what the store has. The time of
//! an entry is noted before the entry is admitted, so a reader that sees the entry judges at its time at least.

use crate::apply::pool::{Pool, Stopped};
use crate::binlog::Entry;
use crate::ordering::Ordering;
use std::sync::Arc;

/// Hands `entries`, the next of the log, of `share` bytes each, over to `pool`. `append` puts all of them into the log.
/// `receive` notes all of them before the first is admitted. `arrived` gives what the workers get. Called by one thread.
/// Errors: those of `append`; nothing is admitted then. [`Stopped`]: the log has the entries, and no more are admitted.
pub fn hand_over<O: Ordering, E: From<Stopped>>(
    pool: &Pool<O>,
    entries: Vec<Entry>,
    share: usize,
    append: impl FnOnce(&[Entry]) -> Result<(), E>,
    receive: impl FnOnce(&[Entry]),
    arrived: impl Fn(Entry) -> Entry,
) -> Result<(), E> {
    append(&entries)?;
    receive(&entries);
    let entries: Vec<Arc<Entry>> = entries.into_iter().map(|entry| Arc::new(arrived(entry))).collect();
    pool.admit_all(entries, share)?;
    Ok(())
}

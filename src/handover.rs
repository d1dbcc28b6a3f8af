//! Hand-over — passes received entries from the link to the replica's log, its state and its workers, in this order.
//! Threads through the pool that it is given.
//!
//! ```text
//! received 4 5     append 4 5 ─▶ receive t(4) t(5) ─▶ admit 4 ─▶ admit 5 (waits while the pool is full)
//! ```
//!
//! The log comes first, so that only logged entries are applied, and after a crash the log has every entry that the store
//! has. The time of an entry is noted before the entry is admitted, so a reader that sees the entry judges at the entry's
//! time or later.

use crate::apply::pool::{Pool, Stopped};
use crate::binlog::Entry;
use crate::ordering::OrderingStrategy;
use std::sync::Arc;

/// Appends `entries` to the log, notes them as received, and admits them to `pool`. They are the next entries of the log,
/// of about `share` bytes each. `append` appends all of them. `receive` notes all of them before the first is admitted.
/// `arrived` makes the entry that the workers get from a received one. Only one thread may call this. Errors: those of
/// `append`; then nothing is admitted. [`Stopped`]: the log has the entries, but not all of them are admitted.
pub fn hand_over<O: OrderingStrategy, E: From<Stopped>>(
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

//! Hand-over — entries from the link → the replica's own log, its core, its workers: the order of these steps.
//! Threads through the pool that it is given.
//!
//! ```text
//! received 4 5     append 4 5 ─▶ receive t(4) t(5) ─▶ admit 4 ─▶ admit 5 (waits while the pool is full)
//! ```
//!
//! The log comes first: nothing is applied that was not received, and after a crash the log has what the store has. The
//! time of an entry is told before the entry is admitted: who sees an entry judges at its time at least.

use crate::apply::pool::{Pool, Stopped};
use crate::binlog::Entry;
use crate::ordering::Ordering;
use std::sync::Arc;

/// Hands `entries`, the next of the log, of `share` bytes each, over to `pool`: `append` puts them all into the log,
/// `receive` is told of them all before the first is admitted; `arrived` says what the workers get. Called by one thread.
/// Errors: those of `append`, and then nothing is admitted; [`Stopped`], and then no more is, though the log has it.
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

//! Sync — threads, locks and atomics of the files that are also built for loom and shuttle, which take the place of std there.
//!
//! These files are `apply/pool/`, `publication.rs`, `queue.rs` and `handover.rs`: all that threads of a node share to order
//! entries and to show them. `tests/tidy/layering.rs` holds them to this import. The engine's threads use it, too, for its
//! locks. Other files import std itself: what they share goes with sockets, files or RocksDB, which neither tool can run.
//!
//! A lock whose holder panicked is taken all the same. Who panics while others wait says so himself: the worker pool
//! stops for good, with the panic as the reason, and lets nobody go on with what may be half done. An error at each
//! `lock()` in its place would be one that no caller can do anything about.

pub use std::sync::{Arc, Condvar, Mutex, MutexGuard, atomic};
pub use std::thread;

use std::sync::PoisonError;

/// Takes the lock.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Gives the lock up, waits to be woken, and takes it again. It may wake up for no reason.
pub fn wait<'a, T>(condvar: &Condvar, guard: MutexGuard<'a, T>) -> MutexGuard<'a, T> {
    condvar.wait(guard).unwrap_or_else(PoisonError::into_inner)
}

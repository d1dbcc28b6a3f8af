//! Sync — threads, locks and atomics for the files that are also built for loom and shuttle, which replace std there.
//!
//! These files are `apply/pool/`, `publication.rs`, `queue.rs` and `handover.rs`: all that threads of a node share to order
//! entries and to show them. `tests/tidy/layering.rs` holds them to this import. The engine's threads use it, too, for its
//! locks. Other files import std itself: what they share goes with sockets, files or RocksDB, which neither tool can run.
//!
//! A lock is taken even if a holder panicked. A thread that panics while others wait reports the panic itself: the
//! worker pool stops permanently, with the panic as the reason, and lets no thread continue with data that may be
//! half changed. The alternative, an error from each `lock()`, would be an error that no caller can handle.

pub use std::sync::{Arc, Condvar, Mutex, MutexGuard, atomic};
pub use std::thread;

use std::sync::PoisonError;

/// Takes the lock.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Releases the lock, waits for a notification, and takes the lock again. The wake-up may be spurious.
pub fn wait<'a, T>(condvar: &Condvar, guard: MutexGuard<'a, T>) -> MutexGuard<'a, T> {
    condvar.wait(guard).unwrap_or_else(PoisonError::into_inner)
}

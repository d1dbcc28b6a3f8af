//! The engine's threads under shuttle: random schedules, more threads and entries than loom can do.
//!
//! A failure says which scheduler, seed and run it was, and the command that runs it again.

#[path = "threads/bugs.rs"]
mod bugs;
#[path = "../src/handover.rs"]
mod handover;
#[path = "threads/log.rs"]
#[allow(dead_code, reason = "shared with the tests on threads of std")]
mod log;
#[path = "threads/mutant.rs"]
mod mutant;
#[path = "../src/apply/pool/mod.rs"]
#[allow(dead_code, reason = "only a part of the pool is explored")]
mod pool;
#[path = "threads/promise.rs"]
#[allow(dead_code, reason = "shared with the tests under loom")]
mod promise;
#[path = "../src/publication.rs"]
#[allow(dead_code, reason = "only a part of it is explored")]
mod publication;
#[path = "../src/queue.rs"]
mod queue;
#[path = "threads/recorder.rs"]
#[allow(dead_code, reason = "shared with the tests on threads of std")]
mod recorder;
#[path = "threads/results.rs"]
mod results;
#[allow(dead_code, reason = "shared with the other tests that draw")]
mod seed;

/// What the files of src/ above name, but for the files themselves.
mod apply {
    pub(crate) use crate::pool;
    pub use replicheck::apply::{Applier, Instants, Worker, write_batch};
}
use replicheck::{binlog, effect, expiry, invariant, node, ordering, store, time};
use seed::commit;

/// Stands in for `src/sync.rs`.
mod sync {
    pub use shuttle::sync::{Arc, Mutex, MutexGuard};
    use std::cell::Cell;
    use std::sync::PoisonError;

    pub mod thread {
        pub use shuttle::thread::{JoinHandle, spawn};

        use shuttle::thread::{ThreadId, current};
        use std::cell::Cell;

        thread_local! {
            static PANICS: Cell<Option<ThreadId>> = const { Cell::new(None) };
        }

        /// Whether, from here on, this thread is the one that panics; `std` cannot say which of shuttle's it is.
        pub fn panics(does: bool) {
            PANICS.set(does.then(|| current().id()));
        }

        pub fn panicking() -> bool {
            std::thread::panicking() && PANICS.get() == Some(current().id())
        }
    }

    pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
        mutex.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn wait<'a, T>(condvar: &Condvar, guard: MutexGuard<'a, T>) -> MutexGuard<'a, T> {
        condvar.0.wait(guard).unwrap_or_else(PoisonError::into_inner)
    }

    thread_local! {
        // Shuttle runs the threads of one exploration on one thread.
        static LOSES_WAKE_UPS: Cell<bool> = const { Cell::new(false) };
    }

    /// Whether, from here on, who is woken alone is not.
    pub fn lose_wake_ups(loses: bool) {
        LOSES_WAKE_UPS.set(loses);
    }

    #[derive(Debug)]
    pub struct Condvar(shuttle::sync::Condvar);

    impl Condvar {
        pub fn new() -> Condvar {
            Condvar(shuttle::sync::Condvar::new())
        }

        pub fn notify_one(&self) {
            if !LOSES_WAKE_UPS.get() {
                self.0.notify_one();
            }
        }

        pub fn notify_all(&self) {
            self.0.notify_all();
        }
    }
}

mod threads_shuttle {
    mod bugs;
    mod cases;
    mod explore;
    mod strategies;
}

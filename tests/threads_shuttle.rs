//! The engine's threads under shuttle: random schedules, with more threads and entries than loom can explore.
//!
//! A failure prints the scheduler, the seed, the number of the run, and the command that runs it again.

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

/// The items that the files of src/ above import, other than those files themselves.
mod apply {
    pub(crate) use crate::pool;
    pub use replicheck::apply::{Applier, Instants, Worker, write_batch};
}
use replicheck::{binlog, effect, expiry, invariant, node, ordering, store, time};
use seed::commit;

/// Replaces `src/sync.rs`.
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

        /// From here on, decides whether this thread is the one that panics; `std` cannot tell shuttle's threads apart.
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

    /// From here on, decides whether a wake-up of a single thread is lost.
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

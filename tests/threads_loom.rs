//! The engine's threads under loom: every interleaving of a few threads, and every value that the memory model lets an
//! atomic have. A run without a bound is exhaustive; each test prints whether its run was exhaustive or bounded.

#[path = "threads/bugs.rs"]
mod bugs;
#[path = "seed/commit.rs"]
mod commit;
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
#[allow(dead_code, reason = "shared with the tests under shuttle")]
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

/// The items that the files of src/ above import, other than those files themselves.
mod apply {
    pub(crate) use crate::pool;
    pub use replicheck::apply::{Applier, Instants, Worker, write_batch};
}
use replicheck::{binlog, effect, expiry, invariant, node, ordering, store, time};

/// Replaces `src/sync.rs`.
mod sync {
    pub use loom::sync::{Arc, Mutex, MutexGuard};
    use std::cell::Cell;

    pub mod thread {
        pub use loom::thread::{JoinHandle, spawn};

        /// Always false: a panic ends the run, and no thread may lock while unwinding, which would hide the reason.
        pub fn panicking() -> bool {
            false
        }
    }

    pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
        mutex.lock().expect("loom ends the run at a panic")
    }

    pub fn wait<'a, T>(condvar: &Condvar, guard: MutexGuard<'a, T>) -> MutexGuard<'a, T> {
        condvar.0.wait(guard).expect("loom ends the run at a panic")
    }

    thread_local! {
        // Loom runs the threads of one exploration on one thread.
        static LOSES_WAKE_UPS: Cell<bool> = const { Cell::new(false) };
    }

    /// From here on, decides whether a wake-up of a single thread is lost.
    pub fn lose_wake_ups(loses: bool) {
        LOSES_WAKE_UPS.set(loses);
    }

    #[derive(Debug)]
    pub struct Condvar(loom::sync::Condvar);

    impl Condvar {
        pub fn new() -> Condvar {
            Condvar(loom::sync::Condvar::new())
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

mod threads_loom {
    mod bugs;
    mod cases;
    mod explore;
    mod publication;
    mod strategies;
}

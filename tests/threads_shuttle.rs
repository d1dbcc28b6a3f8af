//! The engine's threads under shuttle: random schedules, more threads and entries than loom can do.
//!
//! A failing schedule is printed; `shuttle::replay` with it runs it again.

#[path = "threads/log.rs"]
#[allow(dead_code, reason = "shared with the tests on threads of std")]
mod log;
#[path = "../src/apply/pool/mod.rs"]
#[allow(dead_code, reason = "only a part of the pool is explored")]
mod pool;
#[path = "../src/queue.rs"]
mod queue;
#[path = "threads/replica.rs"]
#[allow(dead_code, reason = "shared with the tests on threads of std")]
mod replica;

/// What the files of src/ above name, but for the files themselves.
mod apply {
    pub(crate) use crate::pool;
    pub use replicheck::apply::{Applier, Instants, write_batch};
}
use replicheck::{binlog, effect, ordering, store};

/// Stands in for `src/sync.rs`.
mod sync {
    pub use shuttle::sync::{Arc, Condvar, Mutex, MutexGuard};

    pub mod thread {
        pub use shuttle::thread::{JoinHandle, spawn};

        /// The run is over at a panic: nobody takes a lock on the way out, which would hide the reason.
        pub fn panicking() -> bool {
            false
        }
    }

    pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
        mutex.lock().expect("shuttle ends the run at a panic")
    }

    pub fn wait<'a, T>(condvar: &Condvar, guard: MutexGuard<'a, T>) -> MutexGuard<'a, T> {
        condvar.wait(guard).expect("shuttle ends the run at a panic")
    }
}

mod threads_shuttle {
    mod cases;
}

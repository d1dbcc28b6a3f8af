//! Checker under loom — the shipped worker pool, interleaving by interleaving: executions per second, by
//! strategy.

mod baseline;
mod measure;
mod results;

#[path = "../tests/threads/log.rs"]
#[allow(dead_code, reason = "shared with the tests")]
mod log;
#[path = "../src/apply/pool/mod.rs"]
#[allow(dead_code, reason = "only a part of the pool is explored")]
mod pool;
#[path = "../tests/threads/promise.rs"]
#[allow(dead_code, reason = "shared with the tests")]
mod promise;
#[path = "../src/publication.rs"]
#[allow(dead_code, reason = "only a part of it is explored")]
mod publication;

/// The items that the files of src/ above import, except the files themselves.
mod apply {
    pub(crate) use crate::pool;
    pub use replicheck::apply::{Applier, Worker};
}
use replicheck::{binlog, effect, expiry, invariant, node, ordering, store, time};

use log::log;
use measure::Bench;
use pool::{Limits, Pool, Schedule};
use promise::{History, Judge, Wrong, promised};
use replicheck::apply::Applier;
use replicheck::binlog::Lsn;
use replicheck::ordering::Strategy;
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::Instant;

/// Replaces `src/sync.rs`.
mod sync {
    pub use loom::sync::{Arc, Condvar, Mutex, MutexGuard};

    pub mod thread {
        pub use loom::thread::{JoinHandle, spawn};

        /// A panic ends the run.
        pub fn panicking() -> bool {
            false
        }
    }

    pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
        mutex.lock().expect("loom ends the run at a panic")
    }

    pub fn wait<'a, T>(condvar: &Condvar, guard: MutexGuard<'a, T>) -> MutexGuard<'a, T> {
        condvar.wait(guard).expect("loom ends the run at a panic")
    }
}

/// The same commands as in the tests: two keys of different lanes, then both keys, then all keys.
const COMMANDS: [&str; 4] = ["SET a 1", "SET c 2", "MSET a 3 c 3", "FLUSHDB"];

/// One execution: all entries are admitted, and two workers drain the pool.
fn run(strategy: Strategy, history: &Arc<History>) {
    let limits = Limits { entries_max: COMMANDS.len(), bytes_max: 1000 };
    let applier = Applier::new(strategy.machine(2, 2), 2, Lsn::NONE);
    let pool = Arc::new(Pool::new(applier, limits, Schedule::Free));
    let judge = Arc::new(Judge::new(history, strategy, Wrong::Nothing));
    let worker = sync::thread::spawn({
        let (pool, judge) = (Arc::clone(&pool), Arc::clone(&judge));
        move || pool.run_worker(1, &*judge)
    });
    for entry in &history.entries {
        pool.admit(Arc::clone(entry), 1).expect("nothing fails");
    }
    pool.request_cut(&*judge);
    pool.close();
    pool.run_worker(0, &*judge);
    worker.join().expect("no panic");
    judge.assert_kept(&promised(strategy), true);
}

fn main() {
    let mut bench = Bench::new("checker_loom", "executions a second of the worker pool under loom");
    let most: usize = bench.mode.pick(10, 1_000, 5_000);
    for &strategy in Strategy::ALL {
        // Counted during exploration, because loom ends earlier if there are fewer interleavings.
        let executions = Arc::new(AtomicU64::new(0));
        let params = json!({ "workers": 2, "entries": COMMANDS.len(), "executions_max": most });
        let seconds = bench.seconds(strategy.name(), &params, || {
            executions.store(0, SeqCst);
            let mut builder = loom::model::Builder::new();
            (builder.preemption_bound, builder.max_duration) = (None, None);
            (builder.max_permutations, builder.max_branches) = (Some(most), 10_000);
            let (history, counted) = (Arc::new(History::of(log(&COMMANDS))), Arc::clone(&executions));
            let since = Instant::now();
            builder.check(move || {
                counted.fetch_add(1, SeqCst);
                run(strategy, &history);
            });
            since.elapsed().into()
        });
        if let Some(seconds) = seconds {
            let executions = executions.load(SeqCst) as f64;
            bench.row(strategy.name(), params, executions / seconds, "executions/s", None);
        }
    }
    bench.finish();
}

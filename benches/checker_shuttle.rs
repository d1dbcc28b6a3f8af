//! Checker under shuttle — the shipped worker pool in schedules drawn at random: executions per second, by
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

use log::random_log;
use measure::Bench;
use pool::{Limits, Pool, Schedule};
use promise::{History, Judge, Wrong, promised};
use replicheck::apply::Applier;
use replicheck::binlog::Lsn;
use replicheck::ordering::Strategy;
use serde_json::json;
use shuttle::scheduler::{PctScheduler, RandomScheduler, Scheduler, UrwRandomScheduler};
use shuttle::{Config, Runner};
use std::sync::Arc;
use std::time::Instant;

/// Replaces `src/sync.rs`.
mod sync {
    pub use shuttle::sync::{Arc, Condvar, Mutex, MutexGuard};
    use std::sync::PoisonError;

    pub mod thread {
        pub use shuttle::thread::{JoinHandle, spawn};

        /// A panic ends the run.
        pub fn panicking() -> bool {
            false
        }
    }

    pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
        mutex.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn wait<'a, T>(condvar: &Condvar, guard: MutexGuard<'a, T>) -> MutexGuard<'a, T> {
        condvar.wait(guard).unwrap_or_else(PoisonError::into_inner)
    }
}

const WORKERS: usize = 4;
const COMMANDS: usize = 25;
const SEED: u64 = 7;
/// Number of change points of PCT.
const DEPTH: usize = 3;

/// One execution: entries are admitted to a small pool while four workers drain it.
fn run(strategy: Strategy, history: &Arc<History>) {
    let limits = Limits { entries_max: 6, bytes_max: 1000 };
    let applier = Applier::new(strategy.machine(WORKERS, 3), WORKERS, Lsn::NONE);
    let pool = Arc::new(Pool::new(applier, limits, Schedule::Free));
    // The judge would also check a crash at every batch; that is left out, because it is the time of our
    // checker and not of shuttle.
    let judge = Arc::new(Judge::new(history, strategy, Wrong::Nothing).without_crash());
    let spawn = |worker| {
        let (pool, judge) = (Arc::clone(&pool), Arc::clone(&judge));
        sync::thread::spawn(move || pool.run_worker(worker, &*judge))
    };
    let workers: Vec<_> = (0..WORKERS).map(spawn).collect();
    for entry in &history.entries {
        pool.admit(Arc::clone(entry), 1).expect("nothing fails");
    }
    pool.request_cut(&*judge);
    pool.close();
    workers.into_iter().for_each(|worker| worker.join().expect("no panic"));
    judge.assert_kept(&promised(strategy), true);
}

fn scheduler(name: &str, executions: usize) -> Box<dyn Scheduler + Send> {
    match name {
        "random" => Box::new(RandomScheduler::new_from_seed(SEED, executions)),
        "pct" => Box::new(PctScheduler::new_from_seed(SEED, DEPTH, executions)),
        _ => Box::new(UrwRandomScheduler::new_from_seed(SEED, executions)),
    }
}

fn main() {
    let mut bench = Bench::new("checker_shuttle", "executions a second of the worker pool under shuttle");
    let executions: usize = bench.mode.pick(2, 50, 300);
    for name in ["random", "pct", "urw"] {
        for &strategy in Strategy::ALL {
            let params = json!({ "scheduler": name, "workers": WORKERS, "commands": COMMANDS });
            bench.rate(strategy.name(), params, executions as u64, "executions", || {
                let mut config = Config::new();
                config.stack_size = 1 << 18;
                let history = Arc::new(History::of(random_log(SEED, COMMANDS)));
                let since = Instant::now();
                Runner::new(scheduler(name, executions), config).run(move || run(strategy, &history));
                since.elapsed().into()
            });
        }
    }
    bench.finish();
}

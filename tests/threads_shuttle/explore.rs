//! Runs shuttle, and notes the results.

use crate::commit::commit;
use crate::results::{Outcome, note};
use crate::seed::{VARIABLE, again, number, setting};
use crate::sync;
use shuttle::scheduler::{PctScheduler, RandomScheduler, Scheduler, UrwRandomScheduler};
use shuttle::{Config, FailurePersistence, Runner};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

/// The number of change points of the PCT scheduler.
const DEPTH: usize = 3;
const SCHEDULERS: [&str; 3] = ["random", "pct", "urw"];

fn scheduler(name: &str, seed: u64, iterations: usize) -> Box<dyn Scheduler + Send> {
    match name {
        "random" => Box::new(RandomScheduler::new_from_seed(seed, iterations)),
        "pct" => Box::new(PctScheduler::new_from_seed(seed, DEPTH, iterations)),
        _ => Box::new(UrwRandomScheduler::new_from_seed(seed, iterations)),
    }
}

/// Runs `body` in `iterations` schedules. Returns the number of schedules run, and the panic that ended them.
fn run(
    name: &str,
    seed: u64,
    iterations: usize,
    body: impl Fn() + Send + Sync + 'static,
) -> (usize, Option<String>) {
    sync::lose_wake_ups(false);
    let runs = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&runs);
    let mut config = Config::new();
    // The seed and the number of the run identify the schedule, in one line.
    config.failure_persistence = FailurePersistence::None;
    config.stack_size = 1 << 18;
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        Runner::new(scheduler(name, seed, iterations), config).run(move || {
            counted.fetch_add(1, SeqCst);
            body();
        });
    }));
    let panic = outcome.err().map(|panic| match panic.downcast::<String>() {
        Ok(text) => *text,
        Err(panic) => panic.downcast_ref::<&str>().copied().unwrap_or("a panic without words").to_owned(),
    });
    (runs.load(SeqCst), panic)
}

/// The command that runs the failing schedule again, as its last run.
fn replay(scheduler: &str, seed: u64, run: usize) -> String {
    let command = again(seed, &[("REPLICHECK_ITERATIONS", run as u64)]);
    format!("scheduler={scheduler} seed={seed} commit={} run={run}\n{command}", commit())
}

/// The seed of this run.
pub fn seed() -> u64 {
    number(setting(VARIABLE), commit())
}

/// Explores `body`, which must not panic, with every scheduler, from the seed of this run.
pub fn explore(case: &str, body: impl Fn() + Send + Sync + Clone + 'static) {
    let seed = seed();
    let iterations = setting("REPLICHECK_ITERATIONS").unwrap_or(100);
    let iterations = usize::try_from(iterations).expect("as many as fit into memory");
    let mut runs = 0;
    for name in SCHEDULERS {
        let (ran, panic) = run(name, seed, iterations, body.clone());
        if let Some(panic) = panic {
            panic!("{case}: {panic}\n{}", replay(name, seed, ran));
        }
        runs += ran;
    }
    note("shuttle", case, Outcome::Held, Some(&format!("sampled, seed={seed}")), runs);
}

/// Explores `body` until it panics. It must do so under one of the schedulers, with `words` in the message, and again when it
/// is run with the printed seed and number.
pub fn finds(case: &str, words: &str, body: impl Fn() + Send + Sync + Clone + 'static) {
    // Pinned, without a setting: the test asks that the fault is found, and no commit should miss it by bad luck.
    const SEED: u64 = 7;
    const ITERATIONS: usize = 1000;
    let mut runs = 0;
    for name in SCHEDULERS {
        let (ran, panic) = run(name, SEED, ITERATIONS, body.clone());
        runs += ran;
        if let Some(panic) = panic {
            assert!(panic.contains(words), "{case}: the panic does not contain '{words}': {panic}");
            assert_eq!(run(name, SEED, ran, body.clone()), (ran, Some(panic)), "{case}: not found again");
            note("shuttle", case, Outcome::Found, None, runs);
            return;
        }
    }
    note("shuttle", case, Outcome::Missed, Some(&format!("sampled, seed={SEED}")), runs);
    panic!("{case}: not found in {runs} schedules");
}

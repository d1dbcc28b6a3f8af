//! How a pool ends while threads wait; and the queue.

use super::explore::{explore, seed};
use crate::apply::pool::{Limits, Pool, Schedule, Stopped, ThreadRole, Work};
use crate::log::{end, random_log};
use crate::queue::Queue;
use crate::recorder::{Fault, Recorder};
use crate::sync;
use replicheck::apply::Applier;
use replicheck::binlog::{Entry, Lsn};
use replicheck::effect::Key;
use replicheck::ordering::Strategy;
use replicheck::store::StoreError;
use shuttle::thread;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

const WORKERS: usize = 4;
const COMMANDS: usize = 20;

/// A recorder that says which thread is about to panic.
struct Announced(Recorder, Fault);

impl Work for Announced {
    fn write(&self, entries: &[Arc<Entry>], part: Option<&Key>, marker: Lsn) -> Result<(), StoreError> {
        if entries.iter().any(|entry| self.1 == Fault::Panic(entry.lsn)) {
            sync::thread::panics(true);
        }
        self.0.write(entries, part, marker)
    }

    fn publish(&self, watermark: Lsn) {
        self.0.publish(watermark);
    }
}

/// A log drawn with the run's seed, and the LSN of an entry in its middle.
fn log_and_middle() -> (Arc<[Arc<Entry>]>, Lsn) {
    let log = random_log(seed(), COMMANDS);
    let middle = Lsn(end(&log).0.div_ceil(2));
    (log.into(), middle)
}

/// Applies `log`, which is the same in all schedules.
fn run(strategy: Strategy, log: &[Arc<Entry>], fault: Fault) {
    sync::thread::panics(false);
    let limits = Limits { entries_max: 6, bytes_max: 1000 };
    let applier = Applier::new(strategy.machine(WORKERS, 3), WORKERS, Lsn::NONE);
    let pool = Arc::new(Pool::new(applier, limits, Schedule::Free));
    let splits = matches!(strategy, Strategy::KeyHash);
    let replica = if splits { Recorder::of_parts() } else { Recorder::new(fault) };
    let replica = Arc::new(Announced(replica, fault));
    let workers: Vec<_> = (0..WORKERS)
        .map(|worker| {
            let (pool, replica) = (Arc::clone(&pool), Arc::clone(&replica));
            // Caught in its own thread, because a panic that leaves the thread ends the run.
            thread::spawn(move || {
                catch_unwind(AssertUnwindSafe(|| pool.run_worker(worker, &*replica))).is_ok()
            })
        })
        .collect();
    let waits = thread::spawn({
        let (pool, end) = (Arc::clone(&pool), end(log));
        move || pool.wait_for(end)
    });
    let admitted = log.iter().try_for_each(|entry| {
        if entry.lsn.0 % 6 == 0 {
            pool.request_cut(&*replica);
        }
        pool.admit(Arc::clone(entry), 1)
    });
    let reached = waits.join().expect("no panic");
    pool.close();
    let ended = workers.into_iter().map(|worker| worker.join().expect("caught"));
    assert_eq!(ended.filter(|ended| !ended).count(), usize::from(matches!(fault, Fault::Panic(_))));
    match fault {
        Fault::None => {
            assert_eq!((admitted, reached), (Ok(()), Ok(())));
            assert_eq!(pool.watermark(), end(log));
        }
        Fault::Error(_) => assert_eq!(reached, Err(Stopped::Store(StoreError::Io("disk full".into())))),
        _ => assert!(matches!(reached, Err(Stopped::Panicked(ThreadRole::Worker(_)))), "{reached:?}"),
    }
}

#[test]
fn shuttle_pool_every_strategy_ends() {
    let (log, _) = log_and_middle();
    for &strategy in Strategy::ALL {
        let log = Arc::clone(&log);
        explore(&format!("{} ends", strategy.name()), move || run(strategy, &log, Fault::None));
    }
}

#[test]
fn shuttle_pool_error_hangs_nobody() {
    let (log, middle) = log_and_middle();
    for &strategy in Strategy::ALL.iter().filter(|strategy| **strategy != Strategy::KeyHash) {
        let log = Arc::clone(&log);
        explore(&format!("{}, error", strategy.name()), move || run(strategy, &log, Fault::Error(middle)));
    }
}

#[test]
fn shuttle_pool_worker_that_panics_hangs_nobody() {
    let (log, middle) = log_and_middle();
    for &strategy in Strategy::ALL.iter().filter(|strategy| **strategy != Strategy::KeyHash) {
        let log = Arc::clone(&log);
        explore(&format!("{}, panic", strategy.name()), move || run(strategy, &log, Fault::Panic(middle)));
    }
}

#[test]
fn shuttle_queue_producers_and_consumer_lose_nothing() {
    let body = || {
        let queue = Arc::new(Queue::new(100));
        let producers: Vec<_> = (0..3)
            .map(|producer| {
                let queue = Arc::clone(&queue);
                thread::spawn(move || (0..4).for_each(|at| queue.push((producer, at)).expect("room")))
            })
            .collect();
        let closer = thread::spawn({
            let queue = Arc::clone(&queue);
            move || {
                producers.into_iter().for_each(|producer| producer.join().expect("no panic"));
                queue.close();
            }
        });
        let (mut group, mut taken) = (Vec::new(), Vec::new());
        while queue.take(&mut group) {
            taken.append(&mut group);
        }
        closer.join().expect("no panic");
        taken.sort_by_key(|(producer, _)| *producer);
        let expected: Vec<(u8, u8)> =
            (0..3).flat_map(|producer| (0..4).map(move |at| (producer, at))).collect();
        assert_eq!(taken, expected, "each producer's items are in order");
    };
    explore("queue, three producers, consumer", body);
}

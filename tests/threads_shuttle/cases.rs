//! What shuttle explores.

use crate::apply::pool::{Limits, Pool, Stopped};
use crate::log::{end, random_log, states};
use crate::queue::Queue;
use crate::replica::{Fault, Replica};
use crate::sync;
use replicheck::apply::Applier;
use replicheck::binlog::Lsn;
use replicheck::ordering::Strategy;
use replicheck::store::StoreError;
use shuttle::thread;
use std::sync::Arc;

/// Schedules a strategy is run in.
const SCHEDULES: usize = 300;
const WORKERS: usize = 4;
const COMMANDS: usize = 20;
/// The log is the same in all schedules.
const SEED: u64 = 7;

fn run(strategy: Strategy, fault: Fault) {
    let log = random_log(SEED, COMMANDS);
    let states = states(&log);
    let limits = Limits { entries_max: 6, bytes_max: 1000 };
    let applier = Applier::new(strategy.machine(WORKERS, 3), Lsn::NONE);
    let pool = sync::Arc::new(Pool::new(applier, WORKERS, limits, Vec::new()));
    let splits = matches!(strategy, Strategy::KeyHash);
    let replica = sync::Arc::new(if splits { Replica::of_parts() } else { Replica::new(fault) });
    let workers = Pool::spawn(&pool, &replica);
    let waits = thread::spawn({
        let (pool, end) = (sync::Arc::clone(&pool), end(&log));
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
    workers.into_iter().for_each(|worker| worker.join().expect("no panic"));
    match fault {
        Fault::None => {
            assert_eq!((admitted, reached), (Ok(()), Ok(())));
            assert_eq!(pool.watermark(), end(&log));
            // The two that promise nothing must end, that is all.
            if !matches!(strategy, Strategy::KeyHash | Strategy::FirstKey) {
                assert_eq!(replica.data(), states[log.len()]);
            }
            if matches!(strategy, Strategy::Serial | Strategy::Sequence | Strategy::WritesetSnapshots) {
                for (lsn, shown) in replica.published() {
                    assert_eq!(Some(&shown), states.get(usize::try_from(lsn.0).expect("small")));
                }
            }
        }
        _ => assert_eq!(reached, Err(Stopped::Store(StoreError::Io("disk full".into())))),
    }
}

#[test]
fn shuttle_pool_every_strategy_ends() {
    for &strategy in Strategy::ALL {
        println!(
            "{}: {SCHEDULES} schedules, {WORKERS} workers, {COMMANDS} commands, seed={SEED}",
            strategy.name()
        );
        shuttle::check_random(move || run(strategy, Fault::None), SCHEDULES);
        shuttle::check_pct(move || run(strategy, Fault::None), SCHEDULES, 3);
    }
}

#[test]
fn shuttle_pool_error_hangs_nobody() {
    for &strategy in Strategy::ALL.iter().filter(|strategy| **strategy != Strategy::KeyHash) {
        shuttle::check_random(move || run(strategy, Fault::Error(Lsn(9))), SCHEDULES);
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
        assert_eq!(taken, expected, "each producer's in its order");
    };
    shuttle::check_random(body, 2000);
}

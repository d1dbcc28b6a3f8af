//! The queue, and pools whose schedule is forced or whose work fails.

use super::explore::explore;
use crate::apply::pool::{Hold, Limits, Pool, Schedule, Stopped};
use crate::log::{end, log, states};
use crate::queue::{NotQueued, Queue};
use crate::recorder::{Fault, Recorder};
use crate::sync;
use loom::thread;
use replicheck::apply::Applier;
use replicheck::binlog::Lsn;
use replicheck::effect::Key;
use replicheck::ordering::{Job, Strategy, lane_of};
use replicheck::store::StoreError;
use std::sync::Arc;

#[test]
fn loom_queue_two_producers_and_close_lose_nothing() {
    explore("queue, two producers, consumer, close", None, || {
        let queue = Arc::new(Queue::new(2));
        let producers: Vec<_> = (1..=2)
            .map(|item| {
                let queue = Arc::clone(&queue);
                thread::spawn(move || queue.push(item))
            })
            .collect();
        let mut group = Vec::new();
        let mut taken = Vec::new();
        assert!(queue.take(&mut group), "it is not closed yet");
        taken.append(&mut group);
        for producer in producers {
            assert_eq!(producer.join().expect("no panic"), Ok(()));
        }
        queue.close();
        while queue.take(&mut group) {
            taken.append(&mut group);
        }
        taken.sort_unstable();
        assert_eq!(taken, [1, 2]);
    });
}

#[test]
fn loom_queue_wake_that_comes_late_loses_nothing() {
    explore("queue, two producers that wake late, consumer", None, || {
        let queue = Arc::new(Queue::new(2));
        let producers: Vec<_> = (1..=2)
            .map(|item| {
                let queue = Arc::clone(&queue);
                thread::spawn(move || {
                    let wake = queue.push_asleep(item).expect("room");
                    thread::yield_now();
                    drop(wake);
                })
            })
            .collect();
        let (mut group, mut taken) = (Vec::new(), Vec::new());
        while taken.len() < 2 {
            assert!(queue.take(&mut group), "it is not closed");
            taken.append(&mut group);
        }
        producers.into_iter().for_each(|producer| producer.join().expect("no panic"));
        taken.sort_unstable();
        assert_eq!(taken, [1, 2]);
    });
}

#[test]
fn loom_queue_close_wakes_the_consumer_and_no_item_is_half_queued() {
    explore("queue, producer, consumer, closer", None, || {
        let queue = Arc::new(Queue::new(2));
        let producer = thread::spawn({
            let queue = Arc::clone(&queue);
            move || queue.push(1)
        });
        let closer = thread::spawn({
            let queue = Arc::clone(&queue);
            move || queue.close()
        });
        let (mut group, mut taken) = (Vec::new(), Vec::new());
        while queue.take(&mut group) {
            taken.append(&mut group);
        }
        closer.join().expect("no panic");
        let expected = match producer.join().expect("no panic") {
            Ok(()) => vec![1],
            Err(error) => {
                assert_eq!(error, NotQueued::Closed);
                Vec::new()
            }
        };
        assert_eq!(taken, expected);
    });
}

/// A pool with two workers; three entries are admitted through a queue of two.
fn pool(strategy: Strategy, holds: &'static [Hold], fault: Fault) {
    // The two keys have different lanes, so entries 1 and 2 may be written at once, and entry 3 conflicts with both.
    assert_ne!(lane_of(&Key::new(0, b"a"), 2), lane_of(&Key::new(0, b"c"), 2));
    let log = log(&["SET a 1", "SET c 2", "MSET a 3 c 3"]);
    let states = states(&log);
    let limits = Limits { entries_max: 2, bytes_max: 1000 };
    let applier = Applier::new(strategy.machine(2, 2), 2, Lsn::NONE);
    let pool = sync::Arc::new(Pool::new(applier, limits, Schedule::Held(holds.to_vec())));
    let replica = sync::Arc::new(Recorder::new(fault));
    let workers = Pool::spawn(&pool, &replica);
    let admitted = log.iter().try_for_each(|entry| pool.admit(Arc::clone(entry), 1));
    let reached = admitted.and_then(|()| pool.wait_for(end(&log)));
    pool.close();
    workers.into_iter().for_each(|worker| worker.join().expect("no panic"));
    if fault == Fault::None {
        assert_eq!(reached, Ok(()));
        assert_eq!(replica.data(), states[log.len()]);
        assert_eq!(pool.watermark(), end(&log));
    } else {
        assert_eq!(reached, Err(Stopped::Store(StoreError::Io("disk full".into()))));
        assert!(!replica.written().contains(&Lsn(3)));
    }
}

/// The bound for exploring the pools; with a higher one a test takes minutes.
const PREEMPTIONS: Option<usize> = Some(3);

#[test]
fn loom_pool_hold_that_cannot_be_kept_hangs_nobody() {
    const HOLDS: &[Hold] = &[Hold { entry: Lsn(1), until_finished: Lsn(3) }];
    explore("pool, barrier, hold", PREEMPTIONS, || pool(Strategy::Barrier, HOLDS, Fault::None));
}

#[test]
fn loom_pool_gate_wakes_who_is_let_through() {
    explore("pool, key_hash, gate", PREEMPTIONS, || {
        let log = log(&["SET a 1", "SET c 2"]);
        let limits = Limits { entries_max: 2, bytes_max: 1000 };
        let applier = Applier::new(Strategy::KeyHash.machine(2, 2), 2, Lsn::NONE);
        let pool = sync::Arc::new(Pool::new(applier, limits, Schedule::Gated));
        let replica = sync::Arc::new(Recorder::new(Fault::None));
        let workers = Pool::spawn(&pool, &replica);
        log.iter().for_each(|entry| pool.admit(Arc::clone(entry), 1).expect("nothing fails"));
        for job in [Job::whole(Lsn(2)), Job::whole(Lsn(1))] {
            pool.let_write(job.clone());
            pool.let_finish(job);
        }
        assert_eq!(pool.wait_for(end(&log)), Ok(()));
        pool.close();
        workers.into_iter().for_each(|worker| worker.join().expect("no panic"));
        assert_eq!(replica.data(), states(&log)[2]);
    });
}

#[test]
fn loom_pool_error_wakes_everyone() {
    explore("pool, sequence, error", PREEMPTIONS, || pool(Strategy::Sequence, &[], Fault::Error(Lsn(2))));
}

//! What loom explores.

use crate::apply::pool::{Hold, Limits, Pool, Stopped};
use crate::log::{end, log, states};
use crate::publication::{LogClock, MasterPublication};
use crate::queue::{NotQueued, Queue};
use crate::replica::{Fault, Replica};
use crate::sync;
use loom::thread;
use replicheck::apply::Applier;
use replicheck::binlog::Lsn;
use replicheck::effect::Key;
use replicheck::ordering::{Strategy, lane_of};
use replicheck::store::StoreError;
use replicheck::time::Millis;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

/// Runs `body` in every interleaving, or in all with at most `preemptions` switches of a thread that could have gone on.
fn explore(what: &str, preemptions: Option<usize>, body: impl Fn() + Send + Sync + 'static) {
    let runs = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&runs);
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = preemptions;
    // No limit of the environment's may end a run early and call it green.
    builder.max_duration = None;
    builder.max_permutations = None;
    builder.max_branches = 10_000;
    builder.check(move || {
        counted.fetch_add(1, SeqCst);
        body();
    });
    let runs = runs.load(SeqCst);
    assert!(runs > 1, "{what}: nothing was interleaved");
    match preemptions {
        None => println!("{what}: exhaustive, {runs} interleavings"),
        Some(bound) => println!("{what}: bounded to {bound} preemptions, {runs} interleavings"),
    }
}

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

#[test]
fn loom_publication_reader_never_judges_beyond_an_unpublished_entry() {
    explore("publication, writer, reader", None, || {
        // The snapshot is the instant of the next entry that the reader does not see.
        let publication = Arc::new(MasterPublication::new(LogClock::new(Millis(10)), Lsn(0), 0));
        publication.raise(Millis(100));
        let writer = thread::spawn({
            let publication = Arc::clone(&publication);
            move || {
                let first = publication.begin(Millis(20));
                publication.publish(Lsn(1), 1);
                let second = publication.begin(Millis(30));
                publication.publish(Lsn(2), 2);
                [first, second]
            }
        });
        let beat = publication.heartbeat(Millis(25));
        let sights = [publication.read(Millis(50)), publication.read(Millis(40))];
        let stamped = writer.join().expect("no panic");
        for sight in &sights {
            assert_eq!(sight.lsn.0, *sight.snapshot, "state and number are of one piece");
            let at = usize::try_from(sight.lsn.0).expect("small");
            assert!(stamped.get(at).is_none_or(|next| sight.clock <= *next), "{sight:?}, {stamped:?}");
            assert!(at == 0 || stamped[at - 1] <= sight.clock, "{sight:?}, {stamped:?}");
        }
        assert!(sights[0].lsn <= sights[1].lsn && sights[0].clock <= sights[1].clock);
        if let Some((after, time)) = beat {
            let at = usize::try_from(after.0).expect("small");
            assert!(stamped.get(at).is_none_or(|next| time <= *next), "heartbeat {time} after {after}");
        }
    });
}

/// Two workers, three entries admitted through a queue of two.
fn pool(strategy: Strategy, holds: &'static [Hold], fault: Fault) {
    // The two keys have different lanes, so 1 and 2 may be written at once, and 3 meets both.
    assert_ne!(lane_of(&Key::new(0, b"a"), 2), lane_of(&Key::new(0, b"c"), 2));
    let log = log(&["SET a 1", "SET c 2", "MSET a 3 c 3"]);
    let states = states(&log);
    let limits = Limits { entries_max: 2, bytes_max: 1000 };
    let applier = Applier::new(strategy.machine(2, 2), Lsn::NONE);
    let pool = sync::Arc::new(Pool::new(applier, 2, limits, holds.to_vec()));
    let replica = sync::Arc::new(Replica::new(fault));
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

/// How far the pools are explored: with more, minutes.
const PREEMPTIONS: Option<usize> = Some(3);

#[test]
fn loom_pool_serial_ends_as_the_log_does() {
    explore("pool, serial", PREEMPTIONS, || pool(Strategy::Serial, &[], Fault::None));
}

#[test]
fn loom_pool_barrier_ends_as_the_log_does() {
    explore("pool, barrier", PREEMPTIONS, || pool(Strategy::Barrier, &[], Fault::None));
}

#[test]
fn loom_pool_hold_that_cannot_be_kept_hangs_nobody() {
    const HOLDS: &[Hold] = &[Hold { entry: Lsn(1), until_finished: Lsn(3) }];
    explore("pool, barrier, hold", PREEMPTIONS, || pool(Strategy::Barrier, HOLDS, Fault::None));
}

#[test]
fn loom_pool_error_wakes_everyone() {
    explore("pool, sequence, error", PREEMPTIONS, || pool(Strategy::Sequence, &[], Fault::Error(Lsn(2))));
}

//! How a pool ends: closed, abandoned, refused, by an error, by a panic. Every waiting thread learns the reason.

use super::pool::{ROOMY, pool, spin_until};
use crate::log::{command, end, log, random_log, states};
use crate::recorder::{Fault, Recorder};
use crate::seed::Seed;
use replicheck::apply::pool::{Limits, Pool, Stopped, ThreadRole, Work};
use replicheck::binlog::{Entry, Epoch, Lsn, Payload};
use replicheck::effect::Key;
use replicheck::ordering::{AnyStrategy, Strategy};
use replicheck::store::StoreError;
use replicheck::sync;
use replicheck::time::Millis;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;

/// Work whose first write waits until the test lets it through.
struct Gated {
    replica: Recorder,
    reached: AtomicBool,
    open: Mutex<bool>,
    opened: Condvar,
}

impl Gated {
    fn new(fault: Fault) -> Gated {
        Gated {
            replica: Recorder::new(fault),
            reached: AtomicBool::new(false),
            open: Mutex::new(false),
            opened: Condvar::new(),
        }
    }

    fn let_through(&self) {
        *self.open.lock().expect("no panic") = true;
        self.opened.notify_all();
    }

    /// Returns once a write is waiting.
    fn wait_for_a_write(&self) {
        while !self.reached.load(SeqCst) {
            thread::yield_now();
        }
    }
}

impl Work for Gated {
    fn write(&self, entries: &[Arc<Entry>], part: Option<&Key>, marker: Lsn) -> Result<(), StoreError> {
        self.reached.store(true, SeqCst);
        let mut open = self.open.lock().expect("no panic");
        while !*open {
            open = self.opened.wait(open).expect("no panic");
        }
        drop(open);
        self.replica.write(entries, part, marker)
    }

    fn publish(&self, watermark: Lsn) {
        self.replica.publish(watermark);
    }
}

#[test]
fn closed_pool_finishes_what_is_queued_and_admits_nothing() {
    let seed = Seed::of_this_run();
    let log = random_log(seed.number(), 50);
    let states = states(&log);
    for strategy in [Strategy::Serial, Strategy::Barrier, Strategy::Sequence, Strategy::Writeset] {
        let pool = sync::Arc::new(pool(strategy, 2, ROOMY));
        let replica = sync::Arc::new(Recorder::new(Fault::None));
        let (last, before) = log.split_last().expect("entries");
        before.iter().for_each(|entry| pool.admit(entry.clone(), 1).expect("nothing fails"));
        pool.close();
        assert_eq!(pool.admit(last.clone(), 1), Err(Stopped::Closed));
        assert_eq!(pool.wait_for(last.lsn), Err(Stopped::Closed), "the entry never arrives");
        let workers = Pool::spawn(&pool, &replica);
        assert_eq!(workers.len(), 2);
        assert_eq!(pool.wait_for(Lsn(last.lsn.0 - 1)), Ok(()));
        workers.into_iter().for_each(|worker| worker.join().expect("no panic"));
        assert_eq!(replica.data(), states[before.len()], "{}", strategy.name());
        assert_eq!(pool.stopped(), None);
    }
}

#[test]
fn abandoned_pool_finishes_only_what_is_being_written() {
    let log = log(&["SET a 1", "SET b 2", "SET c 3"]);
    let pool = pool(Strategy::Sequence, 2, Limits { entries_max: 2, bytes_max: 1000 });
    let work = Gated::new(Fault::None);
    thread::scope(|scope| {
        for worker in 0..2 {
            let (pool, work) = (&pool, &work);
            scope.spawn(move || pool.run_worker(worker, work));
        }
        pool.admit(log[0].clone(), 1).expect("nothing fails");
        pool.admit(log[1].clone(), 1).expect("nothing fails");
        work.wait_for_a_write();
        let admits = scope.spawn(|| pool.admit(log[2].clone(), 1));
        let waits = scope.spawn(|| pool.wait_for(Lsn(2)));
        pool.abandon();
        assert_eq!(admits.join().expect("no panic"), Err(Stopped::Abandoned));
        assert_eq!(waits.join().expect("no panic"), Err(Stopped::Abandoned));
        work.let_through();
    });
    assert_eq!((work.replica.written(), work.replica.published()), (vec![Lsn(1)], Vec::new()));
    assert_eq!((pool.watermark(), pool.stopped()), (Lsn(1), Some(Stopped::Abandoned)));
}

#[test]
fn abandoned_pool_publishes_no_snapshot() {
    let (pool, replica) = (pool(Strategy::WritesetSnapshots, 2, ROOMY), Recorder::new(Fault::None));
    pool.request_cut(&replica);
    assert_eq!(replica.published().len(), 1, "nothing is under way, so the state is published at once");
    pool.abandon();
    pool.request_cut(&replica);
    assert_eq!(replica.published().len(), 1);
}

/// Runs a pool of three entries, the first of which fails with `fault`, while threads wait in every way. Returns the reason.
fn stopped_by(fault: Fault, strategy: Strategy) -> (Stopped, Vec<Lsn>) {
    let log = log(&["SET a 1", "SET a 2", "SET a 3"]);
    let pool = pool(strategy, 2, Limits { entries_max: 2, bytes_max: 1000 });
    let work = Gated::new(fault);
    let waiting = thread::scope(|scope| {
        let workers: Vec<_> = (0..2)
            .map(|worker| {
                let (pool, work) = (&pool, &work);
                scope.spawn(move || pool.run_worker(worker, work))
            })
            .collect();
        pool.admit(log[0].clone(), 1).expect("nothing failed yet");
        pool.admit(log[1].clone(), 1).expect("nothing failed yet");
        let admits = scope.spawn(|| (0..2).try_for_each(|_| pool.admit(log[2].clone(), 1)));
        let waits = scope.spawn(|| pool.wait_for(Lsn(3)));
        spin_until(&pool, |state| state.admission_waits);
        work.wait_for_a_write();
        work.let_through();
        let panics = workers.into_iter().filter_map(|worker| worker.join().err()).count();
        assert_eq!(
            panics,
            usize::from(!matches!(fault, Fault::Error(_))),
            "a panic reaches the joining thread"
        );
        [admits.join().expect("no panic"), waits.join().expect("no panic")]
    });
    let reason = pool.stopped().expect("it stopped");
    assert_eq!(waiting, [Err(reason.clone()), Err(reason.clone())]);
    assert_eq!(pool.wait_for(Lsn(3)), Err(reason.clone()));
    pool.close();
    pool.abandon();
    assert_eq!(pool.stopped().as_ref(), Some(&reason), "the first reason stays");
    (reason, work.replica.written())
}

#[test]
fn worker_that_errs_stops_the_pool_and_nothing_more_is_written() {
    for strategy in [Strategy::Sequence, Strategy::Barrier, Strategy::Writeset] {
        let (reason, written) = stopped_by(Fault::Error(Lsn(1)), strategy);
        assert_eq!(reason, Stopped::Store(StoreError::Io("disk full".into())), "{}", strategy.name());
        assert_eq!(written, [], "{}", strategy.name());
    }
}

#[test]
fn worker_that_panics_stops_the_pool_and_nothing_more_is_written() {
    for strategy in [Strategy::Sequence, Strategy::Barrier, Strategy::Writeset] {
        let (reason, written) = stopped_by(Fault::Panic(Lsn(1)), strategy);
        assert!(matches!(reason, Stopped::Panicked(ThreadRole::Worker(_))), "{}: {reason}", strategy.name());
        assert_eq!(written, [], "{}", strategy.name());
    }
}

#[test]
fn publication_that_panics_under_the_lock_stops_the_pool() {
    let (reason, written) = stopped_by(Fault::PanicInPublish(Lsn(1)), Strategy::Writeset);
    assert!(matches!(reason, Stopped::Panicked(ThreadRole::Worker(_))), "{reason}");
    assert!(["worker 0 panicked", "worker 1 panicked"].contains(&&*reason.to_string()), "{reason}");
    assert_eq!(written, [Lsn(1)]);
}

#[test]
fn refused_entry_stops_the_pool_for_good() {
    let payload = Payload::Command(command("RENAME a b"));
    let entry = Entry { lsn: Lsn(1), epoch: Epoch(1), time: Millis(1), payload };
    let pool: Pool<AnyStrategy> = pool(Strategy::KeyHash, 2, ROOMY);
    let outcome = pool.admit(Arc::new(entry.clone()), 1);
    assert!(matches!(outcome, Err(Stopped::Refused(_))), "{outcome:?}");
    assert_eq!(pool.admit(Arc::new(entry), 1), outcome, "the same refusal again, and no gap is reported");
    pool.run_worker(0, &Recorder::new(Fault::None));
    assert_eq!(pool.stopped(), outcome.err());
}

#[test]
fn wait_for_what_is_written_returns_at_once() {
    let log = log(&["SET a 1"]);
    let pool = pool(Strategy::Serial, 1, ROOMY);
    assert_eq!(pool.wait_for(Lsn::NONE), Ok(()));
    pool.admit(log[0].clone(), 1).expect("nothing fails");
    pool.close();
    pool.run_worker(0, &Recorder::new(Fault::None));
    assert_eq!(pool.wait_for(end(&log)), Ok(()));
    pool.abandon();
    assert_eq!(pool.wait_for(end(&log)), Ok(()), "written entries stay written");
}

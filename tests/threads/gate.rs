//! The gate: a job is written only after it was let through, and only jobs that the strategy has given wait at the gate.

use super::pool::{ROOMY, spin_until};
use crate::log::log;
use crate::recorder::{Fault, Recorder};
use replicheck::apply::pool::{Pool, Schedule};
use replicheck::apply::{self, Applier};
use replicheck::binlog::Lsn;
use replicheck::ordering::{AnyStrategy, Job, Strategy};
use replicheck::sync::lock;
use std::thread;

fn gated(strategy: Strategy) -> Pool<AnyStrategy> {
    Pool::new(Applier::new(strategy.machine(2, 4), 2, Lsn::NONE), ROOMY, Schedule::Gated)
}

/// The first entries of the jobs that wait at the gate.
fn at_gate(pool: &Pool<AnyStrategy>) -> Vec<u64> {
    pool.state().at_gate.iter().map(|job| job.first().0).collect()
}

/// Lets the jobs of these entries through, one after the other, with two workers; returns the order of the writes.
fn written(pool: &Pool<AnyStrategy>, replica: &Recorder, order: &[u64]) -> Vec<u64> {
    thread::scope(|scope| {
        for worker in 0..2 {
            scope.spawn(move || pool.run_worker(worker, replica));
        }
        for &lsn in order {
            let state = spin_until(pool, |state| state.at_gate.iter().any(|job| job.first() == Lsn(lsn)));
            let job = state
                .at_gate
                .into_iter()
                .find(|job| job.first() == Lsn(lsn))
                .expect("the job is at the gate");
            pool.let_write(job.clone());
            spin_until(pool, |state| state.unfinished.contains(&job));
            pool.let_finish(job.clone());
            spin_until(pool, |state| !state.begun.contains(&job));
        }
        assert_eq!(replica.written().len(), order.len(), "only these entries are written");
        pool.close();
    });
    replica.written().into_iter().map(|lsn| lsn.0).collect()
}

#[test]
fn gate_lets_key_hash_write_in_any_order_that_its_lanes_allow() {
    let log = log(&["SET a 1", "SET a 2", "FLUSHDB"]);
    for order in [[3, 1, 2], [1, 3, 2], [1, 2, 3]] {
        let (pool, replica) = (gated(Strategy::KeyHash), Recorder::new(Fault::None));
        log.iter().for_each(|entry| pool.admit(entry.clone(), 1).expect("nothing fails"));
        assert_eq!(at_gate(&pool), [1, 3], "entry 2 has no worker yet");
        assert_eq!(written(&pool, &replica, &order), order);
    }
}

#[test]
fn gate_shows_what_the_strategy_has_given_and_lets_be_written() {
    let log = log(&["SET a 1", "SET c 2", "FLUSHDB"]);
    for (strategy, expected) in [
        (Strategy::KeyHash, vec![1, 2]),
        (Strategy::Barrier, vec![1, 2]),
        (Strategy::Writeset, vec![1, 2]),
        (Strategy::Serial, vec![1]),
        (Strategy::Sequence, vec![1]),
    ] {
        let pool = gated(strategy);
        log.iter().for_each(|entry| pool.admit(entry.clone(), 1).expect("nothing fails"));
        assert_eq!((at_gate(&pool), pool.state().begun), (expected, Vec::new()), "{}", strategy.name());
    }
}

/// A worker has written a job and not yet finished it: the marker of the next batch does not count that job.
#[test]
fn gate_job_that_is_written_and_not_finished_is_below_no_marker() {
    let log = log(&["SET a 1", "SET b 2", "SET b 3"]);
    let (pool, replica) = (gated(Strategy::Writeset), Recorder::new(Fault::None));
    log.iter().for_each(|entry| pool.admit(entry.clone(), 1).expect("nothing fails"));
    let [first, second, third] = [1, 2, 3].map(|lsn| Job::whole(Lsn(lsn)));
    thread::scope(|scope| {
        let (pool, replica) = (&pool, &replica);
        (0..2).for_each(|worker| drop(scope.spawn(move || pool.run_worker(worker, replica))));
        for job in [&first, &second] {
            pool.let_write(job.clone());
            spin_until(pool, |state| state.unfinished.contains(job));
        }
        let state = pool.state();
        assert_eq!((state.watermark, state.at_gate.len(), state.queued_entries), (Lsn::NONE, 0, 3));
        assert_eq!(state.begun, [], "no job is being written or finished");
        pool.let_finish(second);
        let state = spin_until(pool, |state| state.at_gate.contains(&third));
        assert_eq!((state.watermark, state.unfinished), (Lsn::NONE, vec![first]));
        pool.let_write(third.clone());
        spin_until(pool, |state| state.unfinished.contains(&third));
        assert_eq!(
            apply::marker(&lock(&replica.disk).store).expect("memory"),
            Lsn::NONE,
            "entry 1 is not finished"
        );
        pool.close();
    });
    assert_eq!(pool.watermark(), Lsn(3), "written jobs are finished when the pool is closed");
}

#[test]
fn gate_opens_when_the_pool_is_closed() {
    let log = log(&["SET a 1", "SET a 2", "FLUSHDB"]);
    let (pool, replica) = (gated(Strategy::Barrier), Recorder::new(Fault::None));
    log.iter().for_each(|entry| pool.admit(entry.clone(), 1).expect("nothing fails"));
    assert_eq!(written(&pool, &replica, &[1]), [1, 2, 3], "all queued jobs are finished");
}

#[test]
fn gate_job_let_through_beforehand_does_not_stop_there_and_others_do() {
    let log = log(&["SET a 1", "SET a 2"]);
    let (pool, replica) = (gated(Strategy::Serial), Recorder::new(Fault::None));
    pool.let_write(Job::whole(Lsn(2)));
    pool.let_finish(Job::whole(Lsn(2)));
    pool.admit(log[0].clone(), 1).expect("nothing fails");
    pool.admit(log[1].clone(), 1).expect("nothing fails");
    assert_eq!(at_gate(&pool), [1]);
    thread::scope(|scope| {
        let (pool, replica) = (&pool, &replica);
        (0..2).for_each(|worker| drop(scope.spawn(move || pool.run_worker(worker, replica))));
        pool.let_write(Job::whole(Lsn(1)));
        pool.let_finish(Job::whole(Lsn(1)));
        spin_until(pool, |state| state.watermark == Lsn(2));
        pool.close();
    });
}

#[test]
fn pool_without_a_gate_keeps_nobody() {
    let log = log(&["SET a 1"]);
    let pool = super::pool::pool(Strategy::Serial, 1, ROOMY);
    pool.admit(log[0].clone(), 1).expect("nothing fails");
    let state = pool.state();
    assert_eq!((state.at_gate, state.begun), (Vec::new(), vec![Job::whole(Lsn(1))]));
}

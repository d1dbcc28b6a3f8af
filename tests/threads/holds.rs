//! Holds: a forced schedule is kept as far as the strategy allows, and no thread hangs because of it.

use super::pool::ROOMY;
use crate::log::{Data, log, states};
use crate::recorder::Recorder;
use replicheck::apply::Applier;
use replicheck::apply::pool::{Hold, Limits, Outcome, Pool, Schedule};
use replicheck::binlog::{Entry, Lsn};
use replicheck::effect::Key;
use replicheck::ordering::{AnyStrategy, Strategy, lane_of};
use std::sync::Arc;
use std::thread;

fn hold(entry: u64, until_finished: u64) -> Hold {
    Hold { entry: Lsn(entry), until_finished: Lsn(until_finished) }
}

fn pool(strategy: Strategy, workers: usize, limits: Limits, holds: &[Hold]) -> Pool<AnyStrategy> {
    Pool::new(
        Applier::new(strategy.machine(workers, 4), workers, Lsn::NONE),
        limits,
        Schedule::Held(holds.to_vec()),
    )
}

/// The outcome of each hold, the order in which the entries were written, and the replica's final state.
fn run(pool: &Pool<AnyStrategy>, workers: usize, log: &[Arc<Entry>]) -> (Vec<Outcome>, Vec<u64>, Data) {
    let replica = Recorder::of_parts();
    thread::scope(|scope| {
        for worker in 0..workers {
            let (pool, replica) = (&pool, &replica);
            scope.spawn(move || pool.run_worker(worker, replica));
        }
        log.iter().for_each(|entry| pool.admit(entry.clone(), 1).expect("nothing fails"));
        pool.close();
    });
    let outcomes = pool.state().holds.into_iter().map(|(_, outcome)| outcome).collect();
    (outcomes, replica.written().into_iter().map(|lsn| lsn.0).collect(), replica.data())
}

/// Two keys: with two workers, one belongs to worker 0 and one to worker 1.
fn keys_of_two_lanes() -> [String; 2] {
    let key_of = |lane| {
        let names = (0..100).map(|at| format!("key{at}"));
        names.into_iter().find(|name| lane_of(&Key::new(0, name.as_bytes()), 2) == lane).expect("one of 100")
    };
    [key_of(0), key_of(1)]
}

#[test]
fn hold_lets_key_hash_diverge_and_barrier_not() {
    let log = log(&["SET a 1", "SET a 2", "FLUSHDB"]);
    let states = states(&log);
    for _ in 0..50 {
        let key_hash = pool(Strategy::KeyHash, 2, ROOMY, &[hold(1, 3)]);
        let (outcomes, written, data) = run(&key_hash, 2, &log);
        assert_eq!((outcomes, written), (vec![Outcome::Kept], vec![3, 1, 2]));
        assert_eq!(data, states[2], "a has its second value, as if FLUSHDB had not run");
        for strategy in [Strategy::Barrier, Strategy::Serial, Strategy::Sequence, Strategy::Writeset] {
            let (outcomes, written, data) = run(&pool(strategy, 2, ROOMY, &[hold(1, 3)]), 2, &log);
            assert_eq!((outcomes, written), (vec![Outcome::Yielded], vec![1, 2, 3]), "{}", strategy.name());
            assert!(data.is_empty(), "{}", strategy.name());
        }
    }
}

#[test]
fn hold_on_one_worker_yields() {
    let log = log(&["SET a 1", "SET a 2", "FLUSHDB"]);
    let (outcomes, written, _) = run(&pool(Strategy::KeyHash, 1, ROOMY, &[hold(1, 3)]), 1, &log);
    assert_eq!((outcomes, written), (vec![Outcome::Yielded], vec![1, 2, 3]));
}

/// Worker 0 must wait for an entry that is its own next one: no later entry can change that.
#[test]
fn hold_for_the_last_entry_admitted_behind_it_yields_at_once() {
    let log = log(&["SET a 1", "SET a 2"]);
    let pool = pool(Strategy::KeyHash, 2, ROOMY, &[hold(1, 2)]);
    log.iter().for_each(|entry| pool.admit(entry.clone(), 1).expect("nothing fails"));
    assert_eq!(pool.state().holds, [(hold(1, 2), Outcome::Yielded)]);
}

#[test]
fn hold_of_an_entry_not_admitted_yet_waits_for_it() {
    let log = log(&["SET a 1", "SET a 2", "FLUSHDB"]);
    let pool = pool(Strategy::KeyHash, 2, ROOMY, &[hold(1, 3)]);
    for entry in &log[..2] {
        pool.admit(entry.clone(), 1).expect("nothing fails");
    }
    let state = pool.state();
    assert_eq!((state.held, state.holds), (vec![Lsn(1)], vec![(hold(1, 3), Outcome::Open)]));
    let (outcomes, written, _) = run(&pool, 2, &log[2..]);
    assert_eq!((outcomes, written), (vec![Outcome::Kept], vec![3, 1, 2]));
}

#[test]
fn hold_in_a_cycle_lets_the_lowest_go() {
    let [left, right] = keys_of_two_lanes();
    let log = log(&[&format!("SET {left} 1"), &format!("SET {right} 2")]);
    for holds in [[hold(1, 2), hold(2, 1)], [hold(2, 1), hold(1, 2)]] {
        let pool = pool(Strategy::KeyHash, 2, ROOMY, &holds);
        let (_, written, _) = run(&pool, 2, &log);
        assert_eq!(written, [1, 2]);
        for (hold, outcome) in pool.state().holds {
            assert_eq!(outcome == Outcome::Yielded, hold.entry == Lsn(1), "{hold:?} {outcome:?}");
        }
    }
}

#[test]
fn hold_for_an_entry_that_cannot_come_yields() {
    let log = log(&["SET a 1", "SET a 2", "FLUSHDB"]);
    let full = Limits { entries_max: 2, bytes_max: 1000 };
    let (outcomes, written, _) = run(&pool(Strategy::KeyHash, 2, full, &[hold(1, 3)]), 2, &log);
    assert_eq!((outcomes, written.len()), (vec![Outcome::Yielded], 3), "there is no room for 3");
    assert_eq!(written[0], 1);
    let (outcomes, written, _) = run(&pool(Strategy::KeyHash, 2, ROOMY, &[hold(1, 9)]), 2, &log);
    assert_eq!((outcomes, written), (vec![Outcome::Yielded], vec![3, 1, 2]), "the log ends before 9");
}

#[test]
fn hold_at_a_cut_yields() {
    let log = log(&["SET a 1", "SET b 2"]);
    let pool = pool(Strategy::WritesetSnapshots, 2, ROOMY, &[hold(1, 2)]);
    let replica = Recorder::of_parts();
    pool.admit(log[0].clone(), 1).expect("nothing fails");
    pool.request_cut(&replica);
    let (outcomes, written, _) = run(&pool, 2, &log[1..]);
    assert_eq!((outcomes, written), (vec![Outcome::Yielded], vec![1, 2]));
}

#[test]
fn hold_of_a_later_turn_keeps_sequence_in_order() {
    let log = log(&["SET a 1", "SET b 2", "SET c 3"]);
    let (outcomes, written, _) = run(&pool(Strategy::Sequence, 2, ROOMY, &[hold(2, 1)]), 2, &log);
    assert_eq!((outcomes, written), (vec![Outcome::Kept], vec![1, 2, 3]));
}

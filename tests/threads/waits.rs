//! The waits that a pool tells: the reason of each worker that has entries and may not start them.

use super::pool::spin_until;
use crate::log::log;
use crate::recorder::{Fault, Recorder};
use replicheck::apply::Applier;
use replicheck::apply::pool::{Limits, Pool, Schedule, ThreadRole, Wait, Waits};
use replicheck::binlog::Lsn;
use replicheck::ordering::{AnyStrategy, Strategy};
use std::sync::{Arc, Mutex};
use std::thread;

/// All that was told, in order.
#[derive(Default)]
struct Told(Mutex<Vec<(ThreadRole, Option<Wait>)>>);

impl Waits for Told {
    fn note(&self, thread: ThreadRole, wait: Option<Wait>) {
        self.0.lock().expect("no test panicked with it").push((thread, wait));
    }
}

impl Told {
    /// The waits of the workers or of the owner, each once, in the order in which they began.
    fn begun(&self, of_workers: bool) -> Vec<Wait> {
        let told = self.0.lock().expect("no test panicked with it");
        let is_asked = |thread: &ThreadRole| matches!(thread, ThreadRole::Worker(_)) == of_workers;
        let waits = told.iter().filter(|(thread, _)| is_asked(thread)).filter_map(|&(_, wait)| wait);
        waits.fold(Vec::new(), |mut seen, wait| {
            if !seen.contains(&wait) {
                seen.push(wait);
            }
            seen
        })
    }

    /// Asserts that every thread has ended its last wait.
    fn assert_ended(&self) {
        let told = self.0.lock().expect("no test panicked with it");
        for &(thread, _) in told.iter() {
            let last = told.iter().rfind(|(other, _)| *other == thread).expect("itself");
            assert_eq!(last.1, None, "{thread} still waits");
        }
    }
}

fn gated(strategy: Strategy, entries_max: usize, told: &Arc<Told>) -> Pool<AnyStrategy> {
    let limits = Limits { entries_max, bytes_max: 1 << 20 };
    let applier = Applier::new(strategy.machine(2, 1), 2, Lsn::NONE);
    Pool::new(applier, limits, Schedule::Gated).with_waits(Arc::clone(told) as _)
}

/// Admits the log to a gated pool, and opens the gate afterwards. Returns what the workers waited for.
fn waits_of(strategy: Strategy, lines: &[&str]) -> Vec<Wait> {
    let told = Arc::new(Told::default());
    let (pool, replica) = (gated(strategy, 100, &told), Recorder::new(Fault::None));
    thread::scope(|scope| {
        for worker in 0..2 {
            let (pool, replica) = (&pool, &replica);
            scope.spawn(move || pool.run_worker(worker, replica));
        }
        for entry in log(lines) {
            pool.admit(entry, 1).expect("nothing fails");
        }
        pool.close();
    });
    assert_eq!(replica.written().len(), lines.len());
    told.assert_ended();
    told.begun(true)
}

// Of two lanes, `a` is in the second and `c` in the first: see `tests/machines/strategies.rs`.
#[test]
fn pool_waits_of_workers_have_the_reason_of_their_strategy() {
    use Strategy::{Barrier, FirstKey, KeyHash, Sequence, Serial, Writeset};
    use Wait::{Conflict, Turn};
    let flush = &["SET a 1", "FLUSHDB"] as &[&str];
    for strategy in [Barrier, Writeset] {
        assert_eq!(waits_of(strategy, flush), [Wait::Barrier], "{}", strategy.name());
    }
    // Nothing is queued for the other worker, so it does not wait.
    assert_eq!(waits_of(Barrier, &["SET c 1", "SET c 2"]), []);
    assert_eq!(waits_of(Barrier, &["SET c 1", "FLUSHDB"]), []);
    assert_eq!(waits_of(Barrier, &["SET c 1", "FLUSHDB", "SET a 1"]), [Wait::Barrier]);
    assert_eq!(waits_of(Writeset, &["SET c 1", "SET c 2"]), [Conflict]);
    assert_eq!(waits_of(Barrier, &["SET a 1", "MSET a 2 c 2"]), [Conflict]);
    assert_eq!(waits_of(Writeset, &["SET c 1", "SET a 1"]), []);
    assert_eq!(waits_of(Sequence, &["SET c 1", "SET a 1"]), [Turn]);
    for strategy in [Serial, KeyHash, FirstKey] {
        assert_eq!(waits_of(strategy, &["SET c 1", "FLUSHDB", "SET c 2"]), [], "{}", strategy.name());
    }
}

#[test]
fn pool_waits_of_its_owner_are_for_room_cut_and_drain() {
    let told = Arc::new(Told::default());
    let (pool, replica) = (gated(Strategy::WritesetSnapshots, 1, &told), Recorder::new(Fault::None));
    thread::scope(|scope| {
        let (pool, replica) = (&pool, &replica);
        for worker in 0..2 {
            scope.spawn(move || pool.run_worker(worker, replica));
        }
        let admitting = scope.spawn(move || {
            for entry in log(&["SET c 1", "SET c 2", "SET c 3"]) {
                pool.admit(entry, 1).expect("nothing fails");
            }
            pool.wait_for(Lsn(3)).expect("nothing fails");
        });
        let pass = |lsn: u64| {
            let state = spin_until(pool, |state| state.at_gate.iter().any(|job| job.first() == Lsn(lsn)));
            let job = state.at_gate.into_iter().find(|job| job.first() == Lsn(lsn)).expect("it is there");
            pool.let_write(job.clone());
            pool.let_finish(job);
        };
        spin_until(pool, |state| state.admission_waits);
        pass(1);
        spin_until(pool, |state| state.admitted == Lsn(2) && state.admission_waits);
        pass(2);
        spin_until(pool, |state| state.admitted == Lsn(3));
        while !told.begun(false).contains(&Wait::Drain) {
            thread::yield_now();
        }
        let (_, queued, in_hand) = pool.queued();
        assert_eq!((queued.any, in_hand.iter().sum::<usize>()), (0, 1));
        pass(3);
        admitting.join().expect("no panic");
        pool.close();
    });
    assert_eq!(told.begun(false), [Wait::Room, Wait::Drain]);
    told.assert_ended();
}

#[test]
fn pool_waits_for_a_cut_while_admission_is_closed() {
    let told = Arc::new(Told::default());
    let (pool, replica) = (gated(Strategy::WritesetSnapshots, 100, &told), Recorder::new(Fault::None));
    thread::scope(|scope| {
        let (pool, replica) = (&pool, &replica);
        for worker in 0..2 {
            scope.spawn(move || pool.run_worker(worker, replica));
        }
        let [first, second] = <[_; 2]>::try_from(log(&["SET c 1", "SET a 1"])).expect("two entries");
        pool.admit(first, 1).expect("nothing fails");
        pool.request_cut(replica);
        let admitting = scope.spawn(move || pool.admit(second, 1));
        let state = spin_until(pool, |state| state.admission_waits && !state.at_gate.is_empty());
        pool.let_write(state.at_gate[0].clone());
        pool.let_finish(state.at_gate[0].clone());
        admitting.join().expect("no panic").expect("nothing fails");
        pool.close();
    });
    assert_eq!(told.begun(false), [Wait::Cut]);
    told.assert_ended();
}

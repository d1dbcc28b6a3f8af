//! The pool when nothing fails: every strategy, limits, cuts, markers.

use crate::log::{end, log, random_log, states};
use crate::recorder::{Fault, Recorder};
use crate::seed::Seed;
use replicheck::apply::Applier;
use replicheck::apply::pool::{Limits, Pool, PoolState, Schedule};
use replicheck::binlog::Lsn;
use replicheck::ordering::{AnyStrategy, Level, Strategy};
use std::thread;

pub const ROOMY: Limits = Limits { entries_max: 1000, bytes_max: 1 << 20 };

pub fn pool(strategy: Strategy, workers: usize, limits: Limits) -> Pool<AnyStrategy> {
    Pool::new(Applier::new(strategy.machine(workers, 4), workers, Lsn::NONE), limits, Schedule::Free)
}

#[test]
fn pool_safe_strategy_ends_as_the_log_does() {
    let first = Seed::of_this_run();
    for strategy in Strategy::safe() {
        for (workers, seed) in
            [1, 2, 4].into_iter().flat_map(|workers| first.and_next(5).map(move |seed| (workers, seed)))
        {
            let what = format!("{}, {workers} workers, seed={seed}", strategy.name());
            let log = random_log(seed, 200);
            let states = states(&log);
            let pool = pool(strategy, workers, Limits { entries_max: 16, bytes_max: 1 << 20 });
            let replica = Recorder::new(Fault::None);
            thread::scope(|scope| {
                for worker in 0..workers {
                    let (pool, replica) = (&pool, &replica);
                    scope.spawn(move || pool.run_worker(worker, replica));
                }
                for entry in &log {
                    pool.admit(entry.clone(), 1).expect("nothing fails");
                    if entry.lsn.0 % 7 == 0 {
                        pool.request_cut(&replica);
                    }
                }
                pool.wait_for(end(&log)).expect("nothing fails");
                pool.request_cut(&replica);
                pool.close();
            });
            assert_eq!(replica.data(), states[log.len()], "{what}");
            let published = replica.published();
            assert_eq!(published.last().map(|(lsn, _)| *lsn), Some(end(&log)), "{what}");
            assert!(
                published.windows(2).all(|pair| pair[0].0 <= pair[1].0),
                "{what}: published LSNs go back"
            );
            if strategy.promises() == Level::Prefix {
                for (lsn, shown) in published {
                    let state = states.get(usize::try_from(lsn.0).expect("small"));
                    assert_eq!(Some(&shown), state, "{what}: published at {lsn} is not a prefix");
                }
            }
            let state = pool.state();
            assert_eq!((state.queued_entries, state.queued_bytes, state.stopped), (0, 0, None), "{what}");
        }
    }
}

/// Spins until `is_so` holds for the pool's state. Panics if the pool stops before.
pub fn spin_until(pool: &Pool<AnyStrategy>, is_so: impl Fn(&PoolState) -> bool) -> PoolState {
    loop {
        let state = pool.state();
        if is_so(&state) {
            return state;
        }
        assert_eq!(state.stopped, None, "the pool stopped");
        thread::yield_now();
    }
}

/// The last admitted entry, once `lsn` is admitted or the admitting thread waits.
fn admitted_or_waits(pool: &Pool<AnyStrategy>, lsn: Lsn) -> Lsn {
    spin_until(pool, |state| state.admission_waits || state.admitted >= lsn).admitted
}

#[test]
fn pool_full_admission_waits_and_resumes() {
    let cases = [
        (Limits { entries_max: 2, bytes_max: 1000 }, [10, 10, 10], Lsn(2)),
        (Limits { entries_max: 10, bytes_max: 20 }, [10, 10, 1], Lsn(2)),
        (Limits { entries_max: 10, bytes_max: 20 }, [10, 11, 1], Lsn(1)),
        (Limits { entries_max: 10, bytes_max: 20 }, [50, 1, 1], Lsn(1)),
        (Limits { entries_max: 10, bytes_max: 30 }, [10, 10, 10], Lsn(3)),
    ];
    for (limits, bytes, admitted) in cases {
        let log = log(&["SET a 1", "SET a 2", "SET a 3"]);
        let pool = pool(Strategy::Serial, 1, limits);
        let replica = Recorder::new(Fault::None);
        thread::scope(|scope| {
            scope.spawn(|| {
                for (entry, bytes) in log.iter().zip(bytes) {
                    pool.admit(entry.clone(), bytes).expect("nothing fails");
                }
            });
            assert_eq!(admitted_or_waits(&pool, Lsn(3)), admitted, "{limits:?}, {bytes:?}");
            scope.spawn(|| pool.run_worker(0, &replica));
            spin_until(&pool, |state| state.admitted == Lsn(3));
            pool.close();
        });
        assert_eq!(replica.written(), [Lsn(1), Lsn(2), Lsn(3)]);
    }
}

#[test]
fn pool_cut_closes_admission_until_it_is_published() {
    let log = log(&["SET a 1", "SET b 2", "SET a 3"]);
    let pool = pool(Strategy::WritesetSnapshots, 2, ROOMY);
    let replica = Recorder::new(Fault::None);
    pool.request_cut(&replica);
    assert_eq!(replica.published().len(), 1, "nothing is queued: published at once");
    pool.admit(log[0].clone(), 1).expect("nothing fails");
    pool.admit(log[1].clone(), 1).expect("nothing fails");
    pool.request_cut(&replica);
    thread::scope(|scope| {
        scope.spawn(|| pool.admit(log[2].clone(), 1));
        assert_eq!(admitted_or_waits(&pool, Lsn(3)), Lsn(2));
        for worker in 0..2 {
            let (pool, replica) = (&pool, &replica);
            scope.spawn(move || pool.run_worker(worker, replica));
        }
        spin_until(&pool, |state| state.admitted == Lsn(3));
        pool.close();
    });
    let published: Vec<_> = replica.published().into_iter().map(|(lsn, _)| lsn).collect();
    assert_eq!(published, [Lsn(0), Lsn(2)], "3 was not cut");
    assert_eq!(pool.watermark(), Lsn(3));
}

#[test]
fn pool_request_cut_under_a_strategy_without_cuts_changes_nothing() {
    let pool = pool(Strategy::Serial, 1, ROOMY);
    let replica = Recorder::new(Fault::None);
    pool.request_cut(&replica);
    assert_eq!(replica.published().len(), 0);
}

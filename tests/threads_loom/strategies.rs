//! Every strategy with two workers: its promises hold, and loom finds the promises that it does not keep.

use super::explore::{explore, finds};
use crate::apply::pool::{Limits, Pool, Schedule, Stopped};
use crate::log::log;
use crate::mutant::{Fault, Mutant, mutants};
use crate::promise::{History, Judge, Wrong, promised};
use crate::sync;
use replicheck::apply::Applier;
use replicheck::binlog::Lsn;
use replicheck::effect::Key;
use replicheck::ordering::{Strategy, lane_of};
use std::sync::Arc;

/// A pool to explore.
#[derive(Clone)]
struct Case {
    strategy: Strategy,
    fault: Option<Fault>,
    wrong: Wrong,
    history: Arc<History>,
    /// How many entries the pool holds; with fewer than all, admission waits.
    entries_max: usize,
    /// Whether entries are admitted while both workers run. If not, the admitting thread becomes the second worker.
    beside: bool,
    promised: Vec<&'static str>,
}

/// Two keys of different lanes, so they may be written at once; then a command on both keys, and one on everything.
const COMMANDS: [&str; 4] = ["SET a 1", "SET c 2", "MSET a 3 c 3", "FLUSHDB"];

impl Case {
    fn of(strategy: Strategy, beside: bool) -> Case {
        assert_ne!(lane_of(&Key::new(0, b"a"), 2), lane_of(&Key::new(0, b"c"), 2));
        Case {
            strategy,
            fault: None,
            wrong: Wrong::Nothing,
            history: Arc::new(History::of(log(&COMMANDS))),
            entries_max: if beside { 2 } else { COMMANDS.len() },
            beside,
            promised: promised(strategy),
        }
    }

    fn pool(&self) -> Pool<Mutant> {
        let machine = Mutant::new(self.strategy.machine(2, 2), self.fault);
        let limits = Limits { entries_max: self.entries_max, bytes_max: 1000 };
        Pool::new(Applier::new(machine, 2, Lsn::NONE), limits, Schedule::Free)
    }

    // Not an `Arc` of loom: at a deadlock, dropping one would panic again.
    fn spawn(&self, pool: &Arc<Pool<Mutant>>, judge: &Arc<Judge>) -> Vec<sync::thread::JoinHandle<()>> {
        let start = |worker| {
            let (pool, judge) = (Arc::clone(pool), Arc::clone(judge));
            sync::thread::spawn(move || pool.run_worker(worker, &*judge))
        };
        (usize::from(!self.beside)..2).map(start).collect()
    }

    fn run(&self) {
        let pool = Arc::new(self.pool());
        let judge = Arc::new(Judge::new(&self.history, self.strategy, self.wrong));
        let workers = self.spawn(&pool, &judge);
        for entry in &self.history.entries {
            pool.admit(Arc::clone(entry), 1).expect("nothing fails");
            if entry.lsn.0 == 2 && self.beside {
                pool.request_cut(&*judge);
            }
        }
        pool.request_cut(&*judge);
        pool.close();
        if !self.beside {
            pool.run_worker(0, &*judge);
        }
        workers.into_iter().for_each(|worker| worker.join().expect("no panic"));
        assert_eq!(pool.watermark(), self.history.end());
        judge.assert_kept(&self.promised, true);
    }

    fn explore(self, name: &str, preemptions: Option<usize>) {
        explore(name, preemptions, move || self.run());
    }
}

/// With this bound a test takes seconds; without it, three threads take more than a minute.
const PREEMPTIONS: Option<usize> = Some(3);

#[test]
fn loom_strategies_that_drain_a_full_pool_keep_their_promise() {
    for strategy in Strategy::safe() {
        Case::of(strategy, false).explore(strategy.name(), None);
    }
}

#[test]
fn loom_serial_beside_admission_keeps_its_promise() {
    Case::of(Strategy::Serial, true).explore("serial, full queue", PREEMPTIONS);
}

#[test]
fn loom_barrier_beside_admission_keeps_its_promise() {
    Case::of(Strategy::Barrier, true).explore("barrier, full queue", PREEMPTIONS);
}

#[test]
fn loom_sequence_beside_admission_keeps_its_promise() {
    Case::of(Strategy::Sequence, true).explore("sequence, full queue", PREEMPTIONS);
}

#[test]
fn loom_writeset_beside_admission_keeps_its_promise() {
    Case::of(Strategy::Writeset, true).explore("writeset, full queue", PREEMPTIONS);
}

#[test]
fn loom_writeset_snapshots_beside_admission_keeps_its_promise() {
    Case::of(Strategy::WritesetSnapshots, true).explore("writeset_snapshots, full queue", PREEMPTIONS);
}

#[test]
fn finds_legacy_strategies_under_loom() {
    for strategy in [Strategy::FirstKey, Strategy::KeyHash] {
        for invariant in ["convergence", "per_key_order", "prefix", "monotonic_reads"] {
            let case = Case { promised: vec![invariant], ..Case::of(strategy, false) };
            let name = format!("{} breaks {invariant}", strategy.name());
            finds(&name, &format!("broken: [\"{invariant}\"]"), None, move || case.run());
        }
    }
}

#[test]
fn finds_mutants_of_safe_strategies_under_loom() {
    for (strategy, fault) in mutants() {
        let case = Case { fault: Some(fault), ..Case::of(strategy, true) };
        let name = format!("{} that {fault:?}", strategy.name());
        finds(&name, "broken: ", PREEMPTIONS, move || case.run());
    }
}

#[test]
fn finds_watermark_that_skips_gaps_under_loom() {
    let case = Case { wrong: Wrong::MarkerSkipsGaps, ..Case::of(Strategy::Barrier, false) };
    finds("a marker that skips gaps", "broken: [\"convergence\"", None, move || case.run());
}

#[test]
fn loom_pool_abandoned_with_work_queued_ends_and_recovers() {
    for strategy in Strategy::safe() {
        let case = Case::of(strategy, true);
        explore(&format!("{}, abandoned with work queued", strategy.name()), PREEMPTIONS, move || {
            let pool = Arc::new(case.pool());
            let judge = Arc::new(Judge::new(&case.history, case.strategy, case.wrong));
            let workers = case.spawn(&pool, &judge);
            for entry in &case.history.entries[..2] {
                pool.admit(Arc::clone(entry), 1).expect("there is room");
            }
            pool.abandon();
            assert_eq!(pool.admit(Arc::clone(&case.history.entries[2]), 1), Err(Stopped::Abandoned));
            workers.into_iter().for_each(|worker| worker.join().expect("no panic"));
            judge.assert_kept(&case.promised, false);
        });
    }
}

#[test]
fn finds_lost_wake_up_under_loom() {
    let case = Case::of(Strategy::Barrier, true);
    finds("a lost wake-up in the pool", "deadlock", PREEMPTIONS, move || {
        sync::lose_wake_ups(true);
        case.run();
    });
}

//! Every strategy with four workers on random entries, with a reader that runs all the time, and with a crash.

use super::explore::{explore, finds};
use crate::apply::pool::{Limits, Pool, Schedule, Stopped};
use crate::handover::hand_over;
use crate::log::random_log;
use crate::mutant::{Fault, Mutant, mutants};
use crate::promise::{History, Judge, Seen, Wrong, promised};
use crate::sync;
use replicheck::apply::Applier;
use replicheck::binlog::{Entry, Lsn};
use replicheck::ordering::Strategy;
use shuttle::rand::RngCore;
use shuttle::thread;
use std::collections::BTreeSet;
use std::sync::Arc;

const WORKERS: usize = 4;
const COMMANDS: usize = 25;

/// A number below `limit`, which is at least 1, drawn by the schedule's own generator.
fn below(limit: usize) -> usize {
    usize::try_from(shuttle::rand::thread_rng().next_u64() % limit as u64).expect("small")
}

#[derive(Clone)]
struct Case {
    strategy: Strategy,
    fault: Option<Fault>,
    wrong: Wrong,
    promised: Vec<&'static str>,
}

/// The state that a reader saw last, and the invariants that its reads broke.
#[derive(Default)]
struct Reader {
    seen: Seen,
    broken: BTreeSet<&'static str>,
}

impl Reader {
    fn look(&mut self, judge: &Judge, shows_prefixes: bool) {
        // Nothing is published: the reader is not let in yet.
        let (lsn, clock, Some(published)) = judge.read() else { return };
        let sees = if shows_prefixes { Seen::clone(&published) } else { judge.latest() };
        self.broken.extend(judge.history.look(&self.seen, &sees));
        if shows_prefixes {
            let (first, last) = judge.history.clocks(lsn);
            if judge.history.prefix(&sees) != Some(lsn) || clock < first || clock > last {
                self.broken.insert("past_read");
            }
        }
        self.seen = sees;
    }
}

impl Case {
    fn of(strategy: Strategy) -> Case {
        Case { strategy, fault: None, wrong: Wrong::Nothing, promised: promised(strategy) }
    }

    /// The replica applies the entries after its marker up to `to`, and stops: after all work if `to` is the end of its log,
    /// otherwise at once.
    fn apply(&self, judge: &Arc<Judge>, reader: Reader, to: usize) -> Reader {
        let marker = judge.marker();
        let from = usize::try_from(marker.0).expect("small");
        let machine = Mutant::new(self.strategy.machine(WORKERS, 3), self.fault);
        let limits = Limits { entries_max: 6, bytes_max: 1000 };
        let pool = Arc::new(Pool::new(Applier::new(machine, WORKERS, marker), limits, Schedule::Free));
        let workers: Vec<_> = (0..WORKERS)
            .map(|worker| {
                let (pool, judge) = (Arc::clone(&pool), Arc::clone(judge));
                sync::thread::spawn(move || pool.run_worker(worker, &*judge))
            })
            .collect();
        let shows_prefixes = self.promised.contains(&"prefix");
        let reads = thread::spawn({
            let (judge, mut reader) = (Arc::clone(judge), reader);
            move || {
                for _ in 0..2 * COMMANDS {
                    reader.look(&judge, shows_prefixes);
                    thread::yield_now();
                }
                reader
            }
        });
        let entries: Vec<Entry> =
            judge.history.entries[from..to].iter().map(|entry| Entry::clone(entry)).collect();
        for group in entries.chunks(3) {
            let handed: Result<(), Stopped> = hand_over(
                &pool,
                group.to_vec(),
                1,
                |_| Ok(()),
                |entries| judge.receive(entries),
                |entry| entry,
            );
            handed.expect("nothing fails");
            if below(2) == 0 {
                pool.request_cut(&**judge);
            }
        }
        let is_end = to == judge.history.entries.len();
        if is_end {
            pool.request_cut(&**judge);
            pool.close();
        } else {
            pool.abandon();
        }
        workers.into_iter().for_each(|worker| worker.join().expect("no panic"));
        let mut reader = reads.join().expect("no panic");
        if is_end {
            assert_eq!(pool.watermark(), judge.history.end());
            reader.look(judge, shows_prefixes);
        }
        reader
    }

    fn run(&self) {
        let history = Arc::new(History::of(random_log(below(1 << 20) as u64, COMMANDS)));
        let received = below(history.entries.len()) + 1;
        let judge = Arc::new(Judge::new(&history, self.strategy, self.wrong).with_publication());
        let reader = self.apply(&judge, Reader::default(), received.min(history.entries.len() - 1));
        judge.assert_kept(&self.promised, false);
        let judge = Arc::into_inner(judge).expect("its threads have ended");
        let judge = Arc::new(judge.crashed(|batches| below(batches + 1), Lsn(received as u64)));
        let reader = self.apply(&judge, reader, history.entries.len());
        judge.assert_kept(&self.promised, true);
        let reader_promised = self.promised.iter().chain(["past_read"].iter());
        let broken: Vec<_> = reader_promised.filter(|name| reader.broken.contains(**name)).collect();
        assert!(broken.is_empty(), "broken for a reader: {broken:?}");
    }
}

#[test]
fn shuttle_strategies_keep_their_promise_through_a_crash() {
    for strategy in Strategy::safe() {
        let case = Case::of(strategy);
        explore(strategy.name(), move || case.run());
    }
}

#[test]
fn finds_legacy_strategies_under_shuttle() {
    for strategy in [Strategy::FirstKey, Strategy::KeyHash] {
        for invariant in ["convergence", "per_key_order", "prefix", "monotonic_reads"] {
            let case = Case { promised: vec![invariant], ..Case::of(strategy) };
            let words = if invariant == "prefix" { "broken" } else { invariant };
            finds(&format!("{} breaks {invariant}", strategy.name()), words, move || case.run());
        }
    }
}

#[test]
fn finds_mutants_of_safe_strategies_under_shuttle() {
    for (strategy, fault) in mutants() {
        let case = Case { fault: Some(fault), ..Case::of(strategy) };
        finds(&format!("{} that {fault:?}", strategy.name()), "broken", move || case.run());
    }
}

#[test]
fn finds_watermark_that_skips_gaps_under_shuttle() {
    let case = Case { wrong: Wrong::MarkerSkipsGaps, ..Case::of(Strategy::Barrier) };
    finds("a marker that skips gaps", "convergence", move || case.run());
}

#[test]
fn finds_lost_wake_up_under_shuttle() {
    let case = Case::of(Strategy::Barrier);
    finds("a lost wake-up in the pool", "deadlock", move || {
        sync::lose_wake_ups(true);
        case.run();
    });
}

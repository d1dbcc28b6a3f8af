//! Known bugs of the catalogue on threads: a row's program, logged and applied as the row says, and checked for its invariant.

use crate::apply::pool::{Limits, Pool};
use crate::log::logged;
use crate::promise::{History, Judge, Wrong};
use crate::sync;
use replicheck::apply::Applier;
use replicheck::binlog::Lsn;
use replicheck::models::bounds::OrderingBounds;
use replicheck::models::catalogue::{self, Bug};
use replicheck::models::choice::Choice;
use replicheck::models::fault::SeededFault;
use replicheck::ordering::{OrderingStrategy, Reads, Strategy};
use std::sync::Arc;

/// As many workers as the model has.
const WORKERS: usize = OrderingBounds::QUICK.workers;

/// The rows of the catalogue that threads can show, with their ids.
pub fn rows() -> Vec<(&'static str, &'static Bug)> {
    let counted = catalogue::all().filter_map(|case| Some((case.id, case.bug()?)));
    let rows: Vec<_> = counted.filter(|(_, bug)| bug.not_by_threads().is_none()).collect();
    assert!(rows.len() >= 10, "{} rows", rows.len());
    rows
}

/// A row's program, with its bug or with its cure.
#[derive(Clone)]
pub struct Case {
    bug: &'static Bug,
    choice: Choice,
    history: Arc<History>,
}

impl Case {
    pub fn of(bug: &'static Bug, choice: Choice) -> Case {
        let history = History::of(logged(&*choice.policy(), bug.program));
        Case { bug, choice, history: Arc::new(history) }
    }

    /// The words in the panic of a run that shows the bug.
    pub fn words(&self) -> String {
        match self.choice.fault() {
            // Entries wait, and no thread can proceed.
            Some(SeededFault::HoldsBackTheLast | SeededFault::WakeUpLost) => "deadlock".to_owned(),
            _ => format!("broken: [\"{}\"]", self.bug.invariant),
        }
    }

    /// Admits all entries, and then is the second worker; a reader reads after every batch.
    pub fn run(&self) {
        let machine = self.choice.machine(WORKERS);
        assert_ne!(machine.reads(), Reads::Published, "the reader below looks after every batch");
        let limits = Limits { entries_max: self.history.entries.len(), bytes_max: 1000 };
        // Not an `Arc` of the tool: at a deadlock, dropping one would panic again.
        let pool = Arc::new(Pool::new(Applier::new(machine, WORKERS, Lsn::NONE), limits, Default::default()));
        let judge = Judge::new(&self.history, Strategy::Serial, Wrong::Nothing).without_crash();
        let judge = Arc::new(judge);
        let workers = (1..WORKERS).map(|worker| {
            let (pool, judge) = (Arc::clone(&pool), Arc::clone(&judge));
            sync::thread::spawn(move || pool.run_worker(worker, &*judge))
        });
        let workers: Vec<_> = workers.collect();
        for entry in &self.history.entries {
            pool.admit(Arc::clone(entry), 1).expect("nothing fails");
        }
        pool.close();
        pool.run_worker(0, &*judge);
        workers.into_iter().for_each(|worker| worker.join().expect("no panic"));
        judge.assert_kept(&[self.bug.invariant.name()], true);
    }
}

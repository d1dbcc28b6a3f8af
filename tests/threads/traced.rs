//! Real threads, judged by the times of their writes, under every safe strategy.

use crate::log::{end, random_log};
use crate::recorder::{Fault, Recorder};
use crate::seed::Seed;
use crate::threads::pool::pool;
use replicheck::apply::pool::{Limits, Work};
use replicheck::binlog::{Entry, Lsn};
use replicheck::effect::{Key, KeySet};
use replicheck::ordering::Strategy;
use replicheck::store::StoreError;
use replicheck::trace_check::{Written, first_wrong, in_log_order};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

/// A replica that notes the ticks before and after each write.
struct Traced {
    replica: Recorder,
    ticks: AtomicU64,
    written: Mutex<Vec<Written>>,
}

impl Work for Traced {
    fn write(&self, entries: &[Arc<Entry>], part: Option<&Key>, marker: Lsn) -> Result<(), StoreError> {
        let start = self.ticks.fetch_add(1, Ordering::SeqCst);
        self.replica.write(entries, part, marker)?;
        let finish = self.ticks.fetch_add(1, Ordering::SeqCst);
        let lsns = entries.iter().map(|entry| entry.lsn).collect();
        let part = part.cloned();
        self.written.lock().expect("no thread panics").push(Written { lsns, part, start, finish });
        Ok(())
    }

    fn publish(&self, watermark: Lsn) {
        self.replica.publish(watermark);
    }
}

#[test]
fn trace_of_threads_under_every_safe_strategy_is_accepted() {
    let safe = Strategy::safe();
    let first = Seed::of_this_run();
    for (strategy, seed) in safe.flat_map(|strategy| first.and_next(4).map(move |seed| (strategy, seed))) {
        let log = random_log(seed, 200);
        let pool = pool(strategy, 4, Limits { entries_max: 16, bytes_max: 1 << 20 });
        let traced = Traced {
            replica: Recorder::new(Fault::None),
            ticks: AtomicU64::new(0),
            written: Mutex::default(),
        };
        thread::scope(|scope| {
            for worker in 0..4 {
                let (pool, traced) = (&pool, &traced);
                scope.spawn(move || pool.run_worker(worker, traced));
            }
            for entry in &log {
                pool.admit(entry.clone(), 1).expect("nothing fails");
            }
            pool.wait_for(end(&log)).expect("nothing fails");
            pool.close();
        });
        let keys: Vec<KeySet> = log.iter().map(|entry| entry.keys().into_owned()).collect();
        let written = traced.written.into_inner().expect("no thread panics");
        let trace = in_log_order(&keys, &written).expect("the whole log");
        assert_eq!(first_wrong(&trace), None, "{}, seed={seed}: {trace:?}", strategy.name());
    }
}

//! The trace that a replica's workers write, judged as `replicheck trace check` judges it, under every safe strategy.

use crate::log::{end, random_log};
use crate::recorder::{Fault, Recorder};
use crate::seed::Seed;
use crate::threads::pool::pool;
use replicheck::apply::pool::{Limits, Work};
use replicheck::binlog::{Entry, Lsn};
use replicheck::effect::Key;
use replicheck::ordering::Strategy;
use replicheck::store::StoreError;
use replicheck::trace::Trace;
use replicheck::trace_check::judged::{Judged, Lines, judge};
use std::path::Path;
use std::sync::Arc;
use std::thread;

/// A replica that writes a trace.
struct Traced {
    replica: Recorder,
    trace: Trace,
}

impl Work for Traced {
    fn write(&self, entries: &[Arc<Entry>], part: Option<&Key>, marker: Lsn) -> Result<(), StoreError> {
        self.trace.note(entries, part, marker, || self.replica.write(entries, part, marker))
    }

    fn publish(&self, watermark: Lsn) {
        self.replica.publish(watermark);
    }
}

fn judged(file: &Path) -> (Judged, String) {
    let text = std::fs::read(file).expect("it was written");
    let lines = Lines::read(&text, |_| {}).expect("a trace");
    (judge(lines, true).expect("a trace"), String::from_utf8_lossy(&text).into_owned())
}

#[test]
fn trace_file_of_every_safe_strategy_is_right_with_its_markers() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("trace.jsonl");
    let first = Seed::of_this_run();
    for (strategy, seed) in
        Strategy::safe().flat_map(|strategy| first.and_next(4).map(move |seed| (strategy, seed)))
    {
        let log = random_log(seed, 200);
        let pool = pool(strategy, 4, Limits { entries_max: 16, bytes_max: 1 << 20 });
        let trace = Trace::create(&file).expect("a file");
        let traced = Traced { replica: Recorder::new(Fault::None), trace };
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
        let (judged, text) = judged(&file);
        let name = strategy.name();
        assert_eq!(
            (judged.entries, judged.runs, judged.missing),
            (log.len() as u64, 1, None),
            "{name}, seed={seed}: {text}"
        );
        assert_eq!(judged.wrong, [], "{name}, seed={seed}: {text}");
        assert!(text.lines().all(|line| line.contains("\"marker\":")), "{name}, seed={seed}: {text}");
    }
}

#[test]
fn trace_file_has_no_line_of_a_write_that_failed_and_one_mark_for_each_restart() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("trace.jsonl");
    let trace = Trace::create(&file).expect("a file");
    // Pinned: any three entries will do.
    let log: Vec<Arc<Entry>> = random_log(1, 30).into_iter().take(3).collect();
    trace.restart();
    let failed = trace.note(&log[..1], None, Lsn::NONE, || Err("no"));
    assert_eq!(failed, Err("no"));
    for entries in [&log[..2], &log[2..]] {
        trace.note(entries, None, Lsn::NONE, || Ok::<(), ()>(())).expect("it is written");
    }
    trace.restart();
    trace.restart();
    trace
        .note(&[log[0].clone(), log[2].clone()], None, Lsn::NONE, || Ok::<(), ()>(()))
        .expect("it is written");
    let (judged, text) = judged(&file);
    assert_eq!((judged.batches, judged.runs, judged.wrong.len()), (3, 2, 0), "{text}");
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!((lines.len(), lines[2]), (4, r#"{"version":1,"restart":true}"#), "{text}");
    assert!(
        lines[0].contains(r#""lsns":[1,2],"keys":"#) && lines[3].contains(r#""lsns":[1,3],"keys_of":["#),
        "{text}"
    );
}

//! The trace checker against the proved checker, and on every strategy's own machine.

use crate::property::properties;
use crate::seed::Seed;
use replicheck::apply::{Applier, Worker};
use replicheck::binlog::Lsn;
use replicheck::effect::{Key, KeySet};
use replicheck::ordering::{Admission, AnyStrategy, Job, Level, Strategy};
use replicheck::trace_check::{Batch, Written, first_wrong, in_log_order, not_waited_for};

/// Random traces, with the verdict of the checker that is extracted from the proofs (`proofs/run --record`).
const VERDICTS: &str = include_str!("../golden/trace_check/verdicts.txt");

fn key(number: &str) -> Key {
    Key::new(0, number)
}

/// A batch, parsed from `KEYS@START-FINISH`: see proofs/oracle/verdicts.ml.
fn batch(word: &str) -> Batch {
    let (keys, ticks) = word.split_once('@').expect("KEYS@TICKS");
    let keys = match keys {
        "*" => KeySet::Everything,
        "-" => KeySet::empty(),
        keys => KeySet::of(keys.split(',').map(key)),
    };
    let (start, finish) = ticks.split_once('-').expect("START-FINISH");
    Batch { keys, start: start.parse().expect("a tick"), finish: finish.parse().expect("a tick") }
}

#[test]
fn trace_check_recorded_verdicts_are_ours() {
    let (mut accepted, mut refused) = (0, 0);
    for line in VERDICTS.lines() {
        let (trace, verdict) = line.split_once(" : ").expect("TRACE : VERDICT");
        let trace: Vec<Batch> = trace.split(' ').map(batch).collect();
        let expected = (verdict != "ok").then(|| verdict.parse().expect("a place"));
        assert_eq!(first_wrong(&trace), expected, "{line}");
        if expected.is_some() { refused += 1 } else { accepted += 1 }
    }
    assert!(accepted >= 500 && refused >= 300, "one-sided: {accepted} accepted, {refused} refused");
}

/// A batch made of three drawn bytes.
fn drawn_batch((keys, start, length): (u8, u8, u8)) -> Batch {
    let keys = match keys % 16 {
        0 => KeySet::Everything,
        mask => KeySet::of((0..3).filter(|bit| mask >> bit & 1 == 1).map(|bit| key(["a", "b", "c"][bit]))),
    };
    let start = u64::from(start % 32);
    // One in sixteen finishes before it starts.
    Batch { keys, start, finish: (start + u64::from(length % 16)).saturating_sub(1) }
}

properties! {
    fn prop_trace_check_first_wrong_is_the_first_that_did_not_wait(drawn: Vec<(u8, u8, u8)>) -> bool {
        let trace: Vec<Batch> = drawn.into_iter().map(drawn_batch).collect();
        let is_wrong = |&at: &usize| trace[at].finish < trace[at].start || not_waited_for(&trace, at).is_some();
        first_wrong(&trace) == (0..trace.len()).find(is_wrong)
    }
}

#[test]
fn not_waited_for_names_the_last_batch_that_is_in_the_way() {
    let trace: Vec<Batch> = ["1@0-9", "1@10-11", "1,2@3-9", "3@1-2", "1@8-9", "4@9-8"].map(batch).into();
    let found: Vec<Option<usize>> = (0..trace.len()).map(|at| not_waited_for(&trace, at)).collect();
    assert_eq!(found, [None, None, Some(1), None, Some(2), None]);
}

pub(super) fn random_log(random: &mut fastrand::Rng) -> Vec<KeySet> {
    let log = (0..random.usize(2..12)).map(|_| match random.u8(..8) {
        0 => KeySet::Everything,
        drawn => KeySet::of((0..=drawn / 5).map(|_| key(["a", "b", "c", "d"][random.usize(..4)]))),
    });
    log.collect()
}

/// The trace of a run in which workers move in random order; each is idle, writes, or has written.
pub(super) fn random_run(strategy: Strategy, log: &[KeySet], random: &mut fastrand::Rng) -> Vec<Written> {
    let workers = 3;
    let mut applier: Applier<AnyStrategy> = Applier::new(strategy.machine(workers, 3), workers, Lsn::NONE);
    let mut starts = vec![0; workers];
    let (mut ticks, mut written) = (0.., Vec::new());
    let (mut admitted, mut steps) = (0, 0);
    while applier.watermark() < Lsn(log.len() as u64)
        || applier.workers().iter().any(|worker| *worker != Worker::Idle)
    {
        steps += 1;
        assert!(steps < 100_000, "{}: no worker gets on with {log:?}", strategy.name());
        let worker = random.usize(..=workers);
        if let Some(keys) = log.get(admitted).filter(|_| worker == workers && applier.admits()) {
            admitted += 1;
            let first_key = match keys {
                KeySet::Keys(keys) => keys.first().cloned(),
                KeySet::Everything => None,
            };
            let lsn = Lsn(admitted as u64);
            let entry = Admission::new(lsn, keys.clone(), first_key, true);
            applier.admit(&entry).expect("any entry can be split");
        } else if worker < workers {
            if applier.begin(worker).is_some() {
                starts[worker] = ticks.next().expect("endless");
            } else if matches!(applier.workers()[worker], Worker::Writing(..)) {
                let finish = ticks.next().expect("endless");
                applier.wrote(worker);
                let Job { lsns, part } = applier.finish(worker).expect("it is written");
                written.push(Written { lsns, part, start: starts[worker], finish });
            } else {
                applier.take(worker);
            }
        }
    }
    written
}

#[test]
fn trace_check_every_strategy_is_judged_as_its_level_says() {
    let first = Seed::of_this_run();
    for &strategy in Strategy::ALL {
        let is_legacy = strategy.promises() == Level::Nothing;
        let mut refused = 0;
        for seed in first.and_next(300) {
            let mut random = fastrand::Rng::with_seed(seed);
            let log = random_log(&mut random);
            let written = random_run(strategy, &log, &mut random);
            let trace = in_log_order(&log, &written).expect("the whole log");
            let wrong = first_wrong(&trace);
            assert!(is_legacy || wrong.is_none(), "{}, seed={seed}: {wrong:?} of {trace:?}", strategy.name());
            refused += u32::from(wrong.is_some());
        }
        assert!(!is_legacy || refused > 50, "{}: only {refused} traces refused", strategy.name());
    }
}

fn whole(first: u64, last: u64) -> Written {
    Written { lsns: (first..=last).map(Lsn).collect(), part: None, start: 0, finish: 1 }
}

fn part(lsn: u64, name: &str) -> Written {
    Written { part: Some(key(name)), ..whole(lsn, lsn) }
}

#[test]
fn trace_check_entries_missing_or_twice_are_no_trace_of_the_log() {
    let log = [KeySet::of([key("a"), key("b")]), KeySet::Everything, KeySet::of([key("a")])];
    let good = [
        vec![whole(3, 3), whole(1, 1), whole(2, 2)],
        vec![whole(1, 3)],
        vec![part(1, "b"), whole(2, 3), part(1, "a")],
    ];
    for written in good {
        assert_eq!(in_log_order(&log, &written).map(|trace| trace.len()), Ok(written.len()), "{written:?}");
    }
    let bad = [
        vec![],
        vec![whole(1, 2)],
        vec![whole(1, 1), whole(3, 3)],
        vec![whole(1, 2), whole(2, 3)],
        vec![whole(1, 4)],
        vec![part(1, "a"), whole(2, 3)],
        vec![part(1, "a"), part(1, "a"), whole(2, 3)],
        vec![part(1, "a"), part(1, "b"), part(1, "c"), whole(2, 3)],
        vec![whole(1, 1), part(1, "a"), part(1, "b"), whole(2, 3)],
        vec![whole(1, 1), part(2, "a"), whole(3, 3)],
    ];
    for written in bad {
        assert!(in_log_order(&log, &written).is_err(), "{written:?}");
    }
}

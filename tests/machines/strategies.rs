//! The strategies as machines: which job each gives to which worker, and when.

use replicheck::apply::Watermark;
use replicheck::binlog::{Entry, Epoch, Lsn, Payload};
use replicheck::command::{Command, line};
use replicheck::effect::{Key, KeySet};
use replicheck::expiry::Policy;
use replicheck::ordering::{
    Admission, Job, Level, OrderingStrategy, Queued, Reads, Snapshots, Strategy, lane_of,
};
use replicheck::time::Millis;

fn key(name: &str) -> Key {
    Key::new(0, name)
}

fn command(text: &str) -> Command {
    Command::parse(0, line::split(text.as_bytes()).expect("a line")).expect("a command")
}

/// The worker, out of two, to which this key belongs.
fn lane(name: &str) -> usize {
    lane_of(&key(name), 2)
}

/// A key of lane 0 out of two, and one of lane 1.
const LOW: &str = "c";
const HIGH: &str = "a";

/// Admits an entry on these keys; `*` is everything.
fn admit(machine: &mut impl OrderingStrategy, lsn: u64, names: &[&str]) {
    let keys =
        if names == ["*"] { KeySet::Everything } else { KeySet::of(names.iter().map(|name| key(name))) };
    let first_key = names.iter().find(|name| **name != "*").map(|name| key(name));
    let entry = Admission::new(Lsn(lsn), keys, first_key, true);
    machine.admit(&entry).expect("effects are never refused");
}

#[test]
fn barrier_everything_waits_for_all_and_holds_all() {
    let (mine, other) = (lane_of(&key("a"), 2), lane_of(&key("c"), 2));
    let mut barrier = Strategy::Barrier.machine(2, 1);
    for (lsn, names) in [(1, ["a"]), (2, ["c"]), (3, ["*"]), (4, ["a"])] {
        admit(&mut barrier, lsn, &names);
    }
    let (first, second) = (barrier.take(mine).expect("1"), barrier.take(other).expect("2"));
    assert_eq!((&first, &second), (&Job::whole(Lsn(1)), &Job::whole(Lsn(2))));
    assert_eq!((barrier.take(0), barrier.take(1)), (None, None), "3 waits for both");
    barrier.finish(mine, &first);
    assert_eq!((barrier.take(0), barrier.take(1)), (None, None), "3 waits for 2");
    barrier.finish(other, &second);
    let flush = barrier.take(0).expect("3");
    assert_eq!(barrier.take(mine), None, "4 waits for 3");
    barrier.finish(0, &flush);
    assert_eq!(barrier.take(mine), Some(Job::whole(Lsn(4))));
}

#[test]
fn writeset_waits_for_the_last_entry_of_each_key() {
    let mut writeset = Strategy::Writeset.machine(2, 1);
    admit(&mut writeset, 1, &["a"]);
    admit(&mut writeset, 2, &["c"]);
    admit(&mut writeset, 3, &["a", "c"]);
    admit(&mut writeset, 4, &["b"]);
    let taken: Vec<Job> = std::iter::from_fn(|| writeset.take(0)).collect();
    assert_eq!(taken, [1, 2, 4].map(|lsn| Job::whole(Lsn(lsn))));
    writeset.finish(0, &taken[0]);
    assert_eq!(writeset.take(0), None);
    writeset.finish(0, &taken[1]);
    assert_eq!(writeset.take(0), Some(Job::whole(Lsn(3))));
}

#[test]
fn serial_takes_a_run_and_nothing_else_meanwhile() {
    let mut serial = Strategy::Serial.machine(2, 2);
    (1..=3).for_each(|lsn| admit(&mut serial, lsn, &["a"]));
    let run = serial.take(0).expect("a run");
    assert_eq!(run, Job::run(Lsn(1), Lsn(2)));
    assert_eq!(serial.take(1), None);
    serial.finish(0, &run);
    assert_eq!(serial.take(1), Some(Job::whole(Lsn(3))));
}

/// The first job of worker 0 at a limit of three entries, and its next job once it has finished the first. `LOW` is a key of its
/// lane, `HIGH` one of the other lane.
#[test]
fn strategy_batches_take_what_may_go_together_and_no_more() {
    use Strategy::*;
    let whole = |lsns: &[u64]| Job { lsns: lsns.iter().map(|&lsn| Lsn(lsn)).collect(), part: None };
    type Log = &'static [&'static [&'static str]];
    assert_eq!((lane(LOW), lane(HIGH)), (0, 1));
    let runs: Log = &[&[LOW], &[LOW], &[LOW], &[LOW]];
    let apart: Log = &[&[LOW], &[HIGH], &[LOW], &["*"], &[LOW]];
    let both: Log = &[&[LOW], &[LOW, HIGH], &[LOW]];
    let both_first: Log = &[&[LOW, HIGH], &[LOW], &["*"]];
    let everything_first: Log = &[&["*"], &[HIGH], &[LOW], &["*"]];
    let cases = [
        (Serial, runs, whole(&[1, 2, 3]), Some(whole(&[4]))),
        (Sequence, runs, whole(&[1, 2, 3]), Some(whole(&[4]))),
        (FirstKey, apart, whole(&[1, 3, 4]), Some(whole(&[5]))),
        (KeyHash, apart, whole(&[1, 3, 4]), Some(whole(&[5]))),
        (KeyHash, both, whole(&[1]), Some(Job::part(Lsn(2), key(LOW)))),
        // Entry 4 is in the other lane, too, behind entry 2.
        (Barrier, apart, whole(&[1, 3]), None),
        (Barrier, both, whole(&[1]), Some(whole(&[2, 3]))),
        // A worker that has an entry of both lanes holds both lanes.
        (Barrier, both_first, whole(&[1, 2, 3]), None),
        (Barrier, everything_first, whole(&[1, 2, 3]), Some(whole(&[4]))),
        // Entry 3 waits for 1, and entry 4 for all of them.
        (Writeset, apart, whole(&[1, 2]), Some(whole(&[3]))),
        (WritesetSnapshots, apart, whole(&[1, 2]), Some(whole(&[3]))),
        (Writeset, both_first, whole(&[1]), Some(whole(&[2]))),
    ];
    for (strategy, log, first, next) in cases {
        let mut machine = strategy.machine(2, 3);
        (1..).zip(log).for_each(|(lsn, names)| admit(&mut machine, lsn, names));
        assert_eq!(machine.take(0).as_ref(), Some(&first), "{} {log:?}", strategy.name());
        machine.finish(0, &first);
        assert_eq!(machine.take(0), next, "{} {log:?}, after {first:?}", strategy.name());
    }
}

#[test]
fn barrier_batch_takes_what_stands_in_the_lanes_of_its_head_and_in_no_other() {
    let name = |lane| (0..).map(|n| format!("k{n}")).find(|name| lane_of(&key(name), 3) == lane);
    let [zero, one, two] = [0, 1, 2].map(|lane| name(lane).expect("every lane has keys"));
    let [zero, one, two] = [&*zero, &*one, &*two];
    let mut barrier = Strategy::Barrier.machine(3, 9);
    let log: [&[&str]; 6] = [&[zero, one], &[one], &[zero], &[zero, two], &[zero], &[one]];
    (1..).zip(log).for_each(|(lsn, names)| admit(&mut barrier, lsn, names));
    let first = barrier.take(0).expect("a job");
    assert_eq!(first, Job::run(Lsn(1), Lsn(3)), "4 is in the third lane, too");
    assert_eq!((barrier.take(1), barrier.take(2)), (None, None));
    barrier.finish(0, &first);
    assert_eq!(barrier.take(1), Some(Job::whole(Lsn(6))));
    assert_eq!((barrier.take(0), barrier.take(2)), (Some(Job::run(Lsn(4), Lsn(5))), None));
}

#[test]
fn key_hash_command_that_cannot_be_split_is_refused() {
    let mut machine = Strategy::KeyHash.machine(2, 1);
    let entry = |text: &str| Entry {
        lsn: Lsn(1),
        epoch: Epoch(1),
        time: Millis(0),
        payload: Payload::Command(command(text)),
    };
    for text in ["RENAME a c", "MSETNX a 1 c 1"] {
        let refused = machine.admit(&Admission::of(&entry(text))).expect_err("it cannot be split");
        assert!(refused.to_string().starts_with("key_hash cannot apply entry 1: "), "{refused}");
    }
    for text in ["DEL a c", "UNLINK a c", "MSET a 1 c 1", "SET a 1"] {
        machine.admit(&Admission::of(&entry(text))).expect("it can be split");
    }
}

/// An effect on no key: its key set is empty. It is queued in every lane, as an entry on everything is.
#[test]
fn barrier_entry_without_keys_waits_as_everything_does() {
    let mut barrier = Strategy::Barrier.machine(2, 1);
    admit(&mut barrier, 1, &["a"]);
    admit(&mut barrier, 2, &[]);
    let first = barrier.take(lane("a")).expect("1");
    assert_eq!((barrier.take(0), barrier.take(1)), (None, None), "2 is in both lanes");
    barrier.finish(lane("a"), &first);
    assert_eq!(barrier.take(0), Some(Job::whole(Lsn(2))));
}

#[test]
fn first_key_gives_a_whole_entry_to_the_worker_of_its_first_key() {
    let mut machine = Strategy::FirstKey.machine(2, 1);
    assert_ne!(lane("a"), lane("c"), "the test needs two lanes");
    admit(&mut machine, 1, &["a", "c"]);
    admit(&mut machine, 2, &["c"]);
    admit(&mut machine, 3, &["*"]);
    assert_eq!(machine.take(lane("c")), Some(Job::whole(Lsn(2))), "nothing keeps it behind 1");
    assert_eq!(machine.take(lane("c")), Some(Job::whole(Lsn(3))), "any worker takes what has no key");
    assert_eq!(machine.take(lane("a")), Some(Job::whole(Lsn(1))));
    assert_eq!((machine.take(0), machine.take(1)), (None, None));
}

#[test]
fn lanes_give_the_older_of_own_and_keyless_first() {
    for strategy in [Strategy::FirstKey, Strategy::KeyHash] {
        let mut machine = strategy.machine(2, 1);
        admit(&mut machine, 1, &["*"]);
        admit(&mut machine, 2, &["a"]);
        admit(&mut machine, 3, &["*"]);
        let taken: Vec<Job> = std::iter::from_fn(|| machine.take(lane("a"))).collect();
        assert_eq!(taken, [1, 2, 3].map(|lsn| Job::whole(Lsn(lsn))), "{}", strategy.name());
    }
}

/// Whether a checker may treat a strategy's workers as alike, and whether a node may show its states to readers.
#[test]
fn strategy_says_whether_its_workers_are_alike_and_its_states_are_prefixes() {
    let alike = |strategy: &Strategy| strategy.machine(2, 1).interchangeable_workers();
    let (alike, lanes): (Vec<Strategy>, Vec<Strategy>) = Strategy::ALL.iter().copied().partition(alike);
    use Strategy::{Barrier, FirstKey, KeyHash, Sequence, Serial, Writeset, WritesetSnapshots};
    assert_eq!(alike, [Serial, Sequence, Writeset, WritesetSnapshots]);
    assert_eq!(lanes, [FirstKey, KeyHash, Barrier]);
    let prefixes: Vec<_> =
        Strategy::ALL.iter().copied().filter(|strategy| strategy.reads() != Reads::Latest).collect();
    assert_eq!(prefixes, [Serial, Sequence, WritesetSnapshots]);
}

/// Where readers are given the store as it is, nobody promises them prefixes; where they are given more, it is for that promise.
#[test]
fn strategy_promises_prefix_where_readers_are_given_more_than_the_store_as_it_is() {
    for strategy in Strategy::ALL {
        let promises_prefix = strategy.promises() == Level::Prefix;
        assert_eq!(promises_prefix, strategy.reads() != Reads::Latest, "{}", strategy.name());
        let publishes = strategy.machine(2, 1).snapshots().is_some();
        assert_eq!(publishes, strategy.reads() == Reads::Published, "{}", strategy.name());
    }
}

#[test]
fn strategy_and_policy_have_a_row_in_the_table_of_their_module() {
    let strategies = include_str!("../../src/ordering/mod.rs");
    for strategy in Strategy::ALL {
        let (name, level) = (strategy.name(), strategy.promises().name());
        let row = format!("//! | `{name}` | [`{name}`] | {level} |");
        assert!(strategies.contains(&row), "src/ordering/mod.rs lacks the row {row}");
    }
    let policies = include_str!("../../src/expiry/mod.rs");
    for policy in Policy::ALL {
        let (name, guarantee) = (policy.name(), policy.promises().name());
        let begins = format!("//! | [`{name}`] |");
        let row = policies.lines().find(|line| line.starts_with(&begins));
        let ends = format!("| {guarantee} |");
        assert!(
            row.is_some_and(|row| row.ends_with(&ends)),
            "src/expiry/mod.rs lacks a row {begins} … {ends}"
        );
    }
}

#[test]
fn key_hash_splits_an_entry_of_several_keys_and_no_other() {
    let mut machine = Strategy::KeyHash.machine(2, 1);
    admit(&mut machine, 1, &["a"]);
    admit(&mut machine, 2, &["a", "c"]);
    let taken = |machine: &mut _, worker| {
        std::iter::from_fn(|| OrderingStrategy::take(machine, worker)).collect::<Vec<_>>()
    };
    assert_eq!(taken(&mut machine, lane("a")), [Job::whole(Lsn(1)), Job::part(Lsn(2), key("a"))]);
    assert_eq!(taken(&mut machine, lane("c")), [Job::part(Lsn(2), key("c"))]);
}

/// A boxed strategy behaves the same: no default of the trait hides one of its methods.
#[test]
fn strategy_in_a_box_keeps_its_turn_and_its_snapshots() {
    let mut sequence: Box<dyn OrderingStrategy> = Box::new(Strategy::Sequence.machine(2, 1));
    (1..=2).for_each(|lsn| admit(&mut sequence, lsn, &["a"]));
    let jobs: Vec<Job> = (0..2).filter_map(|worker| sequence.take(worker)).collect();
    assert_eq!(jobs.iter().map(|job| sequence.may_write(job)).collect::<Vec<_>>(), [true, false]);
    assert!(sequence.interchangeable_workers());
    let mut cuts: Box<dyn OrderingStrategy> = Box::new(Strategy::WritesetSnapshots.machine(2, 1));
    admit(&mut cuts, 1, &["a"]);
    cuts.snapshots_mut().expect("it publishes snapshots").cut();
    let publishable = |cuts: &dyn OrderingStrategy| cuts.snapshots().and_then(Snapshots::publishable);
    assert_eq!((cuts.admits(), publishable(&*cuts)), (false, None));
    let job = cuts.take(0).expect("1");
    cuts.finish(0, &job);
    assert_eq!(publishable(&*cuts), Some(Lsn(1)));
    cuts.snapshots_mut().expect("it publishes snapshots").published();
    assert!(cuts.admits());
}

#[test]
fn strategy_and_policy_of_another_name_are_refused_with_the_known_ones() {
    for strategy in Strategy::ALL {
        assert_eq!(strategy.name().parse(), Ok(*strategy));
    }
    for policy in Policy::ALL {
        assert_eq!(policy.name().parse(), Ok(*policy));
    }
    let strategies: Vec<&str> = Strategy::ALL.iter().map(|strategy| strategy.name()).collect();
    let strategy = "bold".parse::<Strategy>().expect_err("no such strategy").to_string();
    assert!(strategy.contains(&format!("'bold' (known: {})", strategies.join(", "))), "{strategy}");
    let policies: Vec<&str> = Policy::ALL.iter().map(|policy| policy.name()).collect();
    let policy = "bold".parse::<Policy>().expect_err("no such policy").to_string();
    assert!(policy.contains(&format!("'bold' (known: {})", policies.join(", "))), "{policy}");
}

#[test]
fn watermark_counts_what_is_done_from_where_it_starts() {
    let mut watermark = Watermark::at(Lsn(3));
    assert_eq!(watermark.low(), Lsn(3));
    watermark.done(Lsn(3));
    assert_eq!(watermark, Watermark::at(Lsn(3)), "an entry that is done already changes nothing");
    watermark.done(Lsn(5));
    assert_eq!(watermark.low(), Lsn(3));
    assert_eq!(watermark.with(&[Lsn(4)]), Lsn(5));
    watermark.done(Lsn(4));
    assert_eq!(watermark, Watermark::at(Lsn(5)));
    let again = [Lsn(4), Lsn(5), Lsn(6)];
    assert_eq!(watermark.with(&again), Lsn(6), "an entry that is done already does not hide the next one");
}

#[test]
fn strategy_says_how_many_entries_wait_in_each_lane() {
    let queued_of = |strategy: Strategy| {
        let mut machine = strategy.machine(2, 1);
        for (lsn, names) in [(1, &[LOW] as &[&str]), (2, &[LOW]), (3, &[HIGH]), (4, &["*"])] {
            admit(&mut machine, lsn, names);
        }
        let before = machine.queued();
        machine.take(lane(LOW)).expect("1");
        (before, machine.queued())
    };
    let lanes = |low, high, any| Some(Queued { workers: vec![low, high], any });
    // The lanes of `barrier` keep an entry until it is finished.
    assert_eq!(queued_of(Strategy::Barrier), (lanes(3, 2, 0), lanes(3, 2, 0)));
    for strategy in [Strategy::KeyHash, Strategy::FirstKey] {
        assert_eq!(queued_of(strategy), (lanes(2, 1, 1), lanes(1, 1, 1)), "{}", strategy.name());
    }
    for strategy in [Strategy::Serial, Strategy::Sequence, Strategy::Writeset, Strategy::WritesetSnapshots] {
        assert_eq!(queued_of(strategy), (None, None), "{}", strategy.name());
    }
}

#[test]
fn strategy_says_which_entry_holds_an_idle_worker_up() {
    let (low, high) = (lane(LOW), lane(HIGH));
    let mut barrier = Strategy::Barrier.machine(2, 1);
    admit(&mut barrier, 1, &[HIGH]);
    admit(&mut barrier, 2, &["*"]);
    let job = barrier.take(high).expect("1");
    assert_eq!(barrier.held_up_by(low), Some(Lsn(2)), "it would run 2, which waits for 1");
    admit(&mut barrier, 3, &[HIGH]);
    barrier.finish(high, &job);
    barrier.take(low).expect("2");
    assert_eq!(barrier.held_up_by(high), Some(Lsn(2)), "3 waits for 2, which the other worker runs");

    let mut writeset = Strategy::Writeset.machine(2, 1);
    admit(&mut writeset, 1, &["a"]);
    admit(&mut writeset, 2, &["b"]);
    let job = writeset.take(0).expect("1");
    assert_eq!(writeset.held_up_by(1), None, "2 is ready");
    let second = writeset.take(1).expect("2");
    assert_eq!(writeset.held_up_by(1), None, "nothing waits");
    admit(&mut writeset, 3, &["b"]);
    writeset.finish(0, &job);
    assert_eq!(writeset.held_up_by(0), Some(Lsn(3)), "it waits for 2");
    admit(&mut writeset, 4, &["*"]);
    assert_eq!(writeset.held_up_by(0), Some(Lsn(3)), "3 is older than 4");
    writeset.finish(1, &second);
    let third = writeset.take(1).expect("3");
    assert_eq!(writeset.held_up_by(0), Some(Lsn(4)), "it waits for 3");
    admit(&mut writeset, 5, &["c"]);
    writeset.finish(1, &third);
    writeset.take(1).expect("4");
    assert_eq!(writeset.held_up_by(0), Some(Lsn(4)), "5 waits for it");

    let mut serial = Strategy::Serial.machine(2, 1);
    admit(&mut serial, 1, &["a"]);
    admit(&mut serial, 2, &["*"]);
    serial.take(0).expect("1");
    assert_eq!(serial.held_up_by(1), None, "a second worker has no part in it");
}

//! A user's own programs: verdicts that were once wrong, and the verdicts that are expected of a choice.

use replicheck::models::assignment::{self, keys_of};
use replicheck::models::bounds::{Bounds, OrderingBounds};
use replicheck::models::own_program::program_tasks;
use replicheck::models::program;
use replicheck::models::search::Progress;
use replicheck::models::verdict::{Row, Verdict};
use replicheck::models::{bounds, ordering, search};
use replicheck::ordering::Strategy;

fn judged(choice: &str, text: &str) -> Vec<Row> {
    let program = program::parse(text.replace("; ", "\n").as_bytes()).expect("a program");
    let tasks = program_tasks(&program, ("own.txt", 1), Bounds::Quick, Some("ordering"), Some(choice));
    tasks.expect("a choice of ours").iter().flat_map(|task| task.run(&Progress::default())).collect()
}

fn row<'a>(rows: &'a [Row], invariant: &str) -> &'a Row {
    rows.iter().find(|row| row.invariant == invariant).expect("it is judged")
}

#[test]
fn own_program_entry_written_twice_after_a_marker_that_went_back_breaks_exactly_once() {
    let cases = [
        ("writeset+commands", "INCR b; SET a 1"),
        ("writeset+commands", "SET a 1; INCR b"),
        ("writeset_snapshots+commands", "INCR b; SET a 1"),
        ("barrier+commands", "INCR c; SET a 1"),
        // The next INCR hides the version of the repeated one. The value stays wrong.
        ("writeset+commands", "INCR b; INCR b; SET a 1"),
    ];
    for (choice, text) in cases {
        let rows = judged(choice, text);
        let row = row(&rows, "exactly_once");
        assert_eq!(row.verdict, Verdict::Violated, "{choice}: {text}");
        let told = &row.counterexample.as_ref().expect("it is broken").conclusion.to_string();
        assert!(told.contains("applied twice"), "{told}");
    }
}

#[test]
fn own_program_names_of_keys_decide_no_verdict() {
    for (choice, text) in [
        ("first_key", "SET a 1; RENAME a b; SET b 2; SET a 3"),
        ("first_key", "SET a 1; RENAME a c; SET c 2; SET a 3"),
        ("first_key", "MSETNX a 1 b 2; SET b 3"),
        ("first_key", "MSETNX a 1 c 2; SET c 3"),
    ] {
        let rows = judged(choice, text);
        let row = row(&rows, "convergence");
        assert_eq!(row.verdict, Verdict::Violated, "{choice}: {text}");
        let story = row.counterexample.as_ref().expect("it is broken");
        assert!(story.lanes.contains(" | "), "the story names lanes: {:?}", story.lanes);
    }
}

#[test]
fn own_program_of_more_keys_than_can_be_assigned_is_sampled() {
    let rows = judged("barrier", "SET a 1; SET b 1; SET c 1; SET d 1; SET e 1; SET f 1");
    assert!(rows.iter().any(|row| row.verdict == Verdict::Sampled), "{rows:#?}");
    assert!(rows.iter().all(|row| row.verdict != Verdict::Holds));
    assert!(rows[0].bounds.contains("lanes drawn with seed"), "{}", rows[0].bounds);
}

#[test]
fn own_program_what_an_unsafe_choice_breaks_is_expected_and_told() {
    let text = "SET session:1 alice EX 30; HSET user:1 name alice visits 1; HINCRBY user:1 visits 1; FLUSHDB";
    for choice in ["key_hash", "first_key", "serial", "writeset_snapshots"] {
        for row in judged(choice, text) {
            assert!(row.is_as_expected(true), "{choice} {}: {:?} {}", row.invariant, row.verdict, row.note);
            assert_eq!(row.counterexample.is_some(), row.verdict == Verdict::Violated);
        }
    }
}

#[test]
fn own_program_that_a_choice_declares_undefined_is_refused_in_every_row() {
    let rows = judged("key_hash+commands", "SET a 1; RENAME a b");
    assert_eq!(rows.len(), ordering::INVARIANTS.len());
    for row in rows {
        assert_eq!((row.verdict, row.expected), (Verdict::Refused, Verdict::Refused));
        assert!(row.is_as_expected(true) && row.note.contains("cannot be split"), "{}", row.note);
    }
}

#[test]
fn own_program_of_a_transaction_is_one_write_that_only_key_hash_splits() {
    let two_keys = "MULTI; SET a 1; SET c 1; EXEC";
    for (choice, verdict) in [
        ("key_hash", Verdict::Violated),
        ("key_hash+commands", Verdict::Violated),
        ("first_key", Verdict::Holds),
        ("barrier", Verdict::Holds),
        ("writeset", Verdict::Holds),
        ("serial", Verdict::Holds),
    ] {
        let rows = judged(choice, two_keys);
        let prefix = row(&rows, "prefix");
        assert_eq!(prefix.verdict, verdict, "{choice}: {}", prefix.bounds);
        assert!(prefix.bounds.contains("every schedule of 1 writes"), "{}", prefix.bounds);
    }
    // It is split only where each of its commands can be.
    let rows = judged("key_hash+commands", "MULTI; SET a 1; RENAME a c; EXEC");
    assert!(rows.iter().all(|row| row.verdict == Verdict::Refused && row.note.contains("cannot be split")));
    let rows = judged("key_hash", "MULTI; SET a 1; RENAME a c; EXEC");
    assert_eq!(row(&rows, "convergence").verdict, Verdict::Holds);
}

#[test]
fn own_program_flush_within_a_transaction_is_ordered_with_nothing_by_key_hash() {
    for text in ["SET a 1; MULTI; FLUSHDB; SET a 2; EXEC", "SET a 1; MULTI; SET b 1; FLUSHDB; EXEC"] {
        for (choice, verdict) in [
            ("first_key", Verdict::Violated),
            ("key_hash", Verdict::Violated),
            ("key_hash+commands", Verdict::Violated),
            ("barrier", Verdict::Holds),
            ("serial", Verdict::Holds),
        ] {
            let rows = judged(choice, text);
            assert_eq!(row(&rows, "convergence").verdict, verdict, "{choice}: {text}");
        }
    }
}

/// The broken invariants of one program whose keys have names that put them into these lanes.
fn broken(strategy: Strategy, text: &[&str], lanes: &[usize]) -> search::Found<ordering::Action> {
    let commands = replicheck::models::scenario::requests(text);
    let keys = keys_of(&commands);
    let renamed = assignment::renamed_to(&commands, &keys, lanes, 2);
    let choice = replicheck::models::choice::OrderingChoice::effects(strategy);
    let policy = replicheck::expiry::Policy::Effects.get();
    let programs = ordering::Programs::only(&renamed, &*policy).expect("a short program");
    let setup = OrderingBounds::QUICK.setup(choice, programs);
    let batch = bounds::batch_entries_max(strategy);
    let model = ordering::OrderingModel::new(setup, move |workers| strategy.machine(workers, batch));
    search::search(&model, &search::Limits::default(), &Progress::default())
}

/// Assignments number lanes by first use: exchanging the two lanes changes no result.
#[test]
fn lanes_exchanged_change_no_verdict_and_no_length() {
    for strategy in [Strategy::FirstKey, Strategy::KeyHash, Strategy::Barrier] {
        for text in
            [&["SET a 1", "MSET b 2 c 2", "FLUSHDB"][..], &["MSET a 1 b 1", "SET b 2", "DEL c", "SET c 1"]]
        {
            for lanes in assignment::assignments(3, 2) {
                let other: Vec<usize> = lanes.iter().map(|lane| 1 - lane).collect();
                let lengths = |lanes: &[usize]| {
                    let found = broken(strategy, text, lanes);
                    found.broken.iter().map(|path| path.as_ref().map(Vec::len)).collect::<Vec<_>>()
                };
                assert_eq!(lengths(&lanes), lengths(&other), "{} {text:?} {lanes:?}", strategy.name());
            }
        }
    }
}

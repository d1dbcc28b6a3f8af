//! Verdicts on time: programs whose verdict was once wrong, what a verdict does not cover, and what a sample finds.

use crate::seed::{Seed, again};
use replicheck::command::{Kind, table};
use replicheck::models::bounds::{Bounds, EXPIRY_ALPHABETS};
use replicheck::models::expiry::FAMILIES;
use replicheck::models::own_program::program_tasks;
use replicheck::models::program;
use replicheck::models::report::steps;
use replicheck::models::search::Progress;
use replicheck::models::verdict::{Row, Verdict};
use std::collections::BTreeSet;

fn judged(policy: &str, lines: &[&str], seed: u64) -> Vec<Row> {
    let program = program::parse(lines.join("\n").as_bytes()).expect("a program");
    let tasks = program_tasks(&program, ("own.txt", seed), Bounds::Quick, Some("expiry"), Some(policy));
    tasks.expect("a policy of ours").iter().flat_map(|task| task.run(&Progress::default())).collect()
}

fn row<'a>(rows: &'a [Row], invariant: &str) -> &'a Row {
    rows.iter().find(|row| row.invariant == invariant).expect("it is judged")
}

#[test]
fn own_program_lines_about_other_keys_hide_no_founding_bug() {
    let cases: [&[&str]; 3] = [
        &["SETEX k 9 100", "INCR k"],
        &["SETEX a 1 1", "SETEX b 2 1", "SETEX k 9 100", "INCR k"],
        &["SETEX a 1 1", "SETEX k 90000 100", "INCR k"],
    ];
    for lines in cases {
        let rows = judged("absolute", lines, 1);
        for invariant in ["same_value", "same_deadline", "no_immortal_key"] {
            assert_eq!(row(&rows, invariant).verdict, Verdict::Violated, "{invariant}: {lines:?}");
        }
    }
    for lines in [cases[0], cases[2]] {
        for row in judged("log_clock", lines, 1) {
            assert_eq!(row.verdict, Verdict::Holds, "{}: {lines:?}: {}", row.invariant, row.note);
        }
    }
}

#[test]
fn own_program_with_many_keys_that_die_is_sampled_and_finds_the_founding_bug() {
    let lines = ["SETEX a 1 1", "SETEX b 2 1", "SETEX k 9 100", "INCR k", "INCR a"];
    let rows = judged("absolute", &lines, 1);
    for invariant in ["same_value", "same_deadline", "no_immortal_key"] {
        assert_eq!(row(&rows, invariant).verdict, Verdict::Violated, "{invariant}");
    }
    for row in judged("log_clock", &lines, 1) {
        assert_eq!(row.verdict, Verdict::Sampled, "{}: {}", row.invariant, row.note);
    }
}

#[test]
fn own_program_key_that_lives_only_after_a_death_is_met() {
    let programs: [&[&str]; 2] = [
        &["HSET k f 1", "PEXPIRE k 1000", "SET k 5 PX 2500 NX", "GETEX k PERSIST"],
        &["PSETEX k 1000 8", "SET k 5 PX 2000 NX"],
    ];
    for lines in programs {
        for row in judged("log_clock", lines, 1) {
            assert_eq!(row.verdict, Verdict::Holds, "{}: {lines:?}: {}", row.invariant, row.note);
        }
    }
    assert!(row(&judged("effects", programs[1], 1), "past_read").bounds.contains("delay up to 3003 ms"));
}

#[test]
fn own_program_is_judged_by_clocks_just_under_and_just_over_each_end_of_its_lifetimes() {
    let rows = judged("effects", &["PSETEX a 1003 1", "PSETEX k 9001 1"], 1);
    let bounds = &row(&rows, "no_early_death").bounds;
    assert!(bounds.contains("skew ±1002 ms, ±1004 ms, ±9000 ms, ±9002 ms"), "{bounds}");
}

#[test]
fn own_program_with_an_instant_of_this_century_is_judged_by_it() {
    let lines = ["SET k 5", "EXPIREAT k 1700000000", "SETEX j 1 1", "INCR j"];
    for row in judged("log_clock", &lines, 1) {
        assert_eq!(row.verdict, Verdict::Holds, "{}: {}", row.invariant, row.note);
    }
    assert_eq!(row(&judged("absolute", &lines, 1), "no_immortal_key").verdict, Verdict::Violated);
}

#[test]
fn own_program_with_a_key_that_cannot_die_is_incomplete_and_names_it() {
    let rows = judged("log_clock", &["SETEX j 1 1", "SET k 5 PX 9107199254740993"], 1);
    for row in rows {
        let expected = if row.invariant == "progress" { Verdict::Holds } else { Verdict::Incomplete };
        assert_eq!(row.verdict, expected, "{}: {}", row.invariant, row.note);
        assert_eq!(row.note.contains("k never dies"), row.invariant != "progress", "{}", row.note);
        assert!(!row.note.contains("j never dies"), "{}", row.note);
        assert!(row.is_finished(), "all was searched");
    }
}

/// The writes of other keys, followed by `last`.
fn at_the_end_of<'a>(writes: &'a [String], last: &[&'a str]) -> Vec<&'a str> {
    writes[last.len()..].iter().map(String::as_str).chain(last.iter().copied()).collect()
}

#[test]
fn sample_of_a_long_program_finds_what_its_end_breaks() {
    let writes: Vec<String> = (0..40).map(|at| format!("SET other:{} {at}", at % 7)).collect();
    let cases: [(&str, [&str; 2], &[&str]); 2] = [
        ("absolute", ["SETEX k 10 100", "INCR k"], &["no_immortal_key", "same_value"]),
        ("effects", ["SETEX k 10 100", "PERSIST k"], &["no_resurrection", "past_read"]),
    ];
    let first = Seed::of_this_run();
    println!("{}", again(first.number(), &[]));
    for (policy, last, invariants) in cases {
        let lines = at_the_end_of(&writes, &last);
        let mut found = vec![0; invariants.len()];
        for seed in first.and_next(30) {
            let rows = judged(policy, &lines, seed);
            for (at, invariant) in invariants.iter().enumerate() {
                let row = row(&rows, invariant);
                assert!(row.note.contains(&format!("sampled with seed {seed}")), "{}", row.note);
                found[at] += u64::from(row.verdict == Verdict::Violated);
            }
        }
        println!("{policy}: {invariants:?} found by {found:?} seeds of 30");
        assert!(found.iter().all(|found| *found >= 29), "{policy}: {invariants:?} by {found:?} seeds of 30");
    }
}

#[test]
fn sample_that_puts_nothing_to_the_test_says_so() {
    let writes: Vec<String> = (0..20).map(|at| format!("SET k {at}")).collect();
    let rows = judged("log_clock", &at_the_end_of(&writes, &[]), 1);
    let row = row(&rows, "no_resurrection");
    assert_eq!(row.verdict, Verdict::Sampled);
    assert!(row.note.contains("never put to the test"), "{}", row.note);
    assert_eq!(row.witness, "");
}

#[test]
fn steps_of_a_verdict_are_those_of_its_path() {
    let rows = judged("effects", &["SETEX k 2 5"], 1);
    let story = row(&rows, "no_early_death").counterexample.clone().expect("a clock that is ahead breaks it");
    assert_eq!(story.prelude(), 1, "the first step says how the clocks stand");
    assert_eq!(steps(row(&rows, "no_early_death")), Some(story.path.len()));
}

#[test]
fn alphabets_name_every_write_command() {
    let searched: BTreeSet<String> = FAMILIES
        .iter()
        .flat_map(|family| family.alphabet())
        .flat_map(|request| request.commands().to_vec())
        .map(|command| command.name().to_owned())
        .chain(EXPIRY_ALPHABETS.iter().flat_map(|(_, lines)| {
            lines.iter().map(|line| line.split(' ').next().unwrap_or_default().to_ascii_lowercase())
        }))
        .collect();
    let is_write = |kind: Kind| matches!(kind, Kind::Write | Kind::Deadline | Kind::Flush);
    for spec in table().filter(|spec| is_write(spec.kind)) {
        assert!(searched.contains(spec.name), "{} is in no search of the expiry model", spec.name);
    }
}

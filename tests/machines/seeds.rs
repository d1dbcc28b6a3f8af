//! Seeds: which seed a run takes, and what a failed test prints.

use crate::property::properties;
use crate::seed::{OF_UNKNOWN_COMMIT, Seed, VARIABLE, again, number};
use quickcheck::{Arbitrary, NoShrink};
use std::process::Command;

#[test]
fn seed_asked_for_goes_before_that_of_the_commit() {
    let commit = "1a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d";
    assert_eq!(number(Some(7), commit), 7);
    assert_eq!(number(None, commit), 0x1a2b_3c4d);
    assert_ne!(number(None, commit), number(None, "1a2b3c4e"), "another commit draws other cases");
    for unknown in ["unknown", "", "1a2b"] {
        assert_eq!(number(None, unknown), OF_UNKNOWN_COMMIT, "{unknown}");
    }
}

#[test]
fn seed_of_a_run_gives_the_same_numbers_and_cases_again() {
    let draw = || {
        let seed = Seed::of_this_run();
        let case: Vec<u64> = Arbitrary::arbitrary(&mut seed.generator());
        (seed.rng().u64(..), case, seed.and_next(3).collect::<Vec<_>>())
    };
    assert_eq!(draw(), draw());
    let seed = Seed::of_this_run();
    assert_eq!(seed.and_next(2).last(), Some(seed.number().wrapping_add(1)));
}

/// An environment variable for the child process that [`failed_property_run_by_its_last_line_fails_alike`] starts.
const CHILD: &str = "REPLICHECK_TEST_FAILS";

properties! {
    /// Fails in a child process for every second number; no smaller number is tried.
    fn prop_seed_child_fails(number: NoShrink<u64>) -> Result<(), String> {
        let is_broken = std::env::var_os(CHILD).is_some() && number.inner() % 2 == 1;
        if is_broken { Err(format!("breaks for {}", number.inner())) } else { Ok(()) }
    }
}

/// The output of a child process after a failed test.
fn failed(seed: u64) -> String {
    let mut child = Command::new(std::env::current_exe().expect("a test has a path"));
    child.args(["--exact", "machines::seeds::prop_seed_child_fails"]).env(CHILD, "1");
    let output = child.env(VARIABLE, seed.to_string()).output().expect("it runs");
    assert!(!output.status.success(), "it must fail");
    String::from_utf8(output.stdout).expect("text")
}

#[test]
fn failed_property_run_by_its_last_line_fails_alike() {
    let text = failed(5);
    let features = crate::seed::features();
    let again =
        format!("cargo test{features} --test machines -- --exact machines::seeds::prop_seed_child_fails");
    let line =
        text.lines().find(|line| line.starts_with("run it again: ")).unwrap_or_else(|| panic!("{text}"));
    assert!(line.ends_with(&format!("{VARIABLE}=5 {again}")), "{text}");
    assert!(text.contains("seed=5 commit="), "{text}");
    let case = |text: &str| {
        let line = text.lines().find(|line| line.contains("breaks for")).map(str::to_owned);
        line.unwrap_or_else(|| panic!("{text}"))
    };
    assert_eq!(case(&failed(5)), case(&text));
    assert_ne!(case(&failed(6)), case(&text), "another seed draws another case");
}

#[test]
fn again_takes_what_is_given_instead() {
    let command = again(9, &[("QUICKCHECK_TESTS", 1)]);
    assert!(
        command.contains("QUICKCHECK_TESTS=1 ") && command.contains(" REPLICHECK_SEED=9 cargo test"),
        "{command}"
    );
}

//! Known bugs of the catalogue, found by quickcheck. The property is "no schedule breaks the row's invariant", for programs of
//! the row's commands in any number and order. It must fail with the bug and hold with the cure.
//!
//! Schedules (order of threads, crashes, delays, skew) are drawn by the models, which step the engine's own machines.

use crate::results::{Outcome, note};
use crate::seed::Seed;
use quickcheck::{Arbitrary, Gen, QuickCheck};
use replicheck::models::catalogue::{self, Bug};
use replicheck::models::choice::Choice;
use std::cell::Cell;

/// The bug, and the configuration under which the property is tested.
#[derive(Clone, Copy)]
struct Row {
    bug: &'static Bug,
    choice: Choice,
}

thread_local! {
    // A thread-local variable, because quickcheck takes a function without captured variables.
    static ROW: Cell<Option<Row>> = const { Cell::new(None) };
    static TRIED: Cell<usize> = const { Cell::new(0) };
}

fn row() -> Row {
    ROW.get().expect("asked below")
}

/// The lines of one write: a command, or MULTI to EXEC.
type Lines = &'static [&'static str];

/// A program, and the seed from which its schedules are drawn.
#[derive(Clone, Debug)]
struct Drawn {
    program: Vec<Lines>,
    seed: u64,
}

/// The writes of a row's program.
fn writes(program: Lines) -> Vec<Lines> {
    let (mut writes, mut rest) = (Vec::new(), program);
    while let Some(first) = rest.first() {
        let end = if *first == "MULTI" { rest.iter().position(|line| *line == "EXEC") } else { Some(0) };
        let (write, others) = rest.split_at(end.expect("MULTI has its EXEC") + 1);
        writes.push(write);
        rest = others;
    }
    writes
}

impl Arbitrary for Drawn {
    fn arbitrary(source: &mut Gen) -> Drawn {
        let writes = writes(row().bug.program);
        let length = 1 + usize::arbitrary(source) % (2 * writes.len());
        let program = (0..length).map(|_| *source.choose(&writes).expect("a write")).collect();
        Drawn { program, seed: u64::arbitrary(source) }
    }

    fn shrink(&self) -> Box<dyn Iterator<Item = Drawn>> {
        let drawn = self.clone();
        Box::new((0..drawn.program.len()).map(move |left_out| {
            let mut fewer = drawn.clone();
            fewer.program.remove(left_out);
            fewer
        }))
    }
}

/// How a failure begins that breaks the row's invariant; quickcheck reports a panic as a failure, too.
fn broken(bug: &Bug) -> String {
    format!("broken: {}", bug.invariant)
}

fn keeps_the_invariant(drawn: Drawn) -> Result<(), String> {
    TRIED.set(TRIED.get() + 1);
    let Row { bug, choice } = row();
    // The catalogue's functions take a row that lives for ever. A few thousand small rows are leaked.
    let bug = Box::leak(Box::new(Bug { program: drawn.program.concat().leak(), ..*bug }));
    match catalogue::drawn(bug, choice, drawn.seed) {
        None => Ok(()),
        Some(story) => Err(format!("{}: {}", broken(bug), story.in_words().join("; "))),
    }
}

/// Tests the property with `tests` programs; `None`: with quickcheck's default number. Returns how many programs were tried,
/// those of shrinking included, and the failure.
fn ask(row: Row, source: Gen, tests: Option<u64>) -> (usize, Option<String>) {
    ROW.set(Some(row));
    TRIED.set(0);
    let mut asked = QuickCheck::new().rng(source);
    if let Some(tests) = tests {
        asked = asked.tests(tests).max_tests(tests);
    }
    let answer = asked.quicktest(keeps_the_invariant as fn(Drawn) -> Result<(), String>);
    (TRIED.get(), answer.err().map(|failure| format!("{failure:?}")))
}

fn rows() -> impl Iterator<Item = (&'static str, &'static Bug)> {
    catalogue::all().filter_map(|case| Some((case.id, case.bug()?)))
}

#[test]
fn finds_known_bugs_by_quickcheck() {
    // Pinned, without a setting: the test asks that a bug is found, and no commit should miss it by bad luck.
    const SEED: u64 = 7;
    const PROGRAMS: u64 = 2000;
    for (id, bug) in rows() {
        let (tried, failure) =
            ask(Row { bug, choice: bug.with }, Gen::from_size_and_seed(100, SEED), Some(PROGRAMS));
        let is_found = failure.as_ref().is_some_and(|failure| failure.contains(&broken(bug)));
        let outcome = if is_found { Outcome::Found } else { Outcome::Missed };
        note("quickcheck", id, outcome, Some(&format!("sampled, seed={SEED}")), tried);
        println!("  {}", failure.as_deref().unwrap_or_default());
        assert!(
            is_found,
            "{id}: {} is not found in {tried} programs, seed={SEED}: {failure:?}",
            bug.with.name()
        );
    }
}

#[test]
fn prop_cures_of_known_bugs_hold() {
    let seed = Seed::of_this_run();
    let limits = format!("sampled, seed={}", seed.number());
    for (id, bug) in rows() {
        let (tried, failure) = ask(Row { bug, choice: bug.cure }, seed.generator(), None);
        let name = format!("{id}, cured by {}", bug.cure.name());
        if let Some(failure) = failure {
            panic!("{name}: {failure}");
        }
        note("quickcheck", &name, Outcome::Held, Some(&limits), tried);
    }
}

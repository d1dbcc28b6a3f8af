//! Failure — a case that differs → the shortest that does, as one would type it in redis-cli.

use super::{Case, Chore, START};
use quickcheck::Arbitrary;
use replicheck::command::line::Quoted;
use replicheck::time::Millis;
use std::fmt::{Debug, Write as _};

/// What differs, and after which step of a case.
#[derive(Debug)]
pub(super) struct Difference {
    pub(super) step: usize,
    pub(super) now: Millis,
    /// Both sides.
    pub(super) what: String,
}

impl Difference {
    pub(super) fn between(
        what: &str,
        (left, one): (&str, &dyn Debug),
        (right, other): (&str, &dyn Debug),
    ) -> Difference {
        let what = format!("{what} differs\n  {left}: {one:#?}\n  {right}: {other:#?}");
        Difference { step: 0, now: Millis::ZERO, what }
    }
}

/// A case with what differs in it.
pub(super) struct Found {
    pub(super) case: Case,
    difference: Difference,
    /// How many steps it had before it was shrunk.
    steps_drawn: usize,
}

/// The smallest case on the way from `case`, which differs, that `fails` finds, too.
pub(super) fn shrunk(
    mut case: Case,
    mut difference: Difference,
    fails: &mut dyn FnMut(&Case) -> Option<Difference>,
) -> Found {
    let steps_drawn = case.steps.len();
    loop {
        case.steps.truncate(difference.step + 1);
        let smaller = case.shrink().find_map(|case| fails(&case).map(|difference| (case, difference)));
        match smaller {
            Some(smaller) => (case, difference) = smaller,
            None => return Found { case, difference, steps_drawn },
        }
    }
}

/// What is broken, the bounds, the history, both sides, and how to run it again.
pub(super) fn report(seed: u64, found: &Found) -> String {
    let Found { case, difference, steps_drawn } = found;
    let mut text = format!(
        "a command of the engine differs\npolicy {}, seed {seed}, {} steps, shrunk from {steps_drawn}, clock from {START}\n",
        case.policy.name(),
        case.steps.len(),
    );
    let mut db = 0;
    for (number, step) in case.steps.iter().enumerate() {
        let mut before = Vec::new();
        if step.chore != Chore::Nothing {
            before.push(format!("# rocksdb: {:?}", step.chore));
        }
        if step.later_ms > 0 {
            before.push(format!("# {} ms later", step.later_ms));
        }
        if step.db != db {
            db = step.db;
            before.push(format!("SELECT {db}"));
        }
        let words: Vec<String> = step.argv.iter().map(|word| Quoted(word).to_string()).collect();
        before.push(words.join(" "));
        for line in before {
            writeln!(text, "{number:>4}  {line}").expect("writing to a string");
        }
    }
    let Difference { step, now, what } = difference;
    let again = "cargo test --test engine prop_commands_on_both_stores";
    write!(text, "after step {step}, at {now}: {what}\nrun it again: SEED={seed} QUICKCHECK_TESTS=1 {again}")
        .expect("writing to a string");
    text
}

//! Failure — a case that differs → the shortest case that still differs, as one would type it in redis-cli.

use super::{Case, Chore, START};
use crate::seed::again;
use replicheck::command::line::Quoted;
use replicheck::expiry::Policy;
use replicheck::time::Millis;
use std::fmt::{Debug, Write as _};

/// A difference, and the step of a case after which it was seen.
#[derive(Debug)]
pub(in super::super) struct Difference {
    pub(in super::super) step: usize,
    pub(in super::super) now: Millis,
    /// What differs, with both sides.
    pub(in super::super) what: String,
}

impl Difference {
    pub(in super::super) fn between(
        what: &str,
        (left, one): (&str, &dyn Debug),
        (right, other): (&str, &dyn Debug),
    ) -> Difference {
        let what = format!("{what} differs\n  {left}: {one:#?}\n  {right}: {other:#?}");
        Difference { step: 0, now: Millis::ZERO, what }
    }
}

/// A case and the difference that it shows.
pub(in super::super) struct Found {
    pub(in super::super) case: Case,
    difference: Difference,
    /// The number of steps before the case was shrunk.
    steps_drawn: usize,
}

/// Shrinks `case`, which differs, to a smaller case in which `fails` still finds a difference. No step of the result can be left
/// out or made simpler.
pub(in super::super) fn shrunk(case: Case, difference: Difference, fails: &mut Fails<'_>) -> Found {
    let mut found = Found { steps_drawn: case.steps.len(), case, difference };
    found.case.steps.truncate(found.difference.step + 1);
    let plain = Case { policy: Policy::LogClock, steps: found.case.steps.clone() };
    found.take_if_it_differs(plain, fails);
    // Chores cost most, so they are removed first.
    let mut idle = found.case.clone();
    idle.steps.iter_mut().for_each(|step| step.chore = Chore::Nothing);
    found.take_if_it_differs(idle, fails);
    while found.leave_steps_out(fails) | found.simplify_steps(fails) {}
    found
}

/// Returns the difference in a case, or `None`.
type Fails<'a> = dyn FnMut(&Case) -> Option<Difference> + 'a;

impl Found {
    fn take_if_it_differs(&mut self, case: Case, fails: &mut Fails<'_>) -> bool {
        let Some(difference) = fails(&case) else { return false };
        (self.case, self.difference) = (case, difference);
        self.case.steps.truncate(self.difference.step + 1);
        true
    }

    /// Leaves out half of the steps, then quarters, and so on down to single steps, as long as the case still differs.
    fn leave_steps_out(&mut self, fails: &mut Fails<'_>) -> bool {
        let (mut some, mut size) = (false, self.case.steps.len().div_ceil(2));
        while size > 0 {
            let mut from = 0;
            while from < self.case.steps.len() {
                let mut fewer = self.case.clone();
                fewer.steps.drain(from..(from + size).min(fewer.steps.len()));
                if self.take_if_it_differs(fewer, fails) { some = true } else { from += size }
            }
            size /= 2;
        }
        some
    }

    fn simplify_steps(&mut self, fails: &mut Fails<'_>) -> bool {
        let (mut some, mut at) = (false, 0);
        while let Some(step) = self.case.steps.get(at) {
            let simpler = step.simpler().into_iter().map(|step| {
                let mut case = self.case.clone();
                case.steps[at] = step;
                case
            });
            let cases: Vec<Case> = simpler.collect();
            let taken = cases.into_iter().any(|case| self.take_if_it_differs(case, fails));
            some |= taken;
            at += usize::from(!taken);
        }
        some
    }
}

/// The text of a failure: what differs, the bounds, the history, both sides, and the command that runs it again.
pub(in super::super) fn report(seed: u64, found: &Found) -> String {
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
        let mut words: Vec<String> = step.argv.iter().map(|word| Quoted(word).to_string()).collect();
        words.extend(step.transaction.map(|number| format!("# in transaction {number}")));
        before.push(words.join(" "));
        for line in before {
            writeln!(text, "{number:>4}  {line}").expect("writing to a string");
        }
    }
    let Difference { step, now, what } = difference;
    let again = again(seed, &[("QUICKCHECK_TESTS", 1)]);
    write!(text, "after step {step}, at {now}: {what}\nto run this case alone again: {again}")
        .expect("writing to a string");
    text
}

//! Wrong expiry policies, each a shipped policy with one fault: the model checker must refute each of them by name.
//!
//! A row names the fault, the programs on which it shows, and the invariants that it breaks there. The expected invariants are
//! derived by hand from the fault and the program, not from what the checker happens to find. The shipped policy must keep its
//! promises on the same programs: this shows that the checker found the fault.

#[allow(dead_code, reason = "shared with the other tests that draw")]
mod seed;

#[path = "wrong_policies/clocks.rs"]
mod clocks;
#[path = "wrong_policies/commands.rs"]
mod commands;
#[path = "wrong_policies/deadlines.rs"]
mod deadlines;
#[path = "wrong_policies/losses.rs"]
mod losses;
#[path = "wrong_policies/readers.rs"]
mod readers;
#[path = "wrong_policies/removals.rs"]
mod removals;
#[path = "wrong_policies/wrong.rs"]
mod wrong;

use replicheck::expiry::{ExpiryPolicy, Policy};
use replicheck::models::bounds::ExpiryBounds;
use replicheck::models::expected::expiry_promises;
use replicheck::models::expiry::Judges;
use replicheck::models::oracle::expiry as plain;
use replicheck::models::own_machine::{ExpiryTrial, Programs, judge_expiry};
use replicheck::models::program::{self, Program};
use replicheck::models::request::Request;
use replicheck::models::verdict::{Row, Verdict};
use seed::{Seed, again};
use std::collections::BTreeSet;
use std::sync::Arc;
use wrong::{Fault, Wrong};

/// A wrong policy, and how the checker must refute it.
struct Case {
    /// The fault in words.
    name: &'static str,
    base: Policy,
    fault: Fault,
    on: On,
    /// The invariants that must all be violated.
    breaks: &'static [&'static str],
}

impl Case {
    /// A case with a fault of `log_clock`, which promises every invariant.
    const fn new(
        name: &'static str,
        fault: Fault,
        program: &'static [&'static str],
        breaks: &'static [&'static str],
    ) -> Case {
        Case { name, base: Policy::LogClock, fault, on: On::Program(program), breaks }
    }

    /// The same fault in another policy.
    const fn of(self, base: Policy) -> Case {
        Case { base, ..self }
    }

    /// The same case on every program of these commands up to that length; with a link that goes down, up to one command less.
    const fn on_every(self, commands: &'static [&'static str], length_max: usize) -> Case {
        Case { on: On::Every(commands, length_max), ..self }
    }

    fn policy(&self) -> Arc<dyn ExpiryPolicy + Send + Sync> {
        Arc::new(Wrong { base: self.base, fault: self.fault })
    }
}

/// The programs of a trial.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum On {
    /// A program of these lines.
    Program(&'static [&'static str]),
    /// Every program of these commands, up to a length.
    Every(&'static [&'static str], usize),
}

fn parsed(lines: &[&str]) -> Program {
    program::parse(lines.join("\n").as_bytes()).expect("lines of commands")
}

fn judged(name: &str, policy: Arc<dyn ExpiryPolicy + Send + Sync>, on: On) -> Vec<Row> {
    let (programs, length_max) = match on {
        On::Program(lines) => (Programs::Only(parsed(lines)), 2),
        On::Every(lines, length_max) => {
            let commands = parsed(lines).commands.into_iter().map(|line| line.request).collect();
            (Programs::Every(commands), length_max)
        }
    };
    let bounds = ExpiryBounds { length_max, ..ExpiryBounds::QUICK };
    let trial = ExpiryTrial { programs: Some(programs), ..ExpiryTrial::within(bounds) };
    judge_expiry(name, &trial, policy, |_| Verdict::Holds).expect("short programs")
}

/// The verdicts in one line.
fn told(rows: &[Row]) -> String {
    let verdicts = rows.iter().map(|row| format!("{} {}", row.invariant, row.verdict.name()));
    verdicts.collect::<Vec<_>>().join(", ")
}

/// Judges each case; all cases that were not refuted as expected fail in one assertion.
fn assert_refuted(cases: &[Case]) {
    let mut failures = Vec::new();
    for case in cases {
        let rows = judged(case.name, case.policy(), case.on);
        let is_broken =
            |name: &&str| rows.iter().any(|row| row.invariant == *name && row.verdict == Verdict::Violated);
        if !case.breaks.iter().all(is_broken) {
            failures.push(format!(
                "{} ({} on {:?})\n  expected to break: {}\n  found: {}",
                case.name,
                case.base.name(),
                case.on,
                case.breaks.join(", "),
                told(&rows)
            ));
        }
    }
    let (failed, all) = (failures.len(), cases.len());
    assert!(failures.is_empty(), "{failed} of {all} not refuted as expected:\n{}", failures.join("\n"));
}

fn every_case() -> impl Iterator<Item = &'static Case> {
    [deadlines::CASES, losses::CASES, commands::CASES, clocks::CASES, removals::CASES, readers::CASES]
        .into_iter()
        .flatten()
}

/// The invariants that are broken although the base policy promises them.
fn broken_promises(rows: &[Row], base: Policy) -> Vec<&'static str> {
    let broken = rows.iter().filter(|row| row.verdict == Verdict::Violated).map(|row| row.invariant);
    broken.filter(|invariant| expiry_promises(base, *invariant)).map(|invariant| invariant.name()).collect()
}

#[test]
fn cases_of_every_kind_have_names_of_their_own_and_break_what_their_base_promises() {
    let mut names = BTreeSet::new();
    for case in every_case() {
        assert!(names.insert(case.name), "two cases are named: {}", case.name);
        assert!(!case.breaks.is_empty(), "{} breaks nothing", case.name);
        for invariant in case.breaks {
            let is_promised = expiry_promises(case.base, invariant.parse().expect("an invariant"));
            assert!(is_promised, "{}: {invariant} is not promised", case.name);
        }
    }
    assert!(names.len() >= 100, "only {} cases", names.len());
}

#[test]
fn bases_without_the_fault_on_the_same_programs_keep_their_promises() {
    let trials: BTreeSet<(Policy, On)> = every_case().map(|case| (case.base, case.on)).collect();
    let mut failures = Vec::new();
    for (base, on) in trials {
        let rows = judged(base.name(), base.get(), on);
        let broken = broken_promises(&rows, base);
        if !broken.is_empty() {
            failures.push(format!("{} on {on:?} breaks {}", base.name(), broken.join(", ")));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// How many cases are drawn for the plain search.
const DRAWN: usize = 12;

/// The invariants that a plain search finds broken by the case's program, for every difference of the clocks, with a link that
/// stays up and with one that goes down.
fn plainly_broken(case: &Case, commands: &[Request]) -> BTreeSet<&'static str> {
    let bounds = ExpiryBounds::QUICK;
    let mut broken = BTreeSet::new();
    let clocks = bounds.setup(Judges::State, commands.to_vec()).clocks;
    for clocks in [clocks.clone(), clocks.with_link_down()] {
        let limit_ms = clocks.log_clock_limit_ticks.map(|ticks| u64::from(ticks) * clocks.tick_ms);
        let opinion = plain::opinion(&plain::Question {
            policy: &*case.policy(),
            program: commands,
            start: clocks.start,
            passes_max: clocks.passes_max,
            delay_ms: clocks.delay_ms(),
            skews_ms: &clocks.skews_ms,
            limit_ms,
            link_down: clocks.link_down,
            apart: clocks.apart,
        });
        broken.extend(opinion.broken.into_keys().map(|broken| broken.name()));
    }
    broken
}

#[test]
fn wrong_policies_are_refuted_alike_by_a_plain_search() {
    let seed = Seed::of_this_run();
    println!("{}", again(seed.number(), &[]));
    let of_two = |case: &&Case| matches!(case.on, On::Program(lines) if lines.len() <= 2);
    let mut cases: Vec<&Case> = every_case().filter(of_two).collect();
    seed.rng().shuffle(&mut cases);
    let mut differing = Vec::new();
    for case in cases.into_iter().take(DRAWN) {
        let On::Program(lines) = case.on else { continue };
        let commands: Vec<Request> = parsed(lines).commands.into_iter().map(|line| line.request).collect();
        let rows = judged(case.name, case.policy(), case.on);
        let fast: BTreeSet<&str> = rows
            .iter()
            .filter(|row| row.verdict == Verdict::Violated)
            .map(|row| row.invariant.name())
            .collect();
        let plain = plainly_broken(case, &commands);
        if fast != plain {
            differing.push(format!("{}\n  breaks {fast:?}, by a plain search {plain:?}", case.name));
        }
    }
    assert!(differing.is_empty(), "{}", differing.join("\n"));
}

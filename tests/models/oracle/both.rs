//! The model of ordering and expiry together against its plain search.

use super::{Verdicts, compare, fast, of_length, program};
use crate::seed::Seed;
use replicheck::models::both::{BothModel, Choice, INVARIANTS, Setup};
use replicheck::models::bounds::{ExpiryBounds, batch_entries_max};
use replicheck::models::invariants::Invariant;
use replicheck::models::oracle::both as plain;
use replicheck::models::request::Request;
use std::fmt::{self, Display};

/// How many programs with a crash are compared by default.
const DRAWN: usize = 6;

/// One program under one choice.
struct Case {
    setup: Setup,
    commands: Vec<Request>,
}

impl Display for Case {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Setup { choice, crashes_max, snapshots, .. } = &self.setup;
        let (program, name) = (program(&self.commands), choice.name());
        write!(out, "{program} under {name}, at most {crashes_max} crashes, snapshots: {snapshots}")
    }
}

impl Case {
    fn verdicts(&self) -> Verdicts {
        let Setup { choice, times, workers, crashes_max, snapshots } = &self.setup;
        let plain = plain::opinion(&plain::Question {
            new: &|| choice.strategy.machine(*workers, batch_entries_max(choice.strategy)),
            snapshots: *snapshots,
            policy: &*choice.policy.get(),
            program: &self.commands,
            workers: *workers,
            crashes_max: *crashes_max,
            start: times.clocks.start,
            passes_max: times.clocks.passes_max,
            delay_ms: times.delay_ms(),
            skew_ms: times.clocks.skews_ms[0],
        });
        Verdicts { fast: fast(&BothModel::new(self.setup.clone())), plain }
    }
}

/// Every program of two commands in which time passes once, under every choice, as the engine publishes and with the live store.
fn cases(crashes_max: u8) -> Vec<Case> {
    let bounds = ExpiryBounds { length_max: 2, passes_max: 1, ..ExpiryBounds::QUICK };
    let mut cases = Vec::new();
    for choice in Choice::all() {
        let as_it_is = Setup::new(choice, bounds, crashes_max);
        let live = Setup { snapshots: false, ..as_it_is.clone() };
        for every in [Some(live), as_it_is.snapshots.then_some(as_it_is)].into_iter().flatten() {
            let of = |commands: Vec<Request>| Case { setup: every.of_program(&commands), commands };
            cases.extend(of_length(&every.times.alphabet, 2).into_iter().map(of));
        }
    }
    cases
}

#[test]
fn both_agrees_with_the_plain_search_program_by_program() {
    let seed = Seed::of_this_run();
    let cases = (cases(0), cases(1));
    let never_broken = compare("both", cases, (DRAWN, &seed), INVARIANTS, |case| Some(case.verdicts()));
    // No strategy of the crate stands still.
    assert_eq!(never_broken, [Invariant::Progress]);
}

#[test]
fn plain_search_that_publishes_otherwise_differs() {
    let is_serial = |case: &Case| case.setup.choice.name() == "serial+log_clock" && !case.setup.snapshots;
    let of_live = cases(0).into_iter().filter(is_serial);
    let differs = |case: Case| {
        let plain = case.verdicts().plain;
        let published = Setup { snapshots: true, ..case.setup };
        Verdicts { fast: fast(&BothModel::new(published)), plain }.difference().is_some()
    };
    assert!(of_live.into_iter().any(differs));
}

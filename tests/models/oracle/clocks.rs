//! The model of clocks against its plain search.

use super::{Verdicts, compare, fast, of_length, program};
use crate::seed::Seed;
use replicheck::command::Command;
use replicheck::expiry::{Judging, Policy};
use replicheck::models::clocks::{Choice, ClocksModel, Fault, INVARIANTS, Setup, TICK_MS};
use replicheck::models::invariants::Invariant;
use replicheck::models::oracle::clocks as plain;
use replicheck::models::scaled;
use std::fmt::{self, Display};

/// How many of the longer cases are compared by default.
const DRAWN: usize = 16;

const POLICIES: [Policy; 6] = [
    Policy::LogClock,
    Policy::StreamClock,
    Policy::Effects,
    Policy::Absolute,
    Policy::Verbatim,
    Policy::MasterExpires,
];

/// One program under one choice.
struct Case {
    setup: Setup,
    commands: Vec<Command>,
}

impl Display for Case {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Setup { choice, passes_max, restarts, .. } = &self.setup;
        let (program, name) = (program(&self.commands), choice.name());
        write!(out, "{program} under {name}, at most {passes_max} ticks, restarts: {restarts}")
    }
}

impl Case {
    fn verdicts(&self) -> Verdicts {
        let Setup { choice, passes_max, restarts, .. } = self.setup;
        let plain = plain::opinion(&plain::Question {
            policy: &*scaled::policy(choice.policy, TICK_MS),
            program: &self.commands,
            passes_max,
            steps: choice.steps,
            restarts,
        });
        Verdicts { fast: fast(&ClocksModel::new(self.setup.clone())), plain }
    }
}

/// Every program of these commands with one of these lengths.
fn cases(choice: Choice, lengths: &[usize], passes_max: u8, restarts: bool) -> Vec<Case> {
    let mut cases = Vec::new();
    for &length in lengths {
        let every = Setup::new(choice, length, passes_max, restarts);
        let of = |commands: Vec<Command>| Case { setup: every.of_program(&commands), commands };
        cases.extend(of_length(&every.alphabet, length).into_iter().map(of));
    }
    cases
}

/// The searches of the quick bounds: first those of one command, then the others.
fn short_and_long() -> (Vec<Case>, Vec<Case>) {
    let (mut short, mut long) = (Vec::new(), Vec::new());
    for policy in POLICIES {
        let is_local = policy.get().judging() != Judging::LogTime;
        for steps in [false, true] {
            let choice = Choice { policy, steps };
            let (ticks, ticks_of_restarts) = match (is_local, steps) {
                (true, true) => (1, None),
                (false, true) => (2, Some(1)),
                (_, false) => (2, Some(2)),
            };
            short.extend(cases(choice, &[1], ticks, false));
            long.extend(cases(choice, &[2], ticks, false));
            if let Some(ticks) = ticks_of_restarts {
                long.extend(cases(choice, &[1], ticks, true));
            }
            if !is_local && !steps {
                long.extend(cases(choice, &[2], 1, true));
            }
        }
    }
    (short, long)
}

#[test]
fn clocks_agree_with_the_plain_search_program_by_program() {
    let seed = Seed::of_this_run();
    let never = compare("clocks", short_and_long(), (DRAWN, &seed), INVARIANTS, |case| Some(case.verdicts()));
    // Every policy tells what it has.
    assert!(never.iter().all(|name| *name == Invariant::Progress), "{never:?}");
}

#[test]
fn plain_search_differs_from_clocks_with_a_fault() {
    let faults = [
        (Fault::WallClock, true, false),
        (Fault::FollowerLiftsMaster, false, true),
        (Fault::ToldTakenForHeard, false, true),
    ];
    for (fault, steps, restarts) in faults {
        let choice = Choice { policy: Policy::LogClock, steps };
        let case = cases(choice, &[1], 1, restarts).swap_remove(0);
        assert_eq!(case.verdicts().difference(), None, "{case}");
        let faulty = Case { setup: Setup { fault: Some(fault), ..case.setup.clone() }, ..case };
        let verdicts = faulty.verdicts();
        assert!(verdicts.plain.broken.is_empty() && verdicts.difference().is_some(), "{fault:?}: {faulty}");
    }
}

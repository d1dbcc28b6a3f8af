//! The expiry model: its cases, the comparison, and differences that must be detected.

use super::{Broken, Together, Verdicts, compare, difference, fast, of_length, program, some_of};
use crate::seed::Seed;
use replicheck::expiry::Policy;
use replicheck::models::bounds::{EXPIRY_ALPHABETS, ExpiryBounds};
use replicheck::models::expiry::{
    ExpiryModel, FAMILIES, Judges, READ_INVARIANTS, STATE_INVARIANTS, Setup, skew_ms,
};
use replicheck::models::invariants::Invariant;
use replicheck::models::oracle::Opinion;
use replicheck::models::oracle::expiry as plain;
use replicheck::models::request::Request;
use replicheck::models::scaled;
use replicheck::models::scenario;
use std::fmt::{self, Display};

/// How many programs of two and three commands `cargo test` draws.
const DRAWN: usize = 60;
/// How many drawn pairs of each family of commands are candidates.
const OF_A_FAMILY: usize = 10;
/// Programs of two commands that are always compared: with them, each invariant is broken by some policy.
const ALWAYS: &[&str] = &["PSETEX k 2003 5; INCR k", "PSETEX k 2003 5; PERSIST k"];

/// What may happen beside the commands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Beside {
    Nothing,
    LinkDown,
    StepsApart,
}

impl Beside {
    fn of(self, setup: Setup) -> Setup {
        let clocks = match self {
            Beside::Nothing => setup.clocks,
            Beside::LinkDown => setup.clocks.with_link_down(),
            Beside::StepsApart => setup.clocks.with_steps_apart(),
        };
        Setup { clocks, ..setup }
    }
}

/// A program under a policy, with one replica's clock.
#[derive(Clone)]
struct Case {
    policy: Policy,
    skew: i8,
    beside: Beside,
    commands: Vec<Request>,
}

impl Display for Case {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let skew = self.skew;
        write!(
            out,
            "{} under {}, the replica's clock {skew:+} ticks{}",
            program(&self.commands),
            self.policy.name(),
            match self.beside {
                Beside::Nothing => "",
                Beside::LinkDown => ", the link may go down",
                Beside::StepsApart => ", delivery, application and publication apart",
            }
        )
    }
}

impl Case {
    fn of(policy: Policy, skew: i8, lines: &[&str]) -> Case {
        Case { policy, skew, beside: Beside::Nothing, commands: scenario::requests(lines) }
    }

    /// The bounds; time passes once less where the plain search would take too long.
    fn bounds(&self) -> ExpiryBounds {
        let passes_max = if self.commands.len() < 3 { 2 } else { 1 };
        ExpiryBounds { passes_max, ..ExpiryBounds::QUICK }
    }

    fn opinion(&self) -> Opinion {
        let bounds = self.bounds();
        let setup = self.beside.of(bounds.setup(Judges::State, self.commands.clone()));
        let policy = scaled::policy(self.policy, setup.clocks.tick_ms);
        plain::opinion(&plain::Question {
            policy: &*policy,
            program: &self.commands,
            start: setup.clocks.start,
            passes_max: bounds.passes_max,
            delay_ms: setup.delay_ms(),
            skews_ms: &[skew_ms(self.skew, setup.clocks.tick_ms, setup.clocks.start)],
            limit_ms: setup.clocks.log_clock_limit_ticks.map(|ticks| u64::from(ticks) * setup.clocks.tick_ms),
            link_down: setup.clocks.link_down,
            apart: setup.clocks.apart,
        })
    }

    /// The verdicts of the fast model under `policy`, after `change` has changed its setup.
    fn fast(&self, change: impl Fn(&mut Setup), policy: Policy) -> Broken {
        let of = |judges| {
            let bounds = self.bounds();
            let mut setup = self.beside.of(bounds.setup(judges, self.commands.clone()));
            (setup.begins, setup.length_max) = (self.commands.len(), self.commands.len());
            setup.clocks.skews_ms = vec![skew_ms(self.skew, setup.clocks.tick_ms, setup.clocks.start)];
            change(&mut setup);
            let policy = scaled::policy(policy, setup.clocks.tick_ms);
            fast(&ExpiryModel::new(setup, policy))
        };
        of(Judges::State).into_iter().chain(of(Judges::Reads)).collect()
    }

    fn verdicts(&self) -> Verdicts {
        Verdicts { fast: self.fast(|_| (), self.policy), plain: self.opinion() }
    }
}

/// Every program of up to two commands, a drawn tenth of those of three, and some drawn pairs of each family; each under every
/// policy and each clock.
fn cases(random: &mut fastrand::Rng) -> Vec<Case> {
    let mut programs = Vec::new();
    for (_, alphabet) in EXPIRY_ALPHABETS {
        let alphabet = scenario::requests(alphabet);
        programs.extend((1..=2).flat_map(|length| of_length(&alphabet, length)));
        let mut of_three = of_length(&alphabet, 3);
        random.shuffle(&mut of_three);
        of_three.truncate(of_three.len().div_ceil(10));
        programs.extend(of_three);
    }
    for family in FAMILIES {
        let alphabet = family.alphabet();
        let (begins, others) = alphabet.split_at(family.begins.len());
        let mut pairs = of_length(others, 2);
        random.shuffle(&mut pairs);
        pairs.truncate(OF_A_FAMILY);
        programs.extend(pairs.into_iter().map(|pair| [begins, &pair].concat()));
    }
    let skews = -ExpiryBounds::QUICK.skew_ticks_max..=ExpiryBounds::QUICK.skew_ticks_max;
    let mut cases = Vec::new();
    for (&policy, skew) in Policy::ALL.iter().flat_map(|policy| skews.clone().map(move |skew| (policy, skew)))
    {
        for commands in &programs {
            for beside in [Beside::Nothing, Beside::LinkDown, Beside::StepsApart] {
                // The plain search takes minutes for three commands with separate steps.
                if beside != Beside::StepsApart || commands.len() <= 2 {
                    cases.push(Case { policy, skew, beside, commands: commands.clone() });
                }
            }
        }
    }
    cases
}

impl Together<Case> {
    fn verdicts(&self) -> Verdicts {
        let together = |setup: &mut Setup| (setup.begins, setup.length_max) = (0, self.length_max);
        let of = Case { commands: self.alphabet.clone(), ..self.of.clone() };
        let fast = of.fast(together, self.of.policy);
        let plain = self.plain(|commands| Some(Case { commands, ..self.of.clone() }.opinion()));
        Verdicts { fast, plain }
    }
}

#[test]
fn expiry_agrees_with_the_fast_model() {
    let seed = Seed::of_this_run();
    let mut random = seed.rng();
    let is_short = |case: &Case| {
        case.beside == Beside::Nothing
            && (case.commands.len() <= 1 || ALWAYS.contains(&program(&case.commands).as_str()))
    };
    let cases = cases(&mut random).into_iter().partition(is_short);
    let invariants = [STATE_INVARIANTS, READ_INVARIANTS].concat();
    let verdicts = |case: &Case| Some(case.verdicts());
    let never_broken = compare("expiry", cases, (DRAWN, &seed), &invariants, verdicts);
    // A replica of this model applies what is delivered: `at_rest` is red by hand (`machines`: `stages`).
    assert_eq!(never_broken, [Invariant::Progress]);
}

#[test]
fn expiry_agrees_where_programs_are_searched_together() {
    let seed = Seed::of_this_run();
    let mut random = seed.rng();
    let mut cases = Vec::new();
    for &policy in Policy::ALL {
        for (_, alphabet) in EXPIRY_ALPHABETS {
            let alphabet = some_of(&mut random, &scenario::requests(alphabet), 2);
            let skew = random.i8(-1..=1);
            let of = Case { policy, skew, beside: Beside::Nothing, commands: alphabet.clone() };
            cases.push(Together { alphabet, length_max: 2, of });
        }
    }
    let invariants = [STATE_INVARIANTS, READ_INVARIANTS].concat();
    let cases = (cases, Vec::new());
    compare("expiry, together", cases, (0, &seed), &invariants, |case| Some(case.verdicts()));
}

#[test]
fn difference_of_a_wrong_expiry_model_is_seen() {
    /// The policy that is judged, the replica's clock and the program; what is changed for the fast model, and the policy
    /// that it is given; the invariant on which the two then differ.
    type Wrong<'a> = (Policy, i8, &'a [&'a str], fn(&mut Setup), Policy, Invariant);
    let changes: [Wrong<'_>; 5] = [
        (
            Policy::LogClock,
            0,
            &["PSETEX k 2003 5", "INCR j"],
            |setup| setup.readers_see_the_dead = true,
            Policy::LogClock,
            Invariant::PastRead,
        ),
        (
            Policy::Effects,
            0,
            &["PSETEX k 2003 5", "PERSIST k"],
            |setup| setup.clocks.delay_ticks_max = 0,
            Policy::Effects,
            Invariant::NoResurrection,
        ),
        (
            Policy::Effects,
            1,
            &["PSETEX k 2003 5"],
            |setup| setup.clocks.skews_ms = vec![0],
            Policy::Effects,
            Invariant::NoEarlyDeath,
        ),
        (Policy::Verbatim, 0, &["PSETEX k 2003 5"], |_| (), Policy::Effects, Invariant::SameDeadline),
        (
            Policy::Absolute,
            0,
            &["PSETEX k 2003 5", "INCR k"],
            |setup| setup.clocks.passes_max = 0,
            Policy::Absolute,
            Invariant::SameValue,
        ),
    ];
    for (policy, skew, lines, change, fast_policy, invariant) in changes {
        let case = Case::of(policy, skew, lines);
        assert_eq!(case.verdicts().difference(), None, "{case}");
        let words =
            difference(&case, &Verdicts { fast: case.fast(change, fast_policy), plain: case.opinion() });
        assert!(words.contains(&format!("{invariant} is broken by the")), "{case}: {words}");
    }
}

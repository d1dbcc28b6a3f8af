//! The ordering model: its cases, the comparison, and differences that must be detected.

use super::{Together, Verdicts, compare, difference, fast, of_length, program, some_of};
use crate::seed::Seed;
use replicheck::expiry::Policy;
use replicheck::models::assignment;
use replicheck::models::bounds::{
    BATCHES, OrderingBounds, ordering_alphabet, ordering_collections, ordering_transactions,
};
use replicheck::models::choice::OrderingChoice;
use replicheck::models::invariants::Invariant;
use replicheck::models::oracle::Opinion;
use replicheck::models::oracle::ordering as plain;
use replicheck::models::ordering::{INVARIANTS, Machine, OrderingModel, Position, Programs, Setup};
use replicheck::models::request::Request;
use replicheck::models::scenario;
use replicheck::ordering::{self, Admission, AnyStrategy, Job, OrderingStrategy, Refused, Strategy};
use std::fmt::{self, Display};

/// How many programs of three commands `cargo test` draws.
const DRAWN: usize = 300;
/// How many alphabets it draws for each choice and batch size.
const ALPHABETS_DRAWN: usize = 2;

/// A program under an ordering choice.
#[derive(Clone)]
pub struct Case {
    pub choice: OrderingChoice,
    pub batch: usize,
    /// Whether a crash may lose the end of the log.
    pub tail_may_be_lost: bool,
    pub commands: Vec<Request>,
}

impl Display for Case {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys = assignment::keys_of(&self.commands);
        let lanes = assignment::assignment_of(&keys, OrderingBounds::QUICK.workers);
        let lanes = assignment::in_words(&keys, &lanes);
        write!(
            out,
            "{} under {}, lanes {lanes}, batches up to {}{}",
            program(&self.commands),
            self.choice.name(),
            self.batch,
            if self.tail_may_be_lost { ", the log's end may be lost" } else { "" }
        )
    }
}

impl Case {
    fn of(choice: &str, batch: usize, lines: &[&str]) -> Case {
        let named = |known: &OrderingChoice| known.name() == choice;
        let choice = OrderingChoice::all().into_iter().find(named).expect("a choice");
        Case { choice, batch, tail_may_be_lost: false, commands: scenario::requests(lines) }
    }

    fn log_policy(&self) -> Policy {
        if self.choice.commands { Policy::AtEntryTime } else { Policy::Effects }
    }

    /// `None`: some command changes nothing, so the program equals a shorter one, which is a case of its own.
    pub fn programs(&self) -> Option<Programs> {
        let programs = Programs::only(&self.commands, &*self.log_policy().get()).expect("a short program");
        (programs.length_max() == self.commands.len()).then_some(programs)
    }

    pub fn opinion<O: Machine>(&self, programs: &Programs, new: impl Fn(usize) -> O) -> Opinion {
        let OrderingBounds { workers, crashes_max, .. } = OrderingBounds::QUICK;
        let question = plain::Question {
            programs,
            workers,
            crashes_max,
            reads_after_crash: self.choice.reads_after_crash,
            tail_may_be_lost: self.tail_may_be_lost,
        };
        plain::opinion(&question, &new)
    }

    fn verdicts(&self) -> Option<Verdicts> {
        let (strategy, batch) = (self.choice.strategy, self.batch);
        let new = move |workers| strategy.machine(workers, batch);
        self.verdicts_of(|_| (), new, new)
    }

    /// The verdicts after a change of the fast model, with a machine for each of the two.
    fn verdicts_of<F: Machine, P: Machine>(
        &self,
        change: impl Fn(&mut Setup),
        new_fast: impl Fn(usize) -> F + Send + Sync + 'static,
        new_plain: impl Fn(usize) -> P,
    ) -> Option<Verdicts> {
        let programs = self.programs()?;
        let plain = self.opinion(&programs, new_plain);
        let mut setup = OrderingBounds::QUICK.setup(self.choice, programs);
        setup.tail_may_be_lost = self.tail_may_be_lost;
        change(&mut setup);
        Some(Verdicts { fast: fast(&OrderingModel::new(setup, new_fast)), plain })
    }
}

/// The program under names that share lanes in each possible way, if the strategy has lanes.
pub fn under_each_assignment(strategy: Strategy, commands: &[Request]) -> Vec<Vec<Request>> {
    let lanes = OrderingBounds::QUICK.workers;
    let keys = assignment::keys_of(commands);
    let assignments = match strategy.machine(lanes, 1).has_lanes() {
        true => assignment::assignments(keys.len(), lanes),
        false => vec![assignment::assignment_of(&keys, lanes)],
    };
    assignments.iter().map(|lane_of| assignment::renamed(commands, &keys, lane_of, lanes)).collect()
}

/// Every program of up to three commands, and of up to two requests with a transaction among them: under every choice, every batch
/// size and, if lanes matter, every way to share them.
fn cases() -> Vec<Case> {
    let has_transaction = |program: &Vec<Request>| program.iter().any(|request| request.command().is_none());
    let transactions = (1..=2).flat_map(|length| of_length(&ordering_transactions(), length));
    let programs = (1..=3).flat_map(|length| of_length(&ordering_alphabet(), length));
    let programs: Vec<Vec<Request>> = programs.chain(transactions.filter(has_transaction)).collect();
    let mut cases = Vec::new();
    for choice in OrderingChoice::all() {
        for batch in BATCHES {
            for commands in &programs {
                for commands in under_each_assignment(choice.strategy, commands) {
                    let tail_may_be_lost = batch == 1;
                    let case = Case { choice, batch, tail_may_be_lost: false, commands };
                    cases.extend(tail_may_be_lost.then(|| Case { tail_may_be_lost, ..case.clone() }));
                    cases.push(case);
                }
            }
        }
    }
    cases
}

impl Together<Case> {
    fn verdicts(&self) -> Verdicts {
        let (case, bounds) = (&self.of, OrderingBounds::QUICK);
        let (strategy, batch) = (case.choice.strategy, case.batch);
        let policy = case.log_policy().get();
        let programs = Programs::every(&self.alphabet, self.length_max, &*policy).expect("few commands");
        let setup = bounds.setup(case.choice, programs);
        let fast = fast(&OrderingModel::new(setup, move |workers| strategy.machine(workers, batch)));
        let plain = self.plain(|commands| {
            let case = Case { commands, ..case.clone() };
            Some(case.opinion(&case.programs()?, |workers| strategy.machine(workers, batch)))
        });
        Verdicts { fast, plain }
    }
}

#[test]
fn ordering_agrees_with_the_fast_model() {
    let seed = Seed::of_this_run();
    let cases = cases().into_iter().partition(|case| case.commands.len() <= 2);
    let never_broken = compare("ordering", cases, (DRAWN, &seed), INVARIANTS, Case::verdicts);
    // No strategy of the crate stands still; `Stalls` does.
    assert_eq!(never_broken, [Invariant::Progress]);
}

#[test]
fn ordering_agrees_where_programs_are_searched_together() {
    let seed = Seed::of_this_run();
    let mut random = seed.rng();
    let mut cases = Vec::new();
    for choice in OrderingChoice::all() {
        for batch in BATCHES {
            for commands in [ordering_alphabet(), ordering_collections(), ordering_transactions()] {
                for _ in 0..ALPHABETS_DRAWN {
                    let alphabet = some_of(&mut random, &commands, 2);
                    let of = Case { choice, batch, tail_may_be_lost: false, commands: alphabet.clone() };
                    cases.push(Together { alphabet, length_max: 3, of });
                }
            }
        }
    }
    let cases = (cases, Vec::new());
    compare("ordering, together", cases, (0, &seed), INVARIANTS, |case| Some(case.verdicts()));
}

/// A strategy that gives out no job from its second entry on.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Stalls {
    inner: AnyStrategy,
    admitted: usize,
}

impl Stalls {
    fn new(workers: usize) -> Stalls {
        Stalls { inner: Strategy::Serial.machine(workers, 1), admitted: 0 }
    }
}

impl ordering::Wrapper for Stalls {
    type Inner = AnyStrategy;

    fn inner(&self) -> &AnyStrategy {
        &self.inner
    }

    fn inner_mut(&mut self) -> &mut AnyStrategy {
        &mut self.inner
    }

    fn admit(&mut self, entry: &Admission<'_>) -> Result<(), Refused> {
        self.admitted += 1;
        OrderingStrategy::admit(&mut self.inner, entry)
    }

    fn take(&mut self, worker: usize) -> Option<Job> {
        if self.admitted > 1 { None } else { OrderingStrategy::take(&mut self.inner, worker) }
    }
}

#[test]
fn difference_of_a_wrong_ordering_model_is_seen() {
    type Change = fn(&mut Setup);
    let two_workers_or_more: Change = |setup| setup.workers = 1;
    let changes: [(&str, usize, &[&str], Change, Invariant); 7] = [
        (
            "writeset+commands",
            1,
            &["INCR b", "SET a 1"],
            |setup| setup.crashes_max = 0,
            Invariant::ExactlyOnce,
        ),
        (
            "writeset+reads_after_crash",
            1,
            &["SET a 1"],
            |setup| setup.reads_after_crash = false,
            Invariant::MonotonicReads,
        ),
        ("writeset", 1, &["SET a 1"], |setup| setup.reads_after_crash = true, Invariant::MonotonicReads),
        (
            "serial",
            1,
            &["SET a 1", "SET b 1"],
            |setup| setup.position = Position::AheadOfBatch,
            Invariant::Convergence,
        ),
        (
            "serial+commands",
            1,
            &["INCR b"],
            |setup| setup.position = Position::BehindBatch,
            Invariant::ExactlyOnce,
        ),
        ("key_hash", 1, &["SET a 1", "FLUSHDB"], two_workers_or_more, Invariant::Convergence),
        ("writeset", 1, &["SET a 1", "SET b 1"], two_workers_or_more, Invariant::Prefix),
    ];
    for (choice, batch, lines, change, invariant) in changes {
        let case = Case::of(choice, batch, lines);
        let strategy = case.choice.strategy;
        let new = move |workers| strategy.machine(workers, batch);
        let agree = case.verdicts().expect("each command writes");
        assert_eq!(agree.difference(), None, "{case}");
        let differ = case.verdicts_of(change, new, new).expect("each command writes");
        let words = difference(&case, &differ);
        assert!(words.contains(&format!("{invariant} is broken by the")), "{case}: {words}");
    }
}

#[test]
fn difference_of_another_batch_size_or_strategy_is_seen() {
    let case = Case::of("writeset", 1, &["SET a 1", "SET b 1"]);
    let one = |workers| Strategy::Writeset.machine(workers, 1);
    let differ = case.verdicts_of(|_| (), |workers| Strategy::Serial.machine(workers, 2), one);
    assert!(
        difference(&case, &differ.expect("each command writes"))
            .contains("prefix is broken by the plain search alone")
    );
    // Both see that a replica gets stuck. If only one of them is given the strategy, they differ.
    let both = case.verdicts_of(|_| (), Stalls::new, Stalls::new).expect("each command writes");
    assert_eq!((both.difference(), both.plain.broken.contains_key(&Invariant::Progress)), (None, true));
    let differ = case.verdicts_of(|_| (), Stalls::new, one);
    assert!(
        difference(&case, &differ.expect("each command writes"))
            .contains("progress is broken by the fast model alone")
    );
}

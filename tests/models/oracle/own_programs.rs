//! A user's own programs: the verdicts of `check --program` against plain searches, one for each way to share lanes and each
//! batch size.

use super::ordering::{Case, under_each_assignment};
use super::{Verdicts, compare, merge, program};
use crate::seed::Seed;
use replicheck::models::bounds::{BATCHES, Bounds, ordering_alphabet};
use replicheck::models::choice::OrderingChoice;
use replicheck::models::oracle::Opinion;
use replicheck::models::ordering::INVARIANTS;
use replicheck::models::own_program::program_tasks;
use replicheck::models::program::{Program, ProgramLine};
use replicheck::models::request::Request;
use replicheck::models::scenario;
use replicheck::models::search::Progress;
use replicheck::models::verdict::Verdict;
use std::collections::BTreeMap;
use std::fmt::{self, Display};

/// The number of programs that are drawn; each is judged under every choice.
const DRAWN: usize = 6;

struct OwnProgram {
    choice: OrderingChoice,
    commands: Vec<Request>,
}

impl Display for OwnProgram {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} under {}, as a program of one's own", program(&self.commands), self.choice.name())
    }
}

impl OwnProgram {
    /// `None`: the choice refuses the program, or one of its commands changes nothing.
    fn verdicts(&self) -> Option<Verdicts> {
        let line =
            |(line, request): (usize, &Request)| ProgramLine { line, request: request.clone(), at: None };
        let program =
            Program { commands: (1..).zip(&self.commands).map(line).collect(), ..Program::default() };
        let name = self.choice.name();
        let tasks = program_tasks(&program, ("own", 1), Bounds::Quick, Some("ordering"), Some(&name));
        let tasks = tasks.expect("a choice and a short program");
        let rows: Vec<_> = tasks.iter().flat_map(|task| task.run(&Progress::default())).collect();
        if rows.iter().any(|row| row.verdict == Verdict::Refused) {
            return None;
        }
        let broken = rows.iter().filter_map(|row| {
            let story = row.counterexample.as_ref()?;
            Some((row.invariant, story.steps.iter().map(|step| step.in_words()).collect()))
        });
        Some(Verdicts { fast: broken.collect(), plain: self.plain()? })
    }

    fn plain(&self) -> Option<Opinion> {
        let strategy = self.choice.strategy;
        let mut all = Opinion { broken: BTreeMap::new(), states: 0 };
        for commands in under_each_assignment(strategy, &self.commands) {
            for batch in BATCHES {
                let case =
                    Case { choice: self.choice, batch, tail_may_be_lost: false, commands: commands.clone() };
                let opinion = case.opinion(&case.programs()?, |workers| strategy.machine(workers, batch));
                merge(&mut all, &case.to_string(), opinion);
            }
        }
        Some(all)
    }
}

#[test]
fn own_program_verdicts_are_those_of_every_way_to_share_lanes() {
    let seed = Seed::of_this_run();
    let mut random = seed.rng();
    let more = scenario::requests(&["RENAME a b", "MSETNX b 1 c 2", "RENAME c h"]);
    let alphabet = [ordering_alphabet(), more].concat();
    let drawn = (0..DRAWN)
        .map(|_| (0..2).map(|_| random.choice(&alphabet).expect("there are some").clone()).collect());
    // `a` and `b` share a lane under their own names: convergence breaks only if they do not.
    let parted = ["SET a 1; RENAME a b; SET b 2; SET a 3", "MSETNX a 1 b 2; SET b 3"];
    let parted = parted.map(|text| scenario::requests(&text.split("; ").collect::<Vec<_>>()));
    let named = |name: &str| OrderingChoice::all().into_iter().find(|choice| choice.name() == name);
    let first_key = named("first_key").expect("a choice");
    let of = |commands: Vec<Request>| {
        OrderingChoice::all().into_iter().map(move |choice| OwnProgram { choice, commands: commands.clone() })
    };
    let always = parted.map(|commands| OwnProgram { choice: first_key, commands });
    let cases: Vec<OwnProgram> = always.into_iter().chain(drawn.flat_map(of)).collect();
    compare("ordering, own programs", (cases, Vec::new()), (0, &seed), INVARIANTS, OwnProgram::verdicts);
}

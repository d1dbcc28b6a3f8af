//! Clocks that are set, and nodes that restart.

use replicheck::expiry::Policy;
use replicheck::models::clocks::{Action, Choice, ClocksModel, Fault, INVARIANTS, Setup};
use replicheck::models::expected;
use replicheck::models::invariants::Invariant;
use replicheck::models::search::{Found, Limits, Progress, search};
use replicheck::models::story::{Narrate, Step};
use replicheck::models::verdict::Verdict;
use stateright::{Checker, Model};

const LOG_CLOCK: Choice = Choice { policy: Policy::LogClock, steps: true };

fn run(setup: Setup) -> Found<Action> {
    search(&ClocksModel::new(setup), &Limits::default(), &Progress::default())
}

/// The invariants that the search breaks, each with the length of its counterexample.
fn broken(found: &Found<Action>) -> Vec<(Invariant, usize)> {
    let paths = found.broken.iter().zip(INVARIANTS);
    paths.filter_map(|(path, name)| Some((*name, path.as_ref()?.len()))).collect()
}

#[test]
fn steps_of_either_clock_and_a_start_of_either_node_break_nothing_of_log_clock() {
    for steps in [false, true] {
        for (length, passes, restarts) in [(2, 1, false), (1, 1, true)] {
            let found = run(Setup::new(Choice { steps, ..LOG_CLOCK }, length, passes, restarts));
            assert!(found.finished && broken(&found).is_empty(), "{steps} {restarts}: {:?}", broken(&found));
        }
    }
}

#[test]
fn step_of_a_wall_clock_breaks_every_policy_that_judges_by_it() {
    for policy in Policy::ALL.iter().filter(|policy| **policy != Policy::LogClock) {
        let choice = Choice { policy: *policy, steps: true };
        let found = run(Setup::new(choice, 2, 1, false));
        for (index, invariant) in INVARIANTS.iter().enumerate() {
            let expected = expected::clocks(choice, *invariant) == Verdict::Violated;
            assert_eq!(found.broken[index].is_some(), expected, "{}: {invariant}", choice.name());
        }
    }
}

/// A fault, whether clocks are set, the bounds, the invariant that the fault breaks, and the steps of the counterexample.
type Case = (Fault, bool, (usize, u8, bool), Invariant, &'static [&'static str]);

#[test]
fn fault_that_the_engine_had_is_found_with_its_shortest_story() {
    let cases: [Case; 3] = [
        (
            Fault::WallClock,
            true,
            (1, 1, false),
            Invariant::Lifetime,
            &["PSETEX k 1000 1 on the master; logged as entry 1", "has its wall clock set ahead by 1 s"],
        ),
        (
            Fault::FollowerLiftsMaster,
            false,
            (1, 1, true),
            Invariant::Lifetime,
            &[
                "PSETEX k 1000 1 on the master; logged as entry 1",
                "delivers entry 1",
                "is killed, and starts again at once",
            ],
        ),
        (
            Fault::ToldTakenForHeard,
            false,
            (1, 1, true),
            Invariant::NoEarlyDeath,
            &[
                "PSETEX k 1000 1 on the master; logged as entry 1",
                "delivers entry 1",
                "is killed, and starts again at once",
                "delivers a heartbeat",
            ],
        ),
    ];
    for (fault, steps, (length, passes, restarts), invariant, told) in cases {
        let choice = Choice { steps, ..LOG_CLOCK };
        let setup = Setup { fault: Some(fault), ..Setup::new(choice, length, passes, restarts) };
        let found = run(setup.clone());
        let index = INVARIANTS.iter().position(|name| *name == invariant).expect("an invariant");
        let path = found.broken[index].as_ref().unwrap_or_else(|| panic!("{fault:?}: {:?}", broken(&found)));
        let story = ClocksModel::new(setup).story(path);
        let words: Vec<String> = story.steps.iter().map(Step::what).collect();
        assert_eq!(words, told, "{fault:?} breaks {:?}", broken(&found));
        let sound = Setup { fault: None, ..Setup::new(choice, length, passes, restarts) };
        assert!(broken(&run(sound)).is_empty(), "without {fault:?}");
    }
}

#[test]
fn search_of_clocks_agrees_with_stateright() {
    for choice in [LOG_CLOCK, Choice { policy: Policy::Absolute, steps: true }] {
        let model = || ClocksModel::new(Setup::new(choice, 1, 1, true));
        let ours = search(&model(), &Limits::default(), &Progress::default());
        let theirs = model().checker().threads(1).spawn_bfs().join();
        for (index, invariant) in INVARIANTS.iter().enumerate() {
            let discovered = theirs.discovery(invariant.name()).is_some();
            assert_eq!(ours.broken[index].is_some(), discovered, "{}: {invariant}", choice.name());
        }
        assert_eq!(ours.unique, theirs.unique_state_count(), "{}", choice.name());
    }
}

#[test]
fn stories_of_clocks_break_at_their_last_step_only() {
    for choice in Choice::all().into_iter().filter(|choice| choice.policy != Policy::LogClock) {
        let setup = Setup::new(choice, 2, 1, false);
        let found = run(setup.clone());
        for path in found.broken.iter().flatten() {
            let story = ClocksModel::new(setup.clone()).story(path);
            let (last, before) = story.steps.split_last().expect("there are steps");
            assert!(!last.broken.is_empty() && !story.conclusion.is_empty(), "{}", choice.name());
            assert!(before.iter().all(|step| step.broken.len() < INVARIANTS.len()), "{}", choice.name());
        }
    }
}

//! A node that is killed or loses power at any moment of its write path: which order of the steps is wrong, and in how many steps.

use replicheck::models::crash::{Action, Choice, CrashModel, INVARIANTS, Setup};
use replicheck::models::expected;
use replicheck::models::invariants::Invariant;
use replicheck::models::judged::Judged;
use replicheck::models::search::{Found, Limits, Progress, search};
use replicheck::models::story::Narrate;
use replicheck::models::verdict::Verdict;
use stateright::{Checker, Model};

fn run(setup: Setup) -> (CrashModel, Found<Action>) {
    let model = CrashModel::new(setup);
    let found = search(&model, &Limits::default(), &Progress::default());
    assert!(found.finished, "{}: {}", setup.choice.name(), setup.in_words());
    (model, found)
}

/// The lengths of the shortest paths that break progress, convergence, monotonic_reads, exactly_once, one_history and durability, over
/// the searches of the quick bounds; 0: it holds.
const STEPS: &[(&str, [usize; 6])] = &[
    ("fsync_always", [0, 0, 0, 0, 0, 0]),
    ("fsync_everysec", [0, 0, 0, 0, 0, 0]),
    ("fsync_no", [0, 0, 0, 0, 0, 0]),
    ("logs_commands", [0, 0, 0, 0, 0, 0]),
    ("early_reply", [0, 0, 0, 0, 0, 4]),
    ("reply_before_fsync", [0, 0, 0, 0, 0, 5]),
    ("store_first", [6, 0, 5, 0, 0, 0]),
    ("flush_first", [7, 0, 0, 0, 0, 0]),
    ("purge_first", [11, 0, 0, 0, 0, 0]),
    ("marker_later", [0, 7, 0, 7, 0, 0]),
    ("marker_first", [0, 7, 0, 0, 0, 0]),
    ("same_epoch", [0, 0, 0, 0, 10, 0]),
    ("no_new_log", [0, 7, 0, 0, 0, 0]),
];

#[test]
fn each_wrong_write_path_is_found_and_those_of_the_engine_hold() {
    let mut all = Vec::new();
    for &choice in Choice::ALL {
        let mut shortest = [0; 6];
        let mut tested = [false; 6];
        for setup in Setup::all(choice) {
            let (model, found) = run(setup);
            for (index, path) in found.broken.iter().enumerate() {
                let length = path.as_ref().map_or(0, Vec::len);
                if length > 0 && (shortest[index] == 0 || length < shortest[index]) {
                    shortest[index] = length;
                }
                tested[index] |= model.witnesses().has(index);
            }
        }
        for (index, &invariant) in INVARIANTS.iter().enumerate() {
            let is_expected = expected::crash(choice, invariant) == Some(Verdict::Violated);
            let name = format!("{}: {invariant}: {shortest:?}", choice.name());
            assert_eq!(shortest[index] > 0, is_expected, "{name}");
            assert!(tested[index] || is_expected, "{name}: it was not put to the test");
        }
        all.push((choice.name(), shortest));
    }
    assert_eq!(all, STEPS);
}

/// The steps of the shortest story that the search of this setup finds, and its conclusion.
fn told(setup: Setup, invariant: Invariant) -> (Vec<String>, String) {
    let (model, found) = run(setup);
    let index = INVARIANTS.iter().position(|name| *name == invariant).expect("an invariant");
    let story = model.story(found.broken[index].as_ref().expect("it is broken"));
    (story.in_words(), story.conclusion.to_string())
}

#[test]
fn reply_before_the_append_is_worth_nothing_after_a_kill() {
    let (steps, _) = told(Setup::of_master(Choice::EarlyReply), Invariant::Durability);
    assert_eq!(
        steps,
        [
            "client: SET a 1 on the master; logged as entry 1",
            "master: tells its clients that entry 1 is done",
            "master: is killed",
            "master: starts with marker 0 and a log through 0, in epoch 3-00000003",
        ]
    );
}

#[test]
fn command_whose_marker_is_a_batch_of_its_own_runs_twice_after_a_kill() {
    let (_, conclusion) = told(Setup::of_master(Choice::MarkerLater), Invariant::ExactlyOnce);
    assert!(conclusion.contains("with each entry applied once it would hold a = \"1\""), "{conclusion}");
}

#[test]
fn search_of_the_crash_agrees_with_stateright() {
    for &choice in Choice::ALL {
        let setup = Setup::of_master(choice);
        let (_, ours) = run(setup);
        let theirs = CrashModel::new(setup).checker().threads(1).spawn_bfs().join();
        for (index, invariant) in INVARIANTS.iter().enumerate() {
            let discovered = theirs.discovery(invariant.name()).is_some();
            assert_eq!(ours.broken[index].is_some(), discovered, "{}: {invariant}", choice.name());
        }
        assert_eq!(ours.unique, theirs.unique_state_count(), "{}", choice.name());
    }
}

#[test]
fn stories_of_the_crash_break_at_their_last_step_only() {
    for &choice in Choice::ALL {
        for setup in Setup::all(choice) {
            let (model, found) = run(setup);
            for (invariant, path) in INVARIANTS.iter().zip(&found.broken) {
                let Some(path) = path else { continue };
                let story = model.story(path);
                let (last, before) = story.steps.split_last().expect("there are steps");
                assert!(last.broken.contains(invariant) && !story.conclusion.is_empty(), "{}", choice.name());
                assert!(before.iter().all(|step| !step.broken.contains(invariant)), "{}", choice.name());
            }
        }
    }
}

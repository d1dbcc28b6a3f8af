//! Two nodes whose folders are copied and restored: which comparison takes two histories for one, and which follower is
//! refused.

use replicheck::models::expected;
use replicheck::models::handshake::{
    Action, Choice, Compares, EVERYTHING, Epochs, Fault, HandshakeModel, INVARIANTS, SCENARIOS, Scenario,
    Setup,
};
use replicheck::models::invariants::Invariant;
use replicheck::models::judged::Judged;
use replicheck::models::search::{Found, Limits, Progress, search};
use replicheck::models::story::Narrate;
use replicheck::models::verdict::Verdict;
use stateright::{Checker, Model};

const NUMBERS: Choice = Choice { epochs: Epochs::One, compares: Compares::Nothing };
const CLEAN_STARTS: Choice = Choice { epochs: Epochs::UncleanStarts, compares: Compares::Nothing };
const EPOCHS: Choice = Choice { epochs: Epochs::Starts, compares: Compares::Nothing };
const CHECKSUM: Choice = Choice { compares: Compares::LastEntry, ..EPOCHS };
const CHAIN: Choice = Choice { compares: Compares::EntriesOfEpoch, ..EPOCHS };

fn scenario(name: &str) -> Scenario {
    *SCENARIOS.iter().find(|scenario| scenario.name == name).expect("a scenario")
}

fn run(setup: Setup) -> (HandshakeModel, Found<Action>) {
    let model = HandshakeModel::new(setup);
    let found = search(&model, &Limits::default(), &Progress::default());
    assert!(found.finished, "{}", setup.in_words());
    (model, found)
}

/// The length of the shortest path that breaks *convergence* in each scenario, in the order of [`SCENARIOS`]; 0: it holds.
const CONVERGENCE: &[(&str, [usize; 7])] = &[
    ("numbers", [0, 5, 6, 5, 5, 6, 5]),
    ("clean_starts", [0, 0, 6, 6, 7, 6, 0]),
    ("clean_starts+checksum", [0, 0, 9, 8, 9, 9, 0]),
    ("epochs", [0, 0, 0, 0, 0, 6, 0]),
    ("epochs+checksum", [0, 0, 0, 0, 0, 9, 0]),
    ("epochs+chain", [0, 0, 0, 0, 0, 0, 0]),
];

#[test]
fn each_accident_is_told_apart_by_the_choices_of_the_table_and_no_follower_is_refused_for_nothing() {
    for (choice, (name, steps)) in Choice::all().into_iter().zip(CONVERGENCE) {
        assert_eq!(choice.name(), *name);
        for (scenario, steps) in SCENARIOS.iter().zip(steps) {
            let words = format!("{name} / {}", scenario.name);
            let (model, found) = run(Setup::new(choice, *scenario));
            let broken: Vec<usize> =
                found.broken.iter().map(|path| path.as_ref().map_or(0, Vec::len)).collect();
            assert_eq!(broken, [*steps, 0], "{words}");
            let expected = expected::handshake(choice, Some(scenario), INVARIANTS[0]);
            assert_eq!(expected == Verdict::Violated, *steps > 0, "{words}");
            // Two logs parted and met where the scenario allows it; and a replica with entries resumed after a start.
            let tested = [0, 1].map(|index| model.witnesses().has(index));
            assert_eq!(tested, [scenario.may_part(), true], "{words}");
        }
    }
}

#[test]
fn all_accidents_together_break_what_one_alone_breaks() {
    for choice in [NUMBERS, CLEAN_STARTS, EPOCHS, CHECKSUM, CHAIN] {
        let (_, found) = run(Setup::new(choice, EVERYTHING));
        // Three writes are too few for two histories with equal last entries.
        let is_parted = choice.compares == Compares::Nothing;
        let broken: Vec<bool> = found.broken.iter().map(Option::is_some).collect();
        assert_eq!(broken, [is_parted, false], "{}", choice.name());
    }
}

/// With checksums over all entries, epochs are not needed to tell histories apart, unless two checksums are equal by chance.
#[test]
fn checksum_over_all_entries_needs_no_epochs() {
    for epochs in [Epochs::One, Epochs::UncleanStarts] {
        for scenario in SCENARIOS {
            let choice = Choice { epochs, compares: Compares::EntriesOfEpoch };
            let (_, found) = run(Setup::new(choice, *scenario));
            assert!(found.broken.iter().all(Option::is_none), "{epochs:?}: {}", scenario.name);
        }
    }
}

fn told(setup: Setup, invariant: Invariant) -> (Vec<String>, String) {
    let (model, found) = run(setup);
    let index = INVARIANTS.iter().position(|name| *name == invariant).expect("an invariant");
    let path = found.broken[index].as_ref().expect("it is broken");
    let story = model.story(path);
    (story.in_words(), story.conclusion.to_string())
}

#[test]
fn master_that_was_restored_from_a_backup_is_found_with_its_story() {
    let (steps, conclusion) = told(Setup::new(CLEAN_STARTS, scenario("restore")), Invariant::Convergence);
    assert_eq!(
        steps,
        [
            "node A: runs, and its folder is copied",
            "client: SET x 1 on node A; logged as entry 1 of epoch 1-00000001, at 0 ms",
            "node B: receives entry 1",
            "node A: is stopped, is given the copy of its folder, and starts as master in the old epoch 1-00000001",
            "client: SET y 1 on node A; logged as entry 1 of epoch 1-00000001, at 0 ms",
            "node B: connects, has entry 1 last, and resumes from 2",
        ]
    );
    let parted = "its entry 1 is SET x 1 of epoch 1-00000001 at 0 ms, the master's is SET y 1 of epoch 1-00000001 at 0 ms.";
    assert!(conclusion.ends_with(parted), "{conclusion}");
}

/// A checksum of the last entry covers that entry, and not the entries before it.
#[test]
fn two_histories_that_end_in_the_same_bytes_are_taken_for_one_by_the_checksum_of_the_last_entry() {
    let (steps, conclusion) = told(Setup::new(CHECKSUM, scenario("revert")), Invariant::Convergence);
    assert_eq!(steps.len(), 9, "{steps:?}");
    assert!(conclusion.ends_with("Their entries 2 are equal byte for byte."), "{conclusion}");
    let one_write_less = Scenario { writes_max: 3, ..scenario("revert") };
    let (_, found) = run(Setup::new(CHECKSUM, one_write_less));
    assert!(found.broken.iter().all(Option::is_none), "each history needs two writes");
}

#[test]
fn master_that_forgets_its_epochs_refuses_a_follower_for_nothing() {
    let sound = Setup::new(EPOCHS, scenario("restart"));
    let (steps, conclusion) = told(Setup { fault: Some(Fault::ForgetsEpochs), ..sound }, Invariant::Resume);
    let last = steps.last().expect("there are steps");
    assert!(last.contains("is refused: NOSYNC") && conclusion.starts_with("Broken: resume."), "{steps:?}");
    let (_, found) = run(sound);
    assert!(found.broken.iter().all(Option::is_none));
}

#[test]
fn search_of_the_handshake_agrees_with_stateright() {
    for choice in [NUMBERS, CLEAN_STARTS, CHECKSUM] {
        for scenario in ["kill", "restore", "revert"].map(scenario) {
            let setup = Setup::new(choice, scenario);
            let (_, ours) = run(setup);
            let theirs = HandshakeModel::new(setup).checker().threads(1).spawn_bfs().join();
            for (index, invariant) in INVARIANTS.iter().enumerate() {
                let discovered = theirs.discovery(invariant.name()).is_some();
                assert_eq!(ours.broken[index].is_some(), discovered, "{}: {invariant}", choice.name());
            }
            assert_eq!(ours.unique, theirs.unique_state_count(), "{}", choice.name());
        }
    }
}

#[test]
fn stories_of_the_handshake_break_at_their_last_step_only() {
    for choice in [NUMBERS, CLEAN_STARTS, EPOCHS, CHECKSUM] {
        for scenario in SCENARIOS {
            let (model, found) = run(Setup::new(choice, *scenario));
            for path in found.broken.iter().flatten() {
                let story = model.story(path);
                let (last, before) = story.steps.split_last().expect("there are steps");
                assert!(!last.broken.is_empty() && !story.conclusion.is_empty(), "{}", choice.name());
                assert!(before.iter().all(|step| step.broken.is_empty()), "{}", choice.name());
                assert!(story.keys.iter().all(|row| !row.key.is_empty()) && !story.keys.is_empty());
            }
        }
    }
}

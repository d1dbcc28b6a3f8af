//! A session between a master and a replica over a network that fails: which way to run it is wrong, and in how many steps.

use replicheck::models::expected;
use replicheck::models::judged::Judged;
use replicheck::models::replication::{
    Action, Choice, Fault, INVARIANTS, ReplicationModel, Setup, Side, State,
};
use replicheck::models::search::{Found, Limits, Progress, search};
use replicheck::models::story::Narrate;
use replicheck::models::verdict::Verdict;
use stateright::{Checker, Model};

/// The bounds of most tests here: smaller than the quick ones.
fn setup(choice: Choice) -> Setup {
    Setup { choice, writes_max: 2, faults_max: 1, kills_max: 1 }
}

fn run(setup: Setup) -> (ReplicationModel, Found<Action>) {
    let model = ReplicationModel::new(setup);
    let found = search(&model, &Limits::default(), &Progress::default());
    assert!(found.finished, "{}: {}", setup.choice.name(), setup.in_words());
    (model, found)
}

/// The lengths of the shortest paths that break convergence, resume, durability and progress; 0: it holds.
const STEPS: &[(&str, [usize; 4])] = &[
    ("checked", [0, 0, 0, 0]),
    ("by_maximum", [8, 0, 11, 5]),
    ("received_is_durable", [0, 0, 7, 0]),
    ("keeps_window", [0, 0, 0, 8]),
    ("from_table", [0, 0, 0, 8]),
    ("waits_for_ever", [0, 0, 0, 5]),
    ("old_epoch", [0, 0, 0, 0]),
    ("numbers_only", [9, 0, 12, 0]),
];

#[test]
fn each_wrong_session_is_found_and_the_engines_holds() {
    let mut found = Vec::new();
    for &choice in Choice::ALL {
        let (model, of_choice) = run(setup(choice));
        let steps: Vec<usize> =
            of_choice.broken.iter().map(|path| path.as_ref().map_or(0, Vec::len)).collect();
        for (index, &invariant) in INVARIANTS.iter().enumerate() {
            let expected = expected::replication(choice, invariant);
            let is_expected = (expected == Some(Verdict::Violated)) == (steps[index] > 0);
            assert!(is_expected, "{}: {invariant}: {steps:?}", choice.name());
            let is_tested = model.witnesses().has(index) || steps[index] > 0;
            assert!(is_tested, "{}: {}", choice.name(), model.sometimes()[index]);
        }
        found.push((choice.name(), steps));
    }
    let pinned: Vec<(&str, Vec<usize>)> = STEPS.iter().map(|(name, steps)| (*name, steps.to_vec())).collect();
    assert_eq!(found, pinned);
}

#[test]
fn search_of_the_session_agrees_with_stateright() {
    for &choice in Choice::ALL {
        let small = Setup { choice, writes_max: 1, ..setup(choice) };
        let (_, ours) = run(small);
        let theirs = ReplicationModel::new(small).checker().threads(1).spawn_bfs().join();
        for (index, invariant) in INVARIANTS.iter().enumerate() {
            let discovered = theirs.discovery(invariant.name()).is_some();
            assert_eq!(ours.broken[index].is_some(), discovered, "{}: {invariant}", choice.name());
        }
        assert_eq!(ours.unique, theirs.unique_state_count(), "{}", choice.name());
    }
}

#[test]
fn stories_of_the_session_break_at_their_last_step_only() {
    for &choice in Choice::ALL {
        let (model, found) = run(setup(choice));
        for (invariant, path) in INVARIANTS.iter().zip(&found.broken) {
            let Some(path) = path else { continue };
            let story = model.story(path);
            let (last, before) = story.steps.split_last().expect("there are steps");
            assert!(last.broken.contains(invariant) && !story.conclusion.is_empty(), "{}", choice.name());
            assert!(before.iter().all(|step| !step.broken.contains(invariant)), "{}", choice.name());
        }
    }
}

/// The catalogue's R95.
#[test]
fn acks_kept_over_a_reconnect_are_never_reached_again_after_a_kill() {
    let (model, found) = run(setup(Choice::KeepsWindow));
    let story = model.story(found.broken[3].as_ref().expect("it breaks progress"));
    assert_eq!(
        story.in_words()[5..],
        [
            "replica: acknowledges: received 1, durable 0, applied 0",
            "master: is told: received 1, durable 0, applied 0",
            "replica: is killed, and starts again with a log through entry 0",
        ]
    );
}

/// The state after these actions, each of which must be possible.
fn walk(model: &ReplicationModel, actions: &[Action]) -> State {
    actions.iter().fold(model.init_states()[0], |state, &action| {
        let mut possible = Vec::new();
        model.actions(&state, &mut possible);
        assert!(possible.contains(&action), "{action:?} of {possible:?}");
        model.next_state(&state, action).expect("it is possible")
    })
}

/// The fault that this model found in the engine: a damaged length, and a link that looked alive.
#[test]
fn entry_whose_length_is_damaged_is_given_up() {
    use Action::{Arrive, Connect, Fail, GiveUp, Send, Write};
    let to_replica = Arrive(Side::Replica);
    let lengthened = Fail(Side::Replica, Fault::Lengthened);
    let path = [Write, Connect, to_replica, Send, lengthened, to_replica];
    let model = ReplicationModel::new(setup(Choice::Checked));
    let stuck = walk(&model, &path);
    assert!(stuck.session.is_some(), "what has arrived may be a part of a long entry");
    let left = walk(&model, &[&path[..], &[GiveUp]].concat());
    assert_eq!((left.session, left.broken), (None, stuck.broken));
    let waiting = ReplicationModel::new(setup(Choice::WaitsForEver));
    assert!(walk(&waiting, &path).broken.has(3));
}

//! A copy of a master's store against live writes: which way to take, send and switch to it is wrong, and in how many steps.

use replicheck::models::expected;
use replicheck::models::full_sync::{Action, Choice, FullSyncModel, INVARIANTS, Link, Setup, State};
use replicheck::models::invariants::Invariant;
use replicheck::models::judged::Judged;
use replicheck::models::search::{Found, Limits, Progress, search};
use replicheck::models::story::Narrate;
use replicheck::models::verdict::Verdict;
use stateright::{Checker, Model};

/// The bounds of most tests here: smaller than the quick ones.
fn setups(choice: Choice) -> [Setup; 2] {
    [Setup::of_writes(choice, 2, 1, 1), Setup::of_time(choice, 2, 1, 0)]
}

fn run(setup: Setup) -> (FullSyncModel, Found<Action>) {
    let model = FullSyncModel::new(setup);
    let found = search(&model, &Limits::default(), &Progress::default());
    assert!(found.finished, "{}: {}", setup.choice.name(), setup.in_words());
    (model, found)
}

/// The lengths of the shortest paths that break progress, convergence, resume and past_read; 0: it holds. First with writes, then
/// with time.
const STEPS: &[(&str, [[usize; 4]; 2])] = &[
    ("pinned", [[0, 0, 0, 0], [0, 0, 0, 0]]),
    ("unpinned", [[0, 0, 0, 8], [0, 0, 0, 10]]),
    ("late_head", [[0, 8, 0, 12], [0, 9, 0, 12]]),
    ("no_time", [[0, 0, 0, 0], [0, 0, 0, 11]]),
    ("no_end", [[0, 6, 0, 6], [0, 0, 0, 0]]),
    ("interleaved", [[0, 10, 0, 10], [0, 10, 0, 12]]),
    ("in_place", [[0, 0, 0, 4], [0, 0, 0, 4]]),
    ("log_not_kept", [[0, 0, 10, 0], [0, 0, 11, 0]]),
    ("old_history", [[7, 0, 8, 0], [8, 0, 9, 0]]),
    ("by_hand", [[1, 0, 0, 0], [1, 0, 0, 0]]),
];

#[test]
fn each_wrong_copy_is_found_and_the_engines_holds() {
    let mut found = Vec::new();
    for &choice in Choice::ALL {
        let steps = setups(choice).map(|setup| {
            let (_, found) = run(setup);
            found.broken.iter().map(|path| path.as_ref().map_or(0, Vec::len)).collect::<Vec<usize>>()
        });
        for (index, &invariant) in INVARIANTS.iter().enumerate() {
            let is_broken = steps.iter().any(|steps| steps[index] > 0);
            let expected = expected::full_sync(choice, invariant);
            assert_eq!(
                is_broken,
                expected == Some(Verdict::Violated),
                "{}: {invariant}: {steps:?}",
                choice.name()
            );
        }
        found.push((choice.name(), steps));
    }
    let pinned: Vec<(&str, [Vec<usize>; 2])> =
        STEPS.iter().map(|(name, steps)| (*name, steps.map(Vec::from))).collect();
    assert_eq!(found, pinned);
}

#[test]
fn pinned_copy_is_put_to_every_test() {
    let (model, _) = run(setups(Choice::Pinned)[0]);
    for (index, invariant) in INVARIANTS.iter().enumerate() {
        assert!(model.witnesses().has(index), "{invariant}: {}", model.sometimes()[index]);
    }
}

/// The steps of the shortest story that the search of this setup finds, and its conclusion.
fn told(setup: Setup, invariant: Invariant) -> (Vec<String>, String) {
    let (model, found) = run(setup);
    let index = INVARIANTS.iter().position(|name| *name == invariant).expect("an invariant");
    let story = model.story(found.broken[index].as_ref().expect("it is broken"));
    (story.in_words(), story.conclusion.to_string())
}

#[test]
fn entries_between_snapshot_and_head_are_lost_with_a_late_head() {
    let only_sets = Setup { alphabet: &["SET b 2"], ..setups(Choice::LateHead)[0] };
    let (steps, conclusion) = told(only_sets, Invariant::Convergence);
    assert_eq!(
        steps,
        [
            "replica: connects, has entry 2 last, and is refused: FULLSYNC replica's log, through lsn 2, has no entry of this \
             master's history",
            "replica: asks for the whole store; the master keeps its log from now on",
            "master: takes a snapshot of the state after entry 2",
            "client: SET b 2 on the master; logged as entry 3",
            "replica: receives the head of a copy of the state after entry 3",
            "replica: receives the record of a",
            "replica: receives the record of b",
            "replica: receives the end of the copy, and stores it",
            "replica: makes the copy current, and starts again on the state after entry 3",
        ]
    );
    assert!(conclusion.starts_with("Broken: convergence. All through entry 3 is applied"), "{conclusion}");
}

/// The catalogue's R62.
#[test]
fn copy_that_was_cut_short_and_taken_for_complete_opens_an_empty_store() {
    let (steps, conclusion) = told(setups(Choice::NoEnd)[0], Invariant::Convergence);
    assert_eq!(steps[4], "replica: loses its connection, and takes what has arrived for the whole store");
    assert!(conclusion.ends_with("A reader of the replica sees no key."), "{conclusion}");
}

/// The catalogue's R10.
#[test]
fn flushall_during_the_copy_is_undone_by_records_that_come_after_it() {
    let only_flushall = Setup { alphabet: &["FLUSHALL"], writes_max: 1, ..setups(Choice::Interleaved)[0] };
    let (_, conclusion) = told(only_flushall, Invariant::Convergence);
    assert!(conclusion.ends_with("A reader of the replica sees b = \"1\"."), "{conclusion}");
    let (_, found) = run(Setup { choice: Choice::Pinned, ..only_flushall });
    assert!(found.broken.iter().all(Option::is_none));
}

/// The state after these actions, each of which must be possible.
fn walk(model: &FullSyncModel, from: State, actions: &[Action]) -> State {
    actions.iter().fold(from, |state, &action| {
        let mut possible = Vec::new();
        model.actions(&state, &mut possible);
        assert!(possible.contains(&action), "{action:?} of {possible:?}");
        model.next_state(&state, action).expect("it is possible")
    })
}

#[test]
fn replica_whose_entries_are_purged_after_its_copy_gets_a_second_copy() {
    use Action::{Arrive, Ask, Connect, Deliver, Late, Purge, Snapshot, Switch, Write};
    let model = FullSyncModel::new(setups(Choice::Pinned)[0]);
    let copy = [Connect, Ask, Snapshot, Arrive, Arrive, Arrive, Arrive, Switch];
    let copied = walk(&model, model.init_states()[0], &copy);
    let late = walk(&model, copied, &[Late, Write(0), Purge, Connect]);
    assert_eq!(late.link, Link::Refused);
    let again = walk(&model, walk(&model, late, &copy[1..]), &[Write(1), Connect, Deliver]);
    assert_eq!(again.link, Link::Up);
    // While the log is kept, a purge leaves what the replica needs.
    let kept = walk(&model, copied, &[Purge, Write(0), Connect, Deliver]);
    assert_eq!(kept.link, Link::Up);
}

#[test]
fn search_of_the_full_sync_agrees_with_stateright() {
    for &choice in Choice::ALL {
        for setup in setups(choice) {
            let (_, ours) = run(setup);
            let theirs = FullSyncModel::new(setup).checker().threads(1).spawn_bfs().join();
            for (index, invariant) in INVARIANTS.iter().enumerate() {
                let discovered = theirs.discovery(invariant.name()).is_some();
                assert_eq!(ours.broken[index].is_some(), discovered, "{}: {invariant}", choice.name());
            }
            assert_eq!(ours.unique, theirs.unique_state_count(), "{}", choice.name());
        }
    }
}

#[test]
fn stories_of_the_full_sync_break_at_their_last_step_only() {
    for &choice in Choice::ALL {
        for setup in setups(choice) {
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

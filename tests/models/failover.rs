//! Three nodes, two promotions: which acknowledgement is worth what, and in how many steps it is not.

use replicheck::binlog::Lsn;
use replicheck::models::expected;
use replicheck::models::failover::{
    Action, Choice, EVERYTHING, FailoverModel, INVARIANTS, Node, SCENARIOS, Scenario, Setup,
};
use replicheck::models::invariants::Invariant;
use replicheck::models::judged::Judged;
use replicheck::models::search::{Found, Limits, Progress, search};
use replicheck::models::story::Narrate;
use replicheck::models::verdict::Verdict;
use replicheck::replication::Ack;
use stateright::{Checker, Model};

/// Smaller than any of the quick bounds.
const SMALL: Scenario = Scenario { promotions_max: 1, ..EVERYTHING };

fn run(setup: Setup) -> (FailoverModel, Found<Action>) {
    let model = FailoverModel::new(setup);
    let found = search(&model, &Limits::default(), &Progress::default());
    assert!(found.finished, "{}: {}", setup.choice.name(), setup.in_words());
    (model, found)
}

/// The lengths of the shortest paths that break durability in each scenario; 0: it holds.
const STEPS: &[(&str, [usize; 4])] = &[
    ("asynchronous", [3, 3, 3, 3]),
    ("coordinated", [0, 4, 0, 4]),
    ("durable_master", [4, 4, 4, 4]),
    ("wait_connected", [4, 4, 4, 4]),
    ("wait_one", [4, 4, 4, 4]),
    ("wait_one_furthest", [4, 4, 4, 4]),
    ("wait_one_newest", [0, 9, 5, 6]),
    ("wait_one_quorum", [0, 0, 5, 6]),
    ("wait_all", [0, 0, 6, 7]),
    ("waitaof_one_quorum", [0, 0, 0, 0]),
    ("waitaof_all", [0, 0, 0, 0]),
    ("early_ack", [0, 6, 6, 7]),
    ("emptied_first", [12, 12, 12, 12]),
    ("same_epoch", [0, 0, 0, 0]),
    ("same_epoch_unchecked", [11, 11, 11, 11]),
    ("new_history", [0, 0, 0, 0]),
    ("no_copy", [0, 0, 0, 0]),
];

/// The lengths of the shortest paths that break progress, convergence and resume with promotions alone.
const OTHERS: &[(&str, [usize; 3])] =
    &[("same_epoch_unchecked", [0, 5, 0]), ("new_history", [0, 0, 5]), ("no_copy", [3, 0, 0])];

#[test]
fn each_acknowledgement_is_worth_what_the_table_says() {
    let (mut steps, mut others) = (Vec::new(), Vec::new());
    for &choice in Choice::ALL {
        let mut lost = [0; 4];
        for (lost, scenario) in lost.iter_mut().zip(SCENARIOS) {
            let setup = Setup { choice, scenario: *scenario };
            let (model, found) = run(setup);
            let lengths: Vec<usize> =
                found.broken.iter().map(|path| path.as_ref().map_or(0, Vec::len)).collect();
            for (index, &invariant) in INVARIANTS.iter().enumerate() {
                let is_expected = expected::failover(choice, Some(scenario), invariant) == Verdict::Violated;
                let name = format!("{}, {}: {invariant}: {lengths:?}", choice.name(), setup.scenario.name);
                assert_eq!(lengths[index] > 0, is_expected, "{name}");
                assert!(is_expected || model.witnesses().has(index), "{name}: {}", model.sometimes()[index]);
            }
            *lost = lengths[3];
            if scenario == &SCENARIOS[0] && lengths[..3] != [0; 3] {
                others.push((choice.name(), [lengths[0], lengths[1], lengths[2]]));
            }
        }
        steps.push((choice.name(), lost));
    }
    assert_eq!(steps, STEPS);
    assert_eq!(others, OTHERS);
}

/// The steps of the shortest story that the search of this setup finds, and its conclusion.
fn told(choice: Choice, scenario: &Scenario, invariant: Invariant) -> (Vec<String>, String) {
    let (model, found) = run(Setup { choice, scenario: *scenario });
    let index = INVARIANTS.iter().position(|name| *name == invariant).expect("an invariant");
    let story = model.story(found.broken[index].as_ref().expect("it is broken"));
    (story.in_words(), story.conclusion.to_string())
}

#[test]
fn write_that_only_its_master_has_is_lost_with_the_promotion_of_a_replica() {
    let (steps, conclusion) = told(Choice::Asynchronous, &SCENARIOS[0], Invariant::Durability);
    assert_eq!(
        steps,
        [
            "client: SET a 1 on node A; logged as entry 1 of epoch 1-00000001, at 0 ms",
            "node A: tells its client that SET a 1 is done",
            "node B: is promoted with an empty log, in the new epoch 1-00000002",
        ]
    );
    assert_eq!(
        conclusion,
        "Broken: durability. SET a 1 was acknowledged, and node B, which was promoted last, has no such entry; only node A has \
         it."
    );
}

#[test]
fn write_on_a_master_that_was_killed_during_its_handover_is_lost() {
    let (steps, _) = told(Choice::Coordinated, &SCENARIOS[1], Invariant::Durability);
    assert_eq!(
        steps,
        [
            "node B: is promoted with an empty log, in the new epoch 1-00000002; writes on node A wait",
            "node A: is killed and starts again as master in the new epoch 2-00000003",
            "client: SET a 1 on node A; logged as entry 1 of epoch 2-00000003, at 0 ms",
            "node A: tells its client that SET a 1 is done",
        ]
    );
}

#[test]
fn write_that_all_nodes_had_is_lost_with_the_power_of_a_master_that_comes_back() {
    let (steps, _) = told(Choice::WaitAll, &SCENARIOS[3], Invariant::Durability);
    assert_eq!(
        steps[4..],
        [
            "node A: loses power with entry 1, and starts again as master in the new epoch 2-00000002",
            "node B: connects, has entry 1 last, is refused (NOSYNC replica's log, through lsn 1, has no entry of this master's \
             history), and gets a copy of the empty store",
            "node B: is promoted with an empty log, in the new epoch 1-00000003",
        ]
    );
}

/// The catalogue's R103.
#[test]
fn emptied_replica_that_is_promoted_loses_what_all_nodes_had_on_their_disks() {
    let (steps, conclusion) = told(Choice::EmptiedFirst, &SCENARIOS[0], Invariant::Durability);
    assert!(steps.iter().any(|step| step.ends_with("and empties its log")), "{steps:?}");
    let lost = "SET a 1 was acknowledged, and node A, which was promoted last, has no such entry; node B and node C have it.";
    assert_eq!(conclusion, format!("Broken: durability. {lost}"));
}

#[test]
fn ack_counts_what_is_received_or_what_is_durable() {
    let ack = Ack { received: Lsn(3), durable: Lsn(2), applied: Lsn(3) };
    let counts = |target: u64| [false, true].map(|durable| ack.counts(Lsn(target), durable));
    assert_eq!([2, 3, 4].map(counts), [[true, true], [true, false], [false, false]]);
}

#[test]
fn promotion_of_two_of_three_nodes_needs_followers_that_were_accepted() {
    use Action::{Connect, Follow, Promote};
    let model = FailoverModel::new(Setup { choice: Choice::WaitOneQuorum, scenario: SCENARIOS[0] });
    let possible = |state| {
        let mut actions = Vec::new();
        model.actions(&state, &mut actions);
        actions
    };
    let step = |state, action| {
        assert!(possible(state).contains(&action), "{action:?} of {:?}", possible(state));
        model.next_state(&state, action).expect("it is possible")
    };
    // C is told to follow B in the same step. A, too, has to be its follower before anyone else is promoted.
    let promoted = step(model.init_states()[0], Promote(Node::B));
    let connected = step(promoted, Connect(Node::C));
    assert!(!possible(connected).contains(&Promote(Node::C)));
    let told = step(connected, Follow(Node::A));
    assert!(!possible(told).contains(&Promote(Node::C)));
    let accepted = step(told, Connect(Node::A));
    assert!(possible(accepted).contains(&Promote(Node::C)) && possible(accepted).contains(&Promote(Node::A)));
}

#[test]
fn search_of_the_failover_agrees_with_stateright() {
    for &choice in Choice::ALL {
        let setup = Setup { choice, scenario: SMALL };
        let (_, ours) = run(setup);
        let theirs = FailoverModel::new(setup).checker().threads(1).spawn_bfs().join();
        for (index, invariant) in INVARIANTS.iter().enumerate() {
            let discovered = theirs.discovery(invariant.name()).is_some();
            assert_eq!(ours.broken[index].is_some(), discovered, "{}: {invariant}", choice.name());
        }
        assert_eq!(ours.unique, theirs.unique_state_count(), "{}", choice.name());
    }
}

#[test]
fn stories_of_the_failover_break_at_their_last_step_only() {
    for &choice in Choice::ALL {
        let (model, found) = run(Setup { choice, scenario: SCENARIOS[0] });
        for (invariant, path) in INVARIANTS.iter().zip(&found.broken) {
            let Some(path) = path else { continue };
            let story = model.story(path);
            let (last, before) = story.steps.split_last().expect("there are steps");
            assert!(last.broken.contains(invariant) && !story.conclusion.is_empty(), "{}", choice.name());
            assert!(before.iter().all(|step| !step.broken.contains(invariant)), "{}", choice.name());
        }
    }
}

//! The model of the handshake against its plain search: verdicts, and the lengths of the shortest counterexamples.

use replicheck::models::handshake::{
    Choice, Compares, EVERYTHING, Epochs, Event, Fault, HandshakeModel, INVARIANTS, SCENARIOS, Scenario,
    Setup,
};
use replicheck::models::invariants::Invariant;
use replicheck::models::oracle::handshake::{May, Question, shortest};
use replicheck::models::search::{Limits, Progress, search};
use std::collections::BTreeMap;

/// The most writes in both searches: the plain search stores every state whole.
const WRITES_MAX: u8 = 4;

fn question(choice: Choice, scenario: &Scenario) -> Question {
    let may = |event: Event| scenario.may.contains(&event);
    Question {
        epochs: choice.epochs != Epochs::One,
        clean_starts_go_on: choice.epochs == Epochs::UncleanStarts,
        checksum: choice.compares != Compares::Nothing,
        chained: choice.compares == Compares::EntriesOfEpoch,
        may: May {
            cut: may(Event::Cut),
            kill: may(Event::Kill),
            restore: may(Event::Restore),
            clone: may(Event::Clone),
            removal: may(Event::Removal),
            revert: may(Event::Revert),
            promotion: may(Event::Promotion),
        },
        writes_max: scenario.writes_max,
        starts_max: scenario.starts_max,
    }
}

fn fast(setup: Setup) -> BTreeMap<Invariant, usize> {
    let found = search(&HandshakeModel::new(setup), &Limits::default(), &Progress::default());
    assert!(found.finished);
    let paths = INVARIANTS.iter().zip(&found.broken);
    paths.filter_map(|(name, path)| Some((*name, path.as_ref()?.len()))).collect()
}

/// Scenarios of a size that the plain search finishes in seconds; larger ones get fewer writes and starts.
fn cases() -> Vec<Scenario> {
    let smaller = |scenario: &Scenario| match scenario.name {
        "clone" => Scenario { writes_max: 3, ..*scenario },
        "node_file_removed" => Scenario { writes_max: WRITES_MAX, ..*scenario },
        "everything" => Scenario { writes_max: 2, ..*scenario },
        _ => *scenario,
    };
    SCENARIOS.iter().chain([&EVERYTHING]).map(smaller).collect()
}

#[test]
fn handshake_agrees_with_the_plain_search_scenario_by_scenario() {
    let all = std::env::var("REPLICHECK_ORACLE").is_ok_and(|what| what == "all");
    let cases = if all { SCENARIOS.iter().chain([&EVERYTHING]).copied().collect() } else { cases() };
    let (mut states, mut broken) = (0, 0);
    for scenario in &cases {
        for choice in Choice::all() {
            let plain = shortest(&question(choice, scenario));
            let fast = fast(Setup::new(choice, *scenario));
            assert_eq!(fast, plain.broken, "{} / {}", choice.name(), scenario.name);
            (states, broken) = (states + plain.states, broken + plain.broken.len());
        }
    }
    println!("handshake: {} choices x scenarios, {states} plain states, {broken} broken", cases.len() * 6);
    assert!(broken >= 10, "{broken}");
}

#[test]
fn plain_search_differs_from_the_handshake_with_a_fault() {
    let scenario = &SCENARIOS[0];
    let choice = Choice { epochs: Epochs::Starts, compares: Compares::Nothing };
    let plain = shortest(&question(choice, scenario));
    assert_eq!(fast(Setup::new(choice, *scenario)), plain.broken);
    let faulty = fast(Setup { fault: Some(Fault::ForgetsEpochs), ..Setup::new(choice, *scenario) });
    assert!(faulty != plain.broken && plain.broken.is_empty(), "{faulty:?}");
}

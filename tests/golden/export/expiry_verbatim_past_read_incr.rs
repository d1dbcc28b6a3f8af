//! expiry / verbatim breaks past_read in 5 steps.
//! Written by replicheck: put it into the folder `tests` of a package that depends on replicheck.

use replicheck::models::experiment::{Clocks, Experiment, Passing, judges};
use replicheck::models::expiry::Action;
use replicheck::models::invariants::Invariant;
use replicheck::models::path;
use replicheck::time::Millis;

#[test]
fn verbatim_shortest_path_breaks_past_read() {
    let clocks = Clocks {
        start: Millis(1000000457),
        passing: Passing::Instants,
        tick_ms: 5001,
        passes_max: 2,
        delay_ticks_max: 3,
        skews_ms: vec![0],
        log_clock_limit_ticks: None,
        link_down: false,
        apart: false,
    };
    let program = ["SETEX k 10 100", "INCR k"];
    let policy = "verbatim";
    let experiment = Experiment::expiry(policy, &program, clocks).expect("known names");
    let model = experiment.expiry_model(judges(Invariant::PastRead)).expect("a policy");
    let path = [
        // client: SETEX k 10 100 on the master; logged: entry 1: SETEX k 10 100
        Action::Command(0),
        // client: INCR k on the master; logged: entry 2: INCR k
        Action::Command(1),
        // link: delivers entry 1: SETEX k 10 100, at once
        Action::Deliver,
        // time: goes on by 10 s
        Action::Pass(10000),
        // link: delivers entry 2: INCR k, 10 s late
        Action::Deliver,
    ];
    let broken = path::broken_by_each(&model, &path).expect("the model allows each step");
    let (last, before) = broken.split_last().expect("there are steps");
    assert!(last.contains(&"past_read"), "the last step breaks {last:?}");
    assert!(!before.concat().contains(&"past_read"), "an earlier step breaks it: {before:?}");
}

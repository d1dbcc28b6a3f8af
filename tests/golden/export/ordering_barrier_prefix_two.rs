//! ordering / barrier breaks prefix in 4 steps.
//! Written by replicheck: put it into the folder `tests` of a package that depends on replicheck.

use replicheck::models::experiment::{Experiment, Schedules};
use replicheck::models::ordering::{Action, Move};
use replicheck::models::path;

#[test]
fn barrier_shortest_path_breaks_prefix() {
    let schedules = Schedules { workers: 2, crashes_max: 1 };
    let program = ["SET a 1", "SET c 1"];
    let choice = "barrier";
    let experiment = Experiment::ordering(choice, &program, schedules).expect("known names");
    let model = experiment.ordering_model().expect("a short program");
    // Workers that the strategy cannot tell apart are sorted: a number is a place, and the words name the worker.
    let path = [
        // client: SET a 1 on the master; the replica receives it as entry 1
        Action::Command(0),
        // client: SET c 1 on the master; the replica receives it as entry 2
        Action::Command(0),
        // worker 0: takes 2 (SET c 1)
        Action::Move(Move::Take(0)),
        // worker 0: writes 2 (SET c 1), marker 0
        Action::Move(Move::Write(0)),
    ];
    let broken = path::broken_by_each(&model, &path).expect("the model allows each step");
    let (last, before) = broken.split_last().expect("there are steps");
    assert!(last.contains(&"prefix"), "the last step breaks {last:?}");
    assert!(!before.concat().contains(&"prefix"), "an earlier step breaks it: {before:?}");
}

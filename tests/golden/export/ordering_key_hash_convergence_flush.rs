//! ordering / key_hash breaks convergence in 8 steps.
//! Written by replicheck: put it into the folder `tests` of a package that depends on replicheck.

use replicheck::models::experiment::{Experiment, Schedules};
use replicheck::models::ordering::{Action, Move};
use replicheck::models::path;

#[test]
fn key_hash_shortest_path_breaks_convergence() {
    let schedules = Schedules { workers: 2, crashes_max: 1 };
    let program = ["SET a 1", "FLUSHDB"];
    let choice = "key_hash";
    let experiment = Experiment::ordering(choice, &program, schedules).expect("known names");
    let model = experiment.ordering_model().expect("a short program");
    // Workers that the strategy cannot tell apart are sorted: a number is a place, and the words name the worker.
    let path = [
        // client: SET a 1 on the master; the replica receives it as entry 1
        Action::Command(0),
        // client: FLUSHDB on the master; the replica receives it as entry 2
        Action::Command(0),
        // worker 0: takes 2 (FLUSHDB)
        Action::Move(Move::Take(0)),
        // worker 0: writes 2 (FLUSHDB), marker 0
        Action::Move(Move::Write(0)),
        // worker 0: is done with 2 (FLUSHDB); entry 1 is not applied yet
        Action::Move(Move::Finish(0)),
        // worker 1: takes 1 (SET a 1)
        Action::Move(Move::Take(1)),
        // worker 1: writes 1 (SET a 1), marker 2
        Action::Move(Move::Write(1)),
        // worker 1: is done with 1 (SET a 1); all up to entry 2 is applied
        Action::Move(Move::Finish(1)),
    ];
    let broken = path::broken_by_each(&model, &path).expect("the model allows each step");
    let (last, before) = broken.split_last().expect("there are steps");
    assert!(last.contains(&"convergence"), "the last step breaks {last:?}");
    assert!(!before.concat().contains(&"convergence"), "an earlier step breaks it: {before:?}");
}

//! ordering / writeset_snapshots+commands breaks exactly_once in 11 steps.
//! Written by replicheck: put it into the folder `tests` of a package that depends on replicheck.

use replicheck::models::experiment::{Experiment, Schedules};
use replicheck::models::ordering::{Action, Move};
use replicheck::models::path;

#[test]
fn writeset_snapshots_commands_shortest_path_breaks_exactly_once() {
    let schedules = Schedules { workers: 2, crashes_max: 1 };
    let program = ["SET a 1", "SET c 1", "INCR b"];
    let choice = "writeset_snapshots+commands";
    let experiment = Experiment::ordering(choice, &program, schedules).expect("known names");
    let model = experiment.ordering_model().expect("a short program");
    // Workers that the strategy cannot tell apart are sorted: a number is a place, and the words name the worker.
    let path = [
        // client: SET a 1 on the master; the replica receives it as entry 1
        Action::Command(0),
        // client: SET c 1 on the master; the replica receives it as entry 2
        Action::Command(0),
        // client: INCR b on the master; the replica receives it as entry 3
        Action::Command(0),
        // worker 0: takes 1 (SET a 1)
        Action::Move(Move::Take(0)),
        // worker 1: takes 2 (SET c 1)
        Action::Move(Move::Take(0)),
        // worker 0: writes 1 (SET a 1), marker 1
        Action::Move(Move::Write(0)),
        // worker 0: is done with 1 (SET a 1); all up to entry 1 is applied
        Action::Move(Move::Finish(1)),
        // worker 0: takes 3 (INCR b)
        Action::Move(Move::Take(0)),
        // worker 0: writes 3 (INCR b), marker 1
        Action::Move(Move::Write(1)),
        // replica: is killed and starts again; the first 2 batches had been flushed; it goes on after entry 1; readers wait for entry 3
        Action::Crash(2, 0),
        // replica: applies entries 2 (SET c 1) and 3 (INCR b) of its log
        Action::Recover(2),
    ];
    let broken = path::broken_by_each(&model, &path).expect("the model allows each step");
    let (last, before) = broken.split_last().expect("there are steps");
    assert!(last.contains(&"exactly_once"), "the last step breaks {last:?}");
    assert!(!before.concat().contains(&"exactly_once"), "an earlier step breaks it: {before:?}");
}

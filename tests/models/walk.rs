//! Walks: paths given by the numbers of their steps, forth and back, and another choice that follows a path.

use replicheck::models::choice::{Choice, Kind};
use replicheck::models::expected;
use replicheck::models::experiment::{Experiment, Extent, Model};
use replicheck::models::follow::follow;
use replicheck::models::path::{Path, PathError};
use replicheck::models::program::{Program, parse};
use replicheck::models::search::{Limits, Progress};
use replicheck::models::walk::NoPath;

fn program(lines: &str) -> Program {
    parse(lines.as_bytes()).expect("a program")
}

fn walk(model: &str, choice: &str, lines: &str, extent: Extent) -> Model {
    let choice = Choice::named(model, choice, None).expect("a choice");
    Experiment::within(choice, &program(lines), extent).model().expect("a short program")
}

#[test]
fn walk_every_counterexample_breaks_what_it_should_and_is_found_again_by_its_actions() {
    let mut paths = 0;
    for choice in Choice::all() {
        let lines =
            if choice.model() == "ordering" { "SET a 1\nFLUSHDB\nINCR b" } else { "SETEX k 2 5\nINCR k" };
        for skew_ms in [-1001, 0, 1001] {
            let extent = Extent { skew_ms, ..Extent::default() };
            let walk = Experiment::within(choice, &program(lines), extent).model().expect("defined");
            for found in walk.find(&Limits::default(), &Progress::default()) {
                assert!(found.finished, "{choice:?}");
                let Some(path) = found.path else { continue };
                let view = walk.at(&path).expect("a path that was found");
                let last = view.broken.last().expect("a step");
                assert!(last.contains(&found.invariant), "{choice:?} {path:?}: {last:?}");
                assert!(
                    view.story.conclusion.to_string().contains(found.invariant.name()),
                    "{}",
                    view.story.conclusion
                );
                assert_eq!(view.prelude(), usize::from(skew_ms != 0 && choice.model() == "expiry"));
                let own = view.story.own.as_ref().expect("a choice of the crate");
                let again = walk.path_by(&own.actions).expect("its own steps");
                assert_eq!(walk.at(&again).expect("a path").story, view.story, "{choice:?} {path:?}");
                paths += 1;
                if let Kind::Ordering(choice) = choice.kind() {
                    let expected = expected::ordering(choice, found.invariant);
                    assert_eq!(expected.name(), "violated", "{choice:?} {}", found.invariant);
                }
            }
        }
    }
    assert!(paths >= 100, "{paths}");
}

#[test]
fn walk_preview_of_a_step_is_what_the_step_does() {
    for (model, choice, lines) in [
        ("ordering", "writeset_snapshots", "SET a 1\nSET a 2"),
        ("expiry", "log_clock", "SETEX k 2 5\nINCR k"),
    ] {
        let walk = walk(model, choice, lines, Extent::default());
        let mut path = Path::default();
        // Takes the last possible step until none is possible: a path through every kind of step.
        while let Some(number) = walk.at(&path).expect("a path").next.iter().rposition(|next| !next.waits) {
            let before = walk.at(&path).expect("a path");
            path.push(number);
            let after = walk.at(&path).expect("a path of possible steps");
            assert_eq!(after.story.steps.last(), Some(&before.next[number].step));
            assert_eq!(after.broken.last(), Some(&before.next[number].breaks));
            assert!(path.len() < 200, "{path:?}");
        }
        assert!(path.len() > 5, "{path:?}");
    }
}

#[test]
fn walk_path_that_does_not_exist_is_refused_with_its_step() {
    let walk = walk("ordering", "serial", "SET a 1", Extent::default());
    let possible = walk.at(&[0]).expect("the command").next.len();
    let error = walk.at(&[0, possible]).expect_err("no such step");
    assert_eq!(error, NoPath::Path(PathError::NoSuchStep { step: 2, number: possible, possible }));
}

#[test]
fn follow_barrier_flushdb_waits_for_the_set_before_it() {
    let lines = "SET a 1\nFLUSHDB";
    let own = walk("ordering", "key_hash", lines, Extent::default());
    let found = own.find(&Limits::default(), &Progress::default());
    let convergence = found.iter().find(|finding| finding.invariant == "convergence");
    let path = convergence.and_then(|finding| finding.path.clone()).expect("key_hash breaks convergence");
    let barrier = walk("ordering", "barrier", lines, Extent::default());
    let followed = follow(&own, &path, &barrier).expect("a path");
    let stop = followed.stop.expect("FLUSHDB has to wait");
    assert_eq!((stop.step, stop.wanted.what().as_str()), (3, "takes 2 (FLUSHDB)"));
    let (first, taken) = stop.way.expect("in the end it is taken");
    let words: Vec<String> = first.iter().map(|step| step.in_words()).collect();
    assert_eq!(words[0], "worker 1: takes 1 (SET a 1)");
    assert_eq!(words.len(), 3);
    assert_eq!(taken.what(), "takes 2 (FLUSHDB)");
    let itself = follow(&own, &path, &own).expect("a path");
    assert_eq!((itself.path, itself.stop), (path, None));
}

#[test]
fn follow_heartbeats_that_tell_nothing_are_left_out() {
    let lines = "SETEX k 2 5\nINCR k";
    let own = walk("expiry", "log_clock", lines, Extent::default());
    let other = walk("expiry", "relative", lines, Extent::default());
    let mut path = Path::default();
    for words in ["SETEX", "goes on", "sends a heartbeat", "delivers entry 1", "delivers the heartbeat"] {
        let next = own.at(&path).expect("a path").next;
        path.push(next.iter().position(|next| next.step.what().contains(words)).expect(words));
    }
    let followed = follow(&own, &path, &other).expect("a path");
    assert_eq!((followed.skipped, followed.stop), (vec![3, 5], None));
    assert_eq!(followed.path.len(), 3);
}

#[test]
fn walk_replica_that_has_heard_nothing_has_no_log_time() {
    let walk = walk("expiry", "log_clock", "SETEX k 2 5", Extent::default());
    let mut path = Path::default();
    let mut clocks = Vec::new();
    for words in ["SETEX", "delivers entry 1"] {
        let next = walk.at(&path).expect("a path").next;
        let number = next.iter().position(|next| next.step.what().contains(words)).expect(words);
        clocks.push(next[number].step.clocks.expect("a model with clocks").replica_ms.is_some());
        path.push(number);
    }
    assert_eq!(clocks, [false, true]);
}

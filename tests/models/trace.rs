//! Traces: a row's path is written as a file, read back, and followed again.

use super::catalogue::judged;
use replicheck::models::experiment::{Experiment, judges};
use replicheck::models::invariants::Invariant;
use replicheck::models::judged::Judged;
use replicheck::models::path::{PathError, walk_to};
use replicheck::models::story::Story;
use replicheck::models::trace::Trace;

/// The trace of each row that counts, with its id and its experiment.
fn traces() -> Vec<(&'static str, Experiment, Trace)> {
    let of = |judgement: &replicheck::models::catalogue::Judgement| {
        let bug = judgement.case.bug()?;
        let [found, _] = judgement.rows.as_ref()?;
        let experiment = bug.experiment(bug.with);
        let trace = Trace::of(&experiment, Some(bug.invariant), found.counterexample.as_ref()?);
        Some((judgement.case.id, experiment, trace))
    };
    judged().iter().filter_map(of).collect()
}

/// The story of a path by number. Errors: there is no such path, or it does not break `invariant`.
fn followed(
    experiment: &Experiment,
    path: &[usize],
    invariant: Option<Invariant>,
) -> Result<Story, PathError> {
    experiment.model().expect("a short program").story_of(path, invariant)
}

#[test]
fn trace_of_each_row_round_trips_and_breaks_what_it_says() {
    let traces = traces();
    assert!(traces.len() >= 20);
    for (id, experiment, trace) in traces {
        let text = serde_json::to_string(&trace).expect("plain data");
        let read: Trace = serde_json::from_str(&text).expect("a trace");
        assert_eq!(read, trace, "{id}");
        let again = read.experiment().expect("known names");
        assert_eq!(again, experiment, "{id}");
        followed(&again, &read.path, read.invariant).expect("a path");
        let shorter = followed(&again, &read.path[..read.path.len() - 1], read.invariant);
        assert!(
            matches!(shorter, Err(PathError::NotBroken(_))),
            "{id}: the path is a shortest one, and yet its invariant breaks before the end"
        );
    }
}

#[test]
fn trace_of_the_second_clock_is_walked_from_that_clock() {
    let (_, experiment, trace) = traces().into_iter().find(|(id, ..)| *id == "R43").expect("it counts");
    let mut both = trace.clone();
    both.setting =
        serde_json::from_str(r#"{"tick_ms": 1000, "delay_ticks": 0, "skews": [0, 1]}"#).expect("it is one");
    let both = both.experiment().expect("known names");
    let model = both.expiry_model(judges(trace.invariant.expect("named"))).expect("a policy");
    let taken = walk_to(&model, &trace.path, trace.invariant).expect("the second has it");
    assert_eq!(taken[0].0.skew, 1, "with equal clocks nothing is broken");
    let (_, _, end) = taken.last().expect("steps");
    assert!(model.broken(end).0 != 0);
    assert_eq!(experiment.program, both.program);
}

#[test]
fn trace_of_version_1_is_still_gone_to_the_same_end() {
    let traces = [
        include_str!("../golden/trace/expiry_version_1.json"),
        include_str!("../golden/trace/ordering_version_1.json"),
    ];
    for text in traces {
        let trace: Trace = serde_json::from_str(text).expect("a trace");
        assert_eq!(trace.version, 1);
        let experiment = trace.experiment().expect("version 1 is known");
        let story = followed(&experiment, &trace.path, trace.invariant).expect("it breaks what it says");
        assert_eq!(story.in_words(), trace.steps);
    }
}

//! Traces: a row's path as a file and back, and gone again.

use super::catalogue::judged;
use replicheck::models::catalogue::{Model, Subject};
use replicheck::models::invariants::Invariant;
use replicheck::models::judged::Judged;
use replicheck::models::trace::{Trace, TraceError, follow};

/// The trace of each row that counts, with what it is of.
fn traces() -> Vec<(&'static str, Subject, Trace)> {
    let of = |judgement: &replicheck::models::catalogue::Judgement| {
        let bug = judgement.case.bug()?;
        let [found, _] = judgement.rows.as_ref()?;
        let subject = Subject::of(bug, bug.with);
        let trace = subject.trace(found.counterexample.as_ref()?);
        Some((judgement.case.id, subject, trace))
    };
    judged().iter().filter_map(of).collect()
}

/// Goes the path; how many steps it has.
fn gone(subject: &Subject, path: &[usize], invariant: Option<Invariant>) -> Result<usize, TraceError> {
    match subject.model() {
        Model::Ordering(model) => follow(&*model, path, invariant).map(|taken| taken.len()),
        Model::Expiry(model) => follow(&*model, path, invariant).map(|taken| taken.len()),
    }
}

/// The path in words, gone anew.
fn told(subject: &Subject, trace: &Trace) -> Vec<String> {
    fn words<M: Judged>(model: &M, trace: &Trace) -> Vec<String> {
        let taken = follow(model, &trace.path, trace.invariant).expect("the path is there");
        let actions: Vec<M::Action> = taken.into_iter().map(|(_, action, _)| action).collect();
        model.story(&actions).in_words()
    }
    match subject.model() {
        Model::Ordering(model) => words(&*model, trace),
        Model::Expiry(model) => words(&*model, trace),
    }
}

#[test]
fn trace_of_each_row_round_trips_and_breaks_what_it_says() {
    let traces = traces();
    assert!(traces.len() >= 20);
    for (id, subject, trace) in traces {
        let text = serde_json::to_string(&trace).expect("plain data");
        let read: Trace = serde_json::from_str(&text).expect("a trace");
        assert_eq!(read, trace, "{id}");
        let again = Subject::of_trace(&read).expect("known names");
        assert_eq!(again, subject, "{id}");
        let steps = gone(&again, &read.path, read.invariant).expect("a path");
        assert_eq!(steps, trace.path.len(), "{id}");
        let shorter = gone(&again, &read.path[..steps - 1], read.invariant);
        assert!(
            matches!(shorter, Err(TraceError::NotBroken(_))),
            "{id}: a shortest path, and broken before its end"
        );
    }
}

#[test]
fn trace_of_the_second_clock_is_gone_from_that_clock() {
    let (_, subject, trace) = traces().into_iter().find(|(id, ..)| *id == "R43").expect("it counts");
    let mut both = trace.clone();
    both.setting =
        serde_json::from_str(r#"{"tick_ms": 1000, "delay_ticks": 0, "skews": [0, 1]}"#).expect("it is one");
    let both = Subject::of_trace(&both).expect("known names");
    let Model::Expiry(model) = both.model() else { panic!("a row of the expiry model") };
    let taken = follow(&*model, &trace.path, trace.invariant).expect("the second has it");
    assert_eq!(taken[0].0.skew, 1, "with clocks that agree nothing is broken");
    let (_, _, end) = taken.last().expect("steps");
    assert!(model.broken(end).0 != 0);
    assert_eq!(subject.program, both.program);
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
        let subject = Subject::of_trace(&trace).expect("version 1 is known");
        let steps = gone(&subject, &trace.path, trace.invariant).expect("it breaks what it says");
        assert_eq!(steps, trace.path.len());
        assert_eq!(told(&subject, &trace), trace.steps);
    }
}

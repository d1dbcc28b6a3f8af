//! Traces: a row's path is written as a file, read back, and followed again.

use super::catalogue::judged;
use replicheck::models::experiment::{Experiment, judges};
use replicheck::models::invariants::Invariant;
use replicheck::models::judged::Judged;
use replicheck::models::path::{PathError, walk_to};
use replicheck::models::path_file::PathFile;
use replicheck::models::story::Story;

/// The path file of each row that counts, with its id and its experiment.
fn path_files() -> Vec<(&'static str, Experiment, PathFile)> {
    let of = |judgement: &replicheck::models::catalogue::Judgement| {
        let bug = judgement.case.bug()?;
        let [found, _] = judgement.rows.as_ref()?;
        let experiment = bug.experiment(bug.with);
        let file = PathFile::of(&experiment, Some(bug.invariant), found.counterexample.as_ref()?);
        Some((judgement.case.id, experiment, file))
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
fn path_file_of_each_row_round_trips_and_breaks_what_it_says() {
    let files = path_files();
    assert!(files.len() >= 20);
    for (id, experiment, file) in files {
        let text = serde_json::to_string(&file).expect("plain data");
        let read: PathFile = serde_json::from_str(&text).expect("a path file");
        assert_eq!(read, file, "{id}");
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
fn path_file_of_the_second_clock_is_walked_from_that_clock() {
    let (_, experiment, file) = path_files().into_iter().find(|(id, ..)| *id == "R43").expect("it counts");
    let mut both = file.clone();
    both.setting =
        serde_json::from_str(r#"{"tick_ms": 1000, "delay_ticks": 0, "skews": [0, 1]}"#).expect("it is one");
    let both = both.experiment().expect("known names");
    let model = both.expiry_model(judges(file.invariant.expect("named"))).expect("a policy");
    let taken = walk_to(&model, &file.path, file.invariant).expect("the second has it");
    assert_eq!(taken[0].0.skew, 1, "with equal clocks nothing is broken");
    let (_, _, end) = taken.last().expect("steps");
    assert!(model.broken(end).0 != 0);
    assert_eq!(experiment.workload, both.workload);
}

#[test]
fn path_file_of_version_1_is_still_gone_to_the_same_end() {
    let files = [
        include_str!("../golden/path_file/expiry_version_1.json"),
        include_str!("../golden/path_file/ordering_version_1.json"),
    ];
    for text in files {
        let file: PathFile = serde_json::from_str(text).expect("a path file");
        assert_eq!(file.version, 1);
        let experiment = file.experiment().expect("version 1 is known");
        let story = followed(&experiment, &file.path, file.invariant).expect("it breaks what it says");
        assert_eq!(story.in_words(), file.steps);
    }
}

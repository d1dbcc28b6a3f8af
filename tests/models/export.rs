//! Counterexamples as files: the exported text equals the files in `golden/export/`, and the Rust files among them are compiled
//! into this test binary and pass. README and `models/README.md` show some of it.
//!
//! `UPDATE_GOLDEN=1` rewrites the files.

use replicheck::models::bounds::Bounds;
use replicheck::models::export::exports;
use replicheck::models::own_program::program_tasks;
use replicheck::models::program;
use replicheck::models::search::Progress;
use replicheck::models::timeline::timeline;
use replicheck::models::verdict::Row;
use std::path::Path;

#[path = "../golden/export/expiry_absolute_no_immortal_key_incr.rs"]
mod expiry_absolute_no_immortal_key_incr;
#[path = "../golden/export/expiry_verbatim_past_read_incr.rs"]
mod expiry_verbatim_past_read_incr;
#[path = "../golden/export/ordering_barrier_prefix_two.rs"]
mod ordering_barrier_prefix_two;
#[path = "../golden/export/ordering_key_hash_convergence_flush.rs"]
mod ordering_key_hash_convergence_flush;
#[path = "../golden/export/ordering_writeset_snapshots_commands_exactly_once_crash.rs"]
mod ordering_writeset_snapshots_commands_exactly_once_crash;

/// Choice, invariant, program, and name of the program.
const STORIES: &[(&str, &str, &str, &str)] = &[
    ("key_hash", "convergence", "SET a 1\nFLUSHDB", "flush"),
    ("barrier", "prefix", "SET a 1\nSET c 1", "two"),
    ("writeset_snapshots+commands", "exactly_once", "SET a 1\nSET c 1\nINCR b", "crash"),
    ("absolute", "no_immortal_key", "SETEX k 10 100\nINCR k", "incr"),
    ("verbatim", "past_read", "SETEX k 10 100\nINCR k", "incr"),
];

/// The row of a story, from a search.
fn row((choice, invariant, program, name): (&str, &str, &str, &str)) -> Row {
    let program = program::parse(program.as_bytes()).expect("a program of ours");
    let tasks =
        program_tasks(&program, (name, 1), Bounds::Quick, None, Some(choice)).expect("a choice of ours");
    let rows = tasks.iter().flat_map(|task| task.run(&Progress::default()));
    rows.into_iter().find(|row| row.invariant == invariant).expect("it judges that invariant")
}

/// The drawing that README shows, and its file.
const SHOWN: (&str, &str) = ("expiry_absolute_no_immortal_key_incr.svg", "models/immortal_key.svg");

/// Compares with a golden file, or rewrites it.
fn check(name: &str, text: &str) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let path = if name == SHOWN.0 { root.join(SHOWN.1) } else { root.join("tests/golden/export").join(name) };
    if std::env::var_os("UPDATE_GOLDEN").is_some_and(|value| value == "1") {
        assert!(std::env::var_os("CI").is_none(), "golden files are not rewritten in CI");
        std::fs::write(&path, text).expect("the file can be written");
    }
    let golden = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(text, golden, "{name}: see the difference; UPDATE_GOLDEN=1 rewrites it");
}

#[test]
fn exports_of_known_counterexamples_are_the_golden_files() {
    for story in STORIES {
        let row = row(*story);
        let files = exports(&row, "replicheck check");
        let endings: Vec<&str> = files.iter().filter_map(|file| file.name.rsplit('.').next()).collect();
        assert_eq!(endings, ["html", "svg", "rs", "json"], "{story:?}");
        for file in files.iter().filter(|file| !file.name.ends_with(".html")) {
            check(&file.name, &file.text);
        }
    }
}

#[test]
fn timelines_of_known_counterexamples_are_the_golden_text_and_fit() {
    for story in STORIES {
        let (choice, invariant, ..) = story;
        let row = row(*story);
        let told = row.counterexample.as_ref().expect("it is broken");
        for width in [80, 100] {
            let text = timeline(told, width);
            assert!(text.lines().all(|line| line.chars().count() <= usize::from(width)), "{text}");
            check(&format!("{choice}_{invariant}_{width}.txt"), &text);
        }
    }
}

/// The lines of the first fence of text.
fn fence(document: &str) -> Vec<&str> {
    let lines = document.lines().skip_while(|line| *line != "```text").skip(1);
    lines.take_while(|line| *line != "```").collect()
}

#[test]
fn counterexamples_in_readmes_are_what_check_prints() {
    let row = row(STORIES[0]);
    let text = timeline(row.counterexample.as_ref().expect("it is broken"), 100);
    let whole = fence(include_str!("../../models/README.md")).join("\n");
    assert!(whole.contains(text.trim_end()), "models/README.md must show all of\n{text}");
    let mut printed = text.lines();
    for line in fence(include_str!("../../README.md")).into_iter().filter(|line| !line.is_empty()) {
        assert!(
            printed.any(|other| other == line),
            "README: `{line}` is no line of this, or not in its order:\n{text}"
        );
    }
    assert!(printed.next().is_some(), "README shows a part");
}

#[test]
fn export_of_a_choice_that_nobody_can_build_has_no_test() {
    let row = row(STORIES[0]);
    let endings = |row: &Row| {
        let files = exports(row, "");
        files.iter().filter_map(|file| file.name.rsplit('.').next().map(str::to_owned)).collect::<Vec<_>>()
    };
    assert_eq!(endings(&Row { choice: "turnstile".to_owned(), ..row.clone() }), ["html", "svg"]);
    assert!(endings(&Row { counterexample: None, ..row }).is_empty());
}

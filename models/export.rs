//! Export — a counterexample → self-contained files: a page, a drawing, a test in Rust, a path file. Pure.

use super::choice::Choice;
use super::drawing::{html, svg};
use super::invariants::Invariant;
use super::ordering::Move;
use super::path_file::PathFile;
use super::setting::{Clocks, Schedules, Setting};
use super::story::{Actions, Step, Story};
use super::verdict::Row;
use super::{expiry, ordering, program};
use std::fmt::Write;

/// A file to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Export {
    /// Its name without folders: letters, digits, `_` and one dot.
    pub name: String,
    /// Its content.
    pub text: String,
}

/// The files of a row's counterexample: HTML and SVG, and also Rust and a path file if the choice is built in. Empty if there
/// is no counterexample. `again`: the command that finds the counterexample again.
pub fn exports(row: &Row, again: &str) -> Vec<Export> {
    let Some(story) = &row.counterexample else { return Vec::new() };
    let steps = story.steps.len();
    let title = format!("{} / {} breaks {} in {steps} steps", row.model, row.choice, row.invariant);
    let scenario = row.scenario.as_ref().map(|name| ("scenario", name.clone()));
    let mut facts: Vec<(&str, String)> = scenario.into_iter().collect();
    facts.extend([("bounds", row.bounds.clone()), ("run again", again.to_owned())]);
    let file = |ending: &str, text: String| Export { name: format!("{}.{ending}", stem(row)), text };
    let mut files =
        vec![file("html", html::document(story, &title, &facts)), file("svg", svg::document(story, &title))];
    let what = What { model: row.model, choice: &row.choice, invariant: row.invariant };
    files.extend(rust_test(what, story).map(|text| file("rs", text)));
    let json = path_file(row, story).and_then(|file| serde_json::to_string_pretty(&file).ok());
    files.extend(json.map(|text| file("json", text + "\n")));
    files
}

/// The story's path as `replicheck replay` reads it, from [`PathFile::of_story`].
fn path_file(row: &Row, story: &Story) -> Option<PathFile> {
    let program = program::parse(story.program.join("\n").as_bytes()).ok()?;
    let program = program.commands.into_iter().map(|line| line.request).collect();
    let choice = Choice::named(row.model, &row.choice, None).ok()?;
    PathFile::of_story(choice, program, Some(row.invariant), story)
}

/// The name of the files without extension: model, choice, invariant, and the scenario if there is one. The name of a
/// Rust test's file is also the name of a crate, so it has letters, digits and `_` only.
fn stem(row: &Row) -> String {
    let scenario = row.scenario.iter().map(String::as_str);
    let parts: Vec<&str> =
        [row.model, &row.choice, row.invariant.name()].into_iter().chain(scenario).collect();
    parts.join("_").chars().map(|letter| if letter.is_ascii_alphanumeric() { letter } else { '_' }).collect()
}

/// The model and the choice that a path was found on, by names, and the invariant that its last step breaks.
#[derive(Clone, Copy, Debug)]
pub struct What<'a> {
    /// The model: `ordering` or `expiry`.
    pub model: &'a str,
    /// The strategy or policy.
    pub choice: &'a str,
    /// The invariant.
    pub invariant: Invariant,
}

/// The text of a test that walks the story's path and asserts what it breaks. `None` if the public API cannot build the
/// model: for a user's own choice, for a seeded fault, and for a database other than 0.
pub fn rust_test(what: What<'_>, story: &Story) -> Option<String> {
    let own = story.own.as_ref()?;
    Choice::named(what.model, what.choice, None).ok()?;
    let program: Vec<String> = story.program.iter().map(|line| format!("{line:?}")).collect();
    let program = program.join(", ");
    let (imports, model) = match &own.setting {
        Setting::Schedules(schedules, _) => (
            "use replicheck::models::experiment::{Experiment, Schedules};\nuse replicheck::models::ordering::{Action, Move};\nuse replicheck::models::path;\n",
            ordering_source(what, &program, schedules),
        ),
        Setting::Clocks(clocks) => (
            "use replicheck::models::experiment::{Clocks, Experiment, Passing, judges};\nuse replicheck::models::expiry::Action;\nuse replicheck::models::invariants::Invariant;\nuse replicheck::models::path;\nuse replicheck::time::Millis;\n",
            expiry_source(what, &program, clocks),
        ),
    };
    let path: Vec<String> = match &own.actions {
        Actions::Ordering(actions) => actions.iter().map(ordering_action).collect(),
        Actions::Expiry(actions) => actions.iter().map(expiry_action).collect(),
    };
    let name = format!("{}_shortest_path_breaks_{}", stem_of(what.choice), what.invariant);
    let mut text = format!(
        "//! {} / {} breaks {} in {} steps.\n\
         //! Written by replicheck: put it into the folder `tests` of a package that depends on replicheck.\n\n\
         {imports}\n\
         #[test]\nfn {name}() {{\n{model}    let path = [\n",
        what.model,
        what.choice,
        what.invariant,
        path.len()
    );
    // A story may begin with a step that is not in the path and that describes the clocks.
    let told = &story.steps[story.steps.len() - path.len().min(story.steps.len())..];
    for (step, action) in told.iter().zip(path) {
        let _ = write!(text, "        // {}\n        {action},\n", comment(step));
    }
    let invariant = what.invariant.name();
    let _ = write!(
        text,
        "    ];\n    \
         let broken = path::broken_by_each(&model, &path).expect(\"the model allows each step\");\n    \
         let (last, before) = broken.split_last().expect(\"there are steps\");\n    \
         assert!(last.contains(&{invariant:?}), \"the last step breaks {{last:?}}\");\n    \
         assert!(!before.concat().contains(&{invariant:?}), \"an earlier step breaks it: {{before:?}}\");\n}}\n"
    );
    Some(text)
}

fn stem_of(choice: &str) -> String {
    choice.replace(|letter: char| !letter.is_ascii_alphanumeric(), "_")
}

/// A step in one line of a comment.
fn comment(step: &Step) -> String {
    step.in_words().replace(char::is_control, " ")
}

fn ordering_source(what: What<'_>, program: &str, schedules: &Schedules) -> String {
    let Schedules { workers, crashes_max } = schedules;
    format!(
        "    let schedules = Schedules {{ workers: {workers}, crashes_max: {crashes_max} }};\n    \
         let program = [{program}];\n    \
         let choice = {:?};\n    \
         let experiment = Experiment::ordering(choice, &program, schedules).expect(\"known names\");\n    \
         let model = experiment.ordering_model().expect(\"a short program\");\n    \
         // Workers that the strategy cannot tell apart are sorted: a number is a place, and the words name the worker.\n",
        what.choice
    )
}

fn expiry_source(what: What<'_>, program: &str, clocks: &Clocks) -> String {
    let Clocks {
        start,
        passing,
        tick_ms,
        passes_max,
        delay_ticks_max,
        skews_ms,
        log_clock_limit_ticks,
        link_down,
        apart,
    } = clocks;
    format!(
        "    let clocks = Clocks {{\n        start: Millis({}),\n        passing: Passing::{passing:?},\n        \
         tick_ms: {tick_ms},\n        passes_max: {passes_max},\n        \
         delay_ticks_max: {delay_ticks_max},\n        skews_ms: vec!{skews_ms:?},\n        \
         log_clock_limit_ticks: {log_clock_limit_ticks:?},\n        link_down: {link_down},\n        apart: {apart},\n    }};\n    \
         let program = [{program}];\n    \
         let policy = {:?};\n    \
         let experiment = Experiment::expiry(policy, &program, clocks).expect(\"known names\");\n    \
         let model = experiment.expiry_model(judges(Invariant::{:?})).expect(\"a policy\");\n",
        start.0, what.choice, what.invariant
    )
}

fn ordering_action(action: &ordering::Action) -> String {
    match action {
        ordering::Action::Command(number) => format!("Action::Command({number})"),
        ordering::Action::Recover(count) => format!("Action::Recover({count})"),
        ordering::Action::Resend => "Action::Resend".to_owned(),
        ordering::Action::Crash(flushed, lost) => format!("Action::Crash({flushed}, {lost})"),
        ordering::Action::Move(step) => format!("Action::Move(Move::{})", move_source(*step)),
    }
}

fn move_source(step: Move) -> String {
    match step {
        Move::Take(worker) => format!("Take({worker})"),
        Move::Begin(worker) => format!("Begin({worker})"),
        Move::Write(worker) => format!("Write({worker})"),
        Move::Finish(worker) => format!("Finish({worker})"),
        Move::Cut => "Cut".to_owned(),
        Move::Publish => "Publish".to_owned(),
    }
}

fn expiry_action(action: &expiry::Action) -> String {
    match action {
        expiry::Action::Command(number) => format!("Action::Command({number})"),
        expiry::Action::Pass(ms) => format!("Action::Pass({ms})"),
        expiry::Action::Heartbeat => "Action::Heartbeat".to_owned(),
        expiry::Action::Deliver => "Action::Deliver".to_owned(),
        expiry::Action::Apply => "Action::Apply".to_owned(),
        expiry::Action::Publish => "Action::Publish".to_owned(),
        expiry::Action::MasterRemoves(number) => format!("Action::MasterRemoves({number})"),
        expiry::Action::ReplicaRemoves(number) => format!("Action::ReplicaRemoves({number})"),
        expiry::Action::LinkDown => "Action::LinkDown".to_owned(),
        expiry::Action::LinkUp => "Action::LinkUp".to_owned(),
    }
}

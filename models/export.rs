//! Export — a counterexample → files that stand alone: a page, a drawing, a test in Rust, a trace. Pure.

use super::catalogue::Subject;
use super::drawing::{html, svg};
use super::invariants::Invariant;
use super::ordering::Move;
use super::path::{Path, Times};
use super::story::{Step, Story};
use super::trace::Trace;
use super::verdict::Row;
use super::{check, expiry, ordering, program};
use std::fmt::Write;

/// A file to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Export {
    /// Its name without folders: letters, digits, `_` and one dot.
    pub name: String,
    /// What is in it.
    pub text: String,
}

/// The files of a row's counterexample: HTML, SVG, and Rust and a trace where the choice is one of the crate's; none if
/// there is no counterexample. `again` is the command that finds it again.
pub fn exports(row: &Row, again: &str) -> Vec<Export> {
    let Some(story) = &row.counterexample else { return Vec::new() };
    let steps = story.steps.len();
    let title = format!("{} / {} breaks {} in {steps} steps", row.model, row.choice, row.invariant);
    let scenario = row.scenario.as_ref().map(|name| ("scenario", name.clone()));
    let mut facts: Vec<(&str, String)> = scenario.into_iter().collect();
    facts.extend([("bounds", row.bounds.clone()), ("replay", again.to_owned())]);
    let file = |ending: &str, text: String| Export { name: format!("{}.{ending}", stem(row)), text };
    let mut files =
        vec![file("html", html::document(story, &title, &facts)), file("svg", svg::document(story, &title))];
    let what = What { model: row.model, choice: &row.choice, invariant: row.invariant };
    files.extend(rust_test(what, story).map(|text| file("rs", text)));
    let json = trace(row, story).and_then(|trace| serde_json::to_string_pretty(&trace).ok());
    files.extend(json.map(|text| file("json", text + "\n")));
    files
}

/// The story's path as `replicheck replay` takes it: [`Subject::trace_of`].
fn trace(row: &Row, story: &Story) -> Option<Trace> {
    let program = program::parse(story.program.join("\n").as_bytes()).ok()?;
    let program = program.commands.into_iter().map(|line| line.command).collect();
    Subject::told((row.model, &row.choice), program, Some(row.invariant), story)?.trace_of(story)
}

/// The files' name: model, choice, invariant, and the scenario if there is one. As a Rust test's file it is the name
/// of a crate, so it has letters, digits and `_` only.
fn stem(row: &Row) -> String {
    let scenario = row.scenario.iter().map(String::as_str);
    let parts: Vec<&str> =
        [row.model, &row.choice, row.invariant.name()].into_iter().chain(scenario).collect();
    parts.join("_").chars().map(|letter| if letter.is_ascii_alphanumeric() { letter } else { '_' }).collect()
}

/// What a path is of, by names, and what its last step breaks.
#[derive(Clone, Copy, Debug)]
pub struct What<'a> {
    /// `ordering` or `expiry`.
    pub model: &'a str,
    /// The strategy or policy.
    pub choice: &'a str,
    /// The invariant.
    pub invariant: Invariant,
}

/// A test that walks the story's path and asserts what it breaks. `None` where nothing public builds the model: a
/// choice of one's own, a seeded fault, a database other than 0.
pub fn rust_test(what: What<'_>, story: &Story) -> Option<String> {
    let walk = story.taken.as_ref()?;
    check::chosen(Some(what.model), Some(what.choice)).ok()?;
    let program: Vec<String> = story.program.iter().map(|line| format!("{line:?}")).collect();
    let program = program.join(", ");
    let (imports, model, path) = match walk {
        Path::Ordering { workers, crashes_max, path } => (
            "use replicheck::models::bounds::OrderingBounds;\nuse replicheck::models::ordering::{Action, Move};\nuse replicheck::models::path;\n",
            ordering_source(what, &program, *workers, *crashes_max),
            path.iter().map(ordering_action).collect::<Vec<_>>(),
        ),
        Path::Expiry { times, path } => (
            "use replicheck::models::expiry::{Action, Passing};\nuse replicheck::models::path::{self, Times};\nuse replicheck::time::Millis;\n",
            expiry_source(what, &program, times),
            path.iter().map(expiry_action).collect(),
        ),
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
    // A story may begin with a step of its own, which tells how the clocks stand.
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

fn ordering_source(what: What<'_>, program: &str, workers: usize, crashes_max: u8) -> String {
    format!(
        "    let bounds = OrderingBounds {{ workers: {workers}, crashes_max: {crashes_max}, ..OrderingBounds::QUICK }};\n    \
         let program = [{program}];\n    \
         let model = path::ordering({:?}, &program, bounds).expect(\"known names\");\n    \
         // Workers whom the strategy cannot tell apart stand sorted: a number is a place, and the words say who it is.\n",
        what.choice
    )
}

fn expiry_source(what: What<'_>, program: &str, times: &Times) -> String {
    let Times {
        start,
        passing,
        tick_ms,
        passes_max,
        delay_ticks_max,
        skew_ms,
        log_clock_limit_ticks,
        link_down,
        apart,
    } = times;
    format!(
        "    let times = Times {{\n        start: Millis({}),\n        passing: Passing::{passing:?},\n        \
         tick_ms: {tick_ms},\n        passes_max: {passes_max},\n        \
         delay_ticks_max: {delay_ticks_max},\n        skew_ms: {skew_ms},\n        \
         log_clock_limit_ticks: {log_clock_limit_ticks:?},\n        link_down: {link_down},\n        apart: {apart},\n    }};\n    \
         let program = [{program}];\n    \
         let model = path::expiry({:?}, &program, {:?}, times).expect(\"known names\");\n",
        start.0,
        what.choice,
        what.invariant.name()
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

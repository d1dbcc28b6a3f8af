//! Results of paths on real nodes → text and JSON. Pure.

use super::places::Places;
use super::{Ran, Replayed};
use crate::cli::check::args::quoted;
use crate::cli::paint;
use replicheck::models::catalogue;
use replicheck::models::grid::{grid, settle, wrapped};
use replicheck::models::invariants::Invariant;
use replicheck::models::story::{Conclusion, KeyRow, Part, Story};
use replicheck::models::timeline::timeline;
use serde::Serialize;
use std::fmt::Write;

/// One path, as other programs read it.
#[derive(Serialize)]
struct JsonReplay<'a> {
    id: &'a str,
    invariant: Option<Invariant>,
    as_recorded: bool,
    runs: Vec<JsonRun<'a>>,
}

#[derive(Serialize)]
struct JsonRun<'a> {
    choice: String,
    role: &'static str,
    broken: &'a [Invariant],
    /// The first difference from the model; null: there is none, or the path belongs to another
    /// configuration.
    unlike_model: Option<&'a str>,
    notes: &'a [String],
    steps: Vec<String>,
    keys: &'a [KeyRow],
}

/// The paths as JSON, one field per line.
pub fn json(replayed: &[Replayed]) -> std::io::Result<String> {
    let rows: Vec<JsonReplay> = replayed.iter().map(json_replay).collect();
    Ok(serde_json::to_string_pretty(&rows)? + "\n")
}

fn json_replay(one: &Replayed) -> JsonReplay<'_> {
    let runs = [Some(json_run(&one.bug, "bug")), one.cure.as_ref().map(|cure| json_run(cure, "cure"))];
    JsonReplay {
        id: &one.name,
        invariant: one.file.invariant,
        as_recorded: one.is_found() && one.is_cured(),
        runs: runs.into_iter().flatten().collect(),
    }
}

fn json_run<'a>(ran: &'a Ran, role: &'static str) -> JsonRun<'a> {
    JsonRun {
        choice: ran.choice.name(),
        role,
        broken: &ran.broken,
        unlike_model: ran.unlike.as_deref(),
        notes: &ran.notes,
        steps: ran.story.in_words(),
        keys: &ran.keys,
    }
}

/// A table with one line per path.
pub fn table(replayed: &[Replayed], width: u16) -> String {
    let mut text = String::new();
    for one in replayed {
        let invariant = one.file.invariant.map_or("nothing", Invariant::name);
        let bug = format!("{} {}", if one.is_found() { "●" } else { "✗" }, one.bug.choice.name());
        let cure = one
            .cure
            .as_ref()
            .map(|cure| format!("{} {}", if one.is_cured() { "✓" } else { "✗" }, cure.choice.name()));
        let cure = cure.unwrap_or_default();
        let _ = writeln!(text, "{:<5}{invariant:<16} {bug:<38} {cure}", one.name);
        if let Some(unlike) = &one.bug.unlike {
            text += &wrapped(&format!(" ! differs from the model: {unlike}"), width);
        }
    }
    let found = replayed.iter().filter(|one| one.is_found()).count();
    let cured = replayed.iter().filter(|one| one.is_cured()).count();
    let all = replayed.len();
    text + &format!(
        "{found} of {all} paths behaved on real nodes as recorded (●), {cured} of {all} cures held (✓). One in full: \
         replicheck replay ID\n"
    )
}

/// A path in full: what it is, what was recorded, what happened on which nodes, both stores, the cure. `kept`: the nodes'
/// folders are kept.
pub fn in_full(one: &Replayed, kept: bool, width: u16) -> String {
    let invariant = one.file.invariant.map(Invariant::name);
    let mut text = heading(one, width) + "\n";
    let verdict = match (one.is_found(), invariant) {
        (true, Some(invariant)) => format!("✗ {invariant} is broken, as recorded"),
        (true, None) => "✓ as recorded".to_owned(),
        (false, _) => " ! not as recorded".to_owned(),
    };
    text += &run(one, &one.bug, &verdict, width);
    if let Some(cure) = &one.cure {
        let invariant = invariant.unwrap_or("it");
        let verdict = match one.is_cured() {
            true => format!("✓ {invariant} holds: the cure"),
            false if !cure.is_at_end => "✗ it did not reach the end of the log".to_owned(),
            false => format!("✗ {invariant} is broken: no cure"),
        };
        text += &format!("\n{}", run(one, cure, &verdict, width));
    }
    let cure = one.cure.as_ref().filter(|_| catalogue::find(&one.name).is_none());
    let cure = cure.map(|cure| format!(" --cure {}", cure.choice.name())).unwrap_or_default();
    let again = format!("\nrun again: replicheck replay {}{cure}\n", quoted(&one.name));
    text + "\n" + &wrapped(&real(kept), width) + &again
}

/// What the path is: the bug of the catalogue that it shows, and what the model recorded.
fn heading(one: &Replayed, width: u16) -> String {
    let mut facts = grid(width, None);
    let mut title = one.name.clone();
    if let Some(case) = catalogue::find(&one.name) {
        title = format!("{} {}", case.id, case.system);
        facts.add_row(["report", case.report]);
        facts.add_row(["bug", case.mechanism]);
    }
    facts.add_row(["program", &one.file.program.join("; ")]);
    let (choice, invariant) = (one.bug.choice.name(), one.file.invariant.map_or("nothing", Invariant::name));
    let steps = one.file.path.len();
    facts.add_row(["recorded", &format!("{choice} breaks {invariant} in {steps} steps of the model")]);
    if let Some(cure) = &one.cure {
        facts.add_row(["cure", &cure.choice.name()]);
    }
    format!("{}\n{}", paint::title(&title), settle(&mut facts, &[0], &[]))
}

/// How a reader can see that the nodes are real.
fn real(kept: bool) -> String {
    let folders = match kept {
        true => "Their folders are kept: look at them with ls -R",
        false => "Their folders are removed by now; --keep DIR keeps them",
    };
    format!(
        "The nodes are those that `replicheck serve` runs: each has a RocksDB store and a binlog in its folder, serves Redis \
         clients on its port, and sends the entries of the log over TCP. The path alone decides when a message is delivered \
         and when a worker writes. {folders}."
    )
}

fn run(one: &Replayed, ran: &Ran, verdict: &str, width: u16) -> String {
    let mut parts = vec![Part::Said(format!("{verdict}."))];
    if !ran.broken.is_empty() {
        parts.push(Part::Broken { invariants: ran.broken.clone(), how: String::new() });
    }
    let unlike = ran.unlike.iter().map(|unlike| format!("The first difference from the model: {unlike}."));
    let notes = ran.notes.iter().map(|note| format!("{note}."));
    parts.extend(unlike.chain(notes).map(Part::Said));
    let story = Story {
        program: one.file.program.clone(),
        keys: ran.keys.clone(),
        conclusion: Conclusion(parts),
        ..ran.story.clone()
    };
    let mut places = grid(width, None);
    for (name, fact) in ran.places.iter().flat_map(Places::facts) {
        places.add_row([name.to_owned(), fact]);
    }
    let places = if places.is_empty() { String::new() } else { settle(&mut places, &[0], &[]) };
    format!("{}\n{places}\n{}", paint::title(&ran.choice.name()), timeline(&story, width))
}

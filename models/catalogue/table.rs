//! Table — judged rows → text: bug × layer, and one row in full. Pure.
//!
//! ```text
//! bug  system  breaks       model  loom       cure
//! R01  Pika    convergence  ● 12   not run …  ✓ barrier
//! ```

use super::judge::{Judgement, steps};
use super::layers::{Cell, LAYERS, Layers};
use super::row::RowSetting;
use crate::models::bounds::RECENT_START as START;
use crate::models::choice::Choice;
use crate::models::expiry::skew_ms;
use crate::models::grid::{grid, settle, wrapped};
use crate::models::timeline::timeline;
use crate::models::verdict::Row;

/// The table bug × layer: one line for each row that counts. Below it, one line with the reason for each row that does
/// not.
pub fn table(judged: &[(Judgement, Layers)], width: u16) -> String {
    let mut counted = grid(
        width,
        Some(
            ["bug", "system", "breaks"]
                .into_iter()
                .chain(LAYERS)
                .chain(["cure"])
                .map(str::to_owned)
                .collect(),
        ),
    );
    let mut others = grid(width, None);
    for (judgement, layers) in judged {
        let case = judgement.case;
        match (case.bug(), case.reason()) {
            (Some(bug), _) => {
                let mut line = vec![case.id.to_owned(), case.system.to_owned(), bug.invariant.to_string()];
                line.extend(layers.cells().map(|cell| in_words(cell).to_owned()));
                if let (Cell::Found, Some([found, _])) = (layers.model, &judgement.rows) {
                    line[3] = format!("● {}", steps(found).unwrap_or_default());
                }
                line.push(format!("{} {}", cure_sign(judgement), bug.cure.name()));
                counted.add_row(line);
            }
            (None, Some(reason)) => {
                others.add_row([case.id.to_owned(), case.system.to_owned(), reason]);
            }
            (None, None) => {}
        }
    }
    let mut text = String::new();
    if !counted.is_empty() {
        text += &settle(&mut counted, &[0, 2, 3, 4, 5, 6, 7], &[]);
    }
    if !others.is_empty() {
        text += &format!("\nNot counted:\n{}", settle(&mut others, &[0, 1], &[]));
    }
    text
}

/// One row: its facts, and the shortest counterexample as a timeline.
pub fn in_full(judgement: &Judgement, layers: &Layers, width: u16) -> String {
    let mut lines = grid(width, None);
    for (name, fact) in facts(judgement, layers) {
        lines.add_row([name.to_owned(), fact]);
    }
    let mut text = settle(&mut lines, &[0], &[]);
    if let Some(note) = unlike_recorded(judgement) {
        text += &format!("\n{}", wrapped(&note, width));
    }
    let found = judgement.rows.as_ref().and_then(|[found, _]| found.counterexample.as_ref());
    if let Some(story) = found {
        text += &format!("\n{}", timeline(story, width));
    }
    text
}

/// The facts about a row, each with its name: report, mechanism, configuration, verdicts, layers.
pub fn facts(judgement: &Judgement, layers: &Layers) -> Vec<(&'static str, String)> {
    let case = judgement.case;
    let mut facts = vec![("report", case.report.to_owned()), ("mechanism", case.mechanism.to_owned())];
    let Some((bug, [found, cured])) = case.bug().zip(judgement.rows.as_ref()) else {
        facts.push(("not counted", case.reason().unwrap_or_default()));
        return facts;
    };
    let mut fact = |name, value| facts.push((name, value));
    fact("program", bug.program.join("; "));
    if !bug.stands_for.is_empty() {
        fact("stands for", bug.stands_for.to_owned());
    }
    fact("setting", setting(bug.given));
    fact("bug", in_full_words(bug.with));
    fact("breaks", format!("{}: {}", bug.invariant, verdict(found)));
    if case.hypothesis {
        fact("hypothesis", if judgement.is_broken() { CONFIRMED } else { REFUTED }.to_owned());
    }
    fact("cure", format!("{}: {}", in_full_words(bug.cure), verdict(cured)));
    let cells = LAYERS.into_iter().zip(layers.cells());
    let cells: Vec<String> = cells.map(|(layer, cell)| format!("{layer} {}", in_words(cell))).collect();
    fact("layers", cells.join(" · "));
    if let Some(why) = bug.not_by_threads() {
        fact("threads", format!("no: {why}"));
    }
    if !bug.no_replay.is_empty() {
        fact("replay", format!("no: {}", bug.no_replay));
    }
    facts
}

const CONFIRMED: &str = "confirmed for this mechanism: a system that does this breaks it. Only a test of the system can show \
                         whether it does";
const REFUTED: &str = "refuted for this mechanism: it is not broken";

/// The difference, in words, if a bug that counts was not found as recorded.
pub fn unlike_recorded(judgement: &Judgement) -> Option<String> {
    let (bug, [found, _]) = judgement.case.bug().zip(judgement.rows.as_ref())?;
    match steps(found) {
        Some(steps) if steps == bug.steps => None,
        Some(steps) => Some(format!("missed: found in {steps} steps, recorded with {}", bug.steps)),
        None => Some("missed: the model does not break it".to_owned()),
    }
}

fn in_words(cell: Cell) -> &'static str {
    match cell {
        Cell::Found => "● found",
        Cell::NotApplicable => "n/a",
        Cell::Missed => "✗ missed",
        Cell::NotRun => "not run",
        Cell::Stale => "stale",
    }
}

fn cure_sign(judgement: &Judgement) -> &'static str {
    if judgement.cure_holds() == Some(true) { "✓" } else { "✗" }
}

fn in_full_words(choice: Choice) -> String {
    let (model, name) = (choice.model(), choice.without_fault().name());
    choice.fault().map_or(format!("{model} {name}"), |fault| {
        format!("{model} {name} with a seeded fault, {}: {}", fault.name(), fault.in_words())
    })
}

fn setting(given: RowSetting) -> String {
    match given {
        RowSetting::Schedules { crashes: 0 } => "two workers, every schedule, no crash".to_owned(),
        RowSetting::Schedules { crashes } => format!("two workers, every schedule, at most {crashes} crash"),
        RowSetting::Clocks { tick_ms, delay_ticks, skews } => {
            let tick = tick_ms as f64 / 1000.0;
            let late = match delay_ticks {
                0 => "no message late".to_owned(),
                ticks => format!("messages up to {} s late", tick * f64::from(ticks)),
            };
            let apart = |ms: i64| match ms {
                0 => "right".to_owned(),
                ahead if ahead > 0 => format!("{} s ahead", ahead as f64 / 1000.0),
                behind => format!("{} s behind", -behind as f64 / 1000.0),
            };
            let skews: Vec<String> =
                skews.iter().map(|ticks| skew_ms(*ticks, tick_ms, START)).map(apart).collect();
            format!("ticks of {tick} s, {late}, the replica's clock {}", skews.join(" or "))
        }
    }
}

fn verdict(row: &Row) -> String {
    let steps =
        steps(row).map(|steps| format!(", shortest counterexample {steps} steps")).unwrap_or_default();
    format!("{}{steps} ({} unique states; {})", row.verdict.name(), row.cost().unique, row.bounds)
}

//! Timeline — a story → lines of text: who did what, and what each worker held. Pure.
//!
//! ```text
//! program   SET a b; FLUSHDB
//!
//! #  who       what              afterwards
//! ─────────────────────────────────────────────────
//! 1  replica   admits entry 1    worker 0: SET a b
//! 2  replica   admits entry 2    worker 0: SET a b   worker 1: FLUSHDB
//! ```

use super::grid::{grid, settle};
use super::story::{KeyRow, Step, Story};

/// Steps shown at the beginning and at the end of a story that is longer than both together.
const STEPS_FIRST: usize = 4;
const STEPS_LAST: usize = 20;

/// Commands or entries shown at the beginning and at the end of a long program.
const ITEMS_FIRST: usize = 3;
const ITEMS_LAST: usize = 9;
/// Characters shown of one of them.
const ITEM_CHARS_MAX: usize = 60;

/// The story as text of `width` columns, from the program to the conclusion.
pub fn timeline(story: &Story, width: u16) -> String {
    let mut facts = grid(width, None);
    if !story.program.is_empty() {
        facts.add_row(["program", &elided(&story.program, "; ")]);
    }
    let log = log(story);
    if !log.is_empty() {
        facts.add_row(["log", &elided(&log, " · ")]);
    }
    let mut text = if facts.is_empty() { String::new() } else { settle(&mut facts, &[0], &[]) + "\n" };
    text += &steps(&story.steps, width);
    if !story.keys.is_empty() {
        text += &format!("\n{}", keys(&story.keys, width));
    }
    if !story.conclusion.is_empty() {
        let mut conclusion = grid(width, None);
        conclusion.add_row(["⇒", &story.conclusion]);
        text += &format!("\n{}", settle(&mut conclusion, &[0], &[]));
    }
    text
}

/// The items in one line; of many the first and the last, of long ones the beginning.
fn elided<T: AsRef<str>>(items: &[T], between: &str) -> String {
    let short = |item: &T| {
        let cut: String = item.as_ref().chars().take(ITEM_CHARS_MAX).collect();
        if cut.len() < item.as_ref().len() { cut + "…" } else { cut }
    };
    let hidden = items.len().saturating_sub(ITEMS_FIRST + ITEMS_LAST);
    let mut shown: Vec<String> = items.iter().map(short).collect();
    if hidden > 0 {
        shown.splice(ITEMS_FIRST..items.len() - ITEMS_LAST, [format!("… {hidden} more …")]);
    }
    shown.join(between)
}

/// Every entry that stood in the log at some time, in the order of appearance.
fn log(story: &Story) -> Vec<&str> {
    let mut log: Vec<&str> = Vec::new();
    for entry in story.steps.iter().flat_map(|step| &step.log) {
        if !log.contains(&entry.as_str()) {
            log.push(entry);
        }
    }
    log
}

fn steps(steps: &[Step], width: u16) -> String {
    let lanes = steps.iter().map(|step| step.lanes.len()).max().unwrap_or(0);
    let mut heading = ["#", "who", "what"].map(str::to_owned).to_vec();
    // The first of the columns that show the state after the step names them all.
    heading.extend((0..lanes).map(|lane| if lane == 0 { "afterwards".to_owned() } else { String::new() }));
    let mut table = grid(width, Some(heading));
    let hidden = steps.len().saturating_sub(STEPS_FIRST + STEPS_LAST);
    for (number, step) in (1..).zip(steps) {
        if hidden > 0 && number == STEPS_FIRST + 1 {
            table.add_row([String::new(), String::new(), format!("… {hidden} steps …")]);
        }
        if hidden == 0 || number <= STEPS_FIRST || number > steps.len() - STEPS_LAST {
            let mut line = vec![number.to_string(), step.who.clone(), step.what.clone()];
            line.extend((0..lanes).map(|lane| step.lanes.get(lane).cloned().unwrap_or_default()));
            table.add_row(line);
        }
    }
    settle(&mut table, &[0, 1], &[0])
}

/// Master and replica side by side; `≠` where they differ.
pub fn keys(rows: &[KeyRow], width: u16) -> String {
    let mut table = grid(width, Some(["", "key", "master", "replica"].map(str::to_owned).into()));
    for row in rows {
        table.add_row([if row.differs { "≠" } else { "" }, &row.key, &row.master, &row.replica]);
    }
    settle(&mut table, &[0, 1], &[])
}

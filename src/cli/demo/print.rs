//! Results of each choice → text and JSON.

use super::cluster::Shown;
use super::scenario::Scenario;
use replicheck::models::story::{Held, Instant, KeyRow, key_rows};
use replicheck::models::timeline;
use replicheck::store::{Dump, Stored};
use replicheck::time::Millis;
use serde::Serialize;
use std::fmt::Write;

/// One choice of one scenario, as other programs read it.
#[derive(Serialize)]
pub struct JsonShown {
    scenario: &'static str,
    choice: &'static str,
    diverged: bool,
    master: Vec<JsonKey>,
    replica: Vec<JsonKey>,
}

#[derive(Serialize)]
struct JsonKey {
    db: u8,
    key: String,
    value: String,
    /// Milliseconds since the Unix epoch; null = never dies.
    deadline_ms: Option<u64>,
}

impl JsonShown {
    /// `shown` of `scenario`.
    pub fn of(scenario: &Scenario, shown: &Shown) -> JsonShown {
        JsonShown {
            scenario: scenario.name,
            choice: shown.choice.name,
            diverged: shown.diverged(),
            master: keys(&shown.master),
            replica: keys(&shown.replica),
        }
    }
}

fn keys(dump: &Dump) -> Vec<JsonKey> {
    let key = |(key, stored): (&replicheck::effect::Key, &Stored)| JsonKey {
        db: key.db,
        key: key.name.escape_ascii().to_string(),
        value: stored.content.to_string(),
        deadline_ms: stored.deadline.map(|deadline| deadline.0),
    };
    dump.iter().map(key).collect()
}

/// The text above a scenario's choices.
pub fn heading(scenario: &Scenario) -> String {
    format!(
        "{}\n{}\nprogram   {}\nhow       {}\n",
        super::super::paint::title(&format!("{}:", scenario.name)),
        scenario.title,
        scenario.program.join("; "),
        scenario.how
    )
}

/// One choice: both stores side by side. `start` is when the program was sent.
pub fn choice(scenario: &Scenario, shown: &Shown, start: Millis, width: u16) -> String {
    let sign = if shown.diverged() { "✗ diverged" } else { "✓ equal" };
    let schedule = match shown.schedule_kept {
        Some(true) => " (the schedule was kept)",
        Some(false) => " (the strategy did not allow the schedule)",
        None => "",
    };
    let mut text = format!("\n{sign:<12}{}{schedule}\n", shown.choice.name);
    let _ = writeln!(text, "  promises {}", shown.choice.promise);
    let judged = Instant { start, master: start, replica: start };
    let rows: Vec<_> =
        key_rows(&shown.master, &shown.replica, Some(judged)).into_iter().map(|(_, row)| row).collect();
    let what = if scenario.sets_ahead_ms.is_some() { "what readers see" } else { "stored" };
    let after = format!("{what} after entry {}", scenario.program.len());
    if rows.is_empty() {
        let _ = writeln!(text, "  {after}: both are empty");
        return text;
    }
    let _ = writeln!(text, "  {after}, seconds since the program was sent:");
    text.push_str(&indented(&timeline::keys(&rows, width.saturating_sub(2))));
    if shown.diverged() {
        let _ = writeln!(text, "  what clients then read:");
        text.push_str(&indented(&reads(shown, width.saturating_sub(2))));
    }
    text
}

fn reads(shown: &Shown, width: u16) -> String {
    let row = |(command, master, replica): &(String, String, String)| KeyRow {
        key: command.clone(),
        master: Held::plain(master.clone()),
        replica: Held::plain(replica.clone()),
        differs: master != replica,
    };
    timeline::keys(&shown.reads.iter().map(row).collect::<Vec<_>>(), width)
}

/// The text with each line indented by two columns.
pub fn indented(text: &str) -> String {
    text.lines().map(|line| format!("  {line}\n")).collect()
}

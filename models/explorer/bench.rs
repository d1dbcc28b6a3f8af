//! Bench — what `cargo bench` measured in this checkout → tables that compare strategies. Does I/O: reads two files.

use super::page;
use crate::models::measured::{self, Measured};
use maud::{Markup, html};
use serde::Deserialize;
use std::io::{ErrorKind, Read};
use std::path::Path;
use std::time::SystemTime;

/// Maximum number of bytes of a summary that are read: enough for thousands of rows.
const BYTES_MAX: u64 = 4 << 20;

/// The machine that measured, as `target/bench/machine.json` describes it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
struct Machine {
    machine: String,
    cores: u64,
    /// The date in ISO 8601.
    date: String,
    commit: String,
}

/// The reasons why there is nothing to compare.
enum Nothing {
    /// The benches have not run.
    NotRun,
    /// The file cannot be read.
    Damaged(String),
}

/// The page. `folder`: where the benches write their results.
pub fn page_of(folder: &Path) -> Markup {
    let file = folder.join("summary.json");
    let body = html! {
        h1 { "Benches" }
        @match read(&file) {
            Ok((measured, since)) => {
                p.lead { "The speed of each way of replicating, as measured in this checkout." }
                (measured_on(machine(&folder.join("machine.json")).as_ref(), since))
                (measured::page(&measured))
            }
            Err(Nothing::NotRun) => {
                p.lead { "Nothing has been measured in this checkout yet." }
                p.note { code { "cargo bench" } " measures and writes its results to the file that this page reads, " code { (file.display()) } "; then load the page again." }
            }
            Err(Nothing::Damaged(why)) => {
                p.problem role="alert" { "The results in " code { (file.display()) } " cannot be read: " (why) "." }
                p { code { "cargo bench" } " writes them again." }
            }
        }
    };
    page::page("Benches", &body)
}

/// When it was measured, on which machine, and at which commit.
fn measured_on(machine: Option<&Machine>, since: Option<SystemTime>) -> Markup {
    html! {
        dl.facts {
            dt { "date" } dd {
                @match (machine, since) {
                    (Some(machine), _) => time datetime=(machine.date) { (machine.date) },
                    (None, Some(since)) => { time { (httpdate::fmt_http_date(since)) } ", when the file was written" },
                    (None, None) => "date not recorded",
                }
            }
            dt { "machine" } dd {
                @match machine {
                    Some(machine) => { (machine.machine) ", " (machine.cores) " cores" },
                    None => "machine not recorded",
                }
            }
            @if let Some(machine) = machine { dt { "commit" } dd { code { (machine.commit) } } }
        }
    }
}

/// The benches' description of the machine. `None`: there is none, or it cannot be read.
fn machine(file: &Path) -> Option<Machine> {
    let mut text = String::new();
    std::fs::File::open(file).ok()?.take(BYTES_MAX).read_to_string(&mut text).ok()?;
    serde_json::from_str(&text).ok()
}

fn read(file: &Path) -> Result<(Vec<Measured>, Option<SystemTime>), Nothing> {
    let damaged = |error: std::io::Error| match error.kind() {
        ErrorKind::NotFound => Nothing::NotRun,
        _ => Nothing::Damaged(error.to_string()),
    };
    let opened = std::fs::File::open(file).map_err(damaged)?;
    let since = opened.metadata().and_then(|metadata| metadata.modified()).ok();
    let mut text = String::new();
    opened.take(BYTES_MAX).read_to_string(&mut text).map_err(damaged)?;
    let measured: Vec<Measured> =
        serde_json::from_str(&text).map_err(|error| Nothing::Damaged(error.to_string()))?;
    match measured.iter().find(|one| one.value < 0.0 || !one.share_of_limit.is_none_or(|it| it >= 0.0)) {
        None if measured.is_empty() => Err(Nothing::Damaged("there is nothing in it".to_owned())),
        None => Ok((measured, since)),
        Some(odd) => Err(Nothing::Damaged(format!("{} of {} is below zero", odd.bench, odd.choice))),
    }
}

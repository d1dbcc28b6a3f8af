//! Bench — what `cargo bench` measured in this checkout → tables that compare strategies. Does I/O: reads two files.

use super::{page, pivot};
use crate::models::cost::thousands;
use maud::{Markup, html};
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::{ErrorKind, Read};
use std::path::Path;
use std::time::SystemTime;

/// Bytes of a summary that are read: thousands of rows.
const BYTES_MAX: u64 = 4 << 20;

/// Figures that are shown without a click.
const FEW: usize = 12;

/// One measured number, as `target/bench/summary.json` has it.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Measured {
    /// What was measured.
    pub bench: String,
    /// The strategy or policy.
    pub choice: String,
    /// What else was set: workers, the share of FLUSHDB; a word or a name and its value each.
    pub params: Value,
    /// How much.
    pub value: f64,
    /// Of what.
    pub unit: String,
    /// The part of what the machine can do at all that was reached; 1 is all of it.
    pub share_of_limit: Option<f64>,
}

/// What measured it, as `target/bench/machine.json` has it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
struct Machine {
    machine: String,
    cores: u64,
    /// ISO 8601.
    date: String,
    commit: String,
}

/// Why there is nothing to compare.
enum Nothing {
    /// Nobody has run the benches.
    NotRun,
    /// The file cannot be read.
    Damaged(String),
}

/// The page. `folder` is where the benches left their results.
pub fn page_of(folder: &Path) -> Markup {
    let file = folder.join("summary.json");
    let body = html! {
        h1 { "Benches" }
        @match read(&file) {
            Ok((measured, since)) => {
                p.lead { "How fast each way of replicating is, as measured in this checkout." }
                (measured_on(machine(&folder.join("machine.json")).as_ref(), since))
                p.quiet { "Bars: each value beside the greatest of its table. The percentage is the share of the limit: the part of what this machine could do without any ordering." }
                (pivot::tables(&measured))
                details open[measured.len() <= FEW] { summary { "Every figure" } (tables(&measured)) }
            }
            Err(Nothing::NotRun) => {
                p.lead { "Nothing has been measured in this checkout yet." }
                p.note { code { "cargo bench" } " measures and leaves its results where this page looks for them, " code { (file.display()) } "; then load the page again." }
            }
            Err(Nothing::Damaged(why)) => {
                p.problem role="alert" { "The results in " code { (file.display()) } " cannot be read: " (why) "." }
                p { code { "cargo bench" } " makes them anew." }
            }
        }
    };
    page::page("Benches", &body)
}

/// When, on what machine, of which commit.
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

/// What the benches said of the machine. `None`: nothing, or nothing that can be read.
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
        Some(odd) => Err(Nothing::Damaged(format!("{} of {} is less than nothing", odd.bench, odd.choice))),
    }
}

/// A table a bench; in it what was set alike stands together, so that choices can be compared.
fn tables(measured: &[Measured]) -> Markup {
    let mut benches: Vec<(&str, &str)> = Vec::new();
    for one in measured {
        if !benches.contains(&(one.bench.as_str(), one.unit.as_str())) {
            benches.push((&one.bench, &one.unit));
        }
    }
    html! {
        @for (bench, unit) in benches {
            (table(bench, unit, measured.iter().filter(|one| one.bench == bench && one.unit == unit).collect()))
        }
    }
}

fn table(bench: &str, unit: &str, mut rows: Vec<&Measured>) -> Markup {
    let mut names: Vec<String> = Vec::new();
    for name in rows.iter().flat_map(|one| params(one).into_keys()) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    rows.sort_by(|one, other| in_order(&params(one), &params(other), &names));
    let greatest = rows.iter().map(|one| one.value).fold(0.0, f64::max);
    let has_limit = rows.iter().any(|one| one.share_of_limit.is_some());
    html! {
        div.scroll tabindex="0" role="region" aria-label=(bench) {
            table.benches {
                caption { (bench) ", " (unit) }
                thead { tr {
                    @for name in &names { th scope="col" { (name) } }
                    th scope="col" { "choice" }
                    th scope="col" { (unit) }
                    @if has_limit { th scope="col" { "share of the limit" } }
                } }
                tbody { @for (at, one) in rows.iter().enumerate() {
                    @let is_first = at == 0 || params(rows[at - 1]) != params(one);
                    tr class=[(is_first && at > 0).then_some("apart")] {
                        @for name in &names { td.number { (params(one).get(name).map(in_words).unwrap_or_default()) } }
                        th scope="row" { code { (one.choice) } }
                        td { (bar(one.value / greatest, &amount(one.value))) }
                        @if has_limit { td { @if let Some(share) = one.share_of_limit { (bar(share, &format!("{:.0} %", share * 100.0))) } } }
                    }
                } }
            }
        }
    }
}

/// A bar of that part of its room, and what it says.
fn bar(share: f64, words: &str) -> Markup {
    let percent = if share.is_finite() { (share * 100.0).clamp(0.0, 100.0) } else { 0.0 };
    html! { span.bar aria-hidden="true" { span style={ "width:" (format!("{percent:.1}")) "%" } {} } " " (words) }
}

/// A measured number in words.
pub fn amount(value: f64) -> String {
    if value >= 1000.0 {
        return thousands(crate::models::cost::rounded(value));
    }
    format!("{value:.3}").trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// What was set, by name.
pub fn params(one: &Measured) -> BTreeMap<String, Value> {
    match &one.params {
        Value::Object(params) => params.clone().into_iter().collect(),
        Value::Null => BTreeMap::new(),
        other => [("setting".to_owned(), other.clone())].into(),
    }
}

/// A parameter's value in words.
pub fn in_words(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// By each name in turn, numbers by their size.
fn in_order(
    one: &BTreeMap<String, Value>,
    other: &BTreeMap<String, Value>,
    names: &[String],
) -> std::cmp::Ordering {
    let by_name = |name: &String| {
        let (one, other) = (one.get(name), other.get(name));
        let number = |value: Option<&Value>| value.and_then(Value::as_f64);
        match (number(one), number(other)) {
            (Some(one), Some(other)) => one.total_cmp(&other),
            _ => one.map(in_words).cmp(&other.map(in_words)),
        }
    };
    names.iter().map(by_name).find(|order| order.is_ne()).unwrap_or(std::cmp::Ordering::Equal)
}

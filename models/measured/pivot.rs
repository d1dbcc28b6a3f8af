//! Pivot — measured numbers → a small table for each varied parameter: one line for each choice, one column for each
//! value. Pure.
//!
//! ```text
//! entries/s by workers (flushdb 1%)        1          2          4
//! serial                             90 ± 3 % 402 k
//! barrier                                           27 ± 2 % 212 k  21 ± 2 % 312 k
//! ```

use super::row::{Measured, amount, bar, in_words, params, place, share};
use maud::{Markup, html};
use serde_json::Value;
use std::collections::BTreeMap;

type Params = BTreeMap<String, Value>;

/// One table: one parameter is varied, all others are equal.
struct Pivot<'a> {
    bench: &'a str,
    unit: &'a str,
    varied: String,
    alike: Params,
    values: Vec<Value>,
    rows: Vec<&'a Measured>,
}

/// Minimum number of values in a table: fewer show no trend.
const VALUES_MIN: usize = 2;

/// The tables, one for each parameter that was varied while all others were equal.
pub(super) fn tables(measured: &[Measured]) -> Markup {
    html! { @for pivot in &pivots(measured) { (table(pivot)) } }
}

fn pivots(measured: &[Measured]) -> Vec<Pivot<'_>> {
    let mut pivots: Vec<Pivot<'_>> = Vec::new();
    for one in measured {
        for (varied, value) in params(one) {
            let mut alike = params(one);
            alike.remove(&varied);
            let is_it = |pivot: &Pivot<'_>| {
                (pivot.bench, pivot.unit, &pivot.varied, &pivot.alike)
                    == (&one.bench, &one.unit, &varied, &alike)
            };
            let at = pivots.iter().position(is_it).unwrap_or_else(|| {
                let (bench, unit, varied) = (one.bench.as_str(), one.unit.as_str(), varied.clone());
                let (values, rows) = (Vec::new(), Vec::new());
                pivots.push(Pivot { bench, unit, varied, alike: alike.clone(), values, rows });
                pivots.len() - 1
            });
            if !pivots[at].values.contains(&value) {
                pivots[at].values.push(value);
            }
            pivots[at].rows.push(one);
        }
    }
    pivots.retain(|pivot| pivot.values.len() >= VALUES_MIN);
    for pivot in &mut pivots {
        pivot.values.sort_by(|one, other| size(one).total_cmp(&size(other)));
    }
    // Each has a row.
    pivots.sort_by(|one, other| {
        (place(one.rows[0]), one.unit, &one.varied).cmp(&(place(other.rows[0]), other.unit, &other.varied))
    });
    pivots
}

/// A number, or the number at the beginning of a word: `1%`.
fn size(value: &Value) -> f64 {
    let word = || value.as_str()?.trim_end_matches(|letter: char| !letter.is_ascii_digit()).parse().ok();
    value.as_f64().or_else(word).unwrap_or(f64::MAX)
}

fn table(pivot: &Pivot<'_>) -> Markup {
    let Pivot { bench, unit, varied, alike, values, rows } = pivot;
    let alike: Vec<String> =
        alike.iter().map(|(name, value)| format!("{name} {}", in_words(value))).collect();
    let mut choices: Vec<&str> = Vec::new();
    for one in rows {
        if !choices.contains(&one.choice.as_str()) {
            choices.push(&one.choice);
        }
    }
    let greatest = rows.iter().map(|one| one.value).fold(0.0, f64::max);
    let find = |choice: &str, value: &Value| {
        rows.iter().find(|one| one.choice == choice && params(one).get(varied) == Some(value))
    };
    html! {
        div.scroll tabindex="0" role="region" aria-label={ (bench) " by " (varied) } {
            table.pivot {
                caption { (question(varied)) " " span.quiet { (bench) ": " (unit) " by " (varied_in_words(varied)) } @if !alike.is_empty() { small { " (" (alike.join(", ")) ")" } } }
                thead { tr {
                    th scope="col" { "choice" }
                    @for value in values { th scope="col" { span.unseen { (varied) " " } (in_words(value)) } }
                } }
                tbody { @for choice in &choices { tr {
                    th scope="row" { code { (choice) } }
                    @for value in values { td { @if let Some(one) = find(choice, value) { (cell(one, greatest)) } } }
                } } }
            }
        }
    }
}

/// The question that a table answers.
fn question(varied: &str) -> String {
    let known = match varied {
        "workers" => "What do more workers change?",
        "flushdb" => "What does FLUSHDB cost?",
        "multi_key" => "What do writes of several keys cost?",
        "keys" => "What do hot keys cost?",
        "batch" => "What do batches save?",
        "value_bytes" => "What do longer values cost?",
        "cut_interval_ms" => "What do fresher snapshots cost?",
        "command" => "What does each command cost?",
        "pipeline" => "What do pipelines save?",
        _ => return format!("By {varied}"),
    };
    known.to_owned()
}

/// The varied parameter, in words.
fn varied_in_words(name: &str) -> &str {
    match name {
        "flushdb" => "share of FLUSHDB",
        "multi_key" => "share of MSET of two keys",
        other => other,
    }
}

/// The share of the limit with a bar, if there is a limit; otherwise the value, with a bar relative to the greatest value of
/// the table.
fn cell(one: &Measured, greatest: f64) -> Markup {
    match (one.share_of_limit, share(one)) {
        (Some(part), Some(words)) => html! {
            (bar(part, one.spread, "")) span.amount { (words) } span.unseen { " of the limit" } " " small { (amount(one.value)) }
        },
        _ => html! {
            (bar(one.value / greatest, one.spread.map(|it| it / greatest), "")) span.amount { (amount(one.value)) }
        },
    }
}

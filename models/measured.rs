//! Measured — numbers measured by the benches → tables with bars that put choices side by side. Pure.
//!
//! One renderer serves both the page that `cargo bench` writes and the explorer's page.

use super::cost::{rounded, thousands};
use maud::{Markup, html};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// One measured number, as `target/bench/summary.json` has it.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct Measured {
    /// The name of the measurement.
    pub bench: String,
    /// The strategy or policy.
    pub choice: String,
    /// The other parameters: workers, the share of FLUSHDB, and so on. A word, or a name with its value for each.
    pub params: Value,
    /// The measured value.
    pub value: f64,
    /// Its unit.
    pub unit: String,
    /// The share of the machine's limit that was reached; 1 is all of it.
    pub share_of_limit: Option<f64>,
}

/// Style of the tables, for a page that has no style of its own.
pub const STYLE: &str = include_str!("measured.css");

/// The results of one bench in one unit, arranged for comparison.
pub struct Comparison<'a> {
    /// The name of the measurement.
    pub bench: &'a str,
    /// The unit of the values.
    pub unit: &'a str,
    /// The names of the parameters.
    pub names: Vec<String>,
    /// The rows. Rows with equal parameters are adjacent, so that choices can be compared.
    pub rows: Vec<&'a Measured>,
}

/// The comparisons in `measured`, in order of first appearance.
pub fn comparisons(measured: &[Measured]) -> Vec<Comparison<'_>> {
    let mut comparisons: Vec<Comparison<'_>> = Vec::new();
    for one in measured {
        let at = comparisons.iter().position(|it| it.bench == one.bench && it.unit == one.unit);
        let at = at.unwrap_or_else(|| {
            let (bench, unit) = (one.bench.as_str(), one.unit.as_str());
            comparisons.push(Comparison { bench, unit, names: Vec::new(), rows: Vec::new() });
            comparisons.len() - 1
        });
        let Comparison { names, rows, .. } = &mut comparisons[at];
        for name in params(one).into_keys() {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        rows.push(one);
    }
    for Comparison { names, rows, .. } in &mut comparisons {
        rows.sort_by(|one, other| in_order(&params(one), &params(other), names));
    }
    comparisons
}

/// One table for each bench and unit.
pub fn tables(measured: &[Measured]) -> Markup {
    html! { @for comparison in &comparisons(measured) { (table(comparison)) } }
}

fn table(comparison: &Comparison<'_>) -> Markup {
    let Comparison { bench, unit, names, rows } = comparison;
    let greatest = rows.iter().map(|one| one.value).fold(0.0, f64::max);
    let has_limit = rows.iter().any(|one| one.share_of_limit.is_some());
    html! {
        div.scroll tabindex="0" role="region" aria-label=(bench) {
            table.benches {
                caption { (bench) ", " (unit) }
                thead { tr {
                    @for name in names { th scope="col" { (name) } }
                    th scope="col" { "choice" }
                    th scope="col" { (unit) }
                    @if has_limit { th scope="col" { "share of the limit" } }
                } }
                tbody { @for (at, one) in rows.iter().enumerate() {
                    @let is_first = at == 0 || params(rows[at - 1]) != params(one);
                    tr class=[(is_first && at > 0).then_some("apart")] {
                        @for name in names { td.number { (params(one).get(name).map(in_words).unwrap_or_default()) } }
                        th scope="row" { code { (one.choice) } }
                        td { (bar(one.value / greatest, &amount(one.value))) }
                        @if has_limit { td { @if let Some(share) = one.share_of_limit { (bar(share, &format!("{:.0} %", share * 100.0))) } } }
                    }
                } }
            }
        }
    }
}

/// A bar that fills this share of its space, followed by `words`.
fn bar(share: f64, words: &str) -> Markup {
    let percent = if share.is_finite() { (share * 100.0).clamp(0.0, 100.0) } else { 0.0 };
    let width = format!("{percent:.1}%");
    html! { svg.bar aria-hidden="true" { rect width=(width) height="100%" {} } " " (words) }
}

/// A measured number in words, with about four digits.
pub fn amount(value: f64) -> String {
    if value >= 1000.0 {
        return thousands(rounded(value));
    }
    format!("{value:.3}").trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// The parameters by name.
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

/// Compares two rows by each name in turn; numbers compare by size.
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

//! Figures — measured numbers → a table for each bench and unit, with every figure. Pure.

use super::row::{Measured, amount, bar, in_words, params, place, share};
use maud::{Markup, html};
use serde_json::Value;
use std::collections::BTreeMap;

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
    // Stable: within a bench the order of first appearance stays.
    comparisons.sort_by_key(|comparison| comparison.rows.first().map(|one| place(one)));
    for Comparison { names, rows, .. } in &mut comparisons {
        rows.sort_by(|one, other| in_order(&params(one), &params(other), names));
    }
    comparisons
}

/// One table for each bench and unit.
pub(super) fn tables(measured: &[Measured]) -> Markup {
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
                        @let own_spread = one.spread.filter(|_| one.share_of_limit.is_none());
                        td { (bar(one.value / greatest, own_spread.map(|it| it / greatest), &amount(one.value))) }
                        @if has_limit { td { @if let (Some(part), Some(words)) = (one.share_of_limit, share(one)) { (bar(part, one.spread, &words)) } } }
                    }
                } }
            }
        }
    }
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

//! Row — one measured number, and what the tables say of it. Pure.

use crate::models::cost::rounded;
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
    /// How far the runs lie apart: half the distance between their lower and upper quartile. It is the spread of the share
    /// where there is one, and of the value otherwise. `None`: it was not measured, or with fewer than three runs.
    #[serde(default)]
    pub spread: Option<f64>,
}

impl Measured {
    /// Whether `other` is the same figure of another run: choice, parameters and unit.
    pub fn is_same_figure(&self, other: &Measured) -> bool {
        (&self.choice, &self.params, &self.unit) == (&other.choice, &other.params, &other.unit)
    }
}

/// The place of a bench on the page: what a strategy costs first, compression last.
pub(super) fn place(one: &Measured) -> (usize, &str) {
    const BENCHES: [&str; 8] =
        ["ordering", "expiry", "engine", "peers", "binlog", "checker", "checker_loom", "checker_shuttle"];
    if params(one).contains_key("of") {
        return (BENCHES.len() + 1, &one.bench);
    }
    (BENCHES.iter().position(|name| *name == one.bench).unwrap_or(BENCHES.len()), &one.bench)
}

/// A bar that fills this share of its space, with a line across its end as long as the spread, followed by `words`.
pub fn bar(share: f64, spread: Option<f64>, words: &str) -> Markup {
    let percent = |share: f64| if share.is_finite() { (share * 100.0).clamp(0.0, 100.0) } else { 0.0 };
    let width = |share: f64| format!("{:.1}%", percent(share));
    html! {
        svg.bar aria-hidden="true" {
            rect width=(width(share)) height="100%" {}
            @if let Some(spread) = spread {
                line x1=(width(share - spread)) x2=(width(share + spread)) y1="50%" y2="50%" {}
            }
        }
        " " (words)
    }
}

/// The share of the limit with its spread: `93 ± 4 %`.
pub fn share(one: &Measured) -> Option<String> {
    let share = one.share_of_limit?;
    Some(format!("{} %", percent_of(share, one.spread)))
}

/// A share and its spread in percent, without the sign: `93 ± 4`.
pub(super) fn percent_of(share: f64, spread: Option<f64>) -> String {
    match spread {
        Some(spread) => format!("{:.0} ± {:.0}", share * 100.0, spread * 100.0),
        None => format!("{:.0}", share * 100.0),
    }
}

/// A measured number with three digits at most: `0.371`, `78.4`, `540 k`, `1.53 M`. Its unit stands above its column.
pub fn amount(value: f64) -> String {
    const SIZES: [(f64, &str); 4] = [(1e9, " G"), (1e6, " M"), (1e3, " k"), (1.0, "")];
    // What rounds up to the next size belongs to it: 999,600 is 1 M.
    let (size, prefix) = SIZES.into_iter().find(|(size, _)| value >= size * 0.9995).unwrap_or((1.0, ""));
    three_digits(value / size) + prefix
}

fn three_digits(value: f64) -> String {
    let decimals = if value >= 99.95 {
        return rounded(value).to_string();
    } else if value >= 9.995 {
        1
    } else if value >= 0.9995 {
        2
    } else {
        3
    };
    let text = format!("{value:.decimals$}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amount_has_three_digits_at_most() {
        let cases = [
            (0.0, "0"),
            (0.0371, "0.037"),
            (0.5, "0.5"),
            (0.99951, "1"),
            (9.996, "10"),
            (78.36, "78.4"),
            (99.96, "100"),
            (540_123.0, "540 k"),
            (999_600.0, "1 M"),
            (1_534_000.0, "1.53 M"),
            (2.5e10, "25 G"),
        ];
        for (value, words) in cases {
            assert_eq!(amount(value), words, "{value}");
        }
    }
}

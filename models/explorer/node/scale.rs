//! Scale — numbers → bars, lines and words that are alike in all parts of the page. Pure.

use super::history::{Figures, History, SPAN_MS};
use super::spark::{greatest, spark};
use crate::apply::pool::Wait;
use crate::models::cost::{rounded, thousands};
use crate::models::measured::bar;
use maud::{Markup, html};

/// How long threads waited, in microseconds.
pub fn waited(figures: &Figures, wait: Wait) -> u64 {
    let at = Wait::ALL.iter().position(|known| *known == wait);
    at.and_then(|at| figures.waited_us.get(at)).copied().unwrap_or_default()
}

/// A number, or that it is not known.
pub fn known(number: Option<u64>) -> String {
    number.map_or_else(|| "not known".to_owned(), thousands)
}

/// The number that a bar or a line stands for: 10, 20, 50, 100, … At least 10, so that a single entry does not fill it.
pub fn scale(greatest: u64) -> u64 {
    let tens = std::iter::successors(Some(10u64), |ten| ten.checked_mul(10));
    let mut steps =
        tens.flat_map(|ten| [1, 2, 5].into_iter().filter_map(move |times| ten.checked_mul(times)));
    steps.find(|step| *step >= greatest).unwrap_or(u64::MAX)
}

/// A bar of `number` on that scale, with its words.
pub fn bar_of(number: u64, scale: u64, words: &str) -> Markup {
    bar(number as f64 / scale as f64, None, words)
}

/// The line of the last minute, with its greatest number in words.
pub fn minute(series: &[(u64, Option<f64>)], history: &History, unit: &str) -> Markup {
    let words =
        format!("at most {} {unit} in the last {} s", thousands(rounded(greatest(series))), SPAN_MS / 1000);
    html! { span.minute { (spark(series, history.now_ms(), &words)) small aria-hidden="true" { "at most " (thousands(rounded(greatest(series)))) } } }
}

/// Microseconds as milliseconds, with one decimal below ten.
pub fn millis(us: f64) -> String {
    if us > 0.0 && us < 10_000.0 { format!("{:.1}", us / 1000.0) } else { thousands(rounded(us / 1000.0)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scale_is_the_next_round_number() {
        for (greatest, expected) in
            [(0, 10), (10, 10), (11, 20), (21, 50), (51, 100), (3_022, 5_000), (u64::MAX, u64::MAX)]
        {
            assert_eq!(scale(greatest), expected, "{greatest}");
        }
    }
}

//! Spark — a number over the last minute → a small line. Pure.

use super::history::SPAN_MS;
use maud::{Markup, html};

/// The size of the drawing, which is stretched to its place.
const WIDTH: f64 = 240.0;
const HEIGHT: f64 = 32.0;

/// The line of a series up to `now_ms`, broken where a number is not known. `words`: the same in words.
pub fn spark(series: &[(u64, Option<f64>)], now_ms: u64, words: &str) -> Markup {
    let greatest = greatest(series);
    let x = |at_ms: u64| WIDTH - now_ms.saturating_sub(at_ms).min(SPAN_MS) as f64 * WIDTH / SPAN_MS as f64;
    let y = |value: f64| HEIGHT - 1.0 - (HEIGHT - 2.0) * if greatest > 0.0 { value / greatest } else { 0.0 };
    let point = |&(at_ms, value): &(u64, Option<f64>)| Some(format!("{:.1},{:.1}", x(at_ms), y(value?)));
    let lines = series.split(|(_, value)| value.is_none()).filter(|run| run.len() > 1);
    html! {
        svg.spark viewBox={ "0 0 " (WIDTH) " " (HEIGHT) } preserveAspectRatio="none" role="img" aria-label=(words) {
            @for run in lines {
                polyline points=(run.iter().filter_map(point).collect::<Vec<_>>().join(" ")) {}
            }
        }
    }
}

/// The greatest number of a series; 0 if none is known.
pub fn greatest(series: &[(u64, Option<f64>)]) -> f64 {
    series.iter().filter_map(|(_, value)| *value).fold(0.0, f64::max)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spark_is_broken_where_nothing_is_known_and_its_greatest_is_at_the_top() {
        let series =
            [(0, Some(0.0)), (30_000, Some(8.0)), (40_000, None), (50_000, Some(4.0)), (60_000, Some(8.0))];
        let drawn = spark(&series, 60_000, "w").into_string();
        assert!(drawn.contains("\"0.0,31.0 120.0,1.0\""), "{drawn}");
        assert!(drawn.contains("\"200.0,16.0 240.0,1.0\""), "{drawn}");
        assert_eq!(drawn.matches("<polyline").count(), 2, "{drawn}");
    }

    #[test]
    fn spark_of_zeros_or_of_nothing_has_no_odd_numbers() {
        for series in [vec![], vec![(0, None)], vec![(0, Some(0.0)), (9, Some(0.0))]] {
            let drawn = spark(&series, 9, "w").into_string();
            assert!(!drawn.contains("NaN") && !drawn.contains("inf"), "{drawn}");
        }
    }
}

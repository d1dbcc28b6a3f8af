//! Overview — the rows of the bench `ordering` → one table of all strategies: promise, speed, how far readers are behind, and
//! when to choose it; and the conclusion that the figures allow. Pure.

use super::row::{Measured, amount, bar, params, percent_of};
use crate::ordering::{Level, Strategy};
use maud::{Markup, html};
use serde_json::Value;

/// The unit of the rows that say how old the state was that readers saw: the median over a run.
pub const BEHIND: &str = "ms that readers are behind, median";
/// The same: the greatest.
pub const BEHIND_AT_MOST: &str = "ms that readers are behind, greatest";

/// The columns of speeds: heading, and the parameter that differs from the base.
const COLUMNS: [(&str, Option<(&str, Param)>); 6] = [
    ("1 worker", Some(("workers", Param::Number(1.0)))),
    ("2 workers", None),
    ("4 workers", Some(("workers", Param::Number(4.0)))),
    ("1 % FLUSHDB", Some(("flushdb", Param::Number(0.01)))),
    ("10 % MSET", Some(("multi_key", Param::Number(0.1)))),
    ("one hot key", Some(("keys", Param::Word("one")))),
];
/// The columns of different numbers of workers, of which a strategy's best counts in the conclusion.
const WORKERS: std::ops::Range<usize> = 0..3;
/// The column with FLUSHDB.
const FLUSHDB: usize = 3;

/// The value of a parameter.
#[derive(Clone, Copy)]
enum Param {
    Number(f64),
    Word(&'static str),
}

impl Param {
    fn is(self, value: &Value) -> bool {
        match self {
            Param::Number(number) => value.as_f64() == Some(number),
            Param::Word(word) => value.as_str() == Some(word),
        }
    }
}

/// A share of the limit and its spread.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Speed {
    share: f64,
    spread: Option<f64>,
}

impl Speed {
    fn in_words(self) -> String {
        percent_of(self.share, self.spread)
    }

    /// Whether it is greater than `other` by more than both spreads. `None`: a spread is not known.
    fn exceeds(self, other: Speed) -> Option<bool> {
        Some(self.share - self.spread? > other.share + other.spread?)
    }
}

/// A strategy's row. A strategy of the user's own has no promise here.
#[derive(Clone, Debug, PartialEq)]
struct Row {
    name: String,
    strategy: Option<Strategy>,
    speeds: [Option<Speed>; COLUMNS.len()],
    /// Milliseconds that readers are behind: median and greatest.
    behind: Option<(f64, f64)>,
}

impl Row {
    fn promise(&self) -> &'static str {
        self.strategy.map_or("–", |strategy| strategy.promises().name())
    }

    fn when(&self) -> &'static str {
        self.strategy.map_or("your own: `judge_ordering` says what it keeps", Strategy::when_to_choose)
    }

    fn behind(&self) -> String {
        self.behind
            .map_or("–".to_owned(), |(median, most)| format!("{} / {}", amount(median), amount(most)))
    }

    /// Its best speed over the numbers of workers, with the column.
    fn best(&self) -> Option<(usize, Speed)> {
        let speeds = WORKERS.filter_map(|at| Some((at, self.speeds[at]?)));
        speeds.max_by(|one, other| one.1.share.total_cmp(&other.1.share))
    }

    fn level(&self) -> Option<Level> {
        self.strategy.map(Strategy::promises)
    }
}

/// The table.
#[derive(Clone, Debug, PartialEq)]
pub struct Overview {
    rows: Vec<Row>,
}

impl Overview {
    /// The table of the bench `ordering`: the strongest promise first, then the fastest. `None`: it has no speed of any
    /// strategy.
    pub fn of(measured: &[Measured]) -> Option<Overview> {
        let ordering: Vec<&Measured> = measured.iter().filter(|one| one.bench == "ordering").collect();
        let mut rows: Vec<Row> = Vec::new();
        for one in ordering.iter().filter(|one| one.unit == "entries/s" && one.share_of_limit.is_some()) {
            if rows.iter().all(|row| row.name != one.choice) {
                rows.push(row(&one.choice, &ordering));
            }
        }
        rows.retain(|row| row.speeds.iter().any(Option::is_some));
        let speed = |row: &Row| row.best().map_or(0.0, |(_, speed)| speed.share);
        rows.sort_by(|one, other| {
            (other.level(), speed(other))
                .partial_cmp(&(one.level(), speed(one)))
                .unwrap_or(std::cmp::Ordering::Equal)
        });
        (!rows.is_empty()).then_some(Overview { rows })
    }

    /// The conclusion that the figures allow, in a few sentences. Empty without a strategy that keeps *prefix*.
    pub fn conclusion(&self) -> String {
        let Some((best, at, speed)) = self.fastest(|level| level == Level::Prefix) else {
            return String::new();
        };
        let told = |at: usize, speed: Speed| format!("{} %, with {}", speed.in_words(), COLUMNS[at].0);
        let mut said = vec![format!(
            "Of the strategies that keep `prefix`, `{}` is the fastest: {} % of the limit, with {}.",
            best.name,
            speed.in_words(),
            COLUMNS[at].0
        )];
        for other in self.rows.iter().filter(|row| row.level() == best.level() && row.name != best.name) {
            if let Some((at, other_speed)) = other.best()
                && speed.exceeds(other_speed) == Some(false)
            {
                said.push(format!(
                    "`{}` is as fast within the spread: {}.",
                    other.name,
                    told(at, other_speed)
                ));
            }
        }
        if let Some((weaker, weaker_at, weaker_speed)) = self.fastest(|level| level < Level::Prefix) {
            said.push(match weaker_speed.exceeds(speed) {
                None => "There were too few runs to compare it with the strategies that promise less.".to_owned(),
                Some(true) => format!(
                    "`{}`, whose promise is `{}`, is {:.2} times as fast: {}.",
                    weaker.name,
                    weaker.promise(),
                    weaker_speed.share / speed.share,
                    told(weaker_at, weaker_speed)
                ),
                Some(false) => "No strategy that promises less is faster by more than the spread: parallel apply gains nothing on this machine.".to_owned(),
            });
        }
        if let Some(flushed) = best.speeds[FLUSHDB] {
            said.push(format!(
                "With {} `{}` reaches {} %.",
                COLUMNS[FLUSHDB].0,
                best.name,
                flushed.in_words()
            ));
        }
        said.join(" ")
    }

    /// The fastest strategy whose promise `is` asks for, with the number of its column, and its speed there.
    fn fastest(&self, is: impl Fn(Level) -> bool) -> Option<(&Row, usize, Speed)> {
        let rows = self.rows.iter().filter(|row| row.level().is_some_and(&is));
        let speeds = rows.filter_map(|row| row.best().map(|(at, speed)| (row, at, speed)));
        speeds.max_by(|one, other| one.2.share.total_cmp(&other.2.share))
    }

    /// As HTML, with the conclusion.
    pub fn markup(&self) -> Markup {
        // What a full bar means: the limit, or what exceeds it.
        let shares = self.rows.iter().flat_map(|row| row.speeds.iter().flatten()).map(|speed| speed.share);
        let full = shares.fold(1.0, f64::max);
        html! {
            h2 { "Which strategy to choose" }
            p { (code(&self.conclusion())) }
            div.scroll tabindex="0" role="region" aria-label="strategies" {
                table.pivot.overview {
                    caption { "Speed of a replica, as share of what RocksDB alone does, in %" }
                    thead { tr {
                        th scope="col" { "strategy" } th scope="col" { "keeps" }
                        @for (heading, _) in COLUMNS { th scope="col" { (heading) } }
                        th scope="col" { "readers behind, ms: median / most" } th scope="col" { "choose it" }
                    } }
                    tbody { @for row in &self.rows { tr {
                        th scope="row" { code { (row.name) } }
                        td { code { (row.promise()) } }
                        @for speed in &row.speeds { td {
                            @match speed {
                                Some(speed) => (bar(speed.share / full, speed.spread.map(|spread| spread / full), &speed.in_words())),
                                None => "–",
                            }
                        } }
                        td { (row.behind()) }
                        td { (code(row.when())) }
                    } } }
                }
            }
            p.quiet { "Base: 2 workers, batches of at most 256, 100,000 keys, values of 100 bytes, no FLUSHDB. The other columns change one of these." }
        }
    }

    /// As a table of Markdown, with the conclusion below it.
    pub fn markdown(&self) -> String {
        let headings: Vec<&str> = COLUMNS.iter().map(|(heading, _)| *heading).collect();
        let mut lines = vec![
            format!("|strategy|keeps|{}|readers behind, ms|choose it|", headings.join("|")),
            format!("|{}", "-|".repeat(COLUMNS.len() + 4)),
        ];
        for row in &self.rows {
            let speeds: Vec<String> =
                row.speeds.iter().map(|speed| speed.map_or("–".to_owned(), Speed::in_words)).collect();
            lines.push(format!(
                "|`{}`|{}|{}|{}|{}|",
                row.name,
                row.promise(),
                speeds.join("|"),
                row.behind(),
                row.when()
            ));
        }
        format!("{}\n\n{}\n", lines.join("\n"), self.conclusion())
    }
}

/// Text in which what stands between backquotes is code.
fn code(text: &str) -> Markup {
    html! { @for (at, part) in text.split('`').enumerate() { @if at % 2 == 1 { code { (part) } } @else { (part) } } }
}

fn row(name: &str, ordering: &[&Measured]) -> Row {
    let of = |unit: &str, different: Option<(&str, Param)>| {
        ordering.iter().find(|one| one.choice == name && one.unit == unit && is_at(one, different)).copied()
    };
    let speed = |(_, different): (&str, Option<(&str, Param)>)| {
        let one = of("entries/s", different)?;
        Some(Speed { share: one.share_of_limit?, spread: one.spread })
    };
    let behind = of(BEHIND, None).zip(of(BEHIND_AT_MOST, None));
    Row {
        name: name.to_owned(),
        strategy: name.parse().ok(),
        speeds: COLUMNS.map(speed),
        behind: behind.map(|(median, most)| (median.value, most.value)),
    }
}

/// Whether the row was measured at the base, or with this parameter in place of the base's.
fn is_at(one: &Measured, different: Option<(&str, Param)>) -> bool {
    let base = [
        ("workers", Param::Number(2.0)),
        ("batch", Param::Number(256.0)),
        ("keys", Param::Word("uniform")),
        ("flushdb", Param::Number(0.0)),
        ("multi_key", Param::Number(0.0)),
        ("value_bytes", Param::Number(100.0)),
    ];
    let params = params(one);
    params.len() == base.len()
        && base.into_iter().all(|(name, usual)| {
            let asked = different.filter(|(it, _)| *it == name).map_or(usual, |(_, value)| value);
            params.get(name).is_some_and(|value| asked.is(value))
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn speed(choice: &str, changed: (&str, Value), share: f64, spread: Option<f64>) -> Measured {
        let mut params = json!({ "workers": 2, "batch": 256, "keys": "uniform", "flushdb": 0.0, "multi_key": 0.0, "value_bytes": 100 });
        params[changed.0] = changed.1;
        Measured {
            bench: "ordering".to_owned(),
            choice: choice.to_owned(),
            params,
            value: 1e6 * share,
            unit: "entries/s".to_owned(),
            share_of_limit: Some(share),
            spread,
        }
    }

    fn base(choice: &str, share: f64, spread: f64) -> Measured {
        speed(choice, ("workers", json!(2)), share, Some(spread))
    }

    #[test]
    fn overview_has_a_row_a_strategy_and_the_strongest_promise_first() {
        let behind = |unit: &str, value: f64| Measured {
            unit: unit.to_owned(),
            value,
            share_of_limit: None,
            ..base("writeset", 0.0, 0.0)
        };
        let rows = [
            base("key_hash", 0.95, 0.01),
            base("own", 0.5, 0.02),
            base("writeset", 0.8, 0.1),
            speed("writeset", ("flushdb", json!(0.01)), 0.4, None),
            speed("writeset", ("batch", json!(1)), 0.1, None),
            behind(BEHIND, 2.34),
            behind(BEHIND_AT_MOST, 10.0),
            base("sequence", 0.6, 0.05),
            base("serial", 0.93, 0.04),
            Measured { bench: "engine".to_owned(), ..base("barrier", 1.0, 0.0) },
        ];
        let expected = "\
|strategy|keeps|1 worker|2 workers|4 workers|1 % FLUSHDB|10 % MSET|one hot key|readers behind, ms|choose it|
|-|-|-|-|-|-|-|-|-|-|
|`serial`|prefix|–|93 ± 4|–|–|–|–|–|first|
|`sequence`|prefix|–|60 ± 5|–|–|–|–|–|as `serial`|
|`writeset`|per_key_order|–|80 ± 10|–|40|–|–|2.34 / 10|many cores?|
|`key_hash`|nothing|–|95 ± 1|–|–|–|–|–|never|
|`own`|–|–|50 ± 2|–|–|–|–|–|your own: `judge_ordering` says what it keeps|
";
        let overview = Overview::of(&rows).expect("speeds of strategies");
        let text = overview.markdown();
        assert_eq!(text.split_once("\n\n").expect("a conclusion").0, expected.trim_end());
        let page = overview.markup().into_string();
        assert!(page.contains("93 ± 4") && page.contains("<line x1=\"89.0%\" x2=\"97.0%\""), "{page}");
        assert!(Overview::of(&rows[9..]).is_none());
    }

    #[test]
    fn conclusion_says_only_what_exceeds_the_spread() {
        let said = |rows: &[Measured]| Overview::of(rows).expect("speeds").conclusion();
        let serial = base("serial", 0.9, 0.04);
        let alike = said(&[serial.clone(), base("writeset", 0.97, 0.04)]);
        assert!(alike.contains("`serial` is the fastest: 90 ± 4 % of the limit, with 2 workers."), "{alike}");
        assert!(alike.contains("parallel apply gains nothing"), "{alike}");
        let faster = said(&[serial.clone(), base("writeset", 0.99, 0.04)]);
        assert!(
            faster.contains("`writeset`, whose promise is `per_key_order`, is 1.10 times as fast"),
            "{faster}"
        );
        let both =
            said(&[serial.clone(), base("sequence", 0.95, 0.02), base("writeset_snapshots", 0.7, 0.01)]);
        assert!(both.contains("`sequence` is the fastest: 95 ± 2 % of the limit"), "{both}");
        assert!(both.contains("`serial` is as fast within the spread: 90 ± 4 %, with 2 workers."), "{both}");
        assert!(!both.contains("`writeset_snapshots`"), "{both}");
        let few = said(&[serial.clone(), speed("writeset", ("workers", json!(4)), 2.0, None)]);
        assert!(few.contains("too few runs"), "{few}");
        let flushed = said(&[serial, speed("serial", ("flushdb", json!(0.01)), 0.8, Some(0.02))]);
        assert!(flushed.ends_with("With 1 % FLUSHDB `serial` reaches 80 ± 2 %."), "{flushed}");
        assert_eq!(said(&[base("writeset", 0.9, 0.0)]), "");
    }
}

//! Matrix — rows of verdicts → a table a model, a choice a line; and the bounds that a visitor may choose. Pure.

use super::address::{self, Typed};
use super::problem::Problem;
use super::run::{Done, STATES_MAX, Watched};
use super::{Asked, words};
use crate::models::bounds::{ExpiryBounds, OrderingBounds};
use crate::models::check::tasks_within;
use crate::models::cost::{Cost, thousands};
use crate::models::invariants::Invariant;
use crate::models::judge::Task;
use crate::models::report::steps;
use crate::models::verdict::{Row, Verdict};
use crate::models::walk::{Choice, Setting};
use maud::{Markup, html};

/// How far a matrix's searches go.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reach {
    /// Commands of a program.
    pub length: usize,
    /// Workers, crashes, passes of time, delay.
    pub setting: Setting,
    /// The largest skew, either way, in ticks of half of the longest lifetime.
    pub skew_ticks: i8,
}

/// Commands of a program, at least and at most: with one less nothing is put to the test.
const LENGTHS: std::ops::RangeInclusive<i64> = 2..=5;
const LENGTH_USUAL: i64 = 3;
/// The length that is searched before all others, so that what is broken shows at once.
const LENGTH_EARLY: usize = 2;

/// What may be chosen: name, label, range.
pub const FIELDS: &[(&str, &str, std::ops::RangeInclusive<i64>)] = &[
    ("length", "commands of a program", LENGTHS),
    ("workers", "workers", 1..=3),
    ("crashes", "crashes at most", 0..=1),
    ("passes", "times that time passes", 1..=5),
    ("delay", "half lifetimes a message may be late", 0..=4),
    ("skew", "half lifetimes the clocks may be apart", 0..=2),
];

impl Reach {
    /// What a URL asks for. Problems: a number out of range.
    pub fn of(asked: &Asked) -> Result<Reach, Problem> {
        let (usual, usual_skew) = (Setting::default(), ExpiryBounds::QUICK.skew_ticks_max);
        let mut got = Reach { length: 0, setting: usual, skew_ticks: usual_skew }.values();
        got[0] = LENGTH_USUAL;
        for ((name, label, range), value) in FIELDS.iter().zip(&mut got) {
            *value = address::number(asked, name, *value, range)
                .map_err(|text| Problem::value(format!("{label}: {text}")))?;
        }
        let [length, workers, crashes, passes, delay, skew] = got;
        // In range, so each fits.
        Ok(Reach {
            length: usize::try_from(length).unwrap_or_default(),
            setting: Setting {
                workers: usize::try_from(workers).unwrap_or(usual.workers),
                crashes: u8::try_from(crashes).unwrap_or(usual.crashes),
                passes: u8::try_from(passes).unwrap_or(usual.passes),
                delay: u8::try_from(delay).unwrap_or(usual.delay),
                ..usual
            },
            skew_ticks: i8::try_from(skew).unwrap_or(usual_skew),
        })
    }

    /// The values in the order of [`FIELDS`].
    pub fn values(&self) -> [i64; 6] {
        let [workers, crashes, passes, delay, ..] = address::values(&self.setting);
        let length = i64::try_from(self.length).unwrap_or(i64::MAX);
        [length, workers, crashes, passes, delay, self.skew_ticks.into()]
    }

    /// The query that asks for it.
    pub fn query(&self) -> String {
        let pairs = FIELDS.iter().zip(self.values()).map(|((name, ..), value)| format!("{name}={value}"));
        pairs.collect::<Vec<_>>().join("&")
    }

    fn bounds(&self, length: usize, states_max: usize) -> (OrderingBounds, ExpiryBounds) {
        let ordering = OrderingBounds {
            length_max: length,
            workers: self.setting.workers,
            crashes_max: self.setting.crashes,
            loses_tails: false,
            states_max,
        };
        let expiry = ExpiryBounds {
            length_max: length,
            passes_max: self.setting.passes,
            delay_ticks_max: self.setting.delay,
            skew_ticks_max: self.skew_ticks,
            states_max,
        };
        (ordering, expiry)
    }

    /// First every choice on the shortest programs, then every choice as far as asked: task n + number of choices is
    /// task n again, further.
    pub fn tasks(&self) -> Vec<Task> {
        self.tasks_of(STATES_MAX)
    }

    fn tasks_of(&self, states_max: usize) -> Vec<Task> {
        let tasks = |length| {
            let (ordering, expiry) = self.bounds(length, states_max);
            tasks_within(ordering, expiry, None, None).expect("no names are given")
        };
        tasks(LENGTH_EARLY).into_iter().chain(tasks(self.length)).collect()
    }
}

/// A choice and what is known of it.
pub struct Line<'a> {
    /// The choice.
    pub choice: Choice,
    /// What the search came to.
    pub done: Option<&'a Done>,
    /// What the search of the shortest programs came to.
    pub early: Option<&'a Done>,
    /// The search under way.
    pub watched: Option<Watched>,
    /// Whether a program of the visitor's own is judged.
    pub own_program: bool,
    /// Where the choice's name leads to.
    pub href: String,
}

/// The table of one model.
pub fn table(model: &str, lines: &[Line<'_>]) -> Markup {
    let Some(first) = lines.first() else { return html! {} };
    html! {
        div.scroll tabindex="0" role="region" aria-label={ "Verdicts: " (model) } {
            table.matrix {
                caption { (words::model(model)) }
                thead { tr {
                    th scope="col" { "choice" }
                    @for name in first.choice.invariants() { th scope="col" title=(name.promise()) { (broken_name(name.name())) } }
                    th scope="col" { "states" }
                } }
                tbody { @for line in lines { (row(line)) } }
            }
        }
    }
}

/// A name that may be broken after its underscores.
fn broken_name(name: &str) -> Markup {
    html! { @for (at, part) in name.split('_').enumerate() { @if at > 0 { "_" wbr; } (part) } }
}

/// The id of a choice's line.
pub fn id(choice: Choice) -> String {
    format!("row-{}-{}", choice.model(), choice.name())
}

/// The line of one choice.
pub fn row(line: &Line<'_>) -> Markup {
    let state = match (line.done, line.watched) {
        (Some(done), _) => thousands(Cost::of(&done.rows).unique),
        (None, Some(watched)) => format!("{} …", thousands(watched.unique)),
        (None, None) => String::new(),
    };
    html! {
        tr id=(id(line.choice)) class=[line.watched.map(|_| "running")] {
            th scope="row" {
                a href=(line.href) { code { (line.choice.name().replacen('+', "\u{200b}+", 1)) } }
                // On a narrow screen, in place of the column.
                @if !state.is_empty() { small.count aria-hidden="true" { (state) " states" } }
            }
            @for name in line.choice.invariants() { td { (line.cell(name)) } }
            td.number { (state) }
        }
    }
}

impl Line<'_> {
    fn cell(&self, invariant: Invariant) -> Markup {
        let find = |done: Option<&'_ Done>| {
            let done = done?;
            let at = done.rows.iter().position(|row| row.invariant == invariant)?;
            Some((done.rows[at].clone(), done.links[at].clone()))
        };
        let early = || find(self.early).filter(|(row, _)| row.verdict == Verdict::Violated);
        match find(self.done).or_else(early) {
            Some((row, link)) => self.verdict(&row, link.as_deref()),
            None if find(self.early).is_some() => html! {
                span.quiet title="holds so far, on the shortest programs" { "…" span.unseen { "holds so far" } }
            },
            None => html! { span.quiet { "·" span.unseen { "not checked yet" } } },
        }
    }

    fn verdict(&self, row: &Row, link: Option<&str>) -> Markup {
        let (name, invariant) = (self.choice.name(), row.invariant);
        let odd = row.verdict != Verdict::Incomplete && !row.is_as_expected(self.own_program);
        html! {
            @match row.verdict {
                Verdict::Violated => {
                    @let steps = steps(row).unwrap_or_default();
                    @let label = format!("{name} breaks {invariant}: counterexample of {steps} steps");
                    @match link {
                        Some(href) => a.bad href=(href) aria-label=(label) title=(label) { "✗ " (steps) },
                        None => span.bad title=(label) { "✗ " (steps) },
                    }
                }
                Verdict::Holds => {
                    span.good title=(row.bounds) { "✓" span.unseen { " holds: " (row.bounds) } }
                    @if !row.note.is_empty() { small { (row.note) } }
                }
                Verdict::Sampled => span title=(row.bounds) { "sampled" span.unseen { ": " (row.bounds) } },
                Verdict::Refused => span title=(row.note) { "refused" },
                Verdict::Incomplete => span title=(row.note) { "incomplete" small { (row.note) } },
            }
            @if odd { strong.odd title="not as expected" { " !" span.unseen { " not as expected" } } }
        }
    }
}

/// The lines of a matrix that is filled.
pub fn lines<'a>(
    choices: &[Choice],
    done: impl Fn(usize) -> Option<&'a Done>,
    watched: &[Watched],
) -> Vec<Line<'a>> {
    let count = choices.len();
    let line = |(number, &choice): (usize, &Choice)| Line {
        choice,
        done: done(number + count),
        early: done(number),
        watched: watched.iter().find(|watched| watched.number % count == number).copied(),
        own_program: false,
        href: Typed::default_of(choice).explore(),
    };
    choices.iter().enumerate().map(line).collect()
}

/// What ✓ rests on: the bounds of the finished searches, each once.
pub fn bounds_in_words(lines: &[Line<'_>]) -> Markup {
    let mut bounds: Vec<&str> = Vec::new();
    for row in lines.iter().filter_map(|line| line.done).flat_map(|done| &done.rows) {
        if !bounds.contains(&row.bounds.as_str()) {
            bounds.push(&row.bounds);
        }
    }
    html! { @if !bounds.is_empty() {
        details.bounds { summary { "What ✓ rests on: the bounds" } ul { @for bounds in bounds { li { (bounds) } } } }
    } }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::explorer::run::{MODEL_BYTES_MAX, STATE_BYTES_MAX};
    use crate::models::search::Progress;
    use allocation_counter::measure;

    /// A 64th, so that tables which double are as full as with all.
    const PART: usize = 64;

    fn furthest(length: Option<usize>) -> Reach {
        let furthest = FIELDS.iter().map(|(name, _, range)| ((*name).to_owned(), range.end().to_string()));
        let reach = Reach::of(&furthest.collect()).expect("in range");
        Reach { length: length.unwrap_or(reach.length), ..reach }
    }

    /// Runs the model's searches with `few` and with `many` states, and holds the memory of the difference to what is promised.
    /// Gives how many of the longer searches reach their limit.
    fn run(model: &str, reach: &Reach, (few, many): (usize, usize)) -> usize {
        let (short, tasks) = (reach.tasks_of(few), reach.tasks_of(many));
        let mut cut_short = 0;
        let both = tasks.iter().zip(&short).skip(tasks.len() / 2);
        for (task, short) in both.filter(|(task, _)| task.model == model) {
            let (name, mut rows) = (&task.choice, Vec::new());
            let begun = measure(|| drop(short.run(&Progress::default()))).bytes_max;
            let needed = measure(|| rows = task.run(&Progress::default())).bytes_max;
            let a_state = needed.saturating_sub(begun) / (many - few) as u64;
            println!("{name}, length {}: {begun} bytes, and {a_state} a state", reach.length);
            assert!(begun <= MODEL_BYTES_MAX as u64, "{name}: {begun} bytes before {few} states");
            assert!(a_state <= STATE_BYTES_MAX as u64, "{name}: {a_state} bytes a state");
            cut_short += usize::from(rows.iter().any(|row| !row.finished));
        }
        cut_short
    }

    #[test]
    fn reach_the_furthest_of_orderings_needs_no_more_memory_than_is_promised() {
        // The longest programs need most before the first state, and hide what states need; shorter ones show it.
        let of = |length| run("ordering", &furthest(length), (1, STATES_MAX / PART));
        let cut_short: usize = [Some(3), None].map(of).into_iter().sum();
        assert!(cut_short > 15, "{cut_short} searches reach their limit");
    }

    #[test]
    fn reach_the_furthest_of_policies_needs_no_more_memory_than_is_promised() {
        // Nodes and messages take most of the memory of a short search, and are soon all known: what follows is measured.
        let few = STATES_MAX / PART;
        let cut_short = run("expiry", &furthest(None), (few, 4 * few));
        assert_eq!(cut_short, crate::expiry::Policy::ALL.len(), "each reaches its limit");
    }
}

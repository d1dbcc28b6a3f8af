//! Matrix — rows of verdicts → a table for each model, with a line for each choice; and the bounds that a visitor may
//! choose. Pure.

use super::address::{self, Typed};
use super::problem::{Asked, Problem};
use super::run::{Done, STATES_MAX, USUAL_STATES_MAX, Watched};
use super::words;
use crate::models::bounds::{ExpiryBounds, OrderingBounds};
use crate::models::check::tasks_within;
use crate::models::choice::Choice;
use crate::models::cost::{rounded, thousands};
use crate::models::experiment::Extent;
use crate::models::invariants::Invariant;
use crate::models::judge::Task;
use crate::models::report::steps;
use crate::models::verdict::{self, Row, Verdict};
use maud::{Markup, html};

/// The bounds of a matrix's searches.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reach {
    /// Maximum number of commands of a program.
    pub length: usize,
    /// Bounds on workers, crashes, passages of time, delay.
    pub extent: Extent,
    /// The largest skew, either way, in ticks of half of the longest lifetime.
    pub skew_ticks: i8,
}

/// The range of `length`: with fewer commands nothing is put to the test.
const LENGTHS: std::ops::RangeInclusive<i64> = 2..=5;
const LENGTH_USUAL: i64 = 3;
/// The length that is searched first, so that broken invariants show at once.
const LENGTH_EARLY: usize = 2;

/// The bounds that may be chosen, each with its name, label and range.
pub const FIELDS: &[(&str, &str, std::ops::RangeInclusive<i64>)] = &[
    ("length", "commands of a program", LENGTHS),
    ("workers", "workers", 1..=3),
    ("crashes", "crashes at most", 0..=1),
    ("passes", "times that time passes", 1..=5),
    ("delay", "half lifetimes a message may be late", 0..=4),
    ("skew", "half lifetimes the clocks may be apart", 0..=2),
];

impl Reach {
    /// The bounds that a URL asks for. Problems: a number out of range.
    pub fn of(asked: &Asked) -> Result<Reach, Problem> {
        let (usual, usual_skew) = (Extent::default(), ExpiryBounds::QUICK.skew_ticks_max);
        let mut got = Reach { length: 0, extent: usual, skew_ticks: usual_skew }.values();
        got[0] = LENGTH_USUAL;
        for ((name, label, range), value) in FIELDS.iter().zip(&mut got) {
            *value = address::number(asked, name, *value, range)
                .map_err(|text| Problem::value(format!("{label}: {text}")))?;
        }
        let [length, workers, crashes, passes, delay, skew] = got;
        // The numbers are in range, so each fits its type.
        Ok(Reach {
            length: usize::try_from(length).unwrap_or_default(),
            extent: Extent {
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
        let [workers, crashes, passes, delay, ..] = address::values(&self.extent);
        let length = i64::try_from(self.length).unwrap_or(i64::MAX);
        [length, workers, crashes, passes, delay, self.skew_ticks.into()]
    }

    /// The query that asks for these bounds.
    pub fn query(&self) -> String {
        let pairs = FIELDS.iter().zip(self.values()).map(|((name, ..), value)| format!("{name}={value}"));
        pairs.collect::<Vec<_>>().join("&")
    }

    fn bounds(&self, length: usize, states_max: usize) -> (OrderingBounds, ExpiryBounds) {
        let ordering = OrderingBounds {
            length_max: length,
            workers: self.extent.workers,
            crashes_max: self.extent.crashes,
            loses_tails: false,
            states_max,
            ..OrderingBounds::QUICK
        };
        let expiry = ExpiryBounds {
            length_max: length,
            passes_max: self.extent.passes,
            delay_ticks_max: self.extent.delay,
            skew_ticks_max: self.skew_ticks,
            states_max,
            ..ExpiryBounds::QUICK
        };
        (ordering, expiry)
    }

    /// The tasks: first every choice on the shortest programs, then every choice within the bounds asked for. With c
    /// choices, task n + c is for the same choice as task n, with longer programs.
    pub fn tasks(&self) -> Vec<Task> {
        let is_usual = Reach::of(&Asked::default()).is_ok_and(|usual| usual == *self);
        self.tasks_of(if is_usual { USUAL_STATES_MAX } else { STATES_MAX })
    }

    fn tasks_of(&self, states_max: usize) -> Vec<Task> {
        let tasks = |length| {
            let (ordering, expiry) = self.bounds(length, states_max);
            tasks_within(ordering, expiry, None, None).expect("no names are given")
        };
        tasks(LENGTH_EARLY).into_iter().chain(tasks(self.length)).collect()
    }
}

/// A choice and its known results.
pub struct Line<'a> {
    /// The choice.
    pub choice: Choice,
    /// The result of the search.
    pub done: Option<&'a Done>,
    /// The result of the search of the shortest programs.
    pub early: Option<&'a Done>,
    /// The search that is running.
    pub watched: Option<Watched>,
    /// Whether a visitor's own program is judged.
    pub own_program: bool,
    /// The address that the choice's name links to.
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

/// A name in which a line may break after underscores.
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
        (Some(done), _) => thousands(verdict::cost(&done.rows).unique),
        (None, Some(watched)) => format!("{} …", thousands(watched.unique)),
        (None, None) => String::new(),
    };
    html! {
        tr id=(id(line.choice)) class=[line.watched.map(|_| "running")] {
            th scope="row" {
                a href=(line.href) { code { (line.choice.name().replacen('+', "\u{200b}+", 1)) } }
                // On a narrow screen this replaces the column.
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

/// The lines of a matrix, with the results known so far.
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

/// The bounds of the finished searches, each once: ✓ is relative to them.
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

/// The running searches: states, states per second, depth.
pub fn watched_in_words(watched: &[(String, Watched)]) -> Markup {
    html! {
        @for (name, watched) in watched {
            span.watched { " · " code { (name) } " "
                (thousands(watched.unique)) " states, "
                (thousands(rounded(watched.unique as f64 / watched.seconds.max(0.1)))) " states/s, depth " (watched.depth)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::explorer::run::{MODEL_BYTES_MAX, SEARCH_BYTES_MAX, STATE_BYTES_MAX};
    use crate::models::search::Progress;
    use allocation_counter::measure;

    /// A 64th, at which tables that double in size are as full as with all states.
    const PART: usize = 64;

    fn furthest(length: Option<usize>) -> Reach {
        let furthest = FIELDS.iter().map(|(name, _, range)| ((*name).to_owned(), range.end().to_string()));
        let reach = Reach::of(&furthest.collect()).expect("in range");
        Reach { length: length.unwrap_or(reach.length), ..reach }
    }

    /// Runs the model's searches with `few` and with `many` states, and checks the difference in memory against the
    /// promised limits. Returns how many of the longer searches reach their limit.
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
            cut_short += usize::from(rows.iter().any(|row| !row.is_finished()));
        }
        cut_short
    }

    #[test]
    fn reach_the_furthest_of_orderings_needs_no_more_memory_than_is_promised() {
        // The longest programs need the most memory before the first state, which hides what the states need; shorter
        // ones show it.
        let of = |length| run("ordering", &furthest(length), (1, STATES_MAX / PART));
        let cut_short: usize = [Some(3), None].map(of).into_iter().sum();
        assert!(cut_short > 15, "{cut_short} searches reach their limit");
    }

    /// Within these bounds the analysis of `ordering/ample.rs` runs. It may visit all controls before the second state.
    #[test]
    fn reach_of_reduced_searches_needs_no_more_memory_than_is_promised() {
        let furthest = furthest(Some(4));
        let reach = Reach { extent: Extent { workers: 2, ..furthest.extent }, ..furthest };
        run("ordering", &reach, (1, STATES_MAX / PART));
    }

    #[test]
    fn reach_the_furthest_of_policies_needs_no_more_memory_than_is_promised() {
        // In a short search most memory is for nodes and messages, and soon no new ones are found. What follows after
        // that is measured.
        let few = STATES_MAX / PART;
        let cut_short = run("expiry", &furthest(None), (few, 4 * few));
        assert_eq!(cut_short, crate::expiry::Policy::ALL.len(), "each reaches its limit");
    }

    #[test]
    fn reach_the_usual_ends_for_every_choice_within_the_memory_that_is_promised() {
        let reach = Reach::of(&Asked::default()).expect("the usual bounds");
        for task in reach.tasks() {
            let mut rows = Vec::new();
            let needed = measure(|| rows = task.run(&Progress::default())).bytes_max;
            println!("{}: {needed} bytes", task.choice);
            assert!(needed <= SEARCH_BYTES_MAX as u64, "{}: {needed} bytes", task.choice);
            assert!(rows.iter().all(|row| row.is_finished()), "{} is not finished", task.choice);
        }
    }
}

//! Program — commands that a visitor types → the verdicts on exactly this program, under the choices that are picked.
//! Pure.

use super::address::{self, BadProgram, Typed, WRITES_MAX, choices};
use super::matrix::{self, Line};
use super::page;
use super::problem::{Answer, Asked, Problem};
use super::run::{Finished, STATES_MAX, Watched};
use crate::models::bounds::{ExpiryBounds, OrderingBounds};
use crate::models::choice::{Choice, Kind};
use crate::models::experiment::Extent;
use crate::models::judge::Task;
use crate::models::own_program::program_tasks_within;
use crate::models::program::Program;
use maud::{Markup, html};
use std::sync::Arc;

const EXAMPLE: &str = "SET a 1\nSET b 1\nMSET a 2 b 2\nFLUSHDB";
const SECONDS: std::ops::RangeInclusive<i64> = 1..=300;
const STATES: std::ops::RangeInclusive<i64> = 1_000..=400_000;

/// A visitor's order to judge a program.
pub struct Order {
    /// The program's lines.
    pub text: String,
    /// A choice of the ordering model, `all` or `none`.
    strategy: String,
    /// A choice of the expiry model, `all` or `none`.
    policy: String,
    workers: usize,
    states_max: usize,
    /// After how many seconds all searches are stopped.
    pub seconds: u64,
}

impl Order {
    /// The order in a URL. Problems: a number out of range.
    pub fn of(asked: &Asked) -> Result<Order, Problem> {
        let number = |name: &str, usual: i64, range| {
            address::number(asked, name, usual, range)
                .map_err(|text| Problem::value(format!("{name}: {text}")))
        };
        let word = |name: &str| asked.get(name).cloned().unwrap_or_else(|| "all".to_owned());
        let text = asked.get("program").map_or(EXAMPLE.to_owned(), |text| address::lines(text));
        Ok(Order {
            text,
            strategy: word("strategy"),
            policy: word("policy"),
            workers: usize::try_from(number("workers", 2, &(1..=4))?).unwrap_or(2),
            states_max: usize::try_from(number("states", 400_000, &STATES)?).unwrap_or(STATES_MAX),
            seconds: u64::try_from(number("seconds", 20, &SECONDS)?).unwrap_or(20),
        })
    }

    /// The extent of the choices' pages that this page links to.
    pub fn extent(&self) -> Extent {
        Extent { workers: self.workers, ..Extent::default() }
    }

    fn program(&self) -> Result<Program, BadProgram> {
        let any = Choice::expiry(crate::expiry::Policy::LogClock);
        Typed { text: self.text.clone(), ..Typed::default_of(any) }.parse()
    }

    /// The searches. Problems: the program or a choice is wrong.
    pub fn tasks(&self) -> Result<Vec<Task>, Problem> {
        let program =
            self.program().map_err(|error| Problem::program(in_words(&error), self.form(Some(&error))))?;
        let bounds = (
            OrderingBounds { workers: self.workers, states_max: self.states_max, ..OrderingBounds::QUICK },
            ExpiryBounds { states_max: self.states_max, ..ExpiryBounds::QUICK },
        );
        // A note shows the seed; another run draws other schedules.
        let seed = fastrand::u64(..1_000_000);
        let mut tasks = Vec::new();
        for (model, name) in [("ordering", &self.strategy), ("expiry", &self.policy)] {
            if name == "none" {
                continue;
            }
            let choice = (name != "all").then_some(name.as_str());
            let found = program_tasks_within(&program, ("your program", seed), bounds, Some(model), choice)
                .map_err(|error| Problem::unknown(error.to_string(), choices()))?;
            tasks.extend(found);
        }
        Ok(tasks)
    }

    fn query(&self) -> String {
        form_urlencoded::Serializer::new(String::new())
            .append_pair("program", &self.text)
            .append_pair("strategy", &self.strategy)
            .append_pair("policy", &self.policy)
            .append_pair("workers", &self.workers.to_string())
            .append_pair("states", &self.states_max.to_string())
            .append_pair("seconds", &self.seconds.to_string())
            .finish()
    }

    fn form(&self, bad: Option<&BadProgram>) -> Markup {
        let select = |name: &'static str, label: &'static str, model: &'static str, chosen: &str| {
            let names = Choice::all().into_iter().filter(|choice| choice.model() == model).map(Choice::name);
            let names: Vec<String> = ["all".to_owned(), "none".to_owned()].into_iter().chain(names).collect();
            html! { label { (label) " " select name=(name) {
                @for name in &names { option value=(name) selected[name == chosen] { (name) } }
            } } }
        };
        html! {
            form.program method="get" action="/program" {
                (editor(&self.text, bad))
                div.fields {
                    (select("strategy", "strategy", "ordering", &self.strategy))
                    (select("policy", "expiry policy", "expiry", &self.policy))
                    label { "workers " input type="number" name="workers" value=(self.workers) min="1" max="4"; }
                    label { "maximum seconds " input type="number" name="seconds" value=(self.seconds) min=(SECONDS.start()) max=(SECONDS.end()); }
                    label { "maximum states of a search " input type="number" name="states" value=(self.states_max) min=(STATES.start()) max=(STATES.end()); }
                    button type="submit" { "Check this program" }
                }
            }
        }
    }
}

/// The page.
pub fn program(asked: &Asked) -> Answer {
    let order = Order::of(asked)?;
    let judged = asked.contains_key("program").then(|| order.tasks()).transpose()?;
    let body = html! {
        h1 { "Your own program" }
        p.lead { "Type what clients send to the master. Every schedule of exactly this program is tried: the order of steps, the delays of \
            the link, the moment of a crash. Beyond six writes (five where time counts) schedules are drawn at random, and the verdict says "
            em { "sampled" } "." }
        (order.form(None))
        @if let Some(judged) = &judged { (verdicts(&order, judged)) }
    };
    Ok(page::page("Your own program", &body))
}

fn verdicts(order: &Order, judged: &[Task]) -> Markup {
    let nothing = Finished::new();
    let lines = lines(order, judged, &nothing, &[]);
    let of = |model: &str| lines.iter().filter(|line| line.choice.model() == model).count();
    let (ordering, expiry) = lines.split_at(of("ordering"));
    html! {
        section aria-labelledby="verdicts" {
            h2 #verdicts { "Verdicts on this program" }
            div #run data-stream={ "/program/stream?" (order.query()) } data-over="false" {
                p.run { button #toggle type="button" hidden { "Stop" } " " (status(0, judged.len(), &[], false)) }
            }
            noscript { p.note { "Without scripts nothing is checked here; " code { "replicheck check --program FILE" } " does the same." } }
            (matrix::table("ordering", ordering))
            (matrix::table("expiry", expiry))
        }
    }
}

/// The lines of the tables.
pub fn lines<'a>(
    order: &Order,
    tasks: &[Task],
    finished: &'a Finished,
    watched: &[Watched],
) -> Vec<Line<'a>> {
    let line = |(number, task): (usize, &Task)| {
        let choice = Choice::named(task.model, &task.choice, None).ok()?;
        Some(Line {
            choice,
            done: finished.get(&number).map(Arc::as_ref),
            early: None,
            watched: watched.iter().find(|watched| watched.number == number).copied(),
            own_program: true,
            href: Typed { choice, text: order.text.clone(), extent: order.extent(), bug: None }.explore(),
        })
    };
    tasks.iter().enumerate().filter_map(line).collect()
}

/// How far the searches have come, in words.
pub fn status(done: usize, all: usize, watched: &[(String, Watched)], is_over: bool) -> Markup {
    html! {
        span #status {
            (done) " of " (all) " searches done"
            @if is_over { "." } @else { (matrix::watched_in_words(watched)) }
        }
    }
}

/// The address of this page for a program and a choice of the explore page.
pub fn address(typed: &Typed) -> String {
    let name = typed.choice.name();
    let (strategy, policy) = match typed.choice.kind() {
        Kind::Ordering(_) => (name, "none".to_owned()),
        Kind::Expiry(_) => ("none".to_owned(), name),
    };
    let order = Order {
        text: typed.text.clone(),
        strategy,
        policy,
        workers: typed.extent.workers,
        states_max: STATES_MAX,
        seconds: 120,
    };
    format!("/program?{}", order.query())
}

/// The error in a program, in a sentence.
pub fn in_words(error: &BadProgram) -> String {
    match error {
        BadProgram::Line(error) => format!("Line {}: {}.", error.line, error.reason),
        other => format!("Error in this program: {other}."),
    }
}

/// The field for a program; above it, a line that is wrong with the reason.
pub fn editor(text: &str, bad: Option<&BadProgram>) -> Markup {
    let bad = bad.and_then(|error| if let BadProgram::Line(error) = error { Some(error) } else { None });
    html! {
        @if let Some(bad) = bad {
            ol.listing aria-label="The program, line by line" {
                @for (number, line) in (1..).zip(text.lines()) {
                    @if number == bad.line {
                        li.wrong { code { (line) } span.bad { "✗ " (bad.reason) } }
                    } @else { li { code { (line) } } }
                }
            }
        }
        label.editor {
            "Commands as typed in redis-cli, one a line, " (WRITES_MAX) " writes at most"
            textarea name="program" rows=(text.lines().count().clamp(4, 12)) spellcheck="false" autocomplete="off"
                autocapitalize="off" aria-invalid=[bad.map(|_| "true")] { (text) }
        }
    }
}

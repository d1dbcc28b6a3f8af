//! Explore — one path of one choice: its steps, the possible next steps, the content of both nodes, the invariants. Pure.

use super::address::{self, OfBug, Typed};
use super::export::Files;
use super::lanes::{Rows, shown_of};
use super::opened::{form, model, no_path};
use super::problem::{Answer, Asked};
use super::{page, program};
use crate::models::choice::Choice;
use crate::models::cost::thousands;
use crate::models::drawing::html as drawing;
use crate::models::invariants::{Invariant, listed};
use crate::models::search::{Limits, Progress};
use crate::models::story::{Held, KeyRow, Story};
use crate::models::walk::{Finding, Next, View};
use maud::{Markup, html};

/// Maximum number of states that a page looks at to say what the program can break: a tenth of a second.
const STATES_MAX: usize = 50_000;

/// The position of the page: the path of its URL, of which the first `at` steps are shown.
struct Spot<'a> {
    typed: &'a Typed,
    path: &'a [usize],
    at: usize,
    /// The view after these steps.
    view: &'a View,
    /// For each step of the path what it broke.
    broken: &'a [Vec<Invariant>],
    found: &'a [Finding],
    files: &'a Files<'a>,
    /// The rows of the drawing.
    rows: &'a Rows,
    /// The steps of the path, counted from 1, to which there is a link even if it is long.
    linked: &'a [usize],
}

/// Builds the page, as far as `progress` lets its search run. Problems: the program, the setting or the path is wrong.
pub fn explore(typed: &Typed, asked: &Asked, progress: &Progress) -> Answer {
    let (path, at) = address::path(asked)?;
    let rows = Rows::of(asked)?;
    let model = model(typed)?;
    let whole = model.at(&path).map_err(|error| no_path(typed, &path, &error))?;
    let shorter = (at < path.len()).then(|| model.at(&path[..at])).transpose();
    let shorter = shorter.map_err(|error| no_path(typed, &path, &error))?;
    let found = model.find(&Limits::of(STATES_MAX), progress);
    let view = shorter.as_ref().unwrap_or(&whole);
    let files = Files::of(typed, view);
    let (broken, prelude) = (&whole.broken, whole.story.prelude());
    let number = |row: usize| (row + 1).checked_sub(prelude);
    let linked: Vec<usize> = shown_of(&whole.story.steps).into_iter().filter_map(number).collect();
    let (found, files, rows, linked) = (&found, &files, &rows, &linked);
    let spot = Spot { typed, path: &path, at, view, broken, found, files, rows, linked };
    let of = typed.bug.map_or(typed.choice.model(), |of| of.case.id);
    Ok(page::page(&format!("{} · {of}", typed.name()), &spot.body()))
}

impl Spot<'_> {
    fn body(&self) -> Markup {
        html! {
            @if let Some(OfBug { case, .. }) = self.typed.bug {
                p.quiet { a href="/catalogue" { "Known bugs" } " · " a href={ "/catalogue/" (case.id) } { (case.id) ": " (case.system) } }
            }
            h1 { code { (self.typed.name()) } }
            p.lead { (self.typed.in_words()) }
            (self.program())
            (self.steps())
            (self.outcome())
            div.now {
                section.next aria-labelledby="next" { (self.possible()) }
                section.keys aria-labelledby="both" { h2 #both { "Master and replica" } (nodes(&self.view.story, "lives")) }
            }
            section.story aria-labelledby="happened" {
                h2 #happened { "What happened" }
                @if self.view.story.steps.is_empty() {
                    p.quiet { "Nothing yet: both nodes are empty. Choose a step." }
                } @else { (self.rows.drawing(&self.view.story, "lanes", &self.typed.explore_path(self.path, Some(self.at)))) }
                (self.files.links(self.path, self.at))
            }
            section.invariants aria-labelledby="invariants" { (self.invariants()) }
            @match self.typed.bug {
                Some(of) => (self.other_side(of)),
                None => {
                    (self.others())
                    section aria-labelledby="own" { h2 #own { "Another program, another setting" } (form(self.typed, None)) }
                }
            }
        }
    }

    /// The commands of clients, with those already sent marked.
    fn program(&self) -> Markup {
        // The story's program has the lines of what was sent so far.
        let sent = self.view.story.program.len();
        html! {
            p.sends { "Clients send "
                @for (number, line) in self.typed.text.lines().filter(|line| !line.trim().is_empty()).enumerate() {
                    @if number > 0 { "; " } code class=[(number >= sent).then_some("ahead")] { (line.trim()) }
                }
                @if self.typed.bug.is_none() { " (" a href="#own" { "change" } ")" }
            }
        }
    }

    fn here(&self, at: usize) -> String {
        self.typed.explore_path(self.path, Some(at)) + &self.rows.query()
    }

    /// Back, forward, play and the jumps, and a link with its number for every step of the path.
    fn steps(&self) -> Markup {
        let end = self.path.len();
        let first_broken = self.broken.iter().position(|names| !names.is_empty()).map(|step| step + 1);
        let counterexample =
            self.found.iter().filter_map(|found| found.path.as_ref()).min_by_key(|path| path.len());
        html! {
            nav.steps aria-label="Steps" hx-boost="true" hx-target="#main" hx-select="#main" hx-swap="outerHTML show:none" {
                div.buttons {
                    (button("start", "⇤", "Start", (self.at > 0).then(|| self.here(0))))
                    (button("back", "←", "Back", (self.at > 0).then(|| self.here(self.at - 1))))
                    (button("forward", "→", "Forward", (self.at < end).then(|| self.here(self.at + 1))))
                    (button("end", "⇥", "End", (self.at < end).then(|| self.here(end))))
                    button #play type="button" hidden aria-pressed="false" { "Play" }
                    @if let Some(step) = first_broken {
                        a.button #broken href=(self.here(step)) { "First break: step " (step) }
                    }
                    @if let Some(path) = counterexample.filter(|path| path[..] != *self.path) {
                        a.button #counterexample data-key="counterexample" href=(self.typed.explore_path(path, None)) {
                            "Shortest counterexample: " (path.len()) " steps"
                        }
                    }
                }
                @if end > 0 {
                    ol.path {
                        @for (step, names) in (1..).zip(self.broken).filter(|(step, _)| *step == self.at || self.linked.contains(step)) {
                            li {
                                a href=(self.here(step)) id={ "step-" (step) } aria-current=[(step == self.at).then_some("step")]
                                    class=[(step > self.at).then_some("ahead")] {
                                    span.unseen { "Step " } (step)
                                    @if !names.is_empty() { span.bad { "✗" } span.unseen { " breaks " (listed(names)) } }
                                }
                            }
                        }
                    }
                }
            }
        }
    }

    fn outcome(&self) -> Markup {
        html! { div role="status" { (broken(&self.view.story)) } }
    }

    fn possible(&self) -> Markup {
        let went_on = self.path.get(self.at).copied();
        html! {
            h2 #next { "What may come next" }
            @if self.view.next.is_empty() { p.quiet { "Nothing: no step is possible here. Go back, or choose another program." } }
            ol.possible hx-boost="true" hx-target="#main" hx-select="#main" hx-swap="outerHTML show:none" {
                @for (number, next) in self.view.next.iter().enumerate() {
                    li { (self.one(number, next, went_on == Some(number))) }
                }
            }
        }
    }

    fn one(&self, number: usize, next: &Next, is_ahead: bool) -> Markup {
        let digit = (number < 9).then_some(number + 1);
        let path: Vec<usize> = self.path[..self.at].iter().copied().chain([number]).collect();
        // A step along the path keeps the rest of the path.
        let href = if is_ahead { self.here(self.at + 1) } else { self.typed.explore_path(&path, None) };
        let changes = changes(&self.view.story.keys, &next.step.keys);
        html! {
            @if next.waits {
                p.waits { b { (next.step.actor()) } " " (next.step.deed) }
            } @else {
                a.step href=(href) data-digit=[digit] id={ "next-" (number) } {
                    @if let Some(digit) = digit { kbd aria-hidden="true" { (digit) } }
                    span.words { b { (next.step.actor()) } " " (next.step.deed) }
                    @if !changes.is_empty() { span.changes { (changes.join(" · ")) } }
                    @if !next.breaks.is_empty() { span.bad { "✗ breaks " (listed(&next.breaks)) } }
                    @if is_ahead { span.quiet { "the path goes on here" } }
                }
            }
        }
    }

    fn invariants(&self) -> Markup {
        let state =
            |name: Invariant| (1..).zip(&self.broken[..self.at]).find(|(_, names)| names.contains(&name));
        html! {
            h2 #invariants { "What must hold" }
            table.invariants {
                thead { tr { th scope="col" { "invariant" } th scope="col" { "on this path" } th scope="col" { "for this program" } } }
                tbody { @for name in self.typed.choice.invariants() { tr {
                    th scope="row" title=(name.promise()) { code { (name) } small { (name.promise()) } }
                    td { @match state(name) {
                        Some((step, _)) => a.bad href=(self.here(step)) { "✗ broken at step " (step) },
                        None => span.good { "✓ " span.quiet { "so far" } },
                    } }
                    td { @if let Some(found) = self.found.iter().find(|found| found.invariant == name) { (self.finding(found)) } }
                } } }
            }
        }
    }

    fn finding(&self, found: &Finding) -> Markup {
        let states = thousands(found.unique);
        html! {
            @if let Some(path) = &found.path {
                a.bad href=(self.typed.explore_path(path, None)) { "✗ in " (path.len()) " steps" }
            } @else if found.finished {
                span.good { "✓ " span.quiet { "in all " (states) " states" } }
            } @else {
                "incomplete: stopped at " (states) " states"
                @if self.typed.bug.is_none() { "; " a href=(program::address(self.typed)) { "look further" } }
            }
        }
    }

    /// A known bug side by side with its cure; also its program under any choice, if the choice that has the bug is built
    /// in.
    fn other_side(&self, of: OfBug) -> Markup {
        let there = Typed::at_bug(OfBug { is_cured: !of.is_cured, ..of }, self.typed.extent.skew_ms);
        let free = Typed { bug: None, ..self.typed.clone() };
        let words = if of.is_cured { "The choice with the bug" } else { "The cure" };
        html! {
            section aria-labelledby="others" {
                h2 #others { (words) ": " code { (there.name()) } }
                ul.choices {
                    @if !self.path.is_empty() {
                        li { a href=(self.typed.compare(there.choice, self.path)) { "this schedule beside it, as far as it can be followed" } }
                    }
                    li { a href=(there.explore()) { "this program from its beginning" } }
                    @if of.choice().fault().is_none() {
                        li { a href=(free.explore()) { "this program under any choice and setting" } }
                    }
                }
            }
        }
    }

    /// The same program and schedule under the other choices.
    fn others(&self) -> Markup {
        let own = self.typed.choice;
        let others =
            || Choice::all().into_iter().filter(|other| other.model() == own.model() && *other != own);
        html! {
            section aria-labelledby="others" {
                h2 #others { "The same under another choice" }
                @if !self.path.is_empty() {
                    p { "This schedule, as far as it can be followed, beside:" }
                    ul.choices { @for other in others() { li { a href=(self.typed.compare(other, self.path)) { (other.name()) } } } }
                    p { "This program from its beginning:" }
                }
                ul.choices { @for other in others() { li { a href=(self.typed.under(other).explore()) { (other.name()) } } } }
            }
        }
    }
}

/// The invariants that the last step broke, one in each line; nothing if it broke none.
pub fn broken(story: &Story) -> Markup {
    html! { @if !story.conclusion.is_empty() {
        p.broken { @for line in story.conclusion.lines() { span.line { span.bad { "✗ " } (line) } } }
    } }
}

/// A link that looks like a button; if there is nowhere to go, a disabled button.
fn button(key: &str, sign: &str, words: &str, href: Option<String>) -> Markup {
    html! {
        @match href {
            Some(href) => a.button data-key=(key) id=(key) href=(href) { span aria-hidden="true" { (sign) " " } (words) },
            None => span.button.off aria-disabled="true" { span aria-hidden="true" { (sign) " " } (words) },
        }
    }
}

/// The keys of both nodes side by side, and the lifetimes of their keys. `id` must be unique among the stories of a page.
pub fn nodes(story: &Story, id: &str) -> Markup {
    html! {
        (drawing::keys(&story.keys, "Both nodes after the last step"))
        (drawing::lifetimes(&story.steps, id))
    }
}

/// The changes that a step makes to the keys, in words.
fn changes(before: &[KeyRow], after: &[KeyRow]) -> Vec<String> {
    let mut changes = Vec::new();
    let find = |rows: &[KeyRow], key: &str| rows.iter().find(|row| row.key == key).cloned();
    let mut names: Vec<&str> = before.iter().chain(after).map(|row| row.key.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    for key in names {
        let side = |row: Option<KeyRow>| {
            row.map_or((Held::default(), Held::default()), |row| (row.master, row.replica))
        };
        let (was, is) = (side(find(before, key)), side(find(after, key)));
        for (node, was, is) in [("master", was.0, is.0), ("replica", was.1, is.1)] {
            if was != is {
                changes.push(format!("{node} {key}: {was} → {is}"));
            }
        }
    }
    changes
}

//! Catalogue — the known bugs → a table with filters, and a page for each bug with its cure and its shortest
//! counterexample, which is found while the page is made. Pure.

use super::address::{OfBug, Typed};
use super::lanes::lanes_html;
use super::problem::{Answer, Asked, Problem};
use super::{explore, page};
use crate::models::catalogue::{self, Bug, Case, Layers, SECTIONS, TestResult, facts, unlike_recorded};
use crate::models::search::Progress;
use crate::models::story::Story;
use maud::{Markup, html};
use std::collections::BTreeSet;

/// The rows that are asked for. An empty filter asks for all rows.
#[derive(Clone, Copy)]
struct Filter<'a> {
    system: Option<&'a str>,
    kind: Option<&'a str>,
}

impl Filter<'_> {
    fn takes(self, case: &Case) -> bool {
        self.system.is_none_or(|system| systems(case).any(|known| known == system))
            && self.kind.is_none_or(|kind| kind_of(case) == kind)
    }

    fn address(self) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        for (name, value) in [("system", self.system), ("kind", self.kind)] {
            if let Some(value) = value {
                query.append_pair(name, value);
            }
        }
        let query = query.finish();
        if query.is_empty() { "/catalogue".to_owned() } else { format!("/catalogue?{query}") }
    }
}

/// The systems that have the bug; some bugs are of several systems.
fn systems(case: &Case) -> impl Iterator<Item = &'static str> {
    // The version is dropped: `Pika 3.5.5` is Pika.
    case.system.split(", ").filter_map(|name| name.split(' ').next())
}

fn kind_of(case: &Case) -> &'static str {
    let section = SECTIONS.iter().find(|section| section.cases.iter().any(|known| known.id == case.id));
    section.map_or("", |section| section.name)
}

/// The table of all rows, or of the rows that the address asks for. Problems: an unknown system or kind.
pub fn table(asked: &Asked) -> Answer {
    let filter = Filter {
        system: asked.get("system").map(String::as_str),
        kind: asked.get("kind").map(String::as_str),
    };
    let all: BTreeSet<&str> = catalogue::all().flat_map(systems).collect();
    let kinds: Vec<&str> = SECTIONS.iter().map(|section| section.name).collect();
    if let Some(name) = filter.system.filter(|name| !all.contains(name)) {
        return Err(Problem::value(format!("system: no bug of '{name}' is known")));
    }
    if let Some(name) = filter.kind.filter(|name| !kinds.contains(name)) {
        return Err(Problem::value(format!("kind: '{name}' is not one of {}", kinds.join(", "))));
    }
    let of_system = |system| Filter { system, ..filter };
    let of_kind = |kind| Filter { kind, ..filter };
    let shown = catalogue::all().filter(|case| filter.takes(case)).count();
    let body = html! {
        h1 { "Known bugs" }
        p.lead { "Replication bugs of Pika and its peers, each on the shortest program that shows it. The choice with the bug breaks an invariant; the \
            cure keeps the invariant in every schedule. A bug's page runs both searches when it is opened." }
        nav.filters aria-label="Which bugs" {
            (filters("system", filter.system, all.into_iter().collect(), &of_system))
            (filters("kind", filter.kind, kinds, &of_kind))
        }
        p.quiet { (shown) " of " (catalogue::all().count()) " rows." }
        @for section in SECTIONS {
            @let cases: Vec<&Case> = section.cases.iter().filter(|case| filter.takes(case)).collect();
            @if !cases.is_empty() { (rows(section.title, &cases)) }
        }
        @if shown == 0 { p.note { "No row matches both filters. " a href="/catalogue" { "Show all" } "." } }
    };
    Ok(page::page("Known bugs", &body))
}

/// One line of links; the link of the chosen filter leads back to all rows.
fn filters<'a>(
    name: &str,
    chosen: Option<&str>,
    values: Vec<&'a str>,
    with: &dyn Fn(Option<&'a str>) -> Filter<'a>,
) -> Markup {
    html! {
        p.filter {
            span.quiet { (name) ": " }
            a href=(with(None).address()) aria-current=[chosen.is_none().then_some("true")] { "all" }
            @for value in values {
                " " a href=(with(Some(value)).address()) aria-current=[(chosen == Some(value)).then_some("true")] { (value) }
            }
        }
    }
}

fn rows(title: &str, cases: &[&Case]) -> Markup {
    html! {
        div.scroll tabindex="0" role="region" aria-label=(title) {
            table.bugs {
                caption { (title) }
                thead { tr { th scope="col" { "bug" } th scope="col" { "system" } th scope="col" { "what goes wrong" } th scope="col" { "breaks" } th scope="col" { "cured by" } } }
                tbody { @for case in cases {
                    tr {
                        th scope="row" { a href={ "/catalogue/" (case.id) } { (case.id) } }
                        td { (case.system) }
                        td.mechanism { (case.mechanism) @if case.hypothesis { " " small { "hypothesis" } } }
                        @if let Some(bug) = case.bug() {
                            td { span.bad { "✗ " (bug.steps) } " " code { (bug.invariant) } }
                            td.cure { code { (bug.cure.name()) } }
                        } @else { td.quiet colspan="2" { (case.reason().unwrap_or_default()) } }
                    }
                } }
            }
        }
    }
}

/// The page of one bug. `results`: what tests left. Problems: an unknown bug.
pub fn bug(id: &str, results: &[TestResult], progress: &Progress) -> Answer {
    let case = catalogue::find(id).ok_or_else(|| Problem::no_bug(id))?;
    let rows = catalogue::tasks(&[case]).iter().flat_map(|task| task.run(progress)).collect();
    let judgement = catalogue::judgements(&[case], rows).remove(0);
    let layers = Layers::of(&judgement, results);
    let story = judgement.rows.as_ref().and_then(|[found, _]| found.counterexample.as_ref());
    let body = html! {
        p.quiet { a href="/catalogue" { "Known bugs" } " · "
            a href={ "/catalogue?kind=" (kind_of(case)) } { (kind_of(case)) } }
        h1 { (case.id) ": " (case.system) }
        p.lead { (case.mechanism) }
        @if let Some(note) = unlike_recorded(&judgement) { p.problem { (note) } }
        @if let Some(holds) = judgement.cure_holds() {
            @if holds { p.note { span.good { "✓ " } "The cure holds in every schedule." } } @else { p.problem { span.bad { "✗ " } "The cure does not hold." } }
        }
        dl.facts {
            @for (name, fact) in facts(&judgement, &layers).into_iter().filter(|(name, _)| *name != "mechanism") {
                dt { (name) } dd { (fact) }
            }
        }
        @if let (Some(bug), Some(story)) = (case.bug(), story) { (told(case, bug, story)) }
    };
    Ok(page::page(&format!("{}: {}", case.id, case.system), &body))
}

/// The shortest counterexample, and links to continue with it.
fn told(case: &'static Case, bug: &'static Bug, story: &Story) -> Markup {
    html! {
        section aria-labelledby="happened" {
            h2 #happened { "The shortest counterexample: " (story.steps.len()) " steps" }
            (explored(case, bug, story))
            (lanes_html(story, "lanes"))
            (explore::broken(story))
            (explore::nodes(story, "lives"))
            @if bug.no_replay.is_empty() {
                p { "On real nodes: " code { "replicheck replay " (case.id) } "." }
            }
        }
    }
}

/// Links to the same path step by step, and side by side with the cure.
fn explored(case: &'static Case, bug: &'static Bug, story: &Story) -> Markup {
    let (typed, path) = OfBug { case, bug, is_cured: false }.same_path(story);
    let cure = Typed::at_bug(OfBug { case, bug, is_cured: true }, typed.extent.skew_ms);
    html! {
        p.watch {
            a.button.first href=(typed.explore_path(&path, None)) { "Go through it step by step" }
            a.button href=(typed.compare(cure.choice, &path)) { "The same schedule under " (cure.name()) }
        }
    }
}

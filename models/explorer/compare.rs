//! Compare — a path of one choice beside the same schedule under another, as far as both allow. Pure.

use super::address::{self, OfBug, Typed, choices};
use super::lanes::lanes_beside;
use super::problem::{Answer, Asked, Problem};
use super::{explore, opened, page};
use crate::models::choice::Choice;
use crate::models::follow::{Followed, Stop, follow};
use crate::models::invariants::{Invariant, listed};
use crate::models::story::Step;
use crate::models::walk::View;
use maud::{Markup, html};

/// The page of two choices.
pub fn compare((model, own, other): &(String, String, String), asked: &Asked) -> Answer {
    let typed = Typed::of(model, own, asked)?;
    let other =
        Choice::named(model, other, None).map_err(|error| Problem::unknown(error.to_string(), choices()))?;
    page_of(&typed, &typed.under(other), asked)
}

/// The page of a known bug and its cure.
pub fn cured(id: &str, asked: &Asked) -> Answer {
    let typed = Typed::of_bug(id, asked)?;
    let other = typed.bug.map(|of| OfBug { is_cured: !of.is_cured, ..of });
    let other = other.map_or_else(|| typed.clone(), |of| Typed::at_bug(of, typed.extent.skew_ms));
    page_of(&typed, &other, asked)
}

fn page_of(typed: &Typed, under: &Typed, asked: &Asked) -> Answer {
    let (path, at) = address::path(asked)?;
    let path = &path[..at];
    let body = html! {
        @if let Some(OfBug { case, .. }) = typed.bug {
            p.quiet { a href="/catalogue" { "Known bugs" } " · " a href={ "/catalogue/" (case.id) } { (case.id) ": " (case.system) } }
        }
        h1 { code { (typed.name()) } " and " code { (under.name()) } ", the same schedule" }
        (beside(typed, under, path)?)
        @if typed.bug.is_none() { (others(typed, under.choice, path)) }
    };
    Ok(page::page(&format!("{} and {}", typed.name(), under.name()), &body))
}

/// A path of one choice, how far the other one can follow it, and the stories of both. Problems: the program or the path is
/// wrong.
pub fn beside(typed: &Typed, under: &Typed, path: &[usize]) -> Result<Markup, Problem> {
    let (own_model, other_model) = (opened::model(typed)?, opened::model(under)?);
    let no_path = |error| opened::no_path(typed, path, &error);
    let view = own_model.at(path).map_err(no_path)?;
    let followed = follow(&own_model, path, &other_model).map_err(no_path)?;
    let there = other_model.at(&followed.path).map_err(no_path)?;
    Ok(html! {
        (verdict((typed, path), under, &followed, &there))
        div.beside {
            (side(1, typed, path, &view))
            (side(2, under, &followed.path, &there))
        }
    })
}

fn others(typed: &Typed, shown: Choice, path: &[usize]) -> Markup {
    let own = typed.choice;
    let others = Choice::all().into_iter().filter(|other| other.model() == own.model() && *other != own);
    html! {
        section aria-labelledby="others" {
            h2 #others { "Beside another choice" }
            ul.choices {
                @for choice in others {
                    li { a href=(typed.compare(choice, path)) aria-current=[(choice == shown).then_some("page")] { (choice.name()) } }
                }
            }
        }
    }
}

fn side(side: usize, typed: &Typed, path: &[usize], view: &View) -> Markup {
    html! {
        section aria-label=(typed.name()) {
            h2 { a href=(typed.explore_path(path, None)) { code { (typed.name()) } } }
            p.quiet { (typed.in_words()) }
            @if view.story.steps.is_empty() { p.quiet { "No step." } } @else { (lanes_beside(&view.story, &format!("lanes-{side}"))) }
            h3 { "Master and replica" }
            (explore::nodes(&view.story, &format!("lives-{side}")))
            (explore::broken(&view.story))
        }
    }
}

/// Whether the other choice went all the way, and if not, where it had to stop and why.
fn verdict((typed, path): (&Typed, &[usize]), under: &Typed, followed: &Followed, there: &View) -> Markup {
    let (name, length) = (under.name(), path.len());
    let mut broken: Vec<Invariant> = there.broken.concat();
    broken.sort_unstable();
    broken.dedup();
    html! {
        @if length == 0 {
            p.note { "The path is empty, so there is nothing to follow: "
                a href=(typed.explore()) { "take some steps" } " first." }
        }
        @if let Some(stop) = &followed.stop {
            div.note role="status" {
                p { strong { a href=(typed.explore_path(path, Some(stop.step))) { "Step " (stop.step) } " cannot be followed under "
                    code { (name) } "." } }
                (reason(stop))
                @if !there.next.is_empty() {
                    p { "What may come next here instead: "
                        a href=(under.explore_path(&followed.path, None)) { "go on from this point under " (name) } "." }
                }
            }
        } @else if length > 0 {
            p.note role="status" {
                "All " (length) " steps can be taken under " code { (name) } ", too"
                @if broken.is_empty() { ", " span.good { "✓" } " and they break nothing there." }
                @else { ", and " span.bad { "✗" } " they break " (listed(&broken)) " there." }
            }
        }
        @if !followed.skipped.is_empty() {
            p.quiet { "Heartbeats tell " code { (name) } " nothing and were left out: step "
                (followed.skipped.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")) "." }
        }
    }
}

/// What has to wait, in a sentence.
fn waits(wanted: &Step) -> String {
    match wanted.deed.taken() {
        Some(command) => format!("{command} has to wait here."),
        None => format!("“{}” has to wait here.", wanted.in_words()),
    }
}

/// Why the step cannot be taken, as the other choice's own model has it.
fn reason(stop: &Stop) -> Markup {
    let wanted = format!("“{}”", stop.wanted.deed);
    html! {
        @match &stop.way {
            None => p { "Nothing within reach makes " (wanted) " possible: this choice never does it that way." },
            Some((first, as_taken)) if first.is_empty() => {
                p { "Here it is done in one with what stands before it: " b { (as_taken.actor()) } " " (as_taken.deed) "." }
            }
            Some((first, as_taken)) => {
                p { (waits(&stop.wanted)) " First comes:" }
                ol { @for step in first { li { b { (step.actor()) } " " (step.deed) } } }
                p { "And only then: " b { (as_taken.actor()) } " " (as_taken.deed) "." }
            }
        }
    }
}

//! Compare — a path of one choice beside the same schedule under another, as far as both allow. Pure.

use super::address::{self, Typed};
use super::lanes::lanes_html;
use super::problem::Problem;
use super::{Answer, Asked, explore, page, words};
use crate::models::follow::{Followed, Stop, follow};
use crate::models::story::Step;
use crate::models::walk::{Choice, View};
use maud::{Markup, html};

/// The page: model, choice, other choice.
pub fn compare((model, own, other): &(String, String, String), asked: &Asked) -> Answer {
    let typed = Typed::of(model, own, asked)?;
    let other = Choice::named(model, other).map_err(|error| Problem::unknown(error.to_string()))?;
    let (path, at) = address::path(asked)?;
    let path = &path[..at];
    let program = explore::parsed(&typed)?;
    let (own_walk, other_walk) =
        (explore::walk(&typed, &program)?, explore::walk(&typed.under(other), &program)?);
    let no_path = |error| explore::no_path(&typed, path, &error);
    let view = own_walk.at(path).map_err(no_path)?;
    let followed = follow(&own_walk, path, &other_walk).map_err(no_path)?;
    let there = other_walk.at(&followed.path).map_err(no_path)?;
    let under = typed.under(other);
    let body = html! {
        h1 { code { (typed.choice.name()) } " and " code { (other.name()) } ", the same schedule" }
        (verdict(&typed, other, path.len(), &followed, &there))
        div.beside {
            (side(&typed, path, &view))
            (side(&under, &followed.path, &there))
        }
        section aria-labelledby="others" {
            h2 #others { "Beside another choice" }
            ul.choices {
                @for choice in Choice::all().into_iter().filter(|choice| choice.model() == model && *choice != typed.choice) {
                    li { a href=(typed.compare(choice, path)) aria-current=[(choice == other).then_some("page")] { (choice.name()) } }
                }
            }
        }
    };
    Ok(page::page(&format!("{} and {}", typed.choice.name(), other.name()), &body))
}

fn side(typed: &Typed, path: &[usize], view: &View) -> Markup {
    html! {
        section aria-label=(typed.choice.name()) {
            h2 { a href=(typed.explore_path(path, None)) { code { (typed.choice.name()) } } }
            p.quiet { (words::choice(typed.choice)) }
            @if view.story.steps.is_empty() { p.quiet { "No step." } } @else { (lanes_html(&view.story, &format!("lanes-{}", typed.choice.name()))) }
            h3 { "Master and replica" }
            (explore::nodes(&view.story, &format!("lives-{}", typed.choice.name())))
            @if !view.story.conclusion.is_empty() { p.broken { span.bad { "✗ " } (view.story.conclusion) } }
        }
    }
}

/// Whether the other choice went all the way, and if not, where it had to stop and why.
fn verdict(typed: &Typed, other: Choice, length: usize, followed: &Followed, there: &View) -> Markup {
    let name = other.name();
    html! {
        @if length == 0 {
            p.note { "The path is empty, so there is nothing to follow: "
                a href=(typed.explore()) { "take some steps" } " first." }
        }
        @if let Some(stop) = &followed.stop {
            div.note role="status" {
                p { strong { "Step " (stop.step) " cannot be followed under " code { (name) } "." } }
                (reason(stop))
                @if !there.next.is_empty() {
                    p { "What may come next here instead: "
                        a href=(typed.under(other).explore_path(&followed.path, None)) { "go on from this point under " (name) } "." }
                }
            }
        } @else if length > 0 {
            p.note role="status" { "All " (length) " steps can be gone under " code { (name) } ", too." }
        }
        @if !followed.skipped.is_empty() {
            p.quiet { "Heartbeats tell " code { (name) } " nothing and were left out: step "
                (followed.skipped.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")) "." }
        }
    }
}

/// What has to wait, in a sentence.
fn waits(wanted: &Step) -> String {
    // `takes 2 (FLUSHDB)`: what is in brackets is the command.
    let command =
        wanted.what.split_once('(').and_then(|(_, rest)| rest.rsplit_once(')')).map(|(command, _)| command);
    match command {
        Some(command) if wanted.what.starts_with("takes") => format!("{command} has to wait here."),
        _ => format!("“{}: {}” has to wait here.", wanted.who, wanted.what),
    }
}

/// Why the step cannot be taken, as the other choice's own model has it.
fn reason(stop: &Stop) -> Markup {
    let wanted = format!("“{}”", stop.wanted.what);
    html! {
        @match &stop.way {
            None => p { "Nothing within reach makes " (wanted) " possible: this choice never does it that way." },
            Some((first, as_taken)) if first.is_empty() => {
                p { "Here it is done in one with what stands before it: " b { (as_taken.who) } " " (as_taken.what) "." }
            }
            Some((first, as_taken)) => {
                p { (waits(&stop.wanted)) " First comes:" }
                ol { @for step in first { li { b { (step.who) } " " (step.what) } } }
                p { "And only then: " b { (as_taken.who) } " " (as_taken.what) "." }
            }
        }
    }
}

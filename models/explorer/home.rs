//! Home — why FLUSHDB breaks a replica and what the cure is; the matrices of all choices. Pure.

use super::address::Typed;
use super::matrix::{self, Line, Reach};
use super::page;
use super::problem::{Answer, Asked};
use super::run::{Finished, STATES_MAX, Searches, USUAL_STATES_MAX, Watched};
use super::tour;
use crate::models::choice::Choice;
use crate::models::cost::thousands;
use crate::models::invariants::Invariant;
use crate::models::search::{Limits, Progress};
use maud::{Markup, html};
use std::sync::Arc;

/// The page. `node`: the address of the node that is watched.
pub fn home(searches: &Arc<Searches>, asked: &Asked, node: Option<&str>, progress: &Progress) -> Answer {
    let reach = Reach::of(asked)?;
    let known = searches.known(&reach.query());
    let is_over = known.len() == 2 * Choice::all().len();
    let body = html! {
        @if let Some(node) = node { p.note { a href="/node" { "The node " (node) ", live" } ": its lanes, watermarks, lag and waits." } }
        (why(progress))
        section aria-labelledby="verdicts" {
            h2 #verdicts { "Every choice, every short program, every schedule" }
            p { "Each line is a way of replicating, each column an invariant: " span.bad { "✗ n" } " means broken, and the link shows the \
                shortest path to it, of n steps; " span.good { "✓" } " means that it holds in every state that can be reached within the bounds." }
            div #run data-stream={ "/matrix/stream?" (reach.query()) } data-over=(is_over) {
                p.run {
                    button #toggle type="button" hidden { "Stop" }
                    " " (status(&known, &[], is_over))
                }
            }
            noscript { p.note { "Without scripts nothing is checked here; " code { "replicheck check" } " prints the same tables." } }
            (tables(&known))
            (form(&reach))
        }
    };
    Ok(page::page("Which ways of replicating are safe", &body))
}

/// The first screen: the founding bugs, each in two sentences, with one link to watch it.
fn why(progress: &Progress) -> Markup {
    html! {
        h1 { "Why FLUSHDB breaks a replica" }
        p.watch { a.button.first href=(tour::START) { "See both bugs and their cures in a minute" } }
        section.why {
            p.lead { "A replica that applies its master's log with several workers, key by key, lets any worker run FLUSHDB at once: it \
                may empty the store before a SET that came first is written, and the replica then keeps for ever a key that the master has dropped. \
                The cure is to make FLUSHDB wait for all before it and hold all after it (" code { "barrier" } ", " code { "writeset" }
                "), or to apply the log strictly in order (" code { "serial" } ")." }
            (links("ordering", "key_hash", Invariant::Convergence, &["barrier", "serial"], progress))
        }
        section.why {
            h2 { "And why INCR makes a key immortal" }
            p { "A replica that runs INCR by its own clock may find the counter dead that was alive on the master: it begins a new one, \
                without a deadline, which never dies. The cure is to log what the write came to, deadline included (" code { "effects" }
                "), and to judge by the time that the log carries (" code { "log_clock" } ")." }
            (links("expiry", "absolute", Invariant::NoImmortalKey, &["effects", "log_clock"], progress))
        }
    }
}

/// Links: watch the bug happen, and the same schedule under the cures.
fn links(model: &str, choice: &str, invariant: Invariant, cures: &[&str], progress: &Progress) -> Markup {
    let Ok(choice) = Choice::named(model, choice, None) else { return html! {} };
    let typed = Typed::default_of(choice);
    let found = typed.parse().ok().and_then(|program| {
        let model = typed.experiment(&program).model().ok()?;
        let found = model.find(&Limits::default(), progress);
        found.into_iter().find(|found| found.invariant == invariant)?.path
    });
    let path = found.unwrap_or_default();
    html! {
        p.watch {
            a.button href=(typed.explore_path(&path, None)) { "Watch it go wrong: " (path.len()) " steps" }
            @for cure in cures.iter().filter_map(|cure| Choice::named(model, cure, None).ok()) {
                " " a.button href=(typed.compare(cure, &path)) { "The same schedule under " (cure.name()) }
            }
        }
    }
}

/// Both matrices and their bounds, with the results known so far.
fn tables(known: &Finished) -> Markup {
    let choices = Choice::all();
    let lines = matrix::lines(&choices, |number| known.get(&number).map(Arc::as_ref), &[]);
    let of = |model: &str| lines.iter().position(|line| line.choice.model() == model).unwrap_or_default();
    let (ordering, expiry): (&[Line<'_>], &[Line<'_>]) = lines.split_at(of("expiry"));
    html! {
        (matrix::table("ordering", ordering))
        (matrix::table("expiry", expiry))
        div #bounds { (matrix::bounds_in_words(&lines)) }
    }
}

/// How far the searches have come, in words.
pub fn status(known: &Finished, watched: &[(String, Watched)], is_over: bool) -> Markup {
    let all = 2 * Choice::all().len();
    html! {
        span #status {
            (known.len()) " of " (all) " searches done"
            @if is_over { "." } @else { (matrix::watched_in_words(watched)) }
        }
    }
}

fn form(reach: &Reach) -> Markup {
    html! {
        form.fields.reach method="get" action="/" {
            h3 { "Change the bounds" }
            @for ((name, label, range), value) in matrix::FIELDS.iter().zip(reach.values()) {
                label { (label) " " input type="number" name=(name) value=(value) min=(range.start()) max=(range.end()); }
            }
            button type="submit" { "Check" }
            p.quiet { "A search ends at " (thousands(STATES_MAX)) " states (within the usual bounds at " (thousands(USUAL_STATES_MAX)) "), and then says " em { "incomplete" }
                "; " code { "replicheck check --bounds deep" } " goes on." }
        }
    }
}

//! Tour — the two founding bugs and their cures, one screen each, in about a minute. Pure.
//!
//! ```text
//! /tour/1  FLUSHDB overtakes a SET        /tour/3  INCR makes an immortal key
//! /tour/2  what would have had to wait    /tour/4  the cure                       /tour/5  your turn
//! ```

use super::address::Typed;
use super::lanes::lanes_html;
use super::problem::{Answer, Problem};
use super::{compare, explore, opened, page};
use crate::models::choice::Choice;
use crate::models::invariants::Invariant;
use crate::models::path::Path;
use crate::models::search::{Limits, Progress};
use maud::{Markup, html};

/// A founding bug: a choice that breaks an invariant, and a choice that does not.
struct Founding {
    model: &'static str,
    choice: &'static str,
    breaks: Invariant,
    cure: &'static str,
    bug: Stop,
    cured: Stop,
}

/// The heading and the words of one screen.
struct Stop {
    title: &'static str,
    words: &'static str,
}

const FOUNDING: [Founding; 2] = [
    Founding {
        model: "ordering",
        choice: "key_hash",
        breaks: Invariant::Convergence,
        cure: "barrier",
        bug: Stop {
            title: "FLUSHDB overtakes a SET",
            words: "The replica gives each key to one worker, by the key's hash. FLUSHDB has no key, so any worker may take it, and it need \
                not wait. Read from top to bottom: FLUSHDB empties the store before the SET is written, and the replica keeps a key that the \
                master no longer has.",
        },
        cured: Stop {
            title: "What would have had to wait",
            words: "On the left is the same schedule. On the right, barrier makes a command without a key wait for everything before it, and holds \
                everything after it. The schedule cannot go on where FLUSHDB would overtake.",
        },
    },
    Founding {
        model: "expiry",
        choice: "absolute",
        breaks: Invariant::NoImmortalKey,
        cure: "log_clock",
        bug: Stop {
            title: "INCR makes an immortal key",
            words: "The master increments a counter that is still alive. The command arrives late, and the replica judges by its own clock: \
                the counter is dead, so INCR begins a new one, without a deadline. It never dies.",
        },
        cured: Stop {
            title: "The cure",
            words: "log_clock logs the result of the command with its absolute deadline, and judges by the time that the log carries. The same \
                delay does no harm.",
        },
    },
];

/// Number of screens.
const STOPS: usize = 2 * FOUNDING.len() + 1;

/// The address of the first screen.
pub const START: &str = "/tour/1";

/// A screen. Problems: there is none of this number.
pub fn tour(number: &str, progress: &Progress) -> Answer {
    let number = number.parse().ok().filter(|number| (1..=STOPS).contains(number));
    let number: usize = number
        .ok_or_else(|| Problem::value(format!("the tour has screens 1 to {STOPS}: begin with {START}")))?;
    let founding = FOUNDING.get((number - 1) / 2);
    let (title, body) = match founding {
        Some(founding) if number % 2 == 1 => (founding.bug.title, founding.goes_wrong(progress)?),
        Some(founding) => (founding.cured.title, founding.is_cured(progress)?),
        None => ("Your turn", your_turn(progress)),
    };
    let body = html! {
        p.quiet { "A minute's tour: screen " (number) " of " (STOPS) }
        h1 { (title) }
        (steps(number))
        (body)
        (steps(number))
    };
    Ok(page::page(title, &body))
}

/// Links to the screen before and to the next one. The arrow keys follow the first of them on the page.
fn steps(number: usize) -> Markup {
    html! {
        p.watch {
            @if number > 1 { a.button data-key="back" href={ "/tour/" (number - 1) } { "← Back" } " " }
            @if number < STOPS { a.button.first data-key="forward" href={ "/tour/" (number + 1) } { "Next →" } }
        }
    }
}

impl Founding {
    /// The choice with its example program, and the shortest path to the bug.
    fn found(&self, progress: &Progress) -> Result<(Typed, Path), Problem> {
        let choice = Choice::named(self.model, self.choice, None).map_err(|_| Problem::broken())?;
        let typed = Typed::default_of(choice);
        let found = opened::model(&typed)?.find(&Limits::default(), progress);
        let path =
            found.into_iter().find(|found| found.invariant == self.breaks).and_then(|found| found.path);
        Ok((typed, path.ok_or_else(Problem::broken)?))
    }

    fn goes_wrong(&self, progress: &Progress) -> Result<Markup, Problem> {
        let (typed, path) = self.found(progress)?;
        let view =
            opened::model(&typed)?.at(&path).map_err(|error| opened::no_path(&typed, &path, &error))?;
        Ok(html! {
            p.lead { (self.bug.words) }
            (lanes_html(&view.story, "lanes"))
            (explore::broken(&view.story))
            section aria-labelledby="both" { h2 #both { "Master and replica" } (explore::nodes(&view.story, "lives")) }
            p { a href=(typed.explore_path(&path, Some(0))) { "Walk through it step by step" } }
        })
    }

    fn is_cured(&self, progress: &Progress) -> Result<Markup, Problem> {
        let (typed, path) = self.found(progress)?;
        let cure = Choice::named(self.model, self.cure, None).map_err(|_| Problem::broken())?;
        Ok(html! {
            p.lead { (self.cured.words) }
            (compare::beside(&typed, &typed.under(cure), &path)?)
        })
    }
}

/// Where a visitor may go from here.
fn your_turn(progress: &Progress) -> Markup {
    let open = FOUNDING.iter().filter_map(|founding| Some((founding, founding.found(progress).ok()?.0)));
    html! {
        p.lead { "Choose each step yourself: which worker goes next, how late a message is, when a node crashes. Find a schedule that breaks a \
            promise, then look whether another choice allows it." }
        ul {
            @for (founding, typed) in open {
                li { a href=(typed.explore()) { "Begin with " code { (typed.text.lines().collect::<Vec<_>>().join("; ")) } " under "
                    code { (founding.choice) } } }
            }
            li { a href="/program" { "Judge a program of your own" } ", under any choices" }
            li { a href="/" { "See the verdicts on every choice" } }
            li { a href="/catalogue" { "Read known bugs of real systems" } ", each with its shortest counterexample" }
        }
    }
}

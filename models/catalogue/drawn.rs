//! Drawn — a bug with a program of the caller → schedules drawn at random, and the shortest one that breaks the bug's
//! invariant. Pure.

use super::judge::part;
use super::row::Bug;
use crate::models::choice::Choice;
use crate::models::judge::rows_of;
use crate::models::sample::Walks;
use crate::models::search::Progress;
use crate::models::story::Story;
use crate::models::verdict::Verdict;

/// Few schedules for one program, because the caller draws many programs.
const WALKS: Walks = Walks { all: 8, a_model: 8 };

/// A story that breaks the invariant of `bug` in its setting, under `choice`. It is found in one of eight schedules
/// (order of threads, crashes, delays, skew) of the bug's program, drawn from `seed`. `None`: none of them breaks it.
pub fn drawn(bug: &'static Bug, choice: Choice, seed: u64) -> Option<Story> {
    let parts = [part(bug, choice).drawing(WALKS, seed)];
    let cell = ("catalogue", choice.name(), None);
    let expected = |invariant| (invariant == bug.invariant).then_some(Verdict::Holds);
    rows_of(cell, &parts, &expected, &Progress::default()).pop()?.counterexample
}

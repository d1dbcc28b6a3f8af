//! Shrink — a program that breaks an invariant → the same program without the commands that are not needed for it. Pure.
//!
//! The method is delta debugging (Zeller and Hildebrandt, *Simplifying and isolating failure-inducing input*, TSE 2002): leave out
//! one part of the program and keep the rest if it still breaks the invariant; divide into smaller parts when no part can be left
//! out. Here b, c, e and h are needed:
//!
//! ```text
//! a b c d e f g h      halves, quarters: no part can be left out
//! a b c d e f g h      without h: no; without g: yes
//! a b c d e f h        without f: yes; … until no single command can be left out
//! b c e h
//! ```
//!
//! The kept commands stay what they were: their instants in a capture, and the instant at which the capture began.

use super::program::{Program, ProgramLine};
use std::collections::BTreeSet;

/// A program that was cut down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shrunk {
    /// The program.
    pub program: Program,
    /// Whether no single command of it can be left out; otherwise time was over before.
    pub is_minimal: bool,
}

/// Cuts `program`, which breaks an invariant, down. `breaks` says whether a program still breaks it; `is_over` says when to end
/// with the shortest program so far.
pub fn shrink(
    program: &Program,
    mut breaks: impl FnMut(&Program) -> bool,
    is_over: impl Fn() -> bool,
) -> Shrunk {
    let with = |commands: Vec<ProgramLine>| Program { commands, ..program.clone() };
    let mut kept = program.commands.clone();
    let mut refuted: BTreeSet<Vec<usize>> = BTreeSet::new();
    let mut parts = 2;
    while kept.len() > 1 && !is_over() {
        parts = parts.min(kept.len());
        let shorter = without_one(&kept, parts).find(|shorter| {
            let lines: Vec<usize> = shorter.iter().map(|command| command.line).collect();
            !is_over() && !refuted.contains(&lines) && {
                let is_enough = breaks(&with(shorter.clone()));
                if !is_enough {
                    refuted.insert(lines);
                }
                is_enough
            }
        });
        match shorter {
            Some(shorter) => (kept, parts) = (shorter, parts.saturating_sub(1).max(2)),
            None if parts == kept.len() => return Shrunk { program: with(kept), is_minimal: !is_over() },
            None => parts *= 2,
        }
    }
    Shrunk { is_minimal: kept.len() == 1, program: with(kept) }
}

/// The commands without one of `parts` parts of equal length, for each part. The last part comes first: the commands that a
/// violation needs are more often at the beginning.
fn without_one(commands: &[ProgramLine], parts: usize) -> impl Iterator<Item = Vec<ProgramLine>> + '_ {
    let length = commands.len().div_ceil(parts);
    let starts: Vec<usize> = (0..commands.len()).step_by(length).collect();
    starts.into_iter().rev().map(move |start| {
        let end = (start + length).min(commands.len());
        [&commands[..start], &commands[end..]].concat()
    })
}

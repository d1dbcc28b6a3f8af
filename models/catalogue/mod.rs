//! Catalogue — real replication bugs of Pika and its peers, as data: what breaks, on which program, and what cures it.
//!
//! A row that counts is judged twice by the models, on one program: under the configuration that has the bug, which
//! must break the invariant with a shortest counterexample of the recorded length, and under the cure, which must
//! hold. A row that does not count says in a line why not.
//!
//! ```text
//! R01   SET k a; SET k b; FLUSHDB; SET k c     key_hash breaks convergence in 12 steps     barrier holds
//! ```
//!
//! Some bugs are strategies and policies of this crate; the others are [`SeededFault`](super::fault::SeededFault)s: small changes around the
//! engine's own machines that only the catalogue, `replay` and tests can reach.

mod determinism;
mod drawn;
mod expiry;
mod found_here;
mod judge;
mod layers;
mod ordering;
mod position;
mod reach;
mod row;
mod table;

pub use drawn::drawn;
pub use judge::{Judgement, judgements, tasks};
pub use layers::{Cell, LAYERS, Layers, ResultsError, TestResult, parse_results};
pub use row::{Bug, Case, Given, Standing};
pub use table::{facts, in_full, table, unlike_recorded};

/// Bugs of one kind.
#[derive(Clone, Copy, Debug)]
pub struct Section {
    /// A word.
    pub name: &'static str,
    /// What they are about.
    pub title: &'static str,
    /// The rows.
    pub cases: &'static [Case],
}

/// The kinds of bugs, in the order of their ids.
pub const SECTIONS: [Section; 5] = [
    Section { name: "ordering", title: "In which order writes are applied", cases: ordering::CASES },
    Section { name: "determinism", title: "What a command comes to elsewhere", cases: determinism::CASES },
    Section { name: "expiry", title: "When a key dies, and who says so", cases: expiry::CASES },
    Section { name: "position", title: "Where a replica goes on", cases: position::CASES },
    Section {
        name: "found_here",
        title: "Verdicts of this kit that were not true",
        cases: found_here::CASES,
    },
];

/// All rows, in the order of their ids.
pub fn all() -> impl Iterator<Item = &'static Case> {
    SECTIONS.iter().flat_map(|section| section.cases)
}

/// The row of that id, in upper or lower case.
pub fn find(id: &str) -> Option<&'static Case> {
    all().find(|case| case.id.eq_ignore_ascii_case(id))
}

//! Catalogue — real replication bugs of Pika and its peers, as data: what breaks, on which program, and what the cure is.
//!
//! A row that counts is judged twice by the models, on one program. Under the configuration with the bug, the invariant
//! must break, with a shortest counterexample of the recorded length; under the cure it must hold. A row that does not
//! count gives the reason in one line.
//!
//! ```text
//! R01   SET k a; SET k b; FLUSHDB; SET k c     key_hash breaks convergence in 12 steps     barrier holds
//! ```
//!
//! Some bugs are built-in strategies and policies; the others are [`SeededFault`](super::fault::SeededFault)s: small
//! changes around the engine's own machines that only the catalogue, `replay` and tests can use.

mod determinism;
mod drawn;
mod expiry;
mod found_here;
mod judge;
mod layers;
mod met_later;
mod ordering;
mod position;
mod reach;
mod row;
mod table;

pub use drawn::drawn;
pub use judge::{Judgement, judgements, tasks};
pub use layers::{Cell, LAYERS, Layers, ResultsError, TestResult, parse_results};
pub use row::{Bug, Case, RowSetting, Standing};
pub use table::{facts, in_full, table, unlike_recorded};

/// A group of bugs of one kind.
#[derive(Clone, Copy, Debug)]
pub struct Section {
    /// The kind, in one word.
    pub name: &'static str,
    /// What the bugs are about.
    pub title: &'static str,
    /// The rows.
    pub cases: &'static [Case],
}

/// The kinds of bugs, in the order of their ids.
pub const SECTIONS: [Section; 6] = [
    Section { name: "ordering", title: "In which order writes are applied", cases: ordering::CASES },
    Section {
        name: "determinism",
        title: "Commands with different results on two nodes",
        cases: determinism::CASES,
    },
    Section { name: "expiry", title: "When a key dies, and by which clock", cases: expiry::CASES },
    Section { name: "position", title: "Where a replica resumes", cases: position::CASES },
    Section {
        name: "met_later",
        title: "Reports that came after the others: several keys, links, histories",
        cases: met_later::CASES,
    },
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

/// The row with that id, in upper or lower case; `None` if there is none.
pub fn find(id: &str) -> Option<&'static Case> {
    all().find(|case| case.id.eq_ignore_ascii_case(id))
}

//! Verdicts — what a check came to, a row an invariant.

use super::cost::{Cost, Searched};
use super::invariants::Invariant;
use super::story::Story;
use serde::Serialize;
use std::collections::HashSet;

/// What a search says of one invariant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Every reachable state within the bounds was looked at, and it holds in each.
    Holds,
    /// There is a counterexample.
    Violated,
    /// Schedules drawn at random did not break it; nothing more is claimed.
    Sampled,
    /// The choice says of itself that it is not defined for the program.
    Refused,
    /// The search was cut short, or nothing put the invariant to the test.
    Incomplete,
}

impl Verdict {
    /// The name in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Verdict::Holds => "holds",
            Verdict::Violated => "violated",
            Verdict::Sampled => "sampled",
            Verdict::Refused => "refused",
            Verdict::Incomplete => "incomplete",
        }
    }
}

/// One invariant of one choice.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// `ordering` or `expiry`.
    pub model: &'static str,
    /// The strategy or policy, with what is added to it (`writeset+commands`).
    pub choice: String,
    /// The invariant, as in [`crate::invariant`].
    pub invariant: Invariant,
    /// The named scenario or the program file; `None` for a search over every program.
    pub scenario: Option<String>,
    /// What was found.
    pub verdict: Verdict,
    /// What the tables say: [`Verdict::Holds`], [`Verdict::Violated`] or [`Verdict::Refused`]. Of a program of the user's
    /// own: [`Verdict::Violated`] where nothing is promised.
    pub expected: Verdict,
    /// The searches that judged it; none if nothing was searched.
    pub searches: Vec<Searched>,
    /// What was explored, in words.
    pub bounds: String,
    /// The event that put it to the test, if it holds; empty otherwise.
    pub witness: &'static str,
    /// Why a verdict is [`Verdict::Incomplete`], [`Verdict::Refused`] or [`Verdict::Sampled`] (with its seed), or what else must be said.
    pub note: String,
    /// A shortest path that breaks it (of sampled schedules: the shortest that was met).
    pub counterexample: Option<Story>,
}

/// What the searches that gave these rows cost, each counted once, however many rows it judged.
pub fn cost(rows: &[Row]) -> Cost {
    let mut cost = Cost::default();
    let mut seen = HashSet::new();
    for row in rows {
        for search in &row.searches {
            if seen.insert((row.model, &row.choice, &row.scenario, search.number)) {
                cost.add(search);
            }
        }
    }
    cost
}

impl Row {
    /// A row of a choice that declares itself undefined for a program.
    pub fn refused(
        choice: &str,
        invariant: Invariant,
        scenario: Option<String>,
        refused: &crate::ordering::Refused,
    ) -> Row {
        Row {
            model: "ordering",
            choice: choice.to_owned(),
            invariant,
            scenario,
            verdict: Verdict::Refused,
            expected: Verdict::Refused,
            searches: Vec::new(),
            bounds: String::new(),
            witness: "",
            note: refused.to_string(),
            counterexample: None,
        }
    }

    /// What the searches that judged it cost.
    pub fn cost(&self) -> Cost {
        cost(std::slice::from_ref(self))
    }

    /// Whether every search that judged it ended by itself.
    pub fn is_finished(&self) -> bool {
        self.searches.iter().all(|search| search.finished)
    }

    /// Whether the verdict is the expected one. A program of the user's own is as expected unless it breaks what
    /// should hold: an unsafe choice need not fail on every program.
    pub fn is_as_expected(&self, own_program: bool) -> bool {
        if own_program {
            return match self.verdict {
                Verdict::Holds | Verdict::Sampled => true,
                Verdict::Violated | Verdict::Refused => self.verdict == self.expected,
                Verdict::Incomplete => false,
            };
        }
        self.verdict == self.expected
    }
}

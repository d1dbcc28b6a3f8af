//! Verdicts — what a check came to, a row an invariant.

use super::invariants::Invariant;
use super::story::Story;
use serde::Serialize;

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
    /// The numbers of the searches that judged it, of those of its model, choice and scenario; none if nothing was searched.
    pub parts: Vec<usize>,
    /// Unique states of the searches that judged it.
    pub unique_states: usize,
    /// States generated, found before or not.
    pub generated_states: u64,
    /// Bytes of memory a unique state.
    pub state_bytes: usize,
    /// Whether every search ended by itself.
    pub finished: bool,
    /// Steps of the longest of the shortest paths.
    pub max_depth: usize,
    /// Wall time of the searches.
    pub seconds: f64,
    /// What was explored, in words.
    pub bounds: String,
    /// The event that put it to the test, if it holds; empty otherwise.
    pub witness: &'static str,
    /// Why a verdict is [`Verdict::Incomplete`], [`Verdict::Refused`] or [`Verdict::Sampled`] (with its seed), or what else must be said.
    pub note: String,
    /// A shortest path that breaks it (of sampled schedules: the shortest that was met).
    pub counterexample: Option<Story>,
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
            parts: Vec::new(),
            unique_states: 0,
            generated_states: 0,
            state_bytes: 0,
            finished: true,
            max_depth: 0,
            seconds: 0.0,
            bounds: String::new(),
            witness: "",
            note: refused.to_string(),
            counterexample: None,
        }
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

//! Verdicts — what a check came to, a row an invariant.

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
    pub invariant: &'static str,
    /// The named scenario or the program file; `None` for a search over every program.
    pub scenario: Option<String>,
    /// What was found.
    pub verdict: Verdict,
    /// What the tables say: [`Verdict::Holds`] or [`Verdict::Violated`].
    pub expected: Verdict,
    /// Unique states of the searches that judged it.
    pub unique_states: usize,
    /// States generated, found before or not.
    pub generated_states: u64,
    /// Bytes of memory a unique state.
    pub state_bytes: usize,
    /// Steps of the longest of the shortest paths.
    pub max_depth: usize,
    /// Wall time of the searches.
    pub seconds: f64,
    /// What was explored, in words.
    pub bounds: String,
    /// Why a verdict is [`Verdict::Incomplete`] or [`Verdict::Sampled`] (with its seed), or what else must be said.
    pub note: String,
    /// A shortest path that breaks it (of sampled schedules: the shortest that was met).
    pub counterexample: Option<Story>,
}

impl Row {
    /// Whether the verdict is the expected one. A program of the user's own is as expected unless it breaks what
    /// should hold: an unsafe choice need not fail on every program.
    pub fn is_as_expected(&self, own_program: bool) -> bool {
        if own_program {
            return self.verdict != Verdict::Incomplete
                && (self.verdict != Verdict::Violated || self.expected == Verdict::Violated);
        }
        self.verdict == self.expected
    }
}

//! Story — a path through a model, in words that a Redis operator uses.

use serde::Serialize;

/// A path in words.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Story {
    /// The commands that clients sent, in order.
    pub program: Vec<String>,
    /// What happened, step by step.
    pub steps: Vec<Step>,
    /// Master and replica at the end.
    pub keys: Vec<KeyRow>,
    /// What the last step broke, in a sentence; empty if nothing.
    pub conclusion: String,
}

/// One step.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Step {
    /// Who acts: `client`, `master`, `link`, `worker 0`, `replica`, `reader`, `time`.
    pub who: String,
    /// What it does.
    pub what: String,
    /// The log, or the part of it that is under way.
    pub log: Vec<String>,
    /// What each worker holds, or what the clocks say.
    pub lanes: Vec<String>,
    /// What the master and the replica hold now.
    pub keys: Vec<KeyRow>,
}

/// A key on both nodes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct KeyRow {
    /// Its name.
    pub key: String,
    /// What the master holds; `-` for nothing.
    pub master: String,
    /// What the replica holds; `-` for nothing.
    pub replica: String,
    /// Whether the two differ.
    pub differs: bool,
}

impl Story {
    /// The steps as lines of words, as the JSON of a verdict carries them.
    pub fn in_words(&self) -> Vec<String> {
        self.steps.iter().map(|step| format!("{}: {}", step.who, step.what)).collect()
    }
}

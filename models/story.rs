//! Story — a path through a model, in words that a Redis operator uses.

use crate::effect::Key;
use crate::store::{Dump, Stored};
use crate::time::Millis;
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
        self.steps.iter().map(Step::in_words).collect()
    }
}

impl Step {
    /// Who does what, in one line.
    pub fn in_words(&self) -> String {
        format!("{}: {}", self.who, self.what)
    }
}

/// By which instants the keys of the two nodes are dead or alive, and from where instants are counted.
#[derive(Clone, Copy, Debug)]
pub struct Instant {
    /// The beginning.
    pub start: Millis,
    /// By which the master's readers judge.
    pub master: Millis,
    /// By which the replica's readers judge.
    pub replica: Millis,
}

/// The keys of both nodes side by side, in their order.
pub fn key_rows(master: &Dump, replica: &Dump, instants: Option<Instant>) -> Vec<(Key, KeyRow)> {
    let mut keys: Vec<&Key> = master.keys().chain(replica.keys()).collect();
    keys.sort();
    keys.dedup();
    let held = |stored: Option<&Stored>, now: fn(Instant) -> Millis| match (stored, instants) {
        (None, _) => "-".to_owned(),
        (Some(stored), None) => stored.content.to_string(),
        (Some(stored), Some(instants)) => {
            let until = stored.deadline.map(|it| it.since(instants.start) as f64 / 1000.0);
            let until = until.map_or(", no deadline".to_owned(), |until| format!(", until t = {until} s"));
            let dead = if stored.is_dead(now(instants)) { " (dead)" } else { "" };
            format!("{}{until}{dead}", stored.content)
        }
    };
    let row = |key: &Key| {
        let (left, right) = (master.get(key), replica.get(key));
        let row = KeyRow {
            key: key.to_string(),
            master: held(left, |instants| instants.master),
            replica: held(right, |instants| instants.replica),
            differs: left != right,
        };
        (key.clone(), row)
    };
    keys.into_iter().map(row).collect()
}

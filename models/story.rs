//! Story — a path through a model, in words that a Redis operator uses.

use super::expiry::action as expiry;
use super::judged::Judged;
use super::ordering::action as ordering;
use super::path::Path;
use super::setting::Setting;
use crate::effect::Key;
use crate::store::{Dump, Stored};
use crate::time::Millis;
use serde::Serialize;

/// A path in words.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Story {
    /// The commands that clients sent, in order.
    pub program: Vec<String>,
    /// The number of each step among the possible ones on the model that found it.
    pub path: Path,
    /// Which keys share a lane, where the strategy has lanes: `a b | c`. Empty elsewhere.
    pub lanes: String,
    /// What happened, step by step.
    pub steps: Vec<Step>,
    /// Master and replica at the end.
    pub keys: Vec<KeyRow>,
    /// What the last step broke, in a sentence; empty if nothing.
    pub conclusion: String,
    /// The path on the model of its own program, if the model is one of the crate's without a fault.
    #[serde(skip)]
    pub own: Option<OwnPath>,
}

/// A story's path on the model of the story's program alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnPath {
    /// What else may happen; of skews there is one.
    pub setting: Setting,
    /// The steps.
    pub actions: Actions,
}

/// The steps of a path by one of the two models that run programs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Actions {
    /// By the ordering model.
    Ordering(Vec<ordering::Action>),
    /// By the expiry model.
    Expiry(Vec<expiry::Action>),
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
    /// Where it is done; `None` where it is everywhere (time passes).
    pub actor: Option<Lane>,
    /// What goes over from lane to lane, in order.
    pub arrows: Vec<Arrow>,
    /// What happens in a lane beside that.
    pub marks: Vec<Mark>,
    /// What stands in a lane afterwards.
    pub holds: Vec<Holds>,
    /// What the clocks say afterwards, where there are any.
    pub clocks: Option<Clocks>,
    /// What the master and the replica hold now.
    pub keys: Vec<KeyRow>,
    /// The invariants that it broke.
    pub broken: Vec<String>,
}

/// A model that tells its paths.
pub trait Narrate: Judged {
    /// The path that takes these actions from the initial state, in words. Panics: the path does not exist.
    fn story(&self, path: &[Self::Action]) -> Story;
}

/// Where something happens, from left to right.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub enum Lane {
    /// Clients.
    Client,
    /// One of two nodes, 0 or 1, where either may be master or replica.
    Node(usize),
    /// The master.
    Master,
    /// What is under way to the replica.
    Link,
    /// What the replica received.
    Log,
    /// One of the replica's workers: 0, 1, …
    Worker(usize),
    /// The replica's store, and what its readers are given.
    Replica,
}

impl Lane {
    /// `client`, `worker 0`.
    pub fn name(self) -> String {
        match self {
            Lane::Worker(number) => format!("worker {number}"),
            Lane::Node(_) => format!("node {}", self.short_name()),
            lane => lane.short_name(),
        }
    }

    /// The name where there is little room: `w0`.
    pub fn short_name(self) -> String {
        match self {
            Lane::Client => "client".to_owned(),
            Lane::Node(number) => ('A'..='Z').nth(number).unwrap_or('?').to_string(),
            Lane::Master => "master".to_owned(),
            Lane::Link => "link".to_owned(),
            Lane::Log => "log".to_owned(),
            Lane::Worker(number) => format!("w{number}"),
            Lane::Replica => "replica".to_owned(),
        }
    }
}

/// Something that goes over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Arrow {
    /// From where.
    pub from: Lane,
    /// To where.
    pub to: Lane,
    /// What, in a word.
    pub label: String,
    /// The step (from 0) in which it left the master, if that was an earlier one.
    pub left_in: Option<usize>,
}

/// Something that happens in one lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Mark {
    /// In which.
    pub lane: Lane,
    /// What.
    pub sign: Sign,
}

/// What happens in one lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Sign {
    /// It is killed, or goes down.
    Down,
    /// It comes back.
    Up,
    /// Admission closes for a snapshot.
    Cut,
    /// A snapshot is published.
    Publish,
    /// Something that stood there runs again.
    Again,
    /// Something is removed.
    Remove,
}

/// What stands in a lane.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Holds {
    /// In which.
    pub lane: Lane,
    /// How.
    pub state: Holding,
    /// What: entry numbers; empty for nothing.
    pub label: String,
}

/// How something stands in a lane.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Holding {
    /// Nothing is there.
    #[default]
    Idle,
    /// It lies there, and may go on.
    Lies,
    /// It may not go on yet: it waits for others.
    Waits,
    /// A worker has it in hand.
    Held,
    /// A worker wrote it and has not said so.
    Written,
    /// The link is down.
    Down,
}

/// What the clocks say, in milliseconds from the beginning of the story on the master's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Clocks {
    /// The master's.
    pub master_ms: i64,
    /// By which the replica's readers judge; `None` where they do not judge.
    pub replica_ms: Option<i64>,
    /// Whether that is an estimate.
    pub estimated: bool,
}

/// A key on both nodes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct KeyRow {
    /// Its name.
    pub key: String,
    /// What the master holds; `-` for nothing.
    pub master: String,
    /// What the replica holds; `-` for nothing.
    pub replica: String,
    /// Whether the two differ.
    pub differs: bool,
    /// How long it lives on the master.
    pub master_until: Until,
    /// How long it lives on the replica.
    pub replica_until: Until,
}

/// How long a key lives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Until {
    /// There is no such key, or nobody asks.
    #[default]
    Untold,
    /// It has no deadline.
    Forever,
    /// It is dead from this instant on: milliseconds as in [`Clocks`].
    Ms(i64),
}

impl Story {
    /// Whether a step of it breaks the invariant.
    pub fn breaks(&self, invariant: &str) -> bool {
        self.steps.iter().any(|step| step.broken.iter().any(|broken| broken == invariant))
    }

    /// How many of the steps are not of the path: under a skew the first says how the clocks stand.
    pub fn prelude(&self) -> usize {
        if self.path.is_empty() { 0 } else { self.steps.len().saturating_sub(self.path.len()) }
    }

    /// The steps in words, instants of the log counted from the beginning: `PXAT +10000`. Stories that differ in nothing
    /// but when they began have the same.
    pub fn since_its_start(&self) -> Vec<String> {
        let start = match self.own.as_ref().map(|own| &own.setting) {
            Some(Setting::Clocks(clocks)) => clocks.start.0,
            _ => return self.in_words(),
        };
        let since = |line: String| {
            let parts = line.split_inclusive(|letter: char| !letter.is_ascii_digit());
            let part = |part: &str| {
                let (digits, rest) =
                    part.split_at(part.find(|it: char| !it.is_ascii_digit()).unwrap_or(part.len()));
                let number = digits.parse::<u64>().ok().filter(|number| *number >= start);
                number.map_or(part.to_owned(), |number| format!("+{}{rest}", number - start))
            };
            parts.map(part).collect()
        };
        self.in_words().into_iter().map(since).collect()
    }

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

fn until(stored: Option<&Stored>, instants: Option<Instant>) -> Until {
    let Some((stored, instants)) = stored.zip(instants) else { return Until::Untold };
    stored.deadline.map_or(Until::Forever, |deadline| Until::Ms(ms_since(instants.start, deadline)))
}

/// An instant for differences. Those beyond the range of i64 are its end.
fn signed(instant: Millis) -> i64 {
    i64::try_from(instant.0).unwrap_or(i64::MAX)
}

/// Milliseconds from `start` to `instant`, less than 0 if it was before.
pub fn ms_since(start: Millis, instant: Millis) -> i64 {
    signed(instant).saturating_sub(signed(start))
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
            let until = stored.deadline.map(|it| ms_since(instants.start, it) as f64 / 1000.0);
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
            master_until: until(left, instants),
            replica_until: until(right, instants),
        };
        (key.clone(), row)
    };
    keys.into_iter().map(row).collect()
}

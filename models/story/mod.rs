//! Story — a path through a model, step by step, as data; its words are made where they are printed. Pure.
//!
//! ```text
//! model and path ──▶ Story: steps of deeds ──▶ words (who, what, conclusion)   timeline, pages, JSON, path files
//!                                         └──▶ what two choices have in common, lifetimes, verdicts
//! ```

mod conclusion;
pub mod crash;
mod deed;
mod drawn;
pub mod failover;
pub mod full_sync;
pub mod handshake;
mod keys;
mod message;
pub mod replication;
mod words;

pub use conclusion::{Conclusion, Part};
pub use deed::{Actor, Deed, Entrance, Logged, Work};
pub use drawn::{Arrow, Clocks, Holding, Holds, Lane, Mark, Sign};
pub use keys::{Held, Instant, KeyRow, Until, key_rows, ms_since};
pub use message::{Carried, Change, Entry, Lives, Message, Named};

use super::expiry::action as expiry;
use super::invariants::Invariant;
use super::judged::Judged;
use super::ordering::action as ordering;
use super::path::Path;
use super::setting::Setting;

/// A path, step by step.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Story {
    /// The commands that clients sent, in order.
    pub program: Vec<String>,
    /// The number of each step among the possible ones, on the model that found the path.
    pub path: Path,
    /// Which keys share a lane, where the strategy has lanes: `a b | c`. Empty elsewhere.
    pub lanes: String,
    /// What happened, step by step.
    pub steps: Vec<Step>,
    /// Master and replica at the end.
    pub keys: Vec<KeyRow>,
    /// What the last step broke; empty if nothing.
    pub conclusion: Conclusion,
    /// The path on the model of its own program, if the model is one of the crate's without a fault.
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
    /// Steps of the ordering model.
    Ordering(Vec<ordering::Action>),
    /// Steps of the expiry model.
    Expiry(Vec<expiry::Action>),
}

/// A model that tells its paths.
pub trait Narrate: Judged {
    /// The path that takes these actions from the initial state, step by step. Panics: the path does not exist.
    fn story(&self, path: &[Self::Action]) -> Story;
}

/// One step.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Step {
    /// What is done.
    pub deed: Deed,
    /// Where it is done; `None` where it is everywhere (time passes).
    pub lane: Option<Lane>,
    /// The log, or the part of it that is under way.
    pub log: Vec<String>,
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
    pub broken: Vec<Invariant>,
}

impl Story {
    /// Whether a step of it breaks the invariant.
    pub fn breaks(&self, invariant: Invariant) -> bool {
        self.steps.iter().any(|step| step.broken.contains(&invariant))
    }

    /// How many of the steps are not of the path: under a skew the first says how the clocks stand.
    pub fn prelude(&self) -> usize {
        if self.path.is_empty() { 0 } else { self.steps.len().saturating_sub(self.path.len()) }
    }

    /// Who does what, step by step.
    pub fn deeds(&self) -> Vec<(Actor, &Deed)> {
        self.steps.iter().map(|step| (step.actor(), &step.deed)).collect()
    }

    /// Who does what, instants counted from the beginning. Stories that differ in nothing but when they began have the same.
    pub fn since_its_start(&self) -> Vec<(Actor, Deed)> {
        self.steps.iter().map(|step| (step.actor(), step.deed.since_its_start())).collect()
    }

    /// The steps as lines of words, as the JSON of a verdict carries them.
    pub fn in_words(&self) -> Vec<String> {
        self.steps.iter().map(Step::in_words).collect()
    }
}

impl Step {
    /// Who does it.
    pub fn actor(&self) -> Actor {
        match self.lane {
            None => Actor::Time,
            Some(Lane::Client) => Actor::Client,
            Some(Lane::Node(number)) => Actor::Node(number),
            Some(Lane::Master) => Actor::Master,
            Some(Lane::Link) => Actor::Link,
            Some(Lane::Worker(number)) => Actor::Worker(number),
            Some(Lane::Log | Lane::Replica) => Actor::Replica,
        }
    }

    /// Who does it, in words: `worker 0`.
    pub fn who(&self) -> String {
        self.actor().to_string()
    }

    /// What is done, in words.
    pub fn what(&self) -> String {
        self.deed.to_string()
    }

    /// Who does what, in one line.
    pub fn in_words(&self) -> String {
        format!("{}: {}", self.actor(), self.deed)
    }
}

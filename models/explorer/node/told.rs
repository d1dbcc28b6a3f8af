//! Told — what was seen of a node → the JSON of its page. Pure.

use super::facts::Facts;
use super::history::{Figures, Growth};
use super::poll::Seen;
use super::scale::waited;
use crate::apply::pool::Wait;
use serde::Serialize;
use std::collections::BTreeMap;

/// The answer of `/node.json`.
#[derive(Debug, Serialize)]
pub struct Told {
    /// The address of the node.
    pub node: String,
    /// Why nothing is known of it now.
    pub trouble: Option<String>,
    /// Its last answer.
    pub facts: Option<Facts>,
    /// Rates over the last two seconds.
    pub rates: Rates,
    /// Whether workers waited at the barrier between the last two answers.
    pub waits_at_barrier: Option<bool>,
}

/// Growth per second. `None`: there are not two answers to compare.
#[derive(Debug, Serialize)]
pub struct Rates {
    /// Entries that readers see.
    pub published: Option<f64>,
    /// Batches.
    pub batches: Option<f64>,
    /// Entries in batches.
    pub batch_entries: Option<f64>,
    /// Microseconds that threads waited, by what they waited for.
    pub waited_us: BTreeMap<&'static str, Option<f64>>,
}

/// The answer.
pub fn told(seen: &Seen) -> Told {
    let rate = |count: &dyn Fn(&Figures) -> u64| seen.history.growth(count).map(Growth::per_second);
    let at_barrier = seen.history.last_growth(|figures| waited(figures, Wait::Barrier));
    Told {
        node: seen.address.clone(),
        trouble: seen.facts.as_ref().err().map(ToString::to_string),
        facts: seen.facts.as_ref().ok().cloned(),
        rates: Rates {
            published: rate(&|figures| figures.published),
            batches: rate(&|figures| figures.batches),
            batch_entries: rate(&|figures| figures.batch_entries),
            waited_us: Wait::ALL.map(|wait| (wait.name(), rate(&|figures| waited(figures, wait)))).into(),
        },
        waits_at_barrier: at_barrier.map(|growth| growth.by > 0),
    }
}

//! Report — the findings of a comparison, and the outcome that follows from them. Pure.

use super::difference::{Differences, Kind};
use super::options::{Address, Options, ProbeError};
use super::position::{Reason, Verdict};
use std::collections::BTreeMap;

/// Keys that are kept of each list. Further ones are only counted.
pub const KEYS_MAX: usize = 1000;

/// A key, and how it differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The database.
    pub database: i64,
    /// The key.
    pub key: Vec<u8>,
    /// The differences.
    pub differences: Differences,
}

/// Keys of one sort: the first ones, and the number of all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Findings {
    /// The first ones.
    pub kept: Vec<Finding>,
    /// The number of all.
    pub total: u64,
}

/// Keys that are undecided for one reason: the first ones with their databases, and the number of all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Undecided {
    /// The first ones.
    pub kept: Vec<(i64, Vec<u8>)>,
    /// The number of all.
    pub total: u64,
}

/// The findings on one replica.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OfReplica {
    /// Its address.
    pub name: String,
    /// Its server and version.
    pub software: String,
    /// Its position at the end.
    pub position: String,
    /// Keys that differ at an equal position.
    pub differing: Findings,
    /// Differences by kind, each counted once a key.
    pub kinds: BTreeMap<Kind, u64>,
    /// Keys that differ, but not provably at an equal position.
    pub may_be_lag: Findings,
    /// Why it may be lag.
    pub why_lag: Option<String>,
    /// Keys of which nothing can be said, by reason.
    pub undecided: BTreeMap<Reason, Undecided>,
    /// Keys that first differed and were equal at an equal position.
    pub caught_up: u64,
}

/// The findings of a comparison.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// The options.
    pub options: Options,
    /// The master's server and version.
    pub software: String,
    /// The master's position at the end.
    pub position: String,
    /// The databases that were compared.
    pub databases: Vec<i64>,
    /// Keys of the master that were compared, by type.
    pub keys: BTreeMap<String, u64>,
    /// Keys of the replicas that were looked up on the master.
    pub looked_up: u64,
    /// Seconds that it took.
    pub seconds: f64,
    /// The replicas.
    pub replicas: Vec<OfReplica>,
    /// The limits of the comparison, a sentence each.
    pub not_compared: Vec<String>,
    /// Why the comparison ended early.
    pub broken_off: Option<String>,
}

/// The outcome of a comparison.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing was found.
    Nothing,
    /// A replica differs.
    Found,
    /// It cannot be said, and why.
    CouldNotJudge(Vec<String>),
}

impl OfReplica {
    /// A replica of which nothing is known yet.
    pub fn new(name: String, software: String) -> OfReplica {
        let none = || Findings { kept: Vec::new(), total: 0 };
        OfReplica {
            name,
            software,
            position: String::new(),
            differing: none(),
            kinds: BTreeMap::new(),
            may_be_lag: none(),
            why_lag: None,
            undecided: BTreeMap::new(),
            caught_up: 0,
        }
    }

    /// Notes the verdict on a key.
    pub fn note(&mut self, database: i64, key: Vec<u8>, verdict: Verdict) {
        match verdict {
            Verdict::Equal => self.caught_up += 1,
            Verdict::Differs(differences) => {
                let mut kinds: Vec<Kind> =
                    differences.shown.iter().map(|difference| difference.kind).collect();
                kinds.sort_unstable();
                kinds.dedup();
                for kind in kinds {
                    *self.kinds.entry(kind).or_default() += 1;
                }
                self.differing.note(Finding { database, key, differences });
            }
            Verdict::MayBeLag(differences) => self.may_be_lag.note(Finding { database, key, differences }),
            Verdict::Undecided(reason) => {
                let undecided = self.undecided.entry(reason).or_default();
                undecided.total += 1;
                if undecided.kept.len() < KEYS_MAX {
                    undecided.kept.push((database, key));
                }
            }
        }
    }

    /// Puts the kept keys in order: SCAN gives them in any.
    pub fn sort(&mut self) {
        for findings in [&mut self.differing, &mut self.may_be_lag] {
            findings.kept.sort_by(|one, other| (one.database, &one.key).cmp(&(other.database, &other.key)));
        }
        self.undecided.values_mut().for_each(|undecided| undecided.kept.sort());
    }

    /// The number of undecided keys.
    pub fn undecided_total(&self) -> u64 {
        self.undecided.values().map(|undecided| undecided.total).sum()
    }
}

impl Findings {
    fn note(&mut self, finding: Finding) {
        self.total += 1;
        if self.kept.len() < KEYS_MAX {
            self.kept.push(finding);
        }
    }
}

impl Report {
    /// The report of a comparison that could not begin.
    pub fn impossible(options: &Options, why: &ProbeError) -> Report {
        let replica = |address: &Address| OfReplica::new(address.to_string(), String::new());
        Report {
            options: options.clone(),
            software: String::new(),
            position: String::new(),
            databases: Vec::new(),
            keys: BTreeMap::new(),
            looked_up: 0,
            seconds: 0.0,
            replicas: options.replicas.iter().map(replica).collect(),
            not_compared: vec!["anything".to_owned()],
            broken_off: Some(why.to_string()),
        }
    }

    /// The outcome: a finding counts, even if something else could not be judged.
    pub fn outcome(&self) -> Outcome {
        if self.replicas.iter().any(|replica| replica.differing.total > 0) {
            return Outcome::Found;
        }
        let lagging = self.replicas.iter().filter(|replica| replica.may_be_lag.total > 0).map(|replica| {
            let why = replica.why_lag.as_deref().unwrap_or("its position was not reached");
            format!("{}: {} keys differ, which may be lag: {why}", replica.name, replica.may_be_lag.total)
        });
        let reasons: Vec<String> = self.broken_off.iter().cloned().chain(lagging).collect();
        if reasons.is_empty() { Outcome::Nothing } else { Outcome::CouldNotJudge(reasons) }
    }

    /// The number of the master's keys that were compared.
    pub fn keys_total(&self) -> u64 {
        self.keys.values().sum()
    }
}

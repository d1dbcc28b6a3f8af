//! Values of an option that are names: `--help` lists them with their summaries.

use clap::builder::{PossibleValue, TypedValueParser};
use clap::{Arg, Command};
use replicheck::expiry::Policy;
use replicheck::models::crash;
use replicheck::models::failover;
use replicheck::models::full_sync;
use replicheck::models::handshake;
use replicheck::models::invariants::Invariant;
use replicheck::models::replication;
use replicheck::names::UnknownName;
use replicheck::ordering::Strategy;
use std::ffi::OsStr;
use std::str::FromStr;

/// Parses a name of one of `all`.
#[derive(Clone, Copy)]
pub struct Named<T: 'static> {
    all: &'static [T],
    name: fn(T) -> &'static str,
    summary: fn(T) -> &'static str,
}

#[cfg(feature = "rocksdb")]
impl Named<Strategy> {
    /// The ordering strategies.
    pub const STRATEGIES: Named<Strategy> =
        Named { all: Strategy::ALL, name: Strategy::name, summary: Strategy::summary };
}

#[cfg(feature = "rocksdb")]
impl Named<Policy> {
    /// The expiry policies.
    pub const POLICIES: Named<Policy> =
        Named { all: Policy::ALL, name: Policy::name, summary: Policy::summary };
}

impl Named<Invariant> {
    /// The invariants.
    pub const INVARIANTS: Named<Invariant> =
        Named { all: Invariant::ALL, name: Invariant::name, summary: Invariant::promise };
}

impl<T: FromStr<Err = UnknownName> + Copy + Send + Sync + 'static> TypedValueParser for Named<T> {
    type Value = T;

    fn parse_ref(&self, command: &Command, arg: Option<&Arg>, value: &OsStr) -> Result<T, clap::Error> {
        let parse: fn(&str) -> Result<T, UnknownName> = str::parse;
        parse.parse_ref(command, arg, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        let value = |&choice: &T| PossibleValue::new((self.name)(choice)).help((self.summary)(choice));
        Some(Box::new(self.all.iter().map(value)))
    }
}

/// Parses the name of a choice of any model. Whether there is such a choice is decided later, when the model is known.
#[derive(Clone, Copy)]
pub struct ChoiceName;

/// Names that are made of the names of strategies and policies, with what they mean.
const COMPOSED: &[(&str, &str)] = &[
    ("STRATEGY+commands", "Any strategy, on a log of commands in place of effects."),
    ("writeset+reads_after_crash", "As writeset, but readers are let in before the replica has caught up."),
    ("STRATEGY+POLICY", "Model both: any strategy together with log_clock or effects."),
    ("POLICY+steps", "Model clocks: any policy, with wall clocks that are set."),
];

impl TypedValueParser for ChoiceName {
    type Value = String;

    fn parse_ref(&self, command: &Command, arg: Option<&Arg>, value: &OsStr) -> Result<String, clap::Error> {
        clap::builder::StringValueParser::new().parse_ref(command, arg, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        let value = |name: String, summary: &'static str| PossibleValue::new(name).help(summary);
        let strategies = Strategy::ALL.iter().map(|one| (one.name().to_owned(), one.summary()));
        let policies = Policy::ALL.iter().map(|one| (one.name().to_owned(), one.summary()));
        let composed = COMPOSED.iter().map(|(name, summary)| ((*name).to_owned(), *summary));
        let handshakes = handshake::Choice::all().into_iter().map(|one| (one.name(), one.summary()));
        let sessions = replication::Choice::ALL.iter().map(|one| (one.name().to_owned(), one.summary()));
        let full_syncs = full_sync::Choice::ALL.iter().map(|one| (one.name().to_owned(), one.summary()));
        let failovers = failover::Choice::ALL.iter().map(|one| (one.name().to_owned(), one.summary()));
        let crashes = crash::Choice::ALL.iter().map(|one| (one.name().to_owned(), one.summary()));
        let links = handshakes.chain(sessions).chain(full_syncs).chain(failovers).chain(crashes);
        let all = strategies.chain(policies).chain(composed).chain(links);
        Some(Box::new(all.map(move |(name, summary)| value(name, summary))))
    }
}

//! Values of an option that are names of choices: `--help` lists them with their summaries.

use clap::builder::{PossibleValue, TypedValueParser};
use clap::{Arg, Command};
use replicheck::expiry::Policy;
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

impl Named<Strategy> {
    /// The ordering strategies.
    pub const STRATEGIES: Named<Strategy> =
        Named { all: Strategy::ALL, name: Strategy::name, summary: Strategy::summary };
}

impl Named<Policy> {
    /// The expiry policies.
    pub const POLICIES: Named<Policy> =
        Named { all: Policy::ALL, name: Policy::name, summary: Policy::summary };
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

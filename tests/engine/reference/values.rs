//! Values — what a key holds, in the plainest containers that can hold it. Pure.

use super::hyperloglogs::Registers;
use super::scores::ordered;
use replicheck::store::Content;
use replicheck::store::element::Score;
use std::collections::{BTreeMap, BTreeSet};

/// The fields of a hash with their values.
pub(super) type Fields = BTreeMap<Vec<u8>, Vec<u8>>;
/// The items of a list from left to right.
pub(super) type Items = Vec<Vec<u8>>;
/// The members of a set.
pub(super) type Members = BTreeSet<Vec<u8>>;
/// The members of a sorted set with their scores.
pub(super) type Scores = BTreeMap<Vec<u8>, f64>;

#[derive(Clone, Debug)]
pub(super) enum Value {
    String(Vec<u8>),
    /// A string of whose bytes only the meaning is known: Redis does not say which of several spellings it keeps.
    HyperLogLog(Registers),
    Hash(Fields),
    List(Items),
    Set(Members),
    SortedSet(Scores),
}

impl Value {
    /// The name of its type, as TYPE answers.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Value::String(_) | Value::HyperLogLog(_) => "string",
            Value::Hash(_) => "hash",
            Value::List(_) => "list",
            Value::Set(_) => "set",
            Value::SortedSet(_) => "zset",
        }
    }

    /// The names that OBJECT ENCODING may give: which one depends on sizes that no page promises.
    pub(super) fn encodings(&self) -> &'static [&'static str] {
        match self {
            Value::String(_) | Value::HyperLogLog(_) => &["int", "embstr", "raw"],
            Value::Hash(_) => &["listpack", "listpackex", "hashtable"],
            Value::List(_) => &["listpack", "quicklist"],
            Value::Set(_) => &["intset", "listpack", "hashtable"],
            Value::SortedSet(_) => &["listpack", "skiplist"],
        }
    }

    /// Whether it is a collection without elements, which Redis never stores.
    pub(super) fn is_emptied(&self) -> bool {
        match self {
            Value::String(_) | Value::HyperLogLog(_) => false,
            Value::Hash(fields) => fields.is_empty(),
            Value::List(items) => items.is_empty(),
            Value::Set(members) => members.is_empty(),
            Value::SortedSet(scores) => scores.is_empty(),
        }
    }

    /// The value as a dump shows it.
    pub(super) fn content(&self) -> Content {
        match self {
            Value::String(value) => Content::String(value.clone()),
            Value::HyperLogLog(registers) => {
                Content::String(format!("a HyperLogLog with the registers {registers:?}").into_bytes())
            }
            Value::Hash(fields) => Content::Hash(fields.clone()),
            Value::List(items) => Content::List(items.clone()),
            Value::Set(members) => Content::Set(members.clone()),
            Value::SortedSet(scores) => {
                let scored = |(member, number)| (score(number), member);
                Content::SortedSet(ordered(scores).into_iter().map(scored).collect())
            }
        }
    }
}

/// A score as replies and dumps hold it.
pub(super) fn score(number: f64) -> Score {
    Score::new(number).expect("no score is NaN")
}

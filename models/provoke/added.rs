//! Added — requests → what they add to lists and counters at most; what is seen beyond that was applied twice. Pure.
//!
//! Loss and a wrong order of entries leave no more than all entries together add, each taken once:
//!
//! ```text
//! RPUSH l a; DEL l; RPUSH l b        at most one a and one b
//! l = ["a", "a"]                     a was pushed twice: exactly_once
//! l = ["a", "b"]                     DEL was lost, or is late: not exactly_once
//! ```
//!
//! Keys that other commands write are left out, as there this is not so (LMOVE brings back what it took).

use crate::command::{Command, parse_integer};
use crate::effect::Key;
use crate::models::request::Request;
use crate::store::{Content, Dump, Stored};
use std::collections::{BTreeMap, BTreeSet};

/// The most that some requests add.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Added {
    /// How often each element is pushed, to whatever list.
    pushed: BTreeMap<Vec<u8>, usize>,
    /// The sum of each counter.
    sums: BTreeMap<Key, i64>,
    /// Keys that other commands write.
    others: BTreeSet<Key>,
    /// Keys whose value RENAME brought from another key.
    renamed: BTreeSet<Key>,
}

impl Added {
    /// The additions of these requests.
    pub fn of(requests: &[Request]) -> Added {
        let mut added = Added::default();
        requests.iter().flat_map(Request::commands).for_each(|command| added.add(command));
        added
    }

    fn add(&mut self, command: &Command) {
        let argv = command.argv();
        let keys = || command.key_arguments().into_iter().map(|name| Key::new(command.db(), name));
        match (command.name(), argv) {
            ("rpush" | "lpush", [_, _, items @ ..]) => {
                for item in items {
                    *self.pushed.entry(item.clone()).or_default() += 1;
                }
            }
            ("incr", _) => keys().for_each(|key| *self.sums.entry(key).or_default() += 1),
            ("incrby", [_, _, by]) if parse_integer(by).is_some_and(|by| by > 0) => {
                let by = parse_integer(by).unwrap_or_default();
                keys().for_each(|key| {
                    let sum = self.sums.entry(key).or_default();
                    *sum = sum.saturating_add(by);
                });
            }
            ("rename" | "renamenx", _) => self.renamed.extend(keys()),
            ("del" | "unlink" | "flushdb" | "flushall", _) => {}
            _ => self.others.extend(keys()),
        }
    }

    /// The same keys with no more than that.
    pub fn at_most(&self, sees: &Dump) -> Dump {
        let at_most = |(key, stored): (&Key, &Stored)| {
            let content = match &stored.content {
                // An element may have been renamed into this list from one that other commands write.
                Content::List(items)
                    if self.others.is_disjoint(&self.renamed) && !self.others.contains(key) =>
                {
                    Content::List(self.items(items))
                }
                Content::String(text) if !self.others.contains(key) && !self.renamed.contains(key) => {
                    Content::String(self.number(key, text))
                }
                content => content.clone(),
            };
            (key.clone(), Stored { content, deadline: stored.deadline })
        };
        sees.iter().map(at_most).collect()
    }

    /// The items, each as often as it was pushed; one that was never pushed stays, as it tells of something else.
    fn items(&self, items: &[Vec<u8>]) -> Vec<Vec<u8>> {
        let mut left = self.pushed.clone();
        let is_left = |item: &&Vec<u8>| match left.get_mut(*item) {
            Some(0) => false,
            Some(times) => {
                *times -= 1;
                true
            }
            None => true,
        };
        items.iter().filter(is_left).cloned().collect()
    }

    fn number(&self, key: &Key, text: &[u8]) -> Vec<u8> {
        match (parse_integer(text), self.sums.get(key)) {
            (Some(seen), Some(sum)) if seen > *sum => sum.to_string().into_bytes(),
            _ => text.to_vec(),
        }
    }
}

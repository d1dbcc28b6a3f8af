//! Assignment — keys of a program × lanes → the same program with key names that put each key into its lane. Pure.
//!
//! If a strategy has lanes ([`lane_of`]), the names of the keys decide which entries wait for which. A verdict on one set
//! of names says nothing about other names, so every way to share lanes is searched:
//!
//! ```text
//! SET a 1; RENAME a b; SET b 2      two workers      a b │ –      SET a 1; RENAME a b; SET b 2
//!                                                    a │ b        SET a 1; RENAME a b.1; SET b.1 2
//! ```
//!
//! Lanes are numbered by first use: exchanging two lanes only exchanges their workers, which changes no verdict
//! (`tests/models/lanes.rs`). Only names are replaced, so stories, path files and replay need no change.

use crate::command::Command;
use crate::effect::{Key, KeySet};
use crate::ordering::lane_of;
use std::collections::BTreeMap;

/// Maximum number of keys of a program for which every assignment is searched.
pub const KEYS_MAX: usize = 5;

/// The keys that the commands name, in the order of first use.
pub fn keys_of(commands: &[Command]) -> Vec<Key> {
    let mut keys: Vec<Key> = Vec::new();
    for command in commands {
        if let KeySet::Keys(own) = command.keys() {
            keys.extend(own.into_iter().filter(|key| !keys.contains(key)).collect::<Vec<_>>());
        }
    }
    keys
}

/// Every way to give this many keys a lane, with lanes numbered by first use.
pub fn assignments(keys: usize, lanes: usize) -> Vec<Vec<usize>> {
    let mut all = vec![Vec::new()];
    for _ in 0..keys {
        all = all
            .into_iter()
            .flat_map(|begun: Vec<usize>| {
                let used = begun.iter().max().map_or(0, |last| last + 1);
                (0..lanes.min(used + 1)).map(move |lane| [&begun[..], &[lane]].concat())
            })
            .collect();
    }
    all
}

/// The assignment that the names of these keys result in, with lanes numbered by first use.
pub fn assignment_of(keys: &[Key], lanes: usize) -> Vec<usize> {
    let mut numbers: Vec<usize> = Vec::new();
    keys.iter()
        .map(|key| {
            let lane = lane_of(key, lanes);
            numbers.iter().position(|&known| known == lane).unwrap_or_else(|| {
                numbers.push(lane);
                numbers.len() - 1
            })
        })
        .collect()
}

/// The commands with names that put the n-th of `keys` into the n-th lane of `assignment`. A key keeps its own name where
/// that is possible.
pub fn renamed(commands: &[Command], keys: &[Key], assignment: &[usize], lanes: usize) -> Vec<Command> {
    if assignment_of(keys, lanes) == assignment {
        return commands.to_vec();
    }
    // Assignment lane 0 becomes the lane of the first key's own name; the other lanes follow in order.
    let offset = keys.first().map_or(0, |key| lane_of(key, lanes));
    let wanted: Vec<usize> = assignment.iter().map(|lane| (lane + offset) % lanes).collect();
    renamed_to(commands, keys, &wanted, lanes)
}

/// The commands with names that put the n-th of `keys` into the lane number `wanted[n]`.
pub fn renamed_to(commands: &[Command], keys: &[Key], wanted: &[usize], lanes: usize) -> Vec<Command> {
    let mut names: BTreeMap<Key, Key> = BTreeMap::new();
    for (key, &wanted) in keys.iter().zip(wanted) {
        let is_free =
            |name: &Key| !names.values().any(|taken| taken == name) && (name == key || !keys.contains(name));
        let with_suffix = (1..)
            .map(|number: u32| Key::new(key.db, [&key.name[..], format!(".{number}").as_bytes()].concat()));
        let name = [key.clone()]
            .into_iter()
            .chain(with_suffix)
            .find(|name| is_free(name) && lane_of(name, lanes) == wanted);
        names.extend(name.map(|name| (key.clone(), name)));
    }
    renamed_by(commands, &names)
}

/// The commands with each key under its new name; a key without one keeps its own.
pub fn renamed_by(commands: &[Command], names: &BTreeMap<Key, Key>) -> Vec<Command> {
    let name_of = |key: &Key| names.get(key).unwrap_or(key).name.clone();
    commands.iter().map(|command| command.renamed(&name_of)).collect()
}

/// Which keys share a lane, in words like `a b │ c`.
pub fn in_words(keys: &[Key], assignment: &[usize]) -> String {
    let lanes = assignment.iter().max().map_or(0, |last| last + 1);
    let of_lane = |lane: usize| {
        let own = keys.iter().zip(assignment).filter(|(_, its)| **its == lane);
        own.map(|(key, _)| key.to_string()).collect::<Vec<_>>().join(" ")
    };
    let shared = (0..lanes).map(of_lane).collect::<Vec<_>>().join(" | ");
    if lanes <= 1 { format!("{shared} | -") } else { shared }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn assignments_are_each_way_to_share_lanes_once() {
        assert_eq!([1, 2, 3, 4, 5].map(|keys| assignments(keys, 2).len()), [1, 2, 4, 8, 16]);
        assert_eq!([1, 2, 3, 4, 5].map(|keys| assignments(keys, 3).len()), [1, 2, 5, 14, 41]);
        assert_eq!(assignments(3, 1), [[0, 0, 0]]);
    }

    #[test]
    fn renamed_programs_have_the_lanes_that_are_wanted() {
        let commands =
            super::super::scenario::commands(&["SET a 1", "MSET b 1 c 2", "RENAME c d", "FLUSHDB"]);
        let keys = keys_of(&commands);
        assert_eq!(keys.len(), 4);
        for lanes in 1..=3 {
            for assignment in assignments(keys.len(), lanes) {
                let renamed = renamed(&commands, &keys, &assignment, lanes);
                let keys = keys_of(&renamed);
                assert_eq!(assignment_of(&keys, lanes), assignment, "{renamed:?}");
                let own = assignment == assignment_of(&keys_of(&commands), lanes);
                assert_eq!(renamed == commands, own, "{renamed:?}");
            }
        }
    }
}

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

use super::request::Request;
use crate::effect::{Key, KeySet};
use crate::ordering::lane_of;
use std::collections::BTreeMap;

/// Maximum number of keys of a program for which every assignment is searched.
pub const KEYS_MAX: usize = 5;

/// The keys that the requests name, in the order of first use.
pub fn keys_of(requests: &[Request]) -> Vec<Key> {
    let mut keys: Vec<Key> = Vec::new();
    for command in requests.iter().flat_map(Request::commands) {
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

/// The requests with names that put the n-th of `keys` into the n-th lane of `assignment`. A key keeps its own name where
/// that is possible.
pub fn renamed(requests: &[Request], keys: &[Key], assignment: &[usize], lanes: usize) -> Vec<Request> {
    if assignment_of(keys, lanes) == assignment {
        return requests.to_vec();
    }
    // Assignment lane 0 becomes the lane of the first key's own name; the other lanes follow in order.
    let offset = keys.first().map_or(0, |key| lane_of(key, lanes));
    let wanted: Vec<usize> = assignment.iter().map(|lane| (lane + offset) % lanes).collect();
    renamed_to(requests, keys, &wanted, lanes)
}

/// The requests with names that put the n-th of `keys` into the lane number `wanted[n]`. A key that MOVE or SWAPDB may take to
/// another database has the same name in both.
pub fn renamed_to(requests: &[Request], keys: &[Key], wanted: &[usize], lanes: usize) -> Vec<Request> {
    let mut commands = requests.iter().flat_map(Request::commands);
    let moves = commands.any(|command| matches!(command.name(), "move" | "swapdb"));
    let mut names: BTreeMap<Key, Key> = BTreeMap::new();
    for key in keys {
        if names.contains_key(key) {
            continue;
        }
        let alike = |other: &Key| other == key || (moves && other.name == key.name);
        let own: Vec<(&Key, usize)> =
            keys.iter().zip(wanted.iter().copied()).filter(|(other, _)| alike(other)).collect();
        let fits = |name: &[u8]| {
            own.iter().all(|(key, wanted)| {
                let named = Key::new(key.db, name);
                let is_free = named == **key || !keys.contains(&named);
                is_free && !names.values().any(|taken| *taken == named) && lane_of(&named, lanes) == *wanted
            })
        };
        let with_suffix = (1..).map(|number: u32| [&key.name[..], format!(".{number}").as_bytes()].concat());
        let name = [key.name.clone()].into_iter().chain(with_suffix).find(|name| fits(name));
        if let Some(name) = name {
            names.extend(own.iter().map(|(key, _)| ((*key).clone(), Key::new(key.db, name.clone()))));
        }
    }
    renamed_by(requests, &names)
}

/// The requests with each key under its new name; a key without one keeps its own.
pub fn renamed_by(requests: &[Request], names: &BTreeMap<Key, Key>) -> Vec<Request> {
    let name_of = |key: &Key| names.get(key).unwrap_or(key).name.clone();
    requests.iter().map(|request| request.renamed(&name_of)).collect()
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
    fn renamed_key_that_moves_has_one_name_in_both_databases() {
        let requests = super::super::scenario::requests(&["SET a 1", "MOVE a 1", "COPY b a DB 1"]);
        let keys = keys_of(&requests);
        for assignment in assignments(keys.len(), 2) {
            let renamed = renamed(&requests, &keys, &assignment, 2);
            assert_eq!(assignment_of(&keys_of(&renamed), 2), assignment, "{renamed:?}");
            let argv = |place: usize| renamed[place].commands()[0].argv();
            let name = argv(0)[1].clone();
            assert_eq!((&argv(1)[1], &argv(2)[2]), (&name, &name), "{renamed:?}");
        }
    }

    #[test]
    fn renamed_programs_have_the_lanes_that_are_wanted() {
        let requests =
            super::super::scenario::requests(&["SET a 1", "MSET b 1 c 2", "RENAME c d", "FLUSHDB"]);
        let keys = keys_of(&requests);
        assert_eq!(keys.len(), 4);
        for lanes in 1..=3 {
            for assignment in assignments(keys.len(), lanes) {
                let renamed = renamed(&requests, &keys, &assignment, lanes);
                let keys = keys_of(&renamed);
                assert_eq!(assignment_of(&keys, lanes), assignment, "{renamed:?}");
                let own = assignment == assignment_of(&keys_of(&requests), lanes);
                assert_eq!(renamed == requests, own, "{renamed:?}");
            }
        }
    }
}

//! Names — sets of names for the keys of programs, so that every way to route by name is exercised.
//!
//! A user's own strategy may choose a key's worker by any function of the key's name. Under one set of names two keys may
//! always share a worker, and then a fault that needs two workers stays hidden. So sets are drawn at random (lengths,
//! bytes and `{tags}` vary) until each pair of keys goes to one worker under some set, and to two workers under some set:
//!
//! ```text
//! a b c h                        a | b c h
//! {q}a b.7 kk3 {q}h              a b h | c          …
//! ```

use super::assignment::renamed_by;
use super::ordering::{Machine, Routes};
use super::request::Request;
use crate::binlog::Lsn;
use crate::effect::{Key, KeySet};
use crate::ordering::Admission;
use std::collections::{BTreeMap, BTreeSet};

/// The new name of each key.
pub(super) type Names = BTreeMap<Key, Key>;

/// Maximum number of sets of names that are tried.
const DRAWS: u64 = 2_000;

/// For each key, the workers that take an entry of it.
type Workers = Vec<BTreeSet<u8>>;

/// Two keys by number; true if they go to one worker, false if they go to two.
type Meeting = (usize, usize, bool);

/// Sets of names under which each pair of keys meets in both ways, judged by the worker of a machine from `new` that
/// takes the only entry given to it. The first set is the keys' own names.
pub(super) fn sets<O: Machine>(keys: &[Key], workers: usize, new: &dyn Fn(usize) -> O) -> Vec<Names> {
    let own: Names = keys.iter().map(|key| (key.clone(), key.clone())).collect();
    let meets = |names: &Names| {
        let takes = |key: &Key| takers(&names[key], workers, new(workers));
        meetings(&keys.iter().map(takes).collect::<Workers>())
    };
    let (mut met, mut chosen) = (meets(&own), vec![own]);
    let all = keys.len() * keys.len().saturating_sub(1);
    for seed in 0..DRAWS {
        if met.len() == all {
            break;
        }
        let names = drawn(keys, seed);
        let more = meets(&names);
        if !more.is_subset(&met) {
            met.extend(more);
            chosen.push(names);
        }
    }
    chosen
}

/// The pairs of keys that did not meet in both ways in any search, in words. `None` if all did, or if only one worker was
/// ever used. Keys that no entry touches alone are left out. `searched`: each set of names with the routes that its
/// searches took.
pub(super) fn unmet(keys: &[Key], searched: &[(Names, &Routes)]) -> Option<String> {
    let workers =
        |(names, routes): &(Names, &Routes)| keys.iter().map(|key| routes.of(&names[key])).collect();
    let all: Vec<Workers> = searched.iter().map(workers).collect();
    let used: BTreeSet<u8> = all.iter().flatten().flatten().copied().collect();
    if used.len() <= 1 {
        return None;
    }
    let met: BTreeSet<Meeting> = all.iter().flat_map(meetings).collect();
    // A key that no entry touches alone leaves no trace in the routes.
    let is_seen = |key: &usize| all.iter().any(|workers| !workers[*key].is_empty());
    let seen: Vec<usize> = (0..keys.len()).filter(is_seen).collect();
    let pairs = seen
        .iter()
        .flat_map(|one| seen.iter().filter(move |other| one < *other).map(move |other| (*one, *other)));
    let missing = pairs.flat_map(|(one, other)| [(one, other, true), (one, other, false)]);
    let missing: Vec<String> = missing
        .filter(|meeting| !met.contains(meeting))
        .map(|(one, other, shared)| {
            let on = if shared { "one worker" } else { "two workers" };
            format!("{} and {} on {on}", keys[one], keys[other])
        })
        .collect();
    (!missing.is_empty()).then(|| format!("never met: {}", missing.join(", ")))
}

/// The workers that take an entry of `key` from a machine that was given no other entry.
fn takers<O: Machine>(key: &Key, workers: usize, mut machine: O) -> BTreeSet<u8> {
    let entry = Admission::new(Lsn(1), KeySet::of([key.clone()]), Some(key.clone()), true);
    if machine.admit(&entry).is_err() {
        return BTreeSet::new();
    }
    let takes = |(worker, _): &(usize, u8)| machine.clone().take(*worker).is_some();
    (0..workers).zip(0u8..).filter(takes).map(|(_, number)| number).collect()
}

fn meetings(workers: &Workers) -> BTreeSet<Meeting> {
    let mut met = BTreeSet::new();
    for (one, its) in workers.iter().enumerate() {
        for (other, others) in workers.iter().enumerate().skip(one + 1) {
            if its.intersection(others).next().is_some() {
                met.insert((one, other, true));
            }
            if its.iter().any(|worker| others.iter().any(|other| other != worker)) {
                met.insert((one, other, false));
            }
        }
    }
    met
}

/// A new name for each key: its own name with something before or after it. All names differ.
fn drawn(keys: &[Key], seed: u64) -> Names {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut names = Names::new();
    for key in keys {
        loop {
            let own = key.name.as_slice();
            let letters: Vec<u8> = (0..random.usize(1..9)).map(|_| random.alphanumeric() as u8).collect();
            let name = match random.u8(..4) {
                0 => own.to_vec(),
                1 => [own, b".", &letters[..]].concat(),
                2 => [b"{", &letters[..1], b"}", own].concat(),
                _ => [&letters[..], own].concat(),
            };
            let name = Key::new(key.db, name);
            if !names.values().any(|taken| *taken == name) {
                names.insert(key.clone(), name);
                break;
            }
        }
    }
    names
}

/// The requests with these names for their keys.
pub(super) fn under(requests: &[Request], names: &Names) -> Vec<Request> {
    renamed_by(requests, names)
}

//! Interning — big parts of a state → small numbers, so that a state is a handful of integers.
//!
//! A replica's strategy, its store and the versions of its keys change one at a time, and each takes few values. A model
//! keeps every value once, numbers it, and puts the number into the state (Holzmann's *collapse*, SPIN). A transition of
//! a part runs the engine's own code once and is looked up from then on.
//!
//! Numbers are given in the order of discovery. They are the same in every single-threaded run. With more threads they
//! differ between runs, but are consistent within each.

use hashbrown::HashTable;
use rustc_hash::{FxBuildHasher, FxHashMap};
use std::fmt::Debug;
use std::hash::{BuildHasher, Hash};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

/// Values and their numbers, and for each value the facts that are needed again and again (`F`).
pub struct Interner<T, F = ()> {
    values: boxcar::Vec<(T, OnceLock<F>)>,
    numbers: Mutex<HashTable<u32>>,
}

impl<T: Eq + Hash, F> Interner<T, F> {
    /// An interner without values.
    pub fn new() -> Interner<T, F> {
        Interner { values: boxcar::Vec::new(), numbers: Mutex::new(HashTable::new()) }
    }

    /// The number of `value`; a new number if the value is new. Panics: at 2³² values, which no bounds reach.
    pub fn number(&self, value: T) -> u32 {
        let hash = FxBuildHasher.hash_one(&value);
        let mut numbers = lock(&self.numbers);
        if let Some(&number) = numbers.find(hash, |&number| *self.value(number) == value) {
            return number;
        }
        let number = self.values.push((value, OnceLock::new()));
        let number = u32::try_from(number).expect("fewer than 2^32 parts of states");
        numbers.insert_unique(hash, number, |&number| FxBuildHasher.hash_one(self.value(number)));
        number
    }

    /// The value of a number that this interner gave.
    pub fn value(&self, number: u32) -> &T {
        &self.values[number as usize].0
    }

    /// The facts about the value of a number. `compute` runs once per value.
    pub fn facts(&self, number: u32, compute: impl FnOnce(&T) -> F) -> &F {
        let (value, facts) = &self.values[number as usize];
        facts.get_or_init(|| compute(value))
    }

    /// Number of values.
    pub fn len(&self) -> usize {
        self.values.count()
    }

    /// Whether there are no values.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<T: Eq + Hash, F> Default for Interner<T, F> {
    fn default() -> Interner<T, F> {
        Interner::new()
    }
}

/// A pure function whose results are kept.
#[derive(Debug)]
pub struct Memo<K, V> {
    results: Mutex<FxHashMap<K, V>>,
}

impl<K: Eq + Hash + Clone, V: Clone> Memo<K, V> {
    /// A memo without results.
    pub fn new() -> Memo<K, V> {
        Memo { results: Mutex::new(FxHashMap::default()) }
    }

    /// The result for `key`: `compute` runs if the result is not kept yet. Two threads may both compute it; their results
    /// are equal.
    pub fn get(&self, key: K, compute: impl FnOnce() -> V) -> V {
        let known = lock(&self.results).get(&key).cloned();
        if let Some(result) = known {
            return result;
        }
        let result = compute();
        lock(&self.results).insert(key, result.clone());
        result
    }
}

impl<K: Eq + Hash + Clone, V: Clone> Default for Memo<K, V> {
    fn default() -> Memo<K, V> {
        Memo::new()
    }
}

/// Locks a table. A panic of another thread leaves it consistent: each insertion is one step.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interner_values_and_numbers_are_one_to_one() {
        let interner: Interner<Vec<u32>, usize> = Interner::new();
        let values: Vec<Vec<u32>> = (0..2000).map(|n| (0..n % 50).chain([n]).collect()).collect();
        let numbers: Vec<u32> = values.iter().map(|value| interner.number(value.clone())).collect();
        assert_eq!(interner.len(), values.len());
        for (value, number) in values.iter().zip(numbers) {
            assert_eq!(interner.value(number), value);
            assert_eq!(interner.number(value.clone()), number);
            assert_eq!(*interner.facts(number, Vec::len), value.len());
        }
    }

    #[test]
    fn memo_computes_once() {
        let memo = Memo::new();
        assert_eq!(memo.get(7, || "first"), "first");
        assert_eq!(memo.get(7, || "second"), "first");
    }
}

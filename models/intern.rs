//! Interning — big parts of a state → small numbers, so that a state is a handful of integers.
//!
//! A replica's strategy, its store, the versions of its keys change one at a time and take few values each. A
//! model keeps every value once, numbers it, and puts numbers into the state (Holzmann's *collapse*, SPIN). A
//! transition of a part runs the engine's own code once and is looked up from then on.
//!
//! Numbers are given in the order of discovery: the same in every single-threaded run, different but
//! consistent in others.

use rustc_hash::FxHashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Values and their numbers.
#[derive(Debug)]
pub struct Interner<T> {
    inner: Mutex<Numbered<T>>,
}

#[derive(Debug)]
struct Numbered<T> {
    values: Vec<Arc<T>>,
    numbers: FxHashMap<Arc<T>, u32>,
}

impl<T: Eq + Hash> Interner<T> {
    /// No values.
    pub fn new() -> Interner<T> {
        Interner { inner: Mutex::new(Numbered { values: Vec::new(), numbers: FxHashMap::default() }) }
    }

    /// The number of `value`: a new one if it was never seen. Panics: at 2³² values, which no bounds reach.
    pub fn number(&self, value: T) -> u32 {
        let mut inner = lock(&self.inner);
        if let Some(&number) = inner.numbers.get(&value) {
            return number;
        }
        let number = u32::try_from(inner.values.len()).expect("fewer than 2^32 parts of states");
        let value = Arc::new(value);
        inner.values.push(Arc::clone(&value));
        inner.numbers.insert(value, number);
        number
    }

    /// The value of a number that this interner gave.
    pub fn value(&self, number: u32) -> Arc<T> {
        Arc::clone(&lock(&self.inner).values[number as usize])
    }

    /// How many values there are.
    pub fn len(&self) -> usize {
        lock(&self.inner).values.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<T: Eq + Hash> Default for Interner<T> {
    fn default() -> Interner<T> {
        Interner::new()
    }
}

/// A pure function whose results are kept.
#[derive(Debug)]
pub struct Memo<K, V> {
    results: Mutex<FxHashMap<K, V>>,
}

impl<K: Eq + Hash + Clone, V: Clone> Memo<K, V> {
    /// No results.
    pub fn new() -> Memo<K, V> {
        Memo { results: Mutex::new(FxHashMap::default()) }
    }

    /// The result for `key`: `compute` runs if it is not kept yet. Two threads may both compute it; the results
    /// are equal.
    pub fn get(&self, key: K, compute: impl FnOnce() -> V) -> V {
        if let Some(result) = lock(&self.results).get(&key) {
            return result.clone();
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

/// A panic elsewhere leaves these tables whole: each insertion is one step.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

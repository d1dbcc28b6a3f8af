//! Routes — which worker took which key, noted while a model is explored.

use crate::effect::{Key, KeySet};
use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

/// The set of (key, worker) pairs: this worker took an entry that touches only this key.
#[derive(Debug, Default)]
pub struct Routes(Mutex<BTreeSet<(Key, u8)>>);

impl Routes {
    /// Notes that `worker` took an entry that touches `keys`. Only entries of one key are noted.
    pub fn note(&self, keys: &KeySet, worker: u8) {
        if let KeySet::Keys(keys) = keys
            && let (1, Some(key)) = (keys.len(), keys.first())
        {
            // A panic of another thread leaves the set consistent: each insertion is one step.
            self.0.lock().unwrap_or_else(PoisonError::into_inner).insert((key.clone(), worker));
        }
    }

    /// The workers that took entries of `key`.
    pub fn of(&self, key: &Key) -> BTreeSet<u8> {
        let routes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        routes.iter().filter(|(own, _)| own == key).map(|(_, worker)| *worker).collect()
    }
}

//! Owners — the keys that may have elements, so that a command that overwrites a string need not look it up.
//!
//! SET clears away the elements of a collection that it replaces, so it has to know whether there is one. Looking up the
//! old record costs more than writing the new one, and in a store of strings it is in vain. So this module keeps a Bloom
//! filter of the keys whose elements were written since the store was opened. In a database that had elements when the
//! store was opened, every key is looked up. A key that is not in the filter has no elements. The filter forgets
//! nothing: a key stays in it after the key is deleted, which costs a lookup.

use crate::store::key;
use fastbloom::AtomicBloomFilter;
use std::sync::atomic::{AtomicBool, Ordering};

/// Size of the filter in bits: 1 MB. With a million collections one lookup in twenty is in vain.
const BITS: usize = 8 << 20;
const HASHES: u32 = 2;

/// The filter. Threads may add keys while others query it. A writer sees what earlier writers of the same key
/// added, because writers of one key take turns.
pub(super) struct Owners {
    filter: AtomicBloomFilter,
    /// The databases about whose elements nothing is known.
    unknown: [AtomicBool; 256],
}

impl Owners {
    /// An empty filter: no key has elements.
    pub(super) fn new() -> Owners {
        Owners {
            filter: AtomicBloomFilter::with_num_bits(BITS).hashes(HASHES),
            unknown: [const { AtomicBool::new(false) }; 256],
        }
    }

    /// Notes that any key of database `db` may have elements.
    pub(super) fn note_all(&self, db: u8) {
        self.unknown[usize::from(db)].store(true, Ordering::Release);
    }

    /// Adds the owner of the element with this raw key. It must be called before the element is written. Other raw
    /// keys change nothing.
    pub(super) fn note(&self, raw: &[u8]) {
        // The owner is usually in the filter already; a needless write would take the cache line from other
        // processors.
        if let Some(owner) = key::element_owner(raw).filter(|owner| !self.filter.contains(owner)) {
            self.filter.insert(&owner);
        }
    }

    /// Whether the key `name` of database `db` may have elements.
    pub(super) fn may_have(&self, db: u8, name: &[u8]) -> bool {
        self.unknown[usize::from(db)].load(Ordering::Acquire) || self.filter.contains(&(db, name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::effect::Key;

    #[test]
    fn owners_noted_may_have_elements_and_few_others() {
        let owners = Owners::new();
        let name = |number: u32| format!("key:{number:012}").into_bytes();
        for number in 0..100_000 {
            owners.note(&key::element(&Key::new(0, name(number)), 7, b"field"));
            owners.note(&key::metadata(&Key::new(0, name(number + 100_000))));
        }
        assert!((0..100_000).all(|number| owners.may_have(0, &name(number))));
        let in_vain = |db, from| (from..from + 100_000).filter(|&n| owners.may_have(db, &name(n))).count();
        let (strings, others) = (in_vain(0, 100_000), in_vain(1, 0));
        assert!(strings < 1_000 && others < 1_000, "{strings} and {others} of 100,000");
        owners.note_all(1);
        assert!(owners.may_have(1, b"any"));
    }
}

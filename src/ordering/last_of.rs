//! Last of — hash of a key → the last unfinished entry that touches it. Pure.

use crate::binlog::Lsn;
use hashbrown::HashMap;
use hashbrown::hash_map::Entry;
use rustc_hash::FxBuildHasher;
use std::hash::{Hash, Hasher};

/// The last entry of each key hash. Two maps of the same content are equal and have the same hash, for checkers that compare
/// states.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LastOf(HashMap<u64, Lsn, FxBuildHasher>);

impl LastOf {
    /// An empty map.
    pub fn new() -> LastOf {
        LastOf::default()
    }

    /// Notes that `lsn` touches a key of this hash. Gives the entry that was the last one before.
    pub fn touch(&mut self, key: u64, lsn: Lsn) -> Option<Lsn> {
        self.0.insert(key, lsn)
    }

    /// Notes that `lsn` is done: forgets it, unless a later entry is the last one.
    pub fn forget(&mut self, key: u64, lsn: Lsn) {
        if let Entry::Occupied(last) = self.0.entry(key)
            && *last.get() == lsn
        {
            last.remove();
        }
    }

    /// Forgets all entries.
    pub fn clear(&mut self) {
        self.0.clear();
    }
}

impl Hash for LastOf {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let mut sorted: Vec<(&u64, &Lsn)> = self.0.iter().collect();
        sorted.sort_unstable();
        sorted.hash(state);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::hash::DefaultHasher;

    fn hash_of(last_of: &LastOf) -> u64 {
        let mut hasher = DefaultHasher::new();
        last_of.hash(&mut hasher);
        hasher.finish()
    }

    #[test]
    fn last_of_the_same_content_is_the_same_whatever_was_in_it() {
        let (mut short, mut long) = (LastOf::new(), LastOf::new());
        (0..99).for_each(|key| assert_eq!(short.touch(key, Lsn(key)), None));
        (0..999).rev().for_each(|key| assert_eq!(long.touch(key, Lsn(key)), None));
        (99..999).for_each(|key| long.forget(key, Lsn(key)));
        assert_eq!((&short, hash_of(&short)), (&long, hash_of(&long)));
        // A later entry is the last one now.
        assert_eq!(short.touch(3, Lsn(100)), Some(Lsn(3)));
        assert_ne!(hash_of(&short), hash_of(&long));
        short.forget(3, Lsn(3));
        assert_eq!(short.touch(3, Lsn(101)), Some(Lsn(100)));
    }
}

//! Owners — which keys may have elements: what a command that overwrites a string need not look up.
//!
//! SET clears away the elements of a collection that it replaces, so it has to know whether there is one. Looking up the
//! record costs as much as writing the new one does, and in a store of strings it is in vain. What is kept here is a
//! Bloom filter of the keys whose elements were written since the store was opened; a database in which there were
//! elements then is looked up always. A key that is not in it has no elements. It forgets nothing, so a key stays in it
//! when it is gone: that costs a look.

use crate::store::key;
use rustc_hash::FxHasher;
use std::hash::Hasher;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Words of the filter: 1 MB. With a million collections one look in twenty is in vain.
const WORDS: usize = 1 << 17;

/// The filter. Any thread may note while others ask; who wrote before is seen, as writers of one key take turns.
pub(super) struct Owners {
    words: Box<[AtomicU64]>,
    /// The databases of which nothing is known.
    unknown: [AtomicBool; 256],
}

impl Owners {
    /// No key has elements.
    pub(super) fn new() -> Owners {
        Owners {
            words: (0..WORDS).map(|_| AtomicU64::new(0)).collect(),
            unknown: [const { AtomicBool::new(false) }; 256],
        }
    }

    /// Any key of database `db` may have elements.
    pub(super) fn note_all(&self, db: u8) {
        self.unknown[usize::from(db)].store(true, Ordering::Release);
    }

    /// Notes the owner of an element with this raw key; called before it is written. Other raw keys change nothing.
    pub(super) fn note(&self, raw: &[u8]) {
        let Some((db, name)) = key::element_owner(raw) else { return };
        for (word, bit) in places(db, name) {
            // Mostly it is there already: a write would take the line from other processors.
            if self.words[word].load(Ordering::Acquire) & bit == 0 {
                self.words[word].fetch_or(bit, Ordering::AcqRel);
            }
        }
    }

    /// Whether the key `name` of database `db` may have elements.
    pub(super) fn may_have(&self, db: u8, name: &[u8]) -> bool {
        let is_noted = |(word, bit): (usize, u64)| self.words[word].load(Ordering::Acquire) & bit != 0;
        self.unknown[usize::from(db)].load(Ordering::Acquire) || places(db, name).into_iter().all(is_noted)
    }
}

/// The two bits of a key, each a word and a mask.
fn places(db: u8, name: &[u8]) -> [(usize, u64); 2] {
    let mut hasher = FxHasher::default();
    hasher.write_u8(db);
    hasher.write(name);
    let hash = hasher.finish();
    [hash, hash.rotate_left(32)].map(|part| {
        let [a, b, c, d, ..] = part.to_le_bytes();
        let place = usize::from(u16::from_le_bytes([a, b])) | usize::from(c & 1) << 16;
        (place % WORDS, 1 << (d % 64))
    })
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
            assert!(!owners.may_have(1, &name(number)), "nothing is noted of another database");
            owners.note(&key::element(&Key::new(0, name(number)), 7, b"field"));
            owners.note(&key::metadata(&Key::new(0, name(number + 100_000))));
        }
        assert!((0..100_000).all(|number| owners.may_have(0, &name(number))));
        let in_vain = (100_000..200_000).filter(|&number| owners.may_have(0, &name(number))).count();
        assert!(in_vain < 1_000, "{in_vain} of 100,000");
        owners.note_all(1);
        assert!(owners.may_have(1, b"any"));
    }
}

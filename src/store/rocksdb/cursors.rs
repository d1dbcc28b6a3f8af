//! Cursors — the numbers that SCAN and HSCAN give to clients, and the places that they stand for. In memory, behind
//! a lock.
//!
//! A cursor is a number of at most 64 bits, so it cannot itself encode a place in an order of names of any length. The
//! node remembers the name of the last element for each cursor:
//!
//! ```text
//! SCAN 0                → [a, b]  cursor 5012   after b
//! SCAN 5012             → [c, d]  cursor 901    after d; 5012 is kept for a client that repeats the call
//! SCAN 901              → [e]     cursor 0      5012 is forgotten
//! ```
//!
//! A scan has two cursors at a time, so a client may repeat its last call. When there are too many cursors, the oldest ones are
//! forgotten first: those of abandoned scans. A cursor does not outlive the process and is unknown to other nodes. An unknown
//! cursor is refused, because continuing at an arbitrary place would leave elements out.

use crate::store::Cursors;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Maximum number of cursors that are kept.
const KEPT_MAX: usize = 10_000;
/// Maximum total length of their names, in bytes; a single longer name is kept alone.
const BYTES_MAX: usize = 16 << 20;
/// Upper bound (excluded) of cursors: every client can hold such a number, even as a floating-point number.
const NUMBERS: u64 = 1 << 53;

/// A place: after the element of this name.
#[derive(Debug)]
struct Position {
    name: Vec<u8>,
    /// The cursor of the call before.
    before: u64,
}

#[derive(Debug, Default)]
struct Kept {
    places: BTreeMap<u64, Position>,
    /// Cursors in the order in which they were issued; those already forgotten are skipped.
    order: VecDeque<u64>,
    bytes: usize,
}

/// The cursors of a node.
#[derive(Debug, Default)]
pub(super) struct KeptCursors {
    kept: Mutex<Kept>,
}

impl KeptCursors {
    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Cursors for KeptCursors {
    fn place(&self, cursor: u64) -> Option<Vec<u8>> {
        self.lock().places.get(&cursor).map(|place| place.name.clone())
    }

    fn keep(&self, before: u64, name: Vec<u8>) -> u64 {
        let mut kept = self.lock();
        let outdated = kept.places.get(&before).map_or(0, |place| place.before);
        kept.forget(outdated);
        let mut cursor = fastrand::u64(1..NUMBERS);
        while kept.places.contains_key(&cursor) {
            cursor = fastrand::u64(1..NUMBERS);
        }
        kept.bytes += name.len();
        kept.places.insert(cursor, Position { name, before });
        kept.order.push_back(cursor);
        kept.limit();
        cursor
    }
}

impl Kept {
    fn forget(&mut self, cursor: u64) {
        if let Some(place) = self.places.remove(&cursor) {
            self.bytes -= place.name.len();
        }
    }

    fn limit(&mut self) {
        while self.places.len() > 1 && (self.places.len() > KEPT_MAX || self.bytes > BYTES_MAX) {
            let Some(oldest) = self.order.pop_front() else { return };
            self.forget(oldest);
        }
        if self.order.len() > 2 * KEPT_MAX {
            self.order.retain(|cursor| self.places.contains_key(cursor));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursor_stands_for_its_place_until_its_scan_has_gone_on_twice() {
        let cursors = KeptCursors::default();
        let first = cursors.keep(0, b"b".to_vec());
        let second = cursors.keep(first, b"d".to_vec());
        assert_eq!(cursors.place(first), Some(b"b".to_vec()), "a client repeats the call");
        let third = cursors.keep(second, b"f".to_vec());
        let names = [first, second, third].map(|cursor| cursors.place(cursor));
        assert_eq!(names, [None, Some(b"d".to_vec()), Some(b"f".to_vec())]);
        assert_eq!(cursors.place(0), None);
    }

    #[test]
    fn cursors_of_many_scans_are_bounded_and_a_scan_that_goes_on_takes_no_more() {
        let cursors = KeptCursors::default();
        let slow = cursors.keep(0, b"slow".to_vec());
        let mut fast = 0;
        for n in 0..100_000_u32 {
            fast = cursors.keep(fast, n.to_be_bytes().to_vec());
        }
        assert_eq!(cursors.place(slow), Some(b"slow".to_vec()), "a fast scan takes nothing from a slow one");
        let (order, places) = lengths(&cursors);
        assert!(order <= 2 * KEPT_MAX + 1 && places == 3, "{order}, {places}");
        for n in 0..20_000_u32 {
            cursors.keep(0, n.to_be_bytes().to_vec());
        }
        assert_eq!((lengths(&cursors).1, cursors.place(slow)), (KEPT_MAX, None));
        for _ in 0..20 {
            cursors.keep(0, vec![0; BYTES_MAX / 4]);
        }
        assert!(cursors.lock().bytes <= BYTES_MAX);
        let long = cursors.keep(0, vec![0; BYTES_MAX + 1]);
        assert!(cursors.place(long).is_some() && lengths(&cursors).1 == 1);
    }

    /// The lengths of `order` and of `places`.
    fn lengths(cursors: &KeptCursors) -> (usize, usize) {
        let kept = cursors.lock();
        (kept.order.len(), kept.places.len())
    }
}

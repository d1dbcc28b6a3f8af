//! Places — unfinished entries by their number, in log order. Pure.
//!
//! Entries come in log order and leave in any order. Each has a place in a row, which is found by counting back from the end.

use crate::binlog::Lsn;
use std::collections::VecDeque;

/// A value for each unfinished entry.
///
/// Invariants: the first place is taken; `len` places are taken.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Places<T> {
    /// The entry after the last place.
    next: Lsn,
    places: VecDeque<Option<T>>,
    len: usize,
}

impl<T> Places<T> {
    /// No place is taken.
    pub fn new() -> Places<T> {
        Places { next: Lsn::NONE, places: VecDeque::new(), len: 0 }
    }

    /// How many places are taken.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether no place is taken.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Takes the place of `lsn`, which follows the entry that took a place last.
    pub fn push(&mut self, lsn: Lsn, thing: T) {
        self.next = lsn.next();
        self.places.push_back(Some(thing));
        self.len += 1;
    }

    /// The value in the place of `lsn`.
    pub fn get_mut(&mut self, lsn: Lsn) -> Option<&mut T> {
        let place = self.place(lsn)?;
        self.places.get_mut(place)?.as_mut()
    }

    /// Frees the place of `lsn` and gives its value.
    pub fn remove(&mut self, lsn: Lsn) -> Option<T> {
        let place = self.place(lsn)?;
        let thing = self.places.get_mut(place)?.take()?;
        self.len -= 1;
        while let Some(None) = self.places.front() {
            self.places.pop_front();
        }
        if self.is_empty() {
            // Equal to a new one, because a checker compares states.
            self.next = Lsn::NONE;
        }
        Some(thing)
    }

    /// The value in the place of `lsn`, to be read.
    pub fn get(&self, lsn: Lsn) -> Option<&T> {
        self.places.get(self.place(lsn)?)?.as_ref()
    }

    /// The entries that have a place, each with its value.
    pub fn iter(&self) -> impl Iterator<Item = (Lsn, &T)> {
        let first = self.next.0 - self.places.len() as u64;
        (first..).zip(&self.places).filter_map(|(lsn, place)| Some((Lsn(lsn), place.as_ref()?)))
    }

    /// The entries that have a place, from `from` on.
    pub fn from(&self, from: Lsn) -> impl Iterator<Item = Lsn> + '_ {
        self.iter().map(|(lsn, _)| lsn).skip_while(move |&lsn| lsn < from)
    }

    fn place(&self, lsn: Lsn) -> Option<usize> {
        let from_end = usize::try_from(self.next.0.checked_sub(lsn.0)?).ok()?;
        self.places.len().checked_sub(from_end)
    }
}

impl<T> Default for Places<T> {
    fn default() -> Places<T> {
        Places::new()
    }
}

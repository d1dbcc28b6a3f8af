//! Insertion between two neighbours: into the middle of their gap, or, if there is none, with new positions for the elements
//! around it. Pure.
//!
//! # New positions
//!
//! A window of elements around the place gets new positions at equal distances. It begins with few elements on either side
//! and doubles until the distance is large enough: the more elements it holds, the larger the distance, so that the next
//! window around the same place is small again. An item costs O(log n) writes on average, wherever it is inserted.
//!
//! ```text
//! positions      … 400 │ 700  800  801  802  │ 1900 …      X between 801 and 802: no gap
//! window                 4 elements and X in 400..1900: a distance of 250
//! afterwards     … 400 │ 650  900  1150  X=1400  1650 │ 1900 …
//! ```
//!
//! Source: Itai, Konheim, Rodeh, "A sparse table implementation of priority queues", ICALP 1981: the density that a window may
//! have falls with its size.

use super::stored::{End, List, Placed, STEP, after, name};
use crate::command::{Edit, View};
use crate::store::StoreError;

/// Number of elements on either side of the place in the smallest window.
const SIDE: u64 = 4;

/// The distance in a window of one element.
const DISTANCE: u64 = 64;

/// The smallest distance that is large enough in a window of `number` elements.
fn distance_min(number: u64) -> u64 {
    DISTANCE.saturating_mul(number.isqrt()).min(STEP / 2)
}

/// Elements on both sides of a place, those next to it first.
struct Window {
    left: Vec<Placed>,
    right: Vec<Placed>,
    /// The next position to the left that is taken; `None`: the window reaches the left end.
    left_bound: Option<u64>,
    /// The same to the right.
    right_bound: Option<u64>,
}

impl Window {
    /// The window with `side` elements on either side of the place between the neighbours `before` and `after`, or with all
    /// that are there.
    fn around(
        list: &List,
        view: &View<'_>,
        (before, after): (u64, u64),
        side: u64,
    ) -> Result<Window, StoreError> {
        let left = list.placed(view, End::Right, list.ends.first..=before, side + 1)?;
        let right = list.placed(view, End::Left, after..=list.ends.last, side + 1)?;
        let bounded = |mut placed: Vec<Placed>| {
            let bound = if placed.len() as u64 > side { placed.pop() } else { None };
            (placed, bound.map(|(position, _)| position))
        };
        let ((left, left_bound), (right, right_bound)) = (bounded(left), bounded(right));
        Ok(Window { left, right, left_bound, right_bound })
    }

    /// Number of elements, the inserted one included.
    fn number(&self) -> u64 {
        (self.left.len() + self.right.len()) as u64 + 1
    }

    /// The positions between which the window may use all positions. Beyond an end of the list, that is one step for each
    /// element.
    fn room(&self, list: &List) -> (u64, u64) {
        let more = self.number().saturating_mul(STEP);
        let from = self.left_bound.unwrap_or_else(|| list.ends.first.saturating_sub(more));
        let to = self.right_bound.unwrap_or_else(|| list.ends.last.saturating_add(more));
        (from, to)
    }

    /// The distance of the new positions.
    fn distance(&self, list: &List) -> u64 {
        let (from, to) = self.room(list);
        to.saturating_sub(from) / (self.number() + 1)
    }

    /// Whether it need not grow.
    fn is_large_enough(&self, list: &List) -> bool {
        let is_whole = self.left_bound.is_none() && self.right_bound.is_none();
        is_whole || self.distance(list) >= distance_min(self.number())
    }
}

impl List {
    /// Inserts `item` between the neighbours at the positions `before` and `after`. Cost: O(log n) writes on average.
    pub(super) fn insert(
        &mut self,
        edit: &mut Edit<'_>,
        (before, after): (u64, u64),
        item: &[u8],
    ) -> Result<(), StoreError> {
        match after.saturating_sub(before) {
            0 | 1 => self.insert_spread(edit, (before, after), item)?,
            gap => self.put(edit, before + gap / 2, item)?,
        }
        self.collection.count += 1;
        self.ends.is_even = false;
        Ok(())
    }

    /// Like [`List::insert`], with new positions for the elements around the place.
    fn insert_spread(
        &mut self,
        edit: &mut Edit<'_>,
        neighbours: (u64, u64),
        item: &[u8],
    ) -> Result<(), StoreError> {
        let mut side = SIDE;
        let window = loop {
            let window = Window::around(self, &edit.view(self.key.db), neighbours, side)?;
            if window.is_large_enough(self) {
                break window;
            }
            side *= 2;
        };
        let (first, distance) = (window.room(self).0, window.distance(self));
        let Window { mut left, right, left_bound, right_bound } = window;
        let outermost = |side: &[Placed], near: u64| side.last().map_or(near, |(position, _)| *position);
        let (from, to) = (outermost(&left, neighbours.0), outermost(&right, neighbours.1));
        edit.delete_elements(&self.key, self.collection.incarnation, &name(from), &after(to))?;
        left.reverse();
        left.push((0, item.to_vec()));
        left.extend(right);
        let first = first + distance;
        let last = self.put_spaced(edit, left, first, distance)?;
        if left_bound.is_none() {
            self.ends.first = first;
        }
        if right_bound.is_none() {
            self.ends.last = last;
        }
        Ok(())
    }
}

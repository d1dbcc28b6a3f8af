//! Changes of a list in an [`Edit`]: push, pop, trim, delete. Pure.

use super::stored::{End, List, MIDDLE, Placed, STEP, after, name};
use crate::command::Edit;
use crate::effect::Key;
use crate::store::StoreError;
use crate::store::record::{Ends, Record, Value};

impl List {
    /// A list without items, to be stored under `key`, at which no living key is stored.
    pub(super) fn create(edit: &mut Edit<'_>, key: Key) -> Result<List, StoreError> {
        let collection = edit.create(&key)?;
        let ends = Ends { first: MIDDLE, last: MIDDLE, is_even: true };
        Ok(List { key, collection, ends, deadline: None })
    }

    /// Writes the record; removes a list that has no items left, because such a list does not exist.
    pub(super) fn save(mut self, edit: &mut Edit<'_>) -> Result<(), StoreError> {
        if self.collection.count == 0 {
            return edit.remove(&self.key);
        }
        // A list of one item has no neighbours.
        self.ends.is_even |= self.collection.count == 1;
        let value = Value::List(self.collection, self.ends);
        edit.put_record(&self.key, &Record { deadline: self.deadline, value })
    }

    /// Writes `item` at `position`.
    pub(super) fn put(&self, edit: &mut Edit<'_>, position: u64, item: &[u8]) -> Result<(), StoreError> {
        edit.put_element(&self.key, self.collection.incarnation, &name(position), item)
    }

    /// Adds `item` at `end`.
    pub(super) fn push(&mut self, edit: &mut Edit<'_>, end: End, item: &[u8]) -> Result<(), StoreError> {
        let position = match self.beyond(end) {
            Some(position) => position,
            None => {
                self.centre(edit)?;
                // There is room on both sides of the middle for every list that fits on a disk.
                self.beyond(end).unwrap_or(MIDDLE)
            }
        };
        self.put(edit, position, item)?;
        match end {
            _ if self.collection.count == 0 => (self.ends.first, self.ends.last) = (position, position),
            End::Left => self.ends.first = position,
            End::Right => self.ends.last = position,
        }
        self.collection.count += 1;
        Ok(())
    }

    /// The position of an item that is pushed at `end`. `None`: the range of positions ends there.
    fn beyond(&self, end: End) -> Option<u64> {
        match end {
            _ if self.collection.count == 0 => Some(MIDDLE),
            End::Left => self.ends.first.checked_sub(STEP),
            End::Right => self.ends.last.checked_add(STEP),
        }
    }

    /// Moves all items to even positions around the middle. Cost: O(n); needed only when the list has wandered through half
    /// of the range of positions, after 2^43 pushes at one end.
    fn centre(&mut self, edit: &mut Edit<'_>) -> Result<(), StoreError> {
        let count = self.collection.count;
        let placed = self.placed(&edit.view(self.key.db), End::Left, self.whole(), count)?;
        edit.clear(&self.key, self.collection.incarnation)?;
        let first = MIDDLE.saturating_sub((count / 2).saturating_mul(STEP));
        let last = self.put_spaced(edit, placed, first, STEP)?;
        self.ends = Ends { first, last, is_even: true };
        Ok(())
    }

    /// Writes items at positions from `first` on, each `step` after the one before; returns the last position.
    pub(super) fn put_spaced(
        &self,
        edit: &mut Edit<'_>,
        placed: Vec<Placed>,
        first: u64,
        step: u64,
    ) -> Result<u64, StoreError> {
        let mut last = first;
        for (number, (_, item)) in (0_u64..).zip(placed) {
            last = first.saturating_add(number.saturating_mul(step));
            self.put(edit, last, &item)?;
        }
        Ok(last)
    }

    /// Removes at most `number` items at `end`, and returns them, the outermost first. Cost: that of [`List::items`].
    pub(super) fn pop(
        &mut self,
        edit: &mut Edit<'_>,
        end: End,
        number: u64,
    ) -> Result<Vec<Vec<u8>>, StoreError> {
        let number = number.min(self.collection.count);
        let (index, left, right) = match end {
            End::Left => (0, number, 0),
            End::Right => (self.collection.count - number, 0, number),
        };
        let mut items = self.items(&edit.view(self.key.db), index, number)?;
        if end == End::Right {
            items.reverse();
        }
        self.trim(edit, left, right)?;
        Ok(items)
    }

    /// Removes `left` items at the left end and `right` items at the right end. Cost: that of [`List::position`].
    pub(super) fn trim(&mut self, edit: &mut Edit<'_>, left: u64, right: u64) -> Result<(), StoreError> {
        let count = self.collection.count.saturating_sub(left.saturating_add(right));
        if count == 0 {
            self.collection.count = 0;
            return Ok(());
        }
        let view = edit.view(self.key.db);
        let (old, incarnation) = (self.ends, self.collection.incarnation);
        let first = self.position(&view, left)?.unwrap_or(old.last);
        let last = self.position(&view, left + count - 1)?.unwrap_or(first).max(first);
        // Markers of deleted ranges slow later reads down, so one element, as of a queue, is deleted by its name.
        match left {
            0 => {}
            1 => edit.delete_element(&self.key, incarnation, &name(old.first))?,
            _ => edit.delete_elements(&self.key, incarnation, &name(old.first), &name(first))?,
        }
        match right {
            0 => {}
            1 => edit.delete_element(&self.key, incarnation, &name(old.last))?,
            _ => edit.delete_elements(&self.key, incarnation, &after(last), &after(old.last))?,
        }
        self.collection.count = count;
        self.ends = Ends { first, last, ..old };
        Ok(())
    }

    /// Deletes the elements at `positions`, which are all different and taken. Cost: O(positions).
    pub(super) fn delete(&mut self, edit: &mut Edit<'_>, positions: &[u64]) -> Result<(), StoreError> {
        self.collection.count = self.collection.count.saturating_sub(positions.len() as u64);
        if self.collection.count == 0 {
            return Ok(());
        }
        for position in positions {
            edit.delete_element(&self.key, self.collection.incarnation, &name(*position))?;
        }
        let Ends { first, last, is_even } = self.ends;
        let remains = |position| !positions.contains(&position);
        let first = if remains(first) { first } else { self.outermost(edit, End::Left)?.unwrap_or(first) };
        let last = if remains(last) { last } else { self.outermost(edit, End::Right)?.unwrap_or(last) };
        let span = (self.collection.count - 1).saturating_mul(STEP);
        self.ends = Ends { first, last, is_even: is_even && last.saturating_sub(first) == span };
        Ok(())
    }

    /// The position of the element at `end`, after deletions.
    fn outermost(&self, edit: &Edit<'_>, end: End) -> Result<Option<u64>, StoreError> {
        let placed = self.placed(&edit.view(self.key.db), end, self.whole(), 1)?;
        Ok(placed.first().map(|(position, _)| *position))
    }
}

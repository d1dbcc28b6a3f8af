//! A list as it is stored: its record, and the elements in order. Pure.

use crate::command::{CommandError, View, options::is_option};
use crate::effect::Key;
use crate::store::record::{Collection, Ends, Record, Value, damaged, plain_element};
use crate::store::{StoreError, element, key};
use crate::time::Millis;
use std::ops::{ControlFlow, RangeInclusive};

/// Distance from one position to the next in an even list.
pub(super) const STEP: u64 = 1 << 20;

/// The position of the first item of a new list.
pub(super) const MIDDLE: u64 = 1 << 63;

/// An end of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// The head, index 0.
    Left,
    /// The tail, index -1.
    Right,
}

impl End {
    /// The end that an argument names. Errors: syntax.
    pub(super) fn parse(argument: &[u8]) -> Result<End, CommandError> {
        match argument {
            left if is_option(left, "left") => Ok(End::Left),
            right if is_option(right, "right") => Ok(End::Right),
            _ => Err(CommandError::syntax()),
        }
    }
}

/// An element that a walk has reached. Its item is decoded only if it is asked for.
pub(super) struct Reached<'a> {
    raw: &'a [u8],
    bytes: &'a [u8],
}

impl Reached<'_> {
    /// The item. Errors: the element is damaged.
    pub(super) fn item(&self) -> Result<Vec<u8>, StoreError> {
        plain_element(self.raw, self.bytes)
    }
}

/// The function that [`List::walk`] calls for each element, with its position; `Break` ends the walk.
pub(super) type Visit<'a> = dyn FnMut(u64, Reached<'_>) -> Result<ControlFlow<()>, StoreError> + 'a;

/// A position and the item there.
pub(super) type Placed = (u64, Vec<u8>);

/// A living list, or one that is being created.
///
/// Invariants of a list that is not empty: `ends` are the positions of its first and its last element; if it is even,
/// neighbours are [`STEP`] apart. A replica may read a record that does not agree with the elements (see
/// [`Content::Miscounted`](crate::store::Content::Miscounted)); then a command finds fewer items than the record counts.
#[derive(Clone, Debug)]
pub(super) struct List {
    pub(super) key: Key,
    pub(super) collection: Collection,
    pub(super) ends: Ends,
    pub(super) deadline: Option<Millis>,
}

impl List {
    /// The living list `name`. Errors: WRONGTYPE.
    pub(super) fn open(view: &View<'_>, name: &[u8]) -> Result<Option<List>, CommandError> {
        match view.record(name)? {
            None => Ok(None),
            Some(Record { deadline, value: Value::List(collection, ends) }) => {
                Ok(Some(List { key: view.key(name), collection, ends, deadline }))
            }
            Some(_) => Err(CommandError::wrong_type()),
        }
    }

    /// The number of elements, as replies show it.
    pub(super) fn length(&self) -> i64 {
        i64::try_from(self.collection.count).unwrap_or(i64::MAX)
    }

    /// The positions from the first element to the last.
    pub(super) fn whole(&self) -> RangeInclusive<u64> {
        self.ends.first..=self.ends.last
    }

    /// The index that a client means; a negative number counts from the end. `None`: the list has no such element.
    pub(super) fn index(&self, typed: i64) -> Option<u64> {
        let index = if typed < 0 { self.length().checked_add(typed)? } else { typed };
        u64::try_from(index).ok().filter(|index| *index < self.collection.count)
    }

    /// The index of the first element from `start` to `stop`, both included, and the number of these elements. `None`: there
    /// are none. Negative numbers count from the end; numbers outside the list are moved to its ends.
    pub(super) fn range(&self, start: i64, stop: i64) -> Option<(u64, u64)> {
        let length = self.length();
        let from_left = |typed: i64| if typed < 0 { length.saturating_add(typed) } else { typed };
        let (start, stop) = (from_left(start).max(0), from_left(stop).min(length - 1));
        let number = u64::try_from(stop.checked_sub(start)?).ok()? + 1;
        Some((u64::try_from(start).ok()?, number))
    }

    /// The position of the element at `index`; `None`: there are fewer elements. Cost: in an uneven list O(elements from the
    /// nearer end).
    pub(super) fn position(&self, view: &View<'_>, index: u64) -> Result<Option<u64>, StoreError> {
        let last = self.collection.count.checked_sub(1);
        let Some(from_right) = last.and_then(|last| last.checked_sub(index)) else { return Ok(None) };
        match (index, from_right) {
            (0, _) => return Ok(Some(self.ends.first)),
            (_, 0) => return Ok(Some(self.ends.last)),
            _ if self.ends.is_even => {
                return Ok(Some(self.ends.first.saturating_add(index.saturating_mul(STEP))));
            }
            _ => {}
        }
        let (end, mut between) =
            if index <= from_right { (End::Left, index) } else { (End::Right, from_right) };
        let mut found = None;
        self.walk(view, end, self.whole(), &mut |position, _| {
            if between == 0 {
                found = Some(position);
                return Ok(ControlFlow::Break(()));
            }
            between -= 1;
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(found)
    }

    /// The item at `position`.
    pub(super) fn item(&self, view: &View<'_>, position: u64) -> Result<Option<Vec<u8>>, StoreError> {
        view.element(&self.key.name, self.collection.incarnation, &element::at_position(position))
    }

    /// The `number` items from `index` on. Cost: that of [`List::position`], and O(number).
    pub(super) fn items(&self, view: &View<'_>, index: u64, number: u64) -> Result<Vec<Vec<u8>>, StoreError> {
        let Some(from) = self.position(view, index)? else { return Ok(Vec::new()) };
        if number == 1 {
            return Ok(self.item(view, from)?.into_iter().collect());
        }
        let placed = self.placed(view, End::Left, from..=self.ends.last, number)?;
        Ok(placed.into_iter().map(|(_, item)| item).collect())
    }

    /// The first `number` elements of `positions`, counted from `end`. Cost: O(number).
    pub(super) fn placed(
        &self,
        view: &View<'_>,
        end: End,
        positions: RangeInclusive<u64>,
        number: u64,
    ) -> Result<Vec<Placed>, StoreError> {
        let (mut placed, mut left) = (Vec::new(), number);
        self.walk(view, end, positions, &mut |position, reached| {
            placed.push((position, reached.item()?));
            left = left.saturating_sub(1);
            Ok(if left == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
        })?;
        Ok(placed)
    }

    /// Calls `visit` for each element of `positions`, beginning at `end`, until it breaks or fails. Cost: O(elements
    /// visited).
    pub(super) fn walk(
        &self,
        view: &View<'_>,
        end: End,
        positions: RangeInclusive<u64>,
        visit: &mut Visit<'_>,
    ) -> Result<(), StoreError> {
        let raw = |name: &[u8]| key::element(&self.key, self.collection.incarnation, name);
        let (prefix, from, to) = (raw(&[]), raw(&name(*positions.start())), raw(&after(*positions.end())));
        let mut outcome = Ok(());
        let mut visit_raw = |raw: &[u8], bytes: &[u8]| {
            let position = element::position(key::element_name(raw, &prefix));
            let visited = position
                .ok_or_else(|| damaged(raw, "no position"))
                .and_then(|position| visit(position, Reached { raw, bytes }));
            visited.unwrap_or_else(|error| {
                outcome = Err(error);
                ControlFlow::Break(())
            })
        };
        match end {
            End::Left => view.reader().scan(&from, &to, &mut visit_raw)?,
            End::Right => view.reader().scan_back(&from, &to, &mut visit_raw)?,
        }
        outcome
    }
}

/// The name of the element at `position`.
pub(super) fn name(position: u64) -> [u8; 8] {
    element::at_position(position)
}

/// A name between the element at `position` and the next position: the end of a range that includes `position`.
pub(super) fn after(position: u64) -> Vec<u8> {
    [element::at_position(position).as_slice(), &[0]].concat()
}

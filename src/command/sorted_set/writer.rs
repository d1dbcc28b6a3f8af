//! Writer — members put and removed → the effect on one sorted set. Pure.
//!
//! It keeps the counting records (see [`order`](super::order)): once there are any, they stay until the set is emptied.
//!
//! - Each member is in exactly one chunk, and each counting record is right.
//! - A chunk of more than 2 CHUNK members is split in the middle.
//! - A chunk that has shrunk to CHUNK / 4 members is merged with a neighbour if both together have at most CHUNK, and always
//!   if it is empty. So no two neighbours have CHUNK / 4 or fewer, and there are O(members / CHUNK) chunks.
//!
//! Cost of a member: O(log members), and a walk over one chunk for each CHUNK members added to it.

use super::order::{CHUNK, Order, Shape};
use super::places::{Direction, Places, Scored, after, place};
use crate::command::{CommandError, Edit, Outcome, View};
use crate::effect::{Effect, Key};
use crate::store::element::{self, Score, tag};
use crate::store::record::{Record, Value, damaged};
use crate::store::{StoreError, key};
use crate::time::Millis;
use std::ops::ControlFlow;

/// A sorted set that is being written. It is created with its first member, and removed with its last one.
pub(super) struct Writer<'a> {
    edit: Edit<'a>,
    key: Key,
    /// The metadata as stored; `None`: no set is stored, or this command replaces it.
    stored: Option<Shape>,
    shape: Option<Shape>,
    deadline: Option<Millis>,
    chunk: u64,
}

impl<'a> Writer<'a> {
    /// Opens the set `name`, which may be absent. Errors: WRONGTYPE.
    pub(super) fn open(view: &View<'a>, name: &[u8]) -> Result<Writer<'a>, CommandError> {
        let (stored, deadline) = Shape::open(view, name)?.unzip();
        let (edit, key) = (Edit::new(view), view.key(name));
        Ok(Writer { edit, key, stored, shape: stored, deadline: deadline.flatten(), chunk: CHUNK })
    }

    /// The same with chunks of another size, so that a test needs few members.
    #[cfg(test)]
    pub(super) fn with_chunk(self, chunk: u64) -> Writer<'a> {
        Writer { chunk, ..self }
    }

    /// The set as the writes so far leave it; `None`: it does not exist.
    pub(super) fn order(&self) -> Option<Order<'_>> {
        let shape = self.shape?;
        Some(Order::of(&self.edit.view(self.key.db), self.key.clone(), shape, self.chunk))
    }

    /// The score of `member`.
    pub(super) fn score(&self, member: &[u8]) -> Result<Option<Score>, StoreError> {
        self.order().map_or(Ok(None), |order| order.score(member))
    }

    /// Sets the score of `member`, whose score is now `old`; `None`: it is not in the set.
    pub(super) fn put(&mut self, member: &[u8], old: Option<Score>, new: Score) -> Result<(), StoreError> {
        if old == Some(new) {
            return Ok(());
        }
        let mut shape = match self.shape {
            Some(shape) => shape,
            None => Shape { collection: self.edit.create(&self.key)?, has_counts: false },
        };
        let incarnation = shape.collection.incarnation;
        self.edit.put_element(&self.key, incarnation, &element::of_scored(member), &new.to_bytes())?;
        if let Some(old) = old {
            let name = element::by_score(tag::BY_SCORE, old, member);
            self.edit.delete_element(&self.key, incarnation, &name)?;
        }
        let name = element::by_score(tag::BY_SCORE, new, member);
        self.edit.put_element(&self.key, incarnation, &name, &[])?;
        shape.collection.count += u64::from(old.is_none());
        self.shape = Some(shape);
        match old {
            None => self.count_up(&place(new, member)),
            Some(old) => self.count_moved(&place(old, member), &place(new, member)),
        }
    }

    /// Removes `member`, whose score is `score`.
    pub(super) fn remove(&mut self, member: &[u8], score: Score) -> Result<(), StoreError> {
        let Some(mut shape) = self.shape else { return Ok(()) };
        let incarnation = shape.collection.incarnation;
        self.edit.delete_element(&self.key, incarnation, &element::of_scored(member))?;
        let name = element::by_score(tag::BY_SCORE, score, member);
        self.edit.delete_element(&self.key, incarnation, &name)?;
        shape.collection.count = shape.collection.count.saturating_sub(1);
        self.shape = Some(shape);
        self.count_down(&place(score, member))
    }

    /// Removes these members, which are in the set.
    pub(super) fn remove_all(&mut self, members: &[Scored]) -> Result<(), StoreError> {
        let Some(shape) = &mut self.shape else { return Ok(()) };
        if shape.collection.count == members.len() as u64 {
            // The finished effect deletes all records at once.
            shape.collection.count = 0;
            return Ok(());
        }
        members.iter().try_for_each(|scored| self.remove(&scored.member, scored.score))
    }

    /// The finished effect.
    pub(super) fn finish(mut self) -> Result<Effect, StoreError> {
        match self.shape {
            Some(shape) if shape.collection.count == 0 => self.edit.remove(&self.key)?,
            Some(shape) if self.shape != self.stored => {
                let value = Value::SortedSet(shape.collection, shape.has_counts);
                self.edit.put_record(&self.key, &Record { deadline: self.deadline, value })?;
            }
            Some(_) | None => {}
        }
        Ok(self.edit.finish())
    }

    /// Counts a member that was put at `place`.
    fn count_up(&mut self, place: &[u8]) -> Result<(), StoreError> {
        let Some(shape) = &mut self.shape else { return Ok(()) };
        let count = shape.collection.count;
        let (at, number) = if shape.has_counts {
            let (at, number) = self.chunk_of(place)?;
            (at, number + 1)
        } else if count > self.chunk {
            shape.has_counts = true;
            (first(), count)
        } else {
            return Ok(());
        };
        self.put_count(&at, number)?;
        if number > 2 * self.chunk { self.split(&at, number) } else { Ok(()) }
    }

    /// Counts a member that was removed from `place`.
    fn count_down(&mut self, place: &[u8]) -> Result<(), StoreError> {
        if !self.shape.is_some_and(|shape| shape.has_counts) {
            return Ok(());
        }
        let (at, number) = self.chunk_of(place)?;
        let number = number.saturating_sub(1);
        self.put_count(&at, number)?;
        if number <= self.chunk / 4 { self.merge(&at, number) } else { Ok(()) }
    }

    /// Counts a member that was moved from one place to another.
    fn count_moved(&mut self, from: &[u8], to: &[u8]) -> Result<(), StoreError> {
        let has_counts = self.shape.is_some_and(|shape| shape.has_counts);
        if !has_counts || self.chunk_of(from)? == self.chunk_of(to)? {
            return Ok(());
        }
        self.count_down(from)?;
        self.count_up(to)
    }

    /// Splits the chunk at `at`, which has `number` members, in the middle.
    fn split(&mut self, at: &[u8], number: u64) -> Result<(), StoreError> {
        let half = number / 2;
        let places = Places::since(at.to_vec());
        let middle = self.order().map(|order| order.nth(&places, Direction::Up, half)).transpose()?;
        let middle = middle.flatten().ok_or_else(|| self.miscounted(at))?.place();
        self.put_count(at, half)?;
        self.put_count(&middle, number - half)
    }

    /// Merges the small chunk at `at`, which has `number` members, with a neighbour if both are small enough.
    fn merge(&mut self, at: &[u8], mut number: u64) -> Result<(), StoreError> {
        let fits = |one: u64, other: u64| one == 0 || other == 0 || one + other <= self.chunk;
        let next = self.count_beside(Places::since(after(at)), Direction::Up)?;
        let next = next.filter(|(_, count)| fits(number, *count));
        let previous = self.count_beside(Places::until(at.to_vec()), Direction::Down)?;
        let total = number + next.as_ref().map_or(0, |(_, count)| *count);
        let previous = previous.filter(|(_, count)| fits(total, *count));
        if let Some((next, _)) = next {
            number = total;
            self.delete_count(&next)?;
            self.put_count(at, number)?;
        }
        if let Some((previous, count)) = previous {
            self.delete_count(at)?;
            self.put_count(&previous, count + number)?;
        }
        Ok(())
    }

    /// The place and number of the chunk that `place` falls in.
    fn chunk_of(&self, place: &[u8]) -> Result<(Vec<u8>, u64), StoreError> {
        let chunk = self.count_beside(Places::until(after(place)), Direction::Down)?;
        chunk.ok_or_else(|| self.miscounted(place))
    }

    /// The first counting record at `places` in that direction.
    fn count_beside(
        &self,
        places: Places,
        direction: Direction,
    ) -> Result<Option<(Vec<u8>, u64)>, StoreError> {
        let mut found = None;
        if let Some(order) = self.order() {
            order.counts(&places, direction, &mut |at, number| {
                found = Some((at.to_vec(), number));
                ControlFlow::Break(())
            })?;
        }
        Ok(found)
    }

    fn put_count(&mut self, at: &[u8], number: u64) -> Result<(), StoreError> {
        let Some(shape) = self.shape else { return Ok(()) };
        let name = [&[tag::COUNT], at].concat();
        self.edit.put_element(&self.key, shape.collection.incarnation, &name, &number.to_be_bytes())
    }

    fn delete_count(&mut self, at: &[u8]) -> Result<(), StoreError> {
        let Some(shape) = self.shape else { return Ok(()) };
        let name = [&[tag::COUNT], at].concat();
        self.edit.delete_element(&self.key, shape.collection.incarnation, &name)
    }

    /// The error for counting records that do not cover `place`.
    fn miscounted(&self, place: &[u8]) -> StoreError {
        let incarnation = self.shape.map_or(0, |shape| shape.collection.incarnation);
        let raw = key::element(&self.key, incarnation, &[&[tag::COUNT], place].concat());
        damaged(&raw, "counting records and members disagree")
    }
}

/// The place of the first counting record.
fn first() -> Vec<u8> {
    Score::new(f64::NEG_INFINITY).map_or_else(Vec::new, |lowest| place(lowest, &[]))
}

/// Makes `name` the sorted set of these members, whatever it was, without a deadline. No members: it is removed. The reply is
/// their number. Cost: O(members × log members).
pub(super) fn replace(view: &View<'_>, name: &[u8], members: &[Scored]) -> Outcome {
    let (mut edit, key) = (Edit::new(view), view.key(name));
    if !members.is_empty() || view.record(name)?.is_some() {
        edit.remove(&key)?;
    }
    let mut writer = Writer { edit, key, stored: None, shape: None, deadline: None, chunk: CHUNK };
    for scored in members {
        writer.put(&scored.member, None, scored.score)?;
    }
    Ok((super::count(members.len() as u64), writer.finish()?))
}

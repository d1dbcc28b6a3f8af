//! Writer — members put and removed → the effect on one sorted set. Pure.
//!
//! [`counting`] keeps the counting records.
//!
//! Cost of a member: O(log members), and a walk over one chunk for each chunk's size of members added to it, over the chunks of one
//! block for each block's size. Members that are removed together are counted together, once for each chunk.

mod counting;

use super::level::Sizes;
use super::order::{Order, Shape};
use super::places::{Scored, place};
use crate::command::{CommandError, Edit, Outcome, View};
use crate::effect::{Effect, Key};
use crate::store::StoreError;
use crate::store::element::{self, Score, tag};
use crate::store::record::{Collection, Levels, Record, Value};
use crate::time::Millis;

/// A sorted set that is being written. It is created with its first member, and removed with its last one.
pub(super) struct Writer<'a> {
    edit: Edit<'a>,
    key: Key,
    /// The metadata as stored; `None`: no set is stored, or this command replaces it.
    stored: Option<Shape>,
    shape: Option<Shape>,
    deadline: Option<Millis>,
    sizes: Sizes,
}

impl<'a> Writer<'a> {
    /// Opens the set `name`, which may be absent. Errors: WRONGTYPE.
    pub(super) fn open(view: &View<'a>, name: &[u8]) -> Result<Writer<'a>, CommandError> {
        let (stored, deadline) = Shape::open(view, name)?.unzip();
        let (edit, key) = (Edit::new(view), view.key(name));
        Ok(Writer { edit, key, stored, shape: stored, deadline: deadline.flatten(), sizes: Sizes::STORED })
    }

    /// The same with chunks and blocks of other sizes, so that a test needs few members.
    #[cfg(test)]
    pub(super) fn with_sizes(self, sizes: Sizes) -> Writer<'a> {
        Writer { sizes, ..self }
    }

    /// The set as the writes so far leave it; `None`: it does not exist.
    pub(super) fn order(&self) -> Option<Order<'_>> {
        let shape = self.shape?;
        Some(Order::of(&self.edit.view(self.key.db), self.key.clone(), shape, self.sizes))
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
            None => Shape { collection: self.edit.create(&self.key)?, levels: Levels::Zero },
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
        self.delete(&[Scored { score, member: member.to_vec() }])
    }

    /// Removes these members, which are in the set. Nothing is read or written after it.
    pub(super) fn remove_all(&mut self, members: &[Scored]) -> Result<(), StoreError> {
        match &mut self.shape {
            Some(shape) if shape.collection.count == members.len() as u64 => {
                // The finished effect deletes all records at once.
                shape.collection.count = 0;
                Ok(())
            }
            _ => self.delete(members),
        }
    }

    /// Deletes the records of members, which are in the set, and counts them.
    fn delete(&mut self, members: &[Scored]) -> Result<(), StoreError> {
        let Some(shape) = &mut self.shape else { return Ok(()) };
        let Collection { incarnation, count } = &mut shape.collection;
        *count = count.saturating_sub(members.len() as u64);
        let incarnation = *incarnation;
        for Scored { score, member } in members {
            self.edit.delete_element(&self.key, incarnation, &element::of_scored(member))?;
            let name = element::by_score(tag::BY_SCORE, *score, member);
            self.edit.delete_element(&self.key, incarnation, &name)?;
        }
        let mut places: Vec<Vec<u8>> = members.iter().map(Scored::place).collect();
        places.sort_unstable();
        self.count_down(&places)
    }

    /// The finished effect.
    pub(super) fn finish(mut self) -> Result<Effect, StoreError> {
        match self.shape {
            Some(shape) if shape.collection.count == 0 => self.edit.remove(&self.key)?,
            Some(shape) if self.shape != self.stored => {
                let value = Value::SortedSet(shape.collection, shape.levels);
                self.edit.put_record(&self.key, &Record { deadline: self.deadline, value })?;
            }
            Some(_) | None => {}
        }
        Ok(self.edit.finish())
    }
}

/// Makes `name` the sorted set of these members, whatever it was, without a deadline. No members: it is removed. The reply is
/// their number. Cost: O(members × log members).
pub(super) fn replace(view: &View<'_>, name: &[u8], members: &[Scored]) -> Outcome {
    let (mut edit, key) = (Edit::new(view), view.key(name));
    if !members.is_empty() || view.record(name)?.is_some() {
        edit.remove(&key)?;
    }
    let mut writer = Writer { edit, key, stored: None, shape: None, deadline: None, sizes: Sizes::STORED };
    for scored in members {
        writer.put(&scored.member, None, scored.score)?;
    }
    Ok((super::count(members.len() as u64), writer.finish()?))
}

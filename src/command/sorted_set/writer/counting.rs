//! Counting — members put, removed and moved → the counting records (see [`order`](crate::command::sorted_set::order)). Pure.
//!
//! Once there are any of a level, they stay until the set is emptied. A *part* is a chunk or a block:
//!
//! - Each member is in exactly one part of a level, and each counting record is right.
//! - There is a chunk at the place of each block.
//! - A part of more than twice its size is split: a chunk in the middle, a block between the two chunks nearest to it.
//! - A part that has shrunk to a quarter of its size is merged with a neighbour if both together have at most its size, and always
//!   if it is empty. Chunks of different blocks are not merged. So no two neighbours have a quarter or fewer, except chunks of
//!   different blocks, and there are O(members / size) parts.
//!
//! A member that is put is counted from the lower level up, as a block is split where a chunk begins. A member that is removed is
//! counted from the upper level down, as a chunk that is a whole block can be merged only when its block was.

use super::Writer;
use crate::command::sorted_set::level::{Level, Part};
use crate::command::sorted_set::order::Shape;
use crate::command::sorted_set::places::{Direction, Places, after, place};
use crate::store::element::Score;
use crate::store::record::{Levels, damaged};
use crate::store::{StoreError, key};
use std::ops::ControlFlow;

impl Writer<'_> {
    /// Counts a member that was put at `place`.
    pub(super) fn count_up(&mut self, place: &[u8]) -> Result<(), StoreError> {
        self.add_chunks()?;
        self.add_blocks()?;
        for level in self.levels() {
            let part = self.part_of(*level, place)?;
            self.grow(*level, part)?;
        }
        Ok(())
    }

    /// Counts members that were removed from these places, which ascend. Cost: O(log members) for each part with one of them.
    pub(super) fn count_down(&mut self, places: &[Vec<u8>]) -> Result<(), StoreError> {
        self.add_blocks()?;
        for level in self.levels().iter().rev() {
            let mut rest = places;
            while let Some(place) = rest.first() {
                let part = self.part_of(*level, place)?;
                let next = match rest {
                    [_] => None,
                    _ => self.part_beside(*level, &Places::since(after(&part.at)), Direction::Up)?,
                };
                let inside = next.map_or(rest.len(), |next| rest.partition_point(|place| *place < next.at));
                self.shrink(*level, part, inside as u64)?;
                rest = &rest[inside..];
            }
        }
        Ok(())
    }

    /// Counts a member that was moved from one place to another.
    pub(super) fn count_moved(&mut self, from: &[u8], to: &[u8]) -> Result<(), StoreError> {
        self.add_blocks()?;
        // Where two places are in different blocks, they are in different chunks, too.
        let mut apart = Vec::new();
        for level in self.levels() {
            let (old, new) = (self.part_of(*level, from)?, self.part_of(*level, to)?);
            if old == new {
                break;
            }
            apart.push((*level, old, new));
        }
        // A merge may have changed the parts that were found.
        let mut is_merged = false;
        for (level, old, _) in apart.iter().rev() {
            let old = if is_merged { self.part_of(*level, from)? } else { old.clone() };
            is_merged |= self.shrink(*level, old, 1)?;
        }
        for (level, _, new) in apart {
            let new = if is_merged { self.part_of(level, to)? } else { new };
            self.grow(level, new)?;
        }
        Ok(())
    }

    /// The levels of the set, the lower one first.
    fn levels(&self) -> &'static [Level] {
        Level::of(self.shape.map_or(Levels::Zero, |shape| shape.levels))
    }

    /// Adds the lower level if a member that was put has made the set large enough: one chunk, which does not count that member
    /// yet.
    fn add_chunks(&mut self) -> Result<(), StoreError> {
        match &mut self.shape {
            Some(shape) if shape.levels == Levels::Zero && shape.collection.count > self.sizes.chunk => {
                shape.levels = Levels::One;
                let count = shape.collection.count - 1;
                self.put_part(Level::Chunks, &Part { at: first(), count })
            }
            _ => Ok(()),
        }
    }

    /// Adds the upper level if the set is large enough, be it of an earlier build. Cost: O(chunks), once in the life of a set.
    fn add_blocks(&mut self) -> Result<(), StoreError> {
        let size = self.sizes.block;
        let is_due = |shape: &Shape| shape.levels == Levels::One && shape.collection.count > 2 * size;
        let Some(order) = self.order().filter(|_| self.shape.as_ref().is_some_and(is_due)) else {
            return Ok(());
        };
        let mut blocks: Vec<Part> = Vec::new();
        order.parts(Level::Chunks, &Places::all(), Direction::Up, &mut |chunk| {
            match blocks.last_mut() {
                Some(block) if block.count < size => block.count += chunk.count,
                _ => blocks.push(chunk),
            }
            ControlFlow::Continue(())
        })?;
        if let [.., previous, last] = blocks.as_mut_slice()
            && last.count <= size / 4
        {
            previous.count += last.count;
            blocks.pop();
        }
        if let Some(shape) = &mut self.shape {
            shape.levels = Levels::Two;
        }
        blocks.iter().try_for_each(|block| self.put_part(Level::Blocks, block))
    }

    /// Counts one member more in a part.
    fn grow(&mut self, level: Level, mut part: Part) -> Result<(), StoreError> {
        part.count += 1;
        self.put_part(level, &part)?;
        if part.count > 2 * self.sizes.at(level) { self.split(level, part) } else { Ok(()) }
    }

    /// Counts `removed` members less in a part. Returns whether a merge was tried.
    fn shrink(&mut self, level: Level, mut part: Part, removed: u64) -> Result<bool, StoreError> {
        part.count = part.count.saturating_sub(removed);
        self.put_part(level, &part)?;
        let is_small = self.is_small(level, &part);
        if is_small {
            self.merge(level, part)?;
        }
        Ok(is_small)
    }

    /// Whether a part has so few members that it is merged if it can be.
    fn is_small(&self, level: Level, part: &Part) -> bool {
        part.count <= self.sizes.at(level) / 4
    }

    /// Splits a part in the middle. A block that consists of one chunk is left as it is.
    fn split(&mut self, level: Level, part: Part) -> Result<(), StoreError> {
        let second = match level {
            Level::Chunks => Some(self.second_half(&part)?),
            Level::Blocks => self.later_chunks(&part)?,
        };
        let Some(second) = second else { return Ok(()) };
        self.put_part(level, &Part { count: part.count - second.count, ..part })?;
        self.put_part(level, &second)
    }

    /// The second half of a chunk.
    fn second_half(&self, chunk: &Part) -> Result<Part, StoreError> {
        let half = chunk.count / 2;
        let places = Places::since(chunk.at.clone());
        let middle = self.order().map(|order| order.nth(&places, Direction::Up, half)).transpose()?;
        let middle = middle.flatten().ok_or_else(|| self.miscounted(Level::Chunks, &chunk.at))?;
        Ok(Part { at: middle.place(), count: chunk.count - half })
    }

    /// The chunks of a block from its middle on. `None`: it has one chunk.
    fn later_chunks(&self, block: &Part) -> Result<Option<Part>, StoreError> {
        let Some(order) = self.order() else { return Ok(None) };
        let (mut before, mut later) = (0, None);
        order.parts(Level::Chunks, &Places::since(block.at.clone()), Direction::Up, &mut |chunk| {
            if before >= block.count {
                // This chunk is in the next block.
                return ControlFlow::Break(());
            }
            let is_middle = before >= block.count / 2;
            if before > 0 {
                later = Some(Part { at: chunk.at, count: block.count - before });
            }
            before += chunk.count;
            if is_middle { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })?;
        Ok(later)
    }

    /// Merges a small part with its neighbours if they are small enough.
    fn merge(&mut self, level: Level, mut part: Part) -> Result<(), StoreError> {
        let size = self.sizes.at(level);
        let fits = |one: u64, other: u64| one == 0 || other == 0 || one + other <= size;
        let next = self.part_beside(level, &Places::since(after(&part.at)), Direction::Up)?;
        let next = match next {
            Some(next) if fits(part.count, next.count) && self.may_end(level, &next.at)? => Some(next),
            _ => None,
        };
        let total = part.count + next.as_ref().map_or(0, |next| next.count);
        let previous = self.part_beside(level, &Places::until(part.at.clone()), Direction::Down)?;
        let previous = match previous {
            Some(previous) if fits(total, previous.count) && self.may_end(level, &part.at)? => Some(previous),
            _ => None,
        };
        let mut ended = Vec::new();
        if let Some(next) = next {
            part.count = total;
            self.put_part(level, &part)?;
            ended.push(next.at);
        }
        if let Some(previous) = previous {
            self.put_part(level, &Part { count: previous.count + part.count, ..previous })?;
            ended.push(part.at);
        }
        ended.iter().try_for_each(|at| self.delete_part(level, at))?;
        match level {
            Level::Chunks => Ok(()),
            Level::Blocks => ended.iter().try_for_each(|at| self.join_chunks(at)),
        }
    }

    /// Whether the part at `at` can become one with the part before it. The first chunk of a block cannot.
    fn may_end(&self, level: Level, at: &[u8]) -> Result<bool, StoreError> {
        let is_inside = level == Level::Chunks && self.levels().contains(&Level::Blocks);
        Ok(!is_inside || self.part_of(Level::Blocks, at)?.at != at)
    }

    /// Merges the chunk at `place`, where a block has ended, if it is small.
    fn join_chunks(&mut self, place: &[u8]) -> Result<(), StoreError> {
        let chunk = self.part_of(Level::Chunks, place)?;
        if self.is_small(Level::Chunks, &chunk) { self.merge(Level::Chunks, chunk) } else { Ok(()) }
    }

    /// The part that `place` falls in.
    fn part_of(&self, level: Level, place: &[u8]) -> Result<Part, StoreError> {
        let part = self.part_beside(level, &Places::until(after(place)), Direction::Down)?;
        part.ok_or_else(|| self.miscounted(level, place))
    }

    /// The first part that begins at `places` in that direction.
    fn part_beside(
        &self,
        level: Level,
        places: &Places,
        direction: Direction,
    ) -> Result<Option<Part>, StoreError> {
        let mut found = None;
        if let Some(order) = self.order() {
            order.parts(level, places, direction, &mut |part| {
                found = Some(part);
                ControlFlow::Break(())
            })?;
        }
        Ok(found)
    }

    fn put_part(&mut self, level: Level, part: &Part) -> Result<(), StoreError> {
        let Some(shape) = self.shape else { return Ok(()) };
        let name = [&[level.tag()], part.at.as_slice()].concat();
        self.edit.put_element(&self.key, shape.collection.incarnation, &name, &part.count.to_be_bytes())
    }

    fn delete_part(&mut self, level: Level, at: &[u8]) -> Result<(), StoreError> {
        let Some(shape) = self.shape else { return Ok(()) };
        let name = [&[level.tag()], at].concat();
        self.edit.delete_element(&self.key, shape.collection.incarnation, &name)
    }

    /// The error for counting records that do not cover `place`.
    fn miscounted(&self, level: Level, place: &[u8]) -> StoreError {
        let incarnation = self.shape.map_or(0, |shape| shape.collection.incarnation);
        let raw = key::element(&self.key, incarnation, &[&[level.tag()], place].concat());
        damaged(&raw, "counting records and members disagree")
    }
}

/// The place of the first counting record.
fn first() -> Vec<u8> {
    Score::new(f64::NEG_INFINITY).map_or_else(Vec::new, |lowest| place(lowest, &[]))
}

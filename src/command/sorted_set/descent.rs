//! Descent — members by rank → the chunks that they are in. Pure.

use super::level::{Level, Part};
use super::order::Order;
use super::places::{Direction, Places};
use crate::store::StoreError;
use std::ops::ControlFlow;

/// A part of the order, and where it is in it.
#[derive(Clone)]
pub(super) struct Ranked {
    pub(super) part: Part,
    /// Number of members before it.
    pub(super) first: u64,
}

impl Ranked {
    /// A part with `count` members at the start of the order.
    fn start(count: u64) -> Ranked {
        Ranked { part: Part { at: Vec::new(), count }, first: 0 }
    }

    /// Whether the member with that rank is in it.
    pub(super) fn holds(&self, rank: u64) -> bool {
        (self.first..self.first.saturating_add(self.part.count)).contains(&rank)
    }
}

/// A way from the upper level down to members by rank. Ranks that ascend read no counting record of the lowest level twice.
pub(super) struct Descent<'b, 'a> {
    order: &'b Order<'a>,
    /// What was found last at each level, the upper one first.
    found: Vec<(Level, Ranked)>,
}

impl<'b, 'a> Descent<'b, 'a> {
    /// A descent in `order`, which has these levels, the lower one first.
    pub(super) fn new(order: &'b Order<'a>, levels: &[Level]) -> Descent<'b, 'a> {
        let found = levels.iter().rev().map(|level| (*level, Ranked::start(0)));
        Descent { order, found: found.collect() }
    }

    /// The chunk with that member; the whole order if it has no chunks. No `rank` is lower than the one before.
    pub(super) fn chunk(&mut self, rank: u64) -> Result<Ranked, StoreError> {
        let mut above = Ranked::start(u64::MAX);
        for (level, found) in &mut self.found {
            if !found.holds(rank) {
                let from = if found.first > above.first { found.clone() } else { above };
                *found = part_with(self.order, *level, from, rank)?;
            }
            above = found.clone();
        }
        Ok(above)
    }
}

/// The part with the member `rank`, which is not before `from`. If the counting records are damaged: the last part.
fn part_with(order: &Order<'_>, level: Level, from: Ranked, rank: u64) -> Result<Ranked, StoreError> {
    let (mut found, mut end) = (Ranked::start(0), from.first);
    order.parts(level, &Places::since(from.part.at), Direction::Up, &mut |part| {
        found = Ranked { first: end, part };
        end = end.saturating_add(found.part.count);
        if rank < end { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })?;
    Ok(found)
}

//! ZREM ZREMRANGEBYRANK ZREMRANGEBYSCORE ZREMRANGEBYLEX. Pure.

use super::bounds::{Bounds, Kind};
use super::places::Direction;
use super::writer::Writer;
use crate::command::{Outcome, Reply, View};
use crate::effect::Effect;
use crate::time::Millis;

/// ZREM. Cost: O(log members) a member.
pub(super) fn zrem(view: &View<'_>, _: Millis, argv: &[Vec<u8>]) -> Outcome {
    let mut set = Writer::open(view, &argv[1])?;
    let mut removed = 0;
    for member in &argv[2..] {
        if let Some(score) = set.score(member)? {
            set.remove(member, score)?;
            removed += 1;
        }
    }
    Ok((Reply::Integer(removed), set.finish()?))
}

pub(super) fn zremrangebyrank(view: &View<'_>, _: Millis, argv: &[Vec<u8>]) -> Outcome {
    remove_range(view, argv, Kind::Rank)
}

pub(super) fn zremrangebyscore(view: &View<'_>, _: Millis, argv: &[Vec<u8>]) -> Outcome {
    remove_range(view, argv, Kind::Score)
}

pub(super) fn zremrangebylex(view: &View<'_>, _: Millis, argv: &[Vec<u8>]) -> Outcome {
    remove_range(view, argv, Kind::Member)
}

/// Removes a range. Cost: that of finding it, O(1) a removed member, and O(log members) a chunk with one of them.
fn remove_range(view: &View<'_>, argv: &[Vec<u8>], kind: Kind) -> Outcome {
    let bounds = Bounds::parse(kind, &argv[2], &argv[3])?;
    let mut set = Writer::open(view, &argv[1])?;
    let Some(order) = set.order() else { return Ok((Reply::Integer(0), Effect::none())) };
    let (places, limit) = bounds.locate(&order, Direction::Up)?;
    let members = order.members(&places, Direction::Up, limit)?;
    set.remove_all(&members)?;
    Ok((Reply::count(members.len()), set.finish()?))
}

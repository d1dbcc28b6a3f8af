//! ZPOPMIN ZPOPMAX ZMPOP. Pure.

use super::places::{Direction, Places, Scored};
use super::writer::Writer;
use crate::command::options::is_option;
use crate::command::{CommandError, Outcome, Reply, View, number};
use crate::effect::Effect;
use crate::time::Millis;

pub(super) fn zpopmin(view: &View<'_>, _: Millis, argv: &[Vec<u8>]) -> Outcome {
    pop_one(view, argv, Direction::Up)
}

pub(super) fn zpopmax(view: &View<'_>, _: Millis, argv: &[Vec<u8>]) -> Outcome {
    pop_one(view, argv, Direction::Down)
}

/// ZPOPMIN and ZPOPMAX. Cost: O(log members) a removed member.
fn pop_one(view: &View<'_>, argv: &[Vec<u8>], direction: Direction) -> Outcome {
    let count = match &argv[2..] {
        [] => None,
        [count] => Some(at_least(count, 0, "value is out of range, must be positive")?),
        _ => return Err(CommandError::syntax()),
    };
    let set = Writer::open(view, &argv[1])?;
    let (members, effect) = pop(set, direction, count.unwrap_or(1))?;
    let pairs = members.into_iter().map(super::pair);
    let reply = match count {
        // One member is not a list of pairs, not even in RESP3.
        None => Reply::Array(pairs.flat_map(|(member, score)| [member, score]).collect()),
        Some(_) => Reply::Pairs(pairs.collect()),
    };
    Ok((reply, effect))
}

/// ZMPOP: pops from the first set that exists. Cost: O(log members) a removed member.
pub(super) fn zmpop(view: &View<'_>, _: Millis, argv: &[Vec<u8>]) -> Outcome {
    let keys = at_least(&argv[1], 1, "numkeys should be greater than 0")?;
    let end = usize::try_from(keys).unwrap_or(usize::MAX).saturating_add(2);
    let Some((side, options)) = argv.get(end..).and_then(<[_]>::split_first) else {
        return Err(CommandError::syntax());
    };
    let direction = match side {
        side if is_option(side, "min") => Direction::Up,
        side if is_option(side, "max") => Direction::Down,
        _ => return Err(CommandError::syntax()),
    };
    // As in Redis, a second COUNT is not read.
    let count = match options {
        [] => 1,
        [name, count, rest @ ..] if is_option(name, "count") => {
            let count = at_least(count, 1, "count should be greater than 0")?;
            if !rest.is_empty() {
                return Err(CommandError::syntax());
            }
            count
        }
        _ => return Err(CommandError::syntax()),
    };
    for name in &argv[2..end] {
        let set = Writer::open(view, name)?;
        if set.order().is_none() {
            continue;
        }
        let (members, effect) = pop(set, direction, count)?;
        let pairs = members.into_iter().map(super::pair);
        let pairs = pairs.map(|(member, score)| Reply::Array(vec![member, score]));
        return Ok((Reply::Array(vec![Reply::Bulk(name.clone()), Reply::Array(pairs.collect())]), effect));
    }
    Ok((Reply::NullArray, Effect::none()))
}

/// Removes the first `count` members in that direction.
fn pop(mut set: Writer<'_>, direction: Direction, count: u64) -> Result<(Vec<Scored>, Effect), CommandError> {
    let members = match set.order() {
        Some(order) => order.members(&Places::all(), direction, count)?,
        None => Vec::new(),
    };
    set.remove_all(&members)?;
    Ok((members, set.finish()?))
}

/// The integer in `text`, at least `least`. Errors: the text `refusal`.
fn at_least(text: &[u8], least: i64, refusal: &str) -> Result<u64, CommandError> {
    let number = number::parse_integer(text).filter(|number| *number >= least);
    number.and_then(|number| u64::try_from(number).ok()).ok_or_else(|| CommandError::err(refusal))
}

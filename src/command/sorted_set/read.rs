//! ZCARD ZSCORE ZMSCORE ZRANK ZREVRANK ZCOUNT ZLEXCOUNT ZSCAN. Pure.
//!
//! An absent set is read as a set without members.

use super::bounds::{Bounds, Kind};
use super::count;
use super::order::Order;
use super::places::{Direction, place};
use crate::command::cursor::{self, Options};
use crate::command::options::is_option;
use crate::command::{CommandError, Outcome, Reply, View};
use crate::effect::Effect;
use crate::store::StoreError;
use crate::store::element::Score;
use crate::time::Millis;

/// ZSCAN returns a set of at most this many members whole, as Redis does (`zset-max-listpack-entries`).
const WHOLE_MAX: u64 = 128;

pub(super) fn zcard(view: &View<'_>, _: Millis, argv: &[Vec<u8>]) -> Outcome {
    let number = Order::open(view, &argv[1])?.map_or(0, |order| order.count());
    Ok((count(number), Effect::none()))
}

pub(super) fn zscore(view: &View<'_>, _: Millis, argv: &[Vec<u8>]) -> Outcome {
    let order = Order::open(view, &argv[1])?;
    Ok((score_or_null(order.as_ref(), &argv[2])?, Effect::none()))
}

pub(super) fn zmscore(view: &View<'_>, _: Millis, argv: &[Vec<u8>]) -> Outcome {
    let order = Order::open(view, &argv[1])?;
    let scores = argv[2..].iter().map(|member| score_or_null(order.as_ref(), member));
    Ok((Reply::Array(scores.collect::<Result<_, _>>()?), Effect::none()))
}

fn score_or_null(order: Option<&Order<'_>>, member: &[u8]) -> Result<Reply, StoreError> {
    let score = order.map_or(Ok(None), |order| order.score(member))?;
    Ok(score.map_or(Reply::Null, Reply::Double))
}

/// ZRANK. Cost: that of a rank (see [`super::order`]).
pub(super) fn zrank(view: &View<'_>, _: Millis, argv: &[Vec<u8>]) -> Outcome {
    rank(view, argv, "zrank", Direction::Up)
}

/// ZREVRANK. Cost: that of a rank (see [`super::order`]).
pub(super) fn zrevrank(view: &View<'_>, _: Millis, argv: &[Vec<u8>]) -> Outcome {
    rank(view, argv, "zrevrank", Direction::Down)
}

/// ZRANK and ZREVRANK; WITHSCORE is that of Redis 7.2.
fn rank(view: &View<'_>, argv: &[Vec<u8>], command: &str, direction: Direction) -> Outcome {
    let with_score = match &argv[3..] {
        [] => false,
        [option] if is_option(option, "withscore") => true,
        [_] => return Err(CommandError::syntax()),
        _ => return Err(CommandError::arity(command)),
    };
    let found = match Order::open(view, &argv[1])? {
        Some(order) => ranked(&order, &argv[2], direction)?,
        None => None,
    };
    let reply = match found {
        None if with_score => Reply::NullArray,
        None => Reply::Null,
        Some((rank, score)) if with_score => Reply::Array(vec![count(rank), Reply::Double(score)]),
        Some((rank, _)) => count(rank),
    };
    Ok((reply, Effect::none()))
}

/// The rank of `member` in that direction, and its score.
fn ranked(
    order: &Order<'_>,
    member: &[u8],
    direction: Direction,
) -> Result<Option<(u64, Score)>, StoreError> {
    let Some(score) = order.score(member)? else { return Ok(None) };
    let rank = order.rank(&place(score, member))?;
    let rank = match direction {
        Direction::Up => rank,
        Direction::Down => order.count().saturating_sub(rank + 1),
    };
    Ok(Some((rank, score)))
}

/// ZCOUNT. Cost: that of two ranks (see [`super::order`]).
pub(super) fn zcount(view: &View<'_>, _: Millis, argv: &[Vec<u8>]) -> Outcome {
    count_range(view, argv, Kind::Score)
}

/// ZLEXCOUNT. Cost: that of two ranks (see [`super::order`]); O(members) if their scores differ.
pub(super) fn zlexcount(view: &View<'_>, _: Millis, argv: &[Vec<u8>]) -> Outcome {
    count_range(view, argv, Kind::Member)
}

fn count_range(view: &View<'_>, argv: &[Vec<u8>], kind: Kind) -> Outcome {
    let bounds = Bounds::parse(kind, &argv[2], &argv[3])?;
    let Some(order) = Order::open(view, &argv[1])? else {
        return Ok((Reply::Integer(0), Effect::none()));
    };
    let (places, _) = bounds.locate(&order, Direction::Up)?;
    Ok((count(order.count_at(&places)?), Effect::none()))
}

/// ZSCAN: see [`cursor`] for order, guarantee and cost. As in Redis, the options are not checked if the set does not
/// exist, and a small set is returned whole at any cursor.
pub(super) fn zscan(view: &View<'_>, _: Millis, argv: &[Vec<u8>]) -> Outcome {
    let from = cursor::parse(&argv[2])?;
    let Some(order) = Order::open(view, &argv[1])? else {
        return Ok((cursor::reply(0, Vec::new()), Effect::none()));
    };
    let options = Options::parse(&argv[3..], false)?;
    let (after, count) = if order.count() <= WHOLE_MAX {
        (None, usize::MAX)
    } else {
        (cursor::place(view, from)?, cursor::count(view, &options))
    };
    let (members, last) = order.by_name(after.as_deref(), count)?;
    let passing = members.into_iter().filter(|scored| options.name_passes(&scored.member));
    let shown = passing
        .flat_map(|scored| [Reply::Bulk(scored.member), Reply::bulk(scored.score.to_string())])
        .collect();
    Ok((cursor::reply(cursor::next(view, from, last), shown), Effect::none()))
}

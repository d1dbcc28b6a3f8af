//! ZRANGE and its family, ZRANGESTORE. Pure.
//!
//! All are one command with other defaults:
//!
//! ```text
//! ZRANGEBYSCORE k 1 5          =  ZRANGE k 1 5 BYSCORE
//! ZREVRANGEBYLEX k [c [a       =  ZRANGE k [c [a BYLEX REV
//! ```
//!
//! Cost: that of a member by rank (see [`order`](super::order)), and O(members returned). An offset costs as much as a rank.

use super::bounds::{Bounds, Kind};
use super::order::Order;
use super::places::{Direction, Scored};
use super::shown;
use super::writer::replace;
use crate::command::options::is_option;
use crate::command::{CommandError, Outcome, View, number};
use crate::effect::Effect;
use crate::time::Millis;

/// What a command of the family leaves open to its options.
#[derive(Clone, Copy)]
struct Form {
    kind: Option<Kind>,
    direction: Option<Direction>,
    /// Whether the result is stored.
    is_store: bool,
}

/// A parsed command of the family.
struct Query<'a> {
    bounds: Bounds<'a>,
    direction: Direction,
    offset: i64,
    /// Negative: no limit.
    limit: i64,
    with_scores: bool,
}

impl<'a> Query<'a> {
    /// Parses the arguments after the source key: two ends, then options.
    fn parse(arguments: &'a [Vec<u8>], form: Form) -> Result<Query<'a>, CommandError> {
        let (mut kind, mut direction) = (form.kind, form.direction);
        let (mut offset, mut limit, mut with_scores) = (0, -1, false);
        let mut rest = &arguments[2..];
        while let Some((option, after)) = rest.split_first() {
            rest = after;
            if !form.is_store && is_option(option, "withscores") {
                with_scores = true;
            } else if is_option(option, "limit") && after.len() >= 2 {
                offset = number::parse_integer(&after[0]).ok_or_else(CommandError::not_an_integer)?;
                limit = number::parse_integer(&after[1]).ok_or_else(CommandError::not_an_integer)?;
                rest = &after[2..];
            } else if direction.is_none() && is_option(option, "rev") {
                direction = Some(Direction::Down);
            } else if kind.is_none() && is_option(option, "bylex") {
                kind = Some(Kind::Member);
            } else if kind.is_none() && is_option(option, "byscore") {
                kind = Some(Kind::Score);
            } else {
                return Err(CommandError::syntax());
            }
        }
        let (kind, direction) = (kind.unwrap_or(Kind::Rank), direction.unwrap_or(Direction::Up));
        if limit != -1 && kind == Kind::Rank {
            let only = "LIMIT is only supported in combination with either BYSCORE or BYLEX";
            return Err(CommandError::err(format_args!("syntax error, {only}")));
        }
        if with_scores && kind == Kind::Member {
            let not = "WITHSCORES not supported in combination with BYLEX";
            return Err(CommandError::err(format_args!("syntax error, {not}")));
        }
        // A range of scores or members in reverse is written from its higher end. Ranks count in the direction.
        let (min, max) = match (kind, direction) {
            (Kind::Score | Kind::Member, Direction::Down) => (&arguments[1], &arguments[0]),
            _ => (&arguments[0], &arguments[1]),
        };
        let bounds = Bounds::parse(kind, min, max)?;
        // As in Redis, the offset of a range of ranks is ignored; LIMIT passed above only with the count -1.
        let offset = if kind == Kind::Rank { 0 } else { offset };
        Ok(Query { bounds, direction, offset, limit, with_scores })
    }

    /// The members that it asks for.
    fn run(&self, view: &View<'_>, name: &[u8]) -> Result<Vec<Scored>, CommandError> {
        let Some(order) = Order::open(view, name)? else { return Ok(Vec::new()) };
        // As in Redis, a negative offset skips every member.
        let Ok(offset) = u64::try_from(self.offset) else { return Ok(Vec::new()) };
        let (places, count) = self.bounds.locate(&order, self.direction)?;
        let places = order.skip(places, self.direction, offset)?;
        let limit = u64::try_from(self.limit).unwrap_or(u64::MAX).min(count);
        Ok(order.members(&places, self.direction, limit)?)
    }
}

/// Runs a command of the family that replies with the members.
fn range(view: &View<'_>, argv: &[Vec<u8>], kind: Option<Kind>, direction: Option<Direction>) -> Outcome {
    let query = Query::parse(&argv[2..], Form { kind, direction, is_store: false })?;
    let members = query.run(view, &argv[1])?;
    Ok((shown(members, query.with_scores), Effect::none()))
}

pub(super) fn zrange(view: &View<'_>, _: Millis, argv: &[Vec<u8>]) -> Outcome {
    range(view, argv, None, None)
}

pub(super) fn zrevrange(view: &View<'_>, _: Millis, argv: &[Vec<u8>]) -> Outcome {
    range(view, argv, Some(Kind::Rank), Some(Direction::Down))
}

pub(super) fn zrangebyscore(view: &View<'_>, _: Millis, argv: &[Vec<u8>]) -> Outcome {
    range(view, argv, Some(Kind::Score), Some(Direction::Up))
}

pub(super) fn zrevrangebyscore(view: &View<'_>, _: Millis, argv: &[Vec<u8>]) -> Outcome {
    range(view, argv, Some(Kind::Score), Some(Direction::Down))
}

pub(super) fn zrangebylex(view: &View<'_>, _: Millis, argv: &[Vec<u8>]) -> Outcome {
    range(view, argv, Some(Kind::Member), Some(Direction::Up))
}

pub(super) fn zrevrangebylex(view: &View<'_>, _: Millis, argv: &[Vec<u8>]) -> Outcome {
    range(view, argv, Some(Kind::Member), Some(Direction::Down))
}

/// ZRANGESTORE. The destination is replaced, whatever it was. Cost: that of the range, and O(log members) a stored member.
pub(super) fn zrangestore(view: &View<'_>, _: Millis, argv: &[Vec<u8>]) -> Outcome {
    let query = Query::parse(&argv[3..], Form { kind: None, direction: None, is_store: true })?;
    let members = query.run(view, &argv[2])?;
    replace(view, &argv[1], &members)
}

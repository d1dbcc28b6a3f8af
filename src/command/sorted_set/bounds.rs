//! Bounds — ranges as clients write them → places in the order. Pure.

use super::order::Order;
use super::places::{Direction, Places, after, place};
use super::score::parse_end;
use crate::command::{CommandError, number};
use crate::store::StoreError;
use crate::store::element::Score;
use std::cmp::Ordering;
use std::ops::ControlFlow;

/// The kind of a range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Rank,
    Score,
    Member,
}

/// A range as it was written, parsed.
pub(super) enum Bounds<'a> {
    /// From one index to another, both included; negative ones count from the end.
    Ranks(i64, i64),
    /// A range of scores.
    Scores(Places),
    /// A range of members that have equal scores.
    Members(End<'a>, End<'a>),
}

/// One end of a range of members.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum End<'a> {
    /// `-`: before every member.
    Lowest,
    /// `[member` or `(member`: the member, and whether it is excluded.
    At(&'a [u8], bool),
    /// `+`: after every member.
    Highest,
}

impl<'a> Bounds<'a> {
    /// The range from `min` to `max`. Errors: an end is not of that kind; the error texts are those of Redis.
    pub(super) fn parse(kind: Kind, min: &'a [u8], max: &'a [u8]) -> Result<Bounds<'a>, CommandError> {
        match kind {
            Kind::Rank => {
                let index =
                    |text: &[u8]| number::parse_integer(text).ok_or_else(CommandError::not_an_integer);
                Ok(Bounds::Ranks(index(min)?, index(max)?))
            }
            Kind::Score => {
                let places = score_end(min).zip(score_end(max)).map(|((min, is_open), (max, ends_open))| {
                    Places { from: edge(min, is_open), to: edge(max, !ends_open) }
                });
                let invalid = || CommandError::err("min or max is not a float");
                places.map(Bounds::Scores).ok_or_else(invalid)
            }
            Kind::Member => {
                let ends = End::parse(min).zip(End::parse(max));
                let invalid = || CommandError::err("min or max not valid string range item");
                ends.map(|(min, max)| Bounds::Members(min, max)).ok_or_else(invalid)
            }
        }
    }

    /// The members of this range in `order`: places, and how many of the members there in that direction. Ranks count in the
    /// direction. Cost: that of one member by rank; for a range of members O(1), or O(members) if scores differ.
    pub(super) fn locate(
        &self,
        order: &Order<'_>,
        direction: Direction,
    ) -> Result<(Places, u64), StoreError> {
        match self {
            Bounds::Ranks(first, last) => match indexes(*first, *last, order.count()) {
                None => Ok((Places::none(), 0)),
                Some((first, count)) => Ok((order.skip(Places::all(), direction, first)?, count)),
            },
            Bounds::Scores(places) => Ok((places.clone(), u64::MAX)),
            Bounds::Members(min, max) => Ok((members(order, *min, *max)?, u64::MAX)),
        }
    }
}

/// The first index and the number of indexes of a range in a set of `count` members; `None`: there are none.
fn indexes(first: i64, last: i64, count: u64) -> Option<(u64, u64)> {
    let length = i64::try_from(count).unwrap_or(i64::MAX);
    let counted = |index: i64| if index < 0 { index.saturating_add(length) } else { index };
    let (first, last) = (counted(first).max(0), counted(last).min(length - 1));
    let number = u64::try_from(last.checked_sub(first)?).ok()? + 1;
    Some((u64::try_from(first).ok()?, number))
}

/// The score in the end of a range, and whether `(` excludes it.
fn score_end(text: &[u8]) -> Option<(Score, bool)> {
    let (number, is_open) = match text {
        [b'(', number @ ..] => (number, true),
        number => (number, false),
    };
    Some((Score::new(parse_end(number)?)?, is_open))
}

/// The place before all members with that score, or after all of them.
fn edge(score: Score, is_after: bool) -> Vec<u8> {
    let number = u64::from_be_bytes(score.to_bytes());
    (number + u64::from(is_after)).to_be_bytes().to_vec()
}

impl<'a> End<'a> {
    fn parse(text: &'a [u8]) -> Option<End<'a>> {
        match text {
            // Redis looks for the end of a C string.
            [b'-'] | [b'-', 0, ..] => Some(End::Lowest),
            [b'+'] | [b'+', 0, ..] => Some(End::Highest),
            [b'[', member @ ..] => Some(End::At(member, false)),
            [b'(', member @ ..] => Some(End::At(member, true)),
            _ => None,
        }
    }

    /// Whether a range that begins here begins after `member`.
    fn begins_after(self, member: &[u8]) -> bool {
        match self {
            End::Lowest => false,
            End::Highest => true,
            End::At(end, is_open) => match member.cmp(end) {
                Ordering::Less => true,
                Ordering::Equal => is_open,
                Ordering::Greater => false,
            },
        }
    }

    /// Whether a range that ends here ends before `member`.
    fn ends_before(self, member: &[u8]) -> bool {
        match self {
            End::Lowest => true,
            End::Highest => false,
            End::At(end, is_open) => match member.cmp(end) {
                Ordering::Less => false,
                Ordering::Equal => is_open,
                Ordering::Greater => true,
            },
        }
    }

    /// The place of this end among the members with that score; `is_after`: a member that is the end itself comes
    /// before it if it is included.
    fn place(self, score: Score, is_after: bool) -> Vec<u8> {
        match self {
            End::Lowest => edge(score, false),
            End::Highest => edge(score, true),
            End::At(member, is_open) if is_open == is_after => place(score, member),
            End::At(member, _) => after(&place(score, member)),
        }
    }
}

/// The members from `min` to `max`. For members with different scores Redis promises nothing; here they are the members from the
/// first one that is not before `min` to the first one after it that is after `max`.
fn members(order: &Order<'_>, min: End<'_>, max: End<'_>) -> Result<Places, StoreError> {
    let end = |direction| order.nth(&Places::all(), direction, 0);
    let (Some(first), Some(last)) = (end(Direction::Up)?, end(Direction::Down)?) else {
        return Ok(Places::none());
    };
    if first.score == last.score {
        return Ok(Places { from: min.place(first.score, false), to: max.place(first.score, true) });
    }
    let (mut from, mut to) = (None, None);
    order.walk(&Places::all(), Direction::Up, &mut |score, member| {
        if from.is_none() && !min.begins_after(member) {
            from = Some(place(score, member));
        }
        if from.is_some() && max.ends_before(member) {
            to = Some(place(score, member));
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    })?;
    Ok(match (from, to) {
        (None, _) => Places::none(),
        (Some(from), Some(to)) => Places { from, to },
        (Some(from), None) => Places::since(from),
    })
}

//! Commands that read a list: LLEN LINDEX LRANGE LPOS. Pure.

use super::stored::{End, List};
use super::{integer, number_from};
use crate::command::options::is_option;
use crate::command::{CommandError, Outcome, Reply, View};
use crate::effect::Effect;
use crate::time::Millis;
use std::ops::ControlFlow;

pub(super) fn llen(view: &View<'_>, _: Millis, argv: &[Vec<u8>]) -> Outcome {
    let length = List::open(view, &argv[1])?.map_or(0, |list| list.length());
    Ok((Reply::Integer(length), Effect::none()))
}

/// LINDEX. Cost: in an uneven list O(elements from the nearer end).
pub(super) fn lindex(view: &View<'_>, _: Millis, argv: &[Vec<u8>]) -> Outcome {
    let Some(list) = List::open(view, &argv[1])? else { return Ok((Reply::Null, Effect::none())) };
    // Redis looks at the key before it looks at the number.
    let Some(index) = list.index(integer(&argv[2])?) else { return Ok((Reply::Null, Effect::none())) };
    Ok((Reply::bulk_or_null(list.items(view, index, 1)?.pop()), Effect::none()))
}

/// LRANGE. Cost: O(items returned); in an uneven list also O(elements from the nearer end to the first one returned).
pub(super) fn lrange(view: &View<'_>, _: Millis, argv: &[Vec<u8>]) -> Outcome {
    let (start, stop) = (integer(&argv[2])?, integer(&argv[3])?);
    let items = match List::open(view, &argv[1])? {
        None => Vec::new(),
        Some(list) => match list.range(start, stop) {
            None => Vec::new(),
            Some((index, number)) => list.items(view, index, number)?,
        },
    };
    Ok((Reply::Array(items.into_iter().map(Reply::Bulk).collect()), Effect::none()))
}

/// The options of LPOS.
struct Search {
    /// The end at which it begins.
    end: End,
    /// The first match that counts; 1: the very first.
    rank: u64,
    /// Number of matches in the reply, 0: all of them; `None`: the reply is one match, not a list.
    count: Option<u64>,
    /// Number of elements that are compared; 0: all of them.
    compared_max: u64,
}

impl Search {
    /// Parses the options of LPOS. Errors: syntax, and the numbers that Redis refuses.
    fn parse(options: &[Vec<u8>]) -> Result<Search, CommandError> {
        let mut search = Search { end: End::Left, rank: 1, count: None, compared_max: 0 };
        for pair in options.chunks(2) {
            let [option, number] = pair else { return Err(CommandError::syntax()) };
            if is_option(option, "rank") {
                let rank = rank(number)?;
                search.end = if rank < 0 { End::Right } else { End::Left };
                search.rank = rank.unsigned_abs();
            } else if is_option(option, "count") {
                search.count = Some(number_from(0, number, "COUNT can't be negative")?);
            } else if is_option(option, "maxlen") {
                search.compared_max = number_from(0, number, "MAXLEN can't be negative")?;
            } else {
                return Err(CommandError::syntax());
            }
        }
        Ok(search)
    }
}

/// The number after RANK. Errors: it is 0, or not an integer. The smallest integer is refused by Redis 7.2, not by 7.0.
fn rank(number: &[u8]) -> Result<i64, CommandError> {
    match integer(number)? {
        0 => Err(CommandError::err(
            "RANK can't be zero: use 1 to start from the first match, 2 from the second ... or use negative to start \
             from the end of the list",
        )),
        i64::MIN => Err(CommandError::err(format_args!(
            "value is out of range, value must between {} and {}",
            -i64::MAX,
            i64::MAX
        ))),
        rank => Ok(rank),
    }
}

/// LPOS. Cost: O(elements compared).
pub(super) fn lpos(view: &View<'_>, _: Millis, argv: &[Vec<u8>]) -> Outcome {
    let search = Search::parse(&argv[3..])?;
    let found = match List::open(view, &argv[1])? {
        None => Vec::new(),
        Some(list) => matches(&list, view, &argv[2], &search)?,
    };
    let mut found = found.into_iter().map(Reply::Integer);
    let reply = match search.count {
        None => found.next().unwrap_or(Reply::Null),
        Some(_) => Reply::Array(found.collect()),
    };
    Ok((reply, Effect::none()))
}

/// The indexes of the elements that `search` finds, in the order of its walk.
fn matches(list: &List, view: &View<'_>, item: &[u8], search: &Search) -> Result<Vec<i64>, CommandError> {
    let number_max = match search.count {
        None => 1,
        Some(0) => u64::MAX,
        Some(count) => count,
    };
    let last = list.length() - 1;
    let (mut compared, mut matched, mut found) = (0, 0, Vec::new());
    list.walk(view, search.end, list.whole(), &mut |_, reached| {
        if reached.item()? == item {
            matched += 1;
            if matched >= search.rank {
                found.push(if search.end == End::Left { compared } else { last - compared });
            }
        }
        compared += 1;
        let is_done = found.len() as u64 >= number_max || compared.unsigned_abs() == search.compared_max;
        Ok(if is_done { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    })?;
    Ok(found)
}

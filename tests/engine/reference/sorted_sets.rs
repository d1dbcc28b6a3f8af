//! ZADD ZINCRBY ZREM ZCARD ZSCORE ZMSCORE ZRANK ZREVRANK ZPOPMIN ZPOPMAX ZMPOP ZRANDMEMBER. Pure.

use super::lists::first_of_several;
use super::numbers::{at_least, negatable};
use super::scores::{self, ordered};
use super::values::{Scores, Value, score};
use super::{Answer, Call, Refused, Told, count, number, refused, syntax_error, upper};
use replicheck::command::Reply;

/// The reply that is this score.
pub(super) fn double(number: f64) -> Reply {
    Reply::Double(score(number))
}

/// The options of ZADD.
#[derive(Default)]
struct Adding {
    nx: bool,
    xx: bool,
    gt: bool,
    lt: bool,
    ch: bool,
    incr: bool,
}

impl Adding {
    /// Reads options from the second argument on; returns them with their number.
    fn read(call: &Call<'_>) -> (Adding, usize) {
        let mut adding = Adding { incr: call.name == "zincrby", ..Adding::default() };
        for (at, word) in call.args[1..].iter().enumerate() {
            let option = match upper(word).as_str() {
                "NX" => &mut adding.nx,
                "XX" => &mut adding.xx,
                "GT" => &mut adding.gt,
                "LT" => &mut adding.lt,
                "CH" => &mut adding.ch,
                "INCR" => &mut adding.incr,
                _ => return (adding, at),
            };
            *option = true;
        }
        (adding, call.args.len() - 1)
    }

    fn check(&self, pairs: usize) -> Result<(), Refused> {
        if self.nx && self.xx {
            return refused("XX and NX options at the same time are not compatible");
        }
        if [self.gt, self.lt, self.nx].into_iter().filter(|given| *given).count() > 1 {
            return refused("GT, LT, and/or NX options at the same time are not compatible");
        }
        if self.incr && pairs > 1 {
            return refused("INCR option supports a single increment-element pair");
        }
        Ok(())
    }

    /// The new score of a member whose score was `old`; `None`: the options forbid the change.
    fn new_score(&self, old: Option<f64>, given: f64) -> Result<Option<f64>, Refused> {
        let Some(old) = old else { return Ok((!self.xx).then_some(given)) };
        if self.nx {
            return Ok(None);
        }
        let new = if self.incr { old + given } else { given };
        if new.is_nan() {
            return refused("resulting score is not a number (NaN)");
        }
        Ok((!(self.gt && new <= old || self.lt && new >= old)).then_some(new))
    }
}

/// ZADD and ZINCRBY.
pub(super) fn zadd(call: &mut Call<'_>) -> Told {
    let (adding, options) = Adding::read(call);
    let words = &call.args[1 + options..];
    if words.is_empty() || !words.len().is_multiple_of(2) {
        return syntax_error();
    }
    adding.check(words.len() / 2)?;
    let read =
        |pair: &[Vec<u8>]| Ok((scores::number(&pair[0], "value is not a valid float")?, pair[1].clone()));
    let pairs = words.chunks(2).map(read).collect::<Result<Vec<(f64, Vec<u8>)>, Refused>>()?;
    let mut members = call.sorted_set(0)?;
    let (mut added, mut changed, mut last) = (0, 0, None);
    for (given, member) in pairs {
        let old = members.get(&member).copied();
        last = adding.new_score(old, given)?;
        if let Some(new) = last {
            members.insert(member, new);
            added += i128::from(old.is_none());
            changed += i128::from(old.is_none_or(|old| old != new));
        }
    }
    call.put(0, Value::SortedSet(members));
    if adding.incr {
        return Ok(Answer::Exactly(last.map_or(Reply::Null, double)));
    }
    number(if adding.ch { changed } else { added })
}

pub(super) fn zrem(call: &mut Call<'_>) -> Told {
    let mut members = call.sorted_set(0)?;
    let before = members.len();
    members.retain(|member, _| !call.args[1..].contains(member));
    let removed = before - members.len();
    call.put(0, Value::SortedSet(members));
    count(removed)
}

pub(super) fn zcard(call: &mut Call<'_>) -> Told {
    count(call.sorted_set(0)?.len())
}

pub(super) fn zscore(call: &mut Call<'_>) -> Told {
    let members = call.sorted_set(0)?;
    Ok(Answer::Exactly(members.get(call.arg(1)).map_or(Reply::Null, |score| double(*score))))
}

pub(super) fn zmscore(call: &mut Call<'_>) -> Told {
    let members = call.sorted_set(0)?;
    let score = |member| members.get::<Vec<u8>>(member).map_or(Reply::Null, |score| double(*score));
    Ok(Answer::Exactly(Reply::Array(call.args[1..].iter().map(score).collect())))
}

/// ZRANK, and ZREVRANK, which counts from the highest score. WITHSCORE: Redis 7.2.
pub(super) fn zrank(call: &mut Call<'_>, from_highest: bool) -> Told {
    let with_score = match &call.args[2..] {
        [] => false,
        [word] if upper(word) == "WITHSCORE" => true,
        [_] => return syntax_error(),
        _ => return refused(&format!("wrong number of arguments for '{}' command", call.name)),
    };
    let mut order = ordered(&call.sorted_set(0)?);
    if from_highest {
        order.reverse();
    }
    let found = order.iter().position(|(member, _)| member == call.arg(1));
    Ok(Answer::Exactly(match found {
        Some(rank) if with_score => Reply::Array(vec![Reply::count(rank), double(order[rank].1)]),
        Some(rank) => Reply::count(rank),
        None if with_score => Reply::NullArray,
        None => Reply::Null,
    }))
}

/// Removes up to `wanted` members with the highest or lowest scores from a sorted set of that key.
fn pop(
    call: &mut Call<'_>,
    at: usize,
    mut members: Scores,
    highest: bool,
    wanted: i128,
) -> Vec<(Vec<u8>, f64)> {
    let mut order = ordered(&members);
    if highest {
        order.reverse();
    }
    order.truncate(usize::try_from(wanted).expect("not negative"));
    members.retain(|member, _| order.iter().all(|(taken, _)| taken != member));
    call.put(at, Value::SortedSet(members));
    order
}

/// ZPOPMIN and ZPOPMAX.
pub(super) fn zpop(call: &mut Call<'_>, highest: bool) -> Told {
    let wanted = match &call.args[1..] {
        [] => None,
        [wanted] => Some(at_least(wanted, 0, "value is out of range, must be positive")?),
        _ => return syntax_error(),
    };
    let members = call.sorted_set(0)?;
    let is_missing = members.is_empty();
    let taken = pop(call, 0, members, highest, wanted.unwrap_or(1)).into_iter();
    let pairs = taken.map(|(member, score)| (Reply::Bulk(member), double(score)));
    Ok(Answer::Exactly(match wanted {
        // Redis sends an empty list, which has no pairs.
        _ if is_missing => Reply::Array(Vec::new()),
        Some(0) => Reply::Array(Vec::new()),
        Some(_) => Reply::Pairs(pairs.collect()),
        None => Reply::Array(pairs.flat_map(|(member, score)| [member, score]).collect()),
    }))
}

pub(super) fn zmpop(call: &mut Call<'_>) -> Told {
    let (keys, highest, wanted) = first_of_several(call, |word| match upper(word).as_str() {
        "MIN" => Ok(false),
        "MAX" => Ok(true),
        _ => syntax_error(),
    })?;
    for at in keys {
        let members = call.sorted_set(at)?;
        if !members.is_empty() {
            let taken = pop(call, at, members, highest, wanted).into_iter();
            let pair = |(member, score)| Reply::Array(vec![Reply::Bulk(member), double(score)]);
            let taken = Reply::Array(taken.map(pair).collect());
            return Ok(Answer::Exactly(Reply::Array(vec![Reply::bulk(call.arg(at)), taken])));
        }
    }
    Ok(Answer::Exactly(Reply::NullArray))
}

pub(super) fn zrandmember(call: &mut Call<'_>) -> Told {
    if call.args.len() == 1 {
        return Ok(Answer::OneOf(call.sorted_set(0)?.into_keys().collect()));
    }
    let wanted = negatable(call.arg(1))?;
    let with_values = match &call.args[2..] {
        [] => false,
        [word] if upper(word) == "WITHSCORES" => true,
        _ => return syntax_error(),
    };
    // The reply has two items for each member, and Redis counts them in 64 bits.
    if with_values && wanted.abs() * 2 > i128::from(i64::MAX) {
        return refused("value is out of range");
    }
    let from = call.sorted_set(0)?.into_iter().map(|(member, score)| (member, double(score))).collect();
    Ok(Answer::Drawn { from, wanted, with_values })
}

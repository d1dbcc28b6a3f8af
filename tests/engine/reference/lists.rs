//! LPUSH RPUSH LPUSHX RPUSHX LPOP RPOP LLEN LINDEX LSET LRANGE LINSERT LREM LTRIM LPOS LMOVE RPOPLPUSH LMPOP. Pure.

use super::numbers::{at_least, integer, negatable};
use super::values::{Items, Value};
use super::{Answer, Call, Refused, Told, bulk, count, number, ok, refused, syntax_error, upper};
use replicheck::command::Reply;
use std::ops::Range;

/// An end of a list.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum End {
    Left,
    Right,
}

fn end(word: &[u8]) -> Result<End, Refused> {
    match upper(word).as_str() {
        "LEFT" => Ok(End::Left),
        "RIGHT" => Ok(End::Right),
        _ => syntax_error(),
    }
}

fn insert(items: &mut Items, at: End, item: Vec<u8>) {
    match at {
        End::Left => items.insert(0, item),
        End::Right => items.push(item),
    }
}

/// Removes up to `wanted` items, the one at the end first.
fn take(items: &mut Items, from: End, wanted: i128) -> Items {
    let wanted = usize::try_from(wanted).expect("not negative").min(items.len());
    match from {
        End::Left => items.drain(..wanted).collect(),
        End::Right => items.drain(items.len() - wanted..).rev().collect(),
    }
}

fn array(items: Items) -> Reply {
    Reply::Array(items.into_iter().map(Reply::Bulk).collect())
}

/// The positions from `start` to `stop`, both included, in a sequence of `length` things; -1 is the last one.
pub(super) fn positions(start: i128, stop: i128, length: usize) -> Range<usize> {
    let all = i128::try_from(length).expect("small");
    let from_front = |at: i128| if at < 0 { at + all } else { at };
    let (start, end) = (from_front(start).clamp(0, all), (from_front(stop) + 1).clamp(0, all));
    let size = |at: i128| usize::try_from(at).expect("clamped");
    size(start)..size(end.max(start))
}

/// The position that an index of LINDEX and LSET names.
fn position(index: i128, length: usize) -> Option<usize> {
    let all = i128::try_from(length).expect("small");
    let at = if index < 0 { index + all } else { index };
    usize::try_from(at).ok().filter(|at| *at < length)
}

pub(super) fn push(call: &mut Call<'_>, to: End, must_exist: bool) -> Told {
    let mut items = call.list(0)?;
    if must_exist && items.is_empty() {
        return number(0);
    }
    for item in &call.args[1..] {
        insert(&mut items, to, item.clone());
    }
    let length = items.len();
    call.put(0, Value::List(items));
    count(length)
}

pub(super) fn pop(call: &mut Call<'_>, from: End) -> Told {
    if call.args.len() > 2 {
        return refused(&format!("wrong number of arguments for '{}' command", call.name));
    }
    let wanted = match call.args.get(1) {
        Some(wanted) => Some(at_least(wanted, 0, "value is out of range, must be positive")?),
        None => None,
    };
    let mut items = call.list(0)?;
    let is_missing = items.is_empty();
    let mut taken = take(&mut items, from, wanted.unwrap_or(1));
    call.put(0, Value::List(items));
    match wanted {
        None => bulk(taken.pop()),
        Some(_) if is_missing => Ok(Answer::Exactly(Reply::NullArray)),
        Some(_) => Ok(Answer::Exactly(array(taken))),
    }
}

pub(super) fn llen(call: &mut Call<'_>) -> Told {
    count(call.list(0)?.len())
}

pub(super) fn lindex(call: &mut Call<'_>) -> Told {
    let items = call.list(0)?;
    // Only for a list that exists: Redis does not look at the index otherwise.
    if items.is_empty() {
        return bulk(None);
    }
    let at = position(integer(call.arg(1))?, items.len());
    bulk(at.map(|at| items[at].clone()))
}

pub(super) fn lset(call: &mut Call<'_>) -> Told {
    let mut items = call.list(0)?;
    if items.is_empty() {
        return refused("no such key");
    }
    let Some(at) = position(integer(call.arg(1))?, items.len()) else { return refused("index out of range") };
    items[at] = call.arg(2).to_vec();
    call.put(0, Value::List(items));
    ok()
}

pub(super) fn lrange(call: &mut Call<'_>) -> Told {
    let (start, stop) = (integer(call.arg(1))?, integer(call.arg(2))?);
    let items = call.list(0)?;
    Ok(Answer::Exactly(array(items[positions(start, stop, items.len())].to_vec())))
}

pub(super) fn ltrim(call: &mut Call<'_>) -> Told {
    let (start, stop) = (integer(call.arg(1))?, integer(call.arg(2))?);
    let items = call.list(0)?;
    call.put(0, Value::List(items[positions(start, stop, items.len())].to_vec()));
    ok()
}

pub(super) fn linsert(call: &mut Call<'_>) -> Told {
    let after = match upper(call.arg(1)).as_str() {
        "BEFORE" => 0,
        "AFTER" => 1,
        _ => return syntax_error(),
    };
    let mut items = call.list(0)?;
    if items.is_empty() {
        return number(0);
    }
    let Some(at) = items.iter().position(|item| item == call.arg(2)) else { return number(-1) };
    items.insert(at + after, call.arg(3).to_vec());
    let length = items.len();
    call.put(0, Value::List(items));
    count(length)
}

pub(super) fn lrem(call: &mut Call<'_>) -> Told {
    let wanted = integer(call.arg(1))?;
    let mut items = call.list(0)?;
    let mut at: Vec<usize> = (0..items.len()).filter(|at| items[*at] == call.arg(2)).collect();
    if wanted < 0 {
        at.reverse();
    }
    if wanted != 0 {
        at.truncate(usize::try_from(wanted.abs()).expect("64 bits"));
    }
    let mut number = 0..;
    items.retain(|_| !at.contains(&number.next().expect("no end")));
    call.put(0, Value::List(items));
    count(at.len())
}

pub(super) fn lpos(call: &mut Call<'_>) -> Told {
    let (mut rank, mut wanted, mut compared_max) = (1, None, 0);
    let mut words = call.args[2..].iter();
    while let Some(word) = words.next() {
        match (upper(word).as_str(), words.next()) {
            ("RANK", Some(argument)) => {
                rank = negatable(argument)?;
                if rank == 0 {
                    return refused(
                        "RANK can't be zero: use 1 to start from the first match, 2 from the second ... \
                         or use negative to start from the end of the list",
                    );
                }
            }
            ("COUNT", Some(argument)) => wanted = Some(at_least(argument, 0, "COUNT can't be negative")?),
            ("MAXLEN", Some(argument)) => compared_max = at_least(argument, 0, "MAXLEN can't be negative")?,
            _ => return syntax_error(),
        }
    }
    let items = call.list(0)?;
    let mut order: Vec<usize> = (0..items.len()).collect();
    if rank < 0 {
        order.reverse();
    }
    let size = |number: i128| usize::try_from(number).expect("not negative");
    if compared_max > 0 {
        order.truncate(size(compared_max));
    }
    let found = order.into_iter().filter(|at| items[*at] == call.arg(1)).skip(size(rank.abs() - 1));
    let mut found: Vec<Reply> = found.map(Reply::count).collect();
    Ok(Answer::Exactly(match wanted {
        None => found.into_iter().next().unwrap_or(Reply::Null),
        Some(0) => Reply::Array(found),
        Some(wanted) => {
            found.truncate(size(wanted));
            Reply::Array(found)
        }
    }))
}

pub(super) fn lmove(call: &mut Call<'_>) -> Told {
    let (from, to) = (end(call.arg(2))?, end(call.arg(3))?);
    move_item(call, from, to)
}

/// Moves the item at an end of the first list to an end of the second list, which may be the same list.
pub(super) fn move_item(call: &mut Call<'_>, from: End, to: End) -> Told {
    let mut source = call.list(0)?;
    if source.is_empty() {
        return bulk(None);
    }
    call.list(1)?;
    let item = take(&mut source, from, 1).remove(0);
    if call.id(0) == call.id(1) {
        insert(&mut source, to, item.clone());
        call.put(0, Value::List(source));
        return bulk(Some(item));
    }
    call.put(0, Value::List(source));
    let mut target = call.list(1)?;
    insert(&mut target, to, item.clone());
    call.put(1, Value::List(target));
    bulk(Some(item))
}

/// The arguments of LMPOP and ZMPOP: the positions of the keys, what `end` reads, and the largest number of elements.
pub(super) fn first_of_several<E>(
    call: &Call<'_>,
    end: fn(&[u8]) -> Result<E, Refused>,
) -> Result<(Range<usize>, E, i128), Refused> {
    let keys = at_least(call.arg(0), 1, "numkeys should be greater than 0")?;
    let keys = usize::try_from(keys).expect("64 bits");
    let [word, options @ ..] = call.args.get(keys + 1..).unwrap_or_default() else { return syntax_error() };
    let end = end(word)?;
    let wanted = match options {
        [] => 1,
        [word, wanted, rest @ ..] if upper(word) == "COUNT" => {
            let wanted = at_least(wanted, 1, "count should be greater than 0")?;
            if !rest.is_empty() {
                return syntax_error();
            }
            wanted
        }
        _ => return syntax_error(),
    };
    Ok((1..keys + 1, end, wanted))
}

pub(super) fn lmpop(call: &mut Call<'_>) -> Told {
    let (keys, from, wanted) = first_of_several(call, end)?;
    for at in keys {
        let mut items = call.list(at)?;
        if !items.is_empty() {
            let taken = take(&mut items, from, wanted);
            call.put(at, Value::List(items));
            return Ok(Answer::Exactly(Reply::Array(vec![Reply::bulk(call.arg(at)), array(taken)])));
        }
    }
    Ok(Answer::Exactly(Reply::NullArray))
}

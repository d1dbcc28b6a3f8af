//! Commands that write at the ends of a list: LPUSH RPUSH LPUSHX RPUSHX LPOP RPOP LTRIM. Pure.

use super::stored::{End, List};
use super::{integer, number_from};
use crate::command::{CommandError, Edit, Outcome, Reply, View};
use crate::effect::Effect;
use crate::time::Millis;

/// Pushes the items of a command one by one at `end`, as Redis does, so that LPUSH puts the last one first.
fn push(list: Option<List>, view: &View<'_>, argv: &[Vec<u8>], end: End) -> Outcome {
    let mut edit = Edit::new(view);
    let mut list = match list {
        Some(list) => list,
        None => List::create(&mut edit, view.key(&argv[1]))?,
    };
    for item in &argv[2..] {
        list.push(&mut edit, end, item)?;
    }
    let length = list.length();
    list.save(&mut edit)?;
    Ok((Reply::Integer(length), edit.finish()))
}

pub(super) fn lpush(view: &View<'_>, _: Millis, argv: &[Vec<u8>]) -> Outcome {
    push(List::open(view, &argv[1])?, view, argv, End::Left)
}

pub(super) fn rpush(view: &View<'_>, _: Millis, argv: &[Vec<u8>]) -> Outcome {
    push(List::open(view, &argv[1])?, view, argv, End::Right)
}

/// Like [`push`], but creates no list.
fn push_to_existing(view: &View<'_>, argv: &[Vec<u8>], end: End) -> Outcome {
    match List::open(view, &argv[1])? {
        None => Ok((Reply::Integer(0), Effect::none())),
        list => push(list, view, argv, end),
    }
}

pub(super) fn lpushx(view: &View<'_>, _: Millis, argv: &[Vec<u8>]) -> Outcome {
    push_to_existing(view, argv, End::Left)
}

pub(super) fn rpushx(view: &View<'_>, _: Millis, argv: &[Vec<u8>]) -> Outcome {
    push_to_existing(view, argv, End::Right)
}

/// LPOP and RPOP. Cost: O(count); in an uneven list also O(elements from the nearer end to the last one removed).
fn pop(view: &View<'_>, argv: &[Vec<u8>], command: &str, end: End) -> Outcome {
    let count = match &argv[2..] {
        [] => None,
        [count] => Some(number_from(0, count, "value is out of range, must be positive")?),
        _ => return Err(CommandError::arity(command)),
    };
    let Some(mut list) = List::open(view, &argv[1])? else {
        let nothing = if count.is_some() { Reply::NullArray } else { Reply::Null };
        return Ok((nothing, Effect::none()));
    };
    if count == Some(0) {
        return Ok((Reply::Array(Vec::new()), Effect::none()));
    }
    let mut edit = Edit::new(view);
    let mut items = list.pop(&mut edit, end, count.unwrap_or(1))?;
    list.save(&mut edit)?;
    let reply = match count {
        None => Reply::bulk_or_null(items.pop()),
        Some(_) => Reply::Array(items.into_iter().map(Reply::Bulk).collect()),
    };
    Ok((reply, edit.finish()))
}

pub(super) fn lpop(view: &View<'_>, _: Millis, argv: &[Vec<u8>]) -> Outcome {
    pop(view, argv, "lpop", End::Left)
}

pub(super) fn rpop(view: &View<'_>, _: Millis, argv: &[Vec<u8>]) -> Outcome {
    pop(view, argv, "rpop", End::Right)
}

pub(super) fn ltrim(view: &View<'_>, _: Millis, argv: &[Vec<u8>]) -> Outcome {
    let (start, stop) = (integer(&argv[2])?, integer(&argv[3])?);
    let Some(mut list) = List::open(view, &argv[1])? else { return Ok((Reply::OK, Effect::none())) };
    let count = list.collection.count;
    let (left, right) = match list.range(start, stop) {
        None => (count, 0),
        Some((first, number)) => (first, count - first - number),
    };
    if left + right == 0 {
        return Ok((Reply::OK, Effect::none()));
    }
    let mut edit = Edit::new(view);
    list.trim(&mut edit, left, right)?;
    list.save(&mut edit)?;
    Ok((Reply::OK, edit.finish()))
}

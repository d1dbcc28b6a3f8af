//! Commands that write anywhere in a list: LSET LINSERT LREM. Pure.

use super::integer;
use super::stored::{End, List};
use crate::command::options::is_option;
use crate::command::{CommandError, Edit, Outcome, Reply, View};
use crate::effect::Effect;
use crate::store::StoreError;
use crate::time::Millis;
use std::ops::ControlFlow;

/// LSET. Cost: in an uneven list O(elements from the nearer end).
pub(super) fn lset(view: &View<'_>, _: Millis, argv: &[Vec<u8>]) -> Outcome {
    let list = List::open(view, &argv[1])?.ok_or_else(|| CommandError::err("no such key"))?;
    let out_of_range = || CommandError::err("index out of range");
    let index = list.index(integer(&argv[2])?).ok_or_else(out_of_range)?;
    let position = list.position(view, index)?.ok_or_else(out_of_range)?;
    let mut edit = Edit::new(view);
    list.put(&mut edit, position, &argv[3])?;
    Ok((Reply::OK, edit.finish()))
}

/// The position of an element, between those of its neighbours.
type Found = (Option<u64>, u64, Option<u64>);

/// The first element that equals `pivot`. Cost: O(n).
fn find(list: &List, view: &View<'_>, pivot: &[u8]) -> Result<Option<Found>, StoreError> {
    let (mut previous, mut found) = (None, None);
    list.walk(view, End::Left, list.whole(), &mut |position, reached| {
        if let Some((_, _, next)) = &mut found {
            *next = Some(position);
            return Ok(ControlFlow::Break(()));
        }
        if reached.item()? == pivot {
            found = Some((previous, position, None));
        }
        previous = Some(position);
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(found)
}

/// LINSERT. Cost: O(n) reads; O(log n) writes on average.
pub(super) fn linsert(view: &View<'_>, _: Millis, argv: &[Vec<u8>]) -> Outcome {
    let is_before = match &argv[2] {
        place if is_option(place, "before") => true,
        place if is_option(place, "after") => false,
        _ => return Err(CommandError::syntax()),
    };
    let (pivot, item) = (&argv[3], &argv[4]);
    let Some(mut list) = List::open(view, &argv[1])? else { return Ok((Reply::Integer(0), Effect::none())) };
    let Some((previous, found, next)) = find(&list, view, pivot)? else {
        return Ok((Reply::Integer(-1), Effect::none()));
    };
    let mut edit = Edit::new(view);
    match (is_before, previous, next) {
        (true, None, _) => list.push(&mut edit, End::Left, item)?,
        (true, Some(previous), _) => list.insert(&mut edit, (previous, found), item)?,
        (false, _, Some(next)) => list.insert(&mut edit, (found, next), item)?,
        (false, _, None) => list.push(&mut edit, End::Right, item)?,
    }
    let length = list.length();
    list.save(&mut edit)?;
    Ok((Reply::Integer(length), edit.finish()))
}

/// LREM. Cost: O(n) reads; a write for each removed element.
pub(super) fn lrem(view: &View<'_>, _: Millis, argv: &[Vec<u8>]) -> Outcome {
    let count = integer(&argv[2])?;
    let Some(mut list) = List::open(view, &argv[1])? else { return Ok((Reply::Integer(0), Effect::none())) };
    let number_max = match count {
        0 => usize::MAX,
        _ => usize::try_from(count.unsigned_abs()).unwrap_or(usize::MAX),
    };
    let end = if count < 0 { End::Right } else { End::Left };
    let mut positions = Vec::new();
    list.walk(view, end, list.whole(), &mut |position, reached| {
        if reached.item()? == argv[3] {
            positions.push(position);
        }
        Ok(if positions.len() == number_max { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    })?;
    if positions.is_empty() {
        return Ok((Reply::Integer(0), Effect::none()));
    }
    let mut edit = Edit::new(view);
    list.delete(&mut edit, &positions)?;
    list.save(&mut edit)?;
    Ok((Reply::count(positions.len()), edit.finish()))
}

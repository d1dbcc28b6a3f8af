//! Commands that read one set: SISMEMBER SMISMEMBER SMEMBERS SCARD SSCAN. Pure.
//!
//! An absent set is read as a set without members.

use super::{Members, shown};
use crate::command::cursor::{self, Options};
use crate::command::{CommandError, Outcome, Reply, View};
use crate::effect::Effect;
use crate::store::{Element, element};
use crate::time::Millis;

pub(super) fn sismember(view: &View<'_>, _: Millis, argv: &[Vec<u8>]) -> Outcome {
    let is_member = match Members::of(view, &argv[1])? {
        Some(stored) => stored.has(&element::of_member(&argv[2]))?,
        None => false,
    };
    Ok((Reply::truth(is_member), Effect::none()))
}

pub(super) fn smismember(view: &View<'_>, _: Millis, argv: &[Vec<u8>]) -> Outcome {
    let stored = Members::of(view, &argv[1])?;
    let is_member = |member: &Vec<u8>| -> Result<Reply, CommandError> {
        match &stored {
            Some(stored) => Ok(Reply::truth(stored.has(&element::of_member(member))?)),
            None => Ok(Reply::Integer(0)),
        }
    };
    let answers: Result<Vec<Reply>, CommandError> = argv[2..].iter().map(is_member).collect();
    Ok((Reply::Array(answers?), Effect::none()))
}

/// SMEMBERS. Cost: O(members).
pub(super) fn smembers(view: &View<'_>, _: Millis, argv: &[Vec<u8>]) -> Outcome {
    let names = Members::of(view, &argv[1])?.map(|stored| stored.all()).transpose()?.unwrap_or_default();
    Ok((Reply::Set(names.iter().map(|name| shown(name)).collect()), Effect::none()))
}

pub(super) fn scard(view: &View<'_>, _: Millis, argv: &[Vec<u8>]) -> Outcome {
    let count = Members::of(view, &argv[1])?.map_or(0, |stored| stored.set.count);
    Ok((Reply::Integer(i64::try_from(count).unwrap_or(i64::MAX)), Effect::none()))
}

/// SSCAN: see [`cursor::collection`].
pub(super) fn sscan(view: &View<'_>, _: Millis, argv: &[Vec<u8>]) -> Outcome {
    let show = |options: &Options<'_>, (name, _): Element| match element::member(&name) {
        Some(member) if options.name_passes(member) => vec![Reply::bulk(member)],
        _ => Vec::new(),
    };
    cursor::collection(view, argv, &|name| Ok(Members::of(view, name)?.map(|stored| stored.set)), &show)
}

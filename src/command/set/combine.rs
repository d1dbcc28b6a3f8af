//! Combine — several sets → one: SINTER SINTERCARD SUNION SDIFF SINTERSTORE SUNIONSTORE SDIFFSTORE. Pure.
//!
//! An absent set is one without members. As in Redis, the types of all sources are checked first, whether or not their members
//! matter. The commands that store read their sources before they write, so the destination may be one of them.

use super::{Members, Names, shown};
use crate::command::options::is_option;
use crate::command::{CommandError, Edit, Outcome, Reply, View, number};
use crate::effect::Effect;
use crate::store::StoreError;
use crate::store::record::{Collection, Record, Value};
use crate::time::Millis;
use std::ops::ControlFlow;

/// Several sets → the names of elements.
type Combine = fn(&[Option<Members<'_>>]) -> Result<Names, StoreError>;

/// The sets under the names. Errors: WRONGTYPE.
fn sources<'a>(view: &'a View<'a>, names: &'a [Vec<u8>]) -> Result<Vec<Option<Members<'a>>>, CommandError> {
    names.iter().map(|name| Members::of(view, name)).collect()
}

/// Calls `visit` for each element that is in all sets, until it breaks. Cost: O(members of the smallest set × sets).
fn for_each_shared(
    sources: &[Option<Members<'_>>],
    visit: &mut dyn FnMut(Vec<u8>) -> ControlFlow<()>,
) -> Result<(), StoreError> {
    let mut sets: Vec<&Members<'_>> = sources.iter().flatten().collect();
    if sets.len() < sources.len() {
        return Ok(());
    }
    sets.sort_by_key(|members| members.set.count);
    let Some((smallest, others)) = sets.split_first() else { return Ok(()) };
    smallest.for_each(&mut |name| {
        for other in others {
            if !other.has(&name)? {
                return Ok(ControlFlow::Continue(()));
            }
        }
        Ok(visit(name))
    })
}

/// The elements that are in all sets. Cost: as [`for_each_shared`].
fn intersection(sources: &[Option<Members<'_>>]) -> Result<Names, StoreError> {
    let mut shared = Names::new();
    for_each_shared(sources, &mut |name| {
        shared.insert(name);
        ControlFlow::Continue(())
    })?;
    Ok(shared)
}

/// The elements that are in any of the sets. Cost: O(members of all sets).
fn union(sources: &[Option<Members<'_>>]) -> Result<Names, StoreError> {
    let mut all = Names::new();
    for members in sources.iter().flatten() {
        members.for_each(&mut |name| {
            all.insert(name);
            Ok(ControlFlow::Continue(()))
        })?;
    }
    Ok(all)
}

/// The elements of the first set that are in no other. Cost: O(members of the first set × sets), less for an other set with
/// fewer members than are left.
fn difference(sources: &[Option<Members<'_>>]) -> Result<Names, StoreError> {
    let Some((Some(first), others)) = sources.split_first() else { return Ok(Names::new()) };
    let mut left = first.names()?;
    for other in others.iter().flatten() {
        if other.set.count < left.len() as u64 {
            other.for_each(&mut |name| {
                left.remove(&name);
                Ok(ControlFlow::Continue(()))
            })?;
        } else {
            let mut kept = Names::new();
            for name in left {
                if !other.has(&name)? {
                    kept.insert(name);
                }
            }
            left = kept;
        }
    }
    Ok(left)
}

fn show(view: &View<'_>, argv: &[Vec<u8>], combine: Combine) -> Outcome {
    let names = combine(&sources(view, &argv[1..])?)?;
    Ok((Reply::Set(names.iter().map(|name| shown(name)).collect()), Effect::none()))
}

/// Makes the first argument the set that results from the others, whatever it was; without members it does not exist.
fn store(view: &View<'_>, argv: &[Vec<u8>], combine: Combine) -> Outcome {
    let target = view.key(&argv[1]);
    let names = combine(&sources(view, &argv[2..])?)?;
    let mut edit = Edit::new(view);
    if !names.is_empty() {
        let Collection { incarnation, .. } = edit.create(&target)?;
        for name in &names {
            edit.put_element(&target, incarnation, name, &[])?;
        }
        let count = names.len() as u64;
        let value = Value::Set(Collection { incarnation, count });
        edit.put_record(&target, &Record { deadline: None, value })?;
    } else if edit.record(&target)?.is_some() {
        edit.remove(&target)?;
    }
    Ok((Reply::count(names.len()), edit.finish()))
}

pub(super) fn sinter(view: &View<'_>, _: Millis, argv: &[Vec<u8>]) -> Outcome {
    show(view, argv, intersection)
}

pub(super) fn sunion(view: &View<'_>, _: Millis, argv: &[Vec<u8>]) -> Outcome {
    show(view, argv, union)
}

pub(super) fn sdiff(view: &View<'_>, _: Millis, argv: &[Vec<u8>]) -> Outcome {
    show(view, argv, difference)
}

pub(super) fn sinterstore(view: &View<'_>, _: Millis, argv: &[Vec<u8>]) -> Outcome {
    store(view, argv, intersection)
}

pub(super) fn sunionstore(view: &View<'_>, _: Millis, argv: &[Vec<u8>]) -> Outcome {
    store(view, argv, union)
}

pub(super) fn sdiffstore(view: &View<'_>, _: Millis, argv: &[Vec<u8>]) -> Outcome {
    store(view, argv, difference)
}

/// SINTERCARD. Reads no more once it has counted to the limit.
pub(super) fn sintercard(view: &View<'_>, _: Millis, argv: &[Vec<u8>]) -> Outcome {
    let few = || CommandError::err("numkeys should be greater than 0");
    let numkeys = number::parse_integer(&argv[1]).filter(|count| *count > 0).ok_or_else(few)?;
    let numkeys = usize::try_from(numkeys).unwrap_or(usize::MAX);
    if numkeys > argv.len() - 2 {
        return Err(CommandError::err("Number of keys can't be greater than number of args"));
    }
    let (keys, options) = argv[2..].split_at(numkeys);
    let limit = parse_limit(options)?;
    let mut count = 0;
    for_each_shared(&sources(view, keys)?, &mut |_| {
        count += 1;
        if count == limit { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })?;
    Ok((Reply::count(count), Effect::none()))
}

/// The last limit in the options; 0: there is none. Errors: syntax; a limit is not an integer, or negative.
fn parse_limit(options: &[Vec<u8>]) -> Result<usize, CommandError> {
    let mut limit = 0;
    for pair in options.chunks(2) {
        let [name, value] = pair else { return Err(CommandError::syntax()) };
        if !is_option(name, "limit") {
            return Err(CommandError::syntax());
        }
        let parsed = number::parse_integer(value).and_then(|limit| usize::try_from(limit).ok());
        limit = parsed.ok_or_else(|| CommandError::err("LIMIT can't be negative"))?;
    }
    Ok(limit)
}

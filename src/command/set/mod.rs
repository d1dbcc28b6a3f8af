//! Commands on sets: SADD SREM SMOVE. The reads, the combinations of sets and the random choices are in the other files of
//! this folder. Pure.
//!
//! A set is a metadata record (incarnation, number of members) and one record per member, without a value. The name of that
//! record begins with a hash of the member (see [`element`]), so members come in the order of their hashes; Redis promises
//! no order. The effect of a write holds the members that it changes, and the metadata, which counts them. The deadline stays.

mod combine;
mod draw;
#[cfg(test)]
mod draw_tests;
mod members;
mod read;
#[cfg(test)]
mod tests;

use super::{CommandError, Edit, Execute, KeyArguments, Kind, Outcome, Reply, Spec, View, always};
use crate::effect::Effect;
use crate::store::element;
use crate::store::record::{Record, Value};
use crate::time::Millis;
use members::Members;
use std::collections::BTreeSet;

const FIRST: KeyArguments = KeyArguments::FIRST;
const ALL: KeyArguments = KeyArguments::ALL;

pub(super) const TABLE: &[Spec] = &[
    row("sadd", -3, Kind::Write, FIRST, "SADD key member [member ...]", sadd),
    row("srem", -3, Kind::Write, FIRST, "SREM key member [member ...]", srem),
    row("smove", 4, Kind::Write, KeyArguments::TWO, "SMOVE source destination member", smove),
    row("spop", -2, Kind::Write, FIRST, "SPOP key [count]", draw::spop),
    row("srandmember", -2, Kind::Read, FIRST, "SRANDMEMBER key [count]", draw::srandmember),
    row("sismember", 3, Kind::Read, FIRST, "SISMEMBER key member", read::sismember),
    row("smismember", -3, Kind::Read, FIRST, "SMISMEMBER key member [member ...]", read::smismember),
    row("smembers", 2, Kind::Read, FIRST, "SMEMBERS key", read::smembers),
    row("scard", 2, Kind::Read, FIRST, "SCARD key", read::scard),
    row("sscan", -3, Kind::Read, FIRST, "SSCAN key cursor [MATCH pattern] [COUNT count]", read::sscan),
    row("sinter", -2, Kind::Read, ALL, "SINTER key [key ...]", combine::sinter),
    row(
        "sintercard",
        -3,
        Kind::Read,
        COUNTED,
        "SINTERCARD numkeys key [key ...] [LIMIT limit]",
        combine::sintercard,
    ),
    row("sunion", -2, Kind::Read, ALL, "SUNION key [key ...]", combine::sunion),
    row("sdiff", -2, Kind::Read, ALL, "SDIFF key [key ...]", combine::sdiff),
    row("sinterstore", -3, Kind::Write, ALL, "SINTERSTORE destination key [key ...]", combine::sinterstore),
    row("sunionstore", -3, Kind::Write, ALL, "SUNIONSTORE destination key [key ...]", combine::sunionstore),
    row("sdiffstore", -3, Kind::Write, ALL, "SDIFFSTORE destination key [key ...]", combine::sdiffstore),
];

const COUNTED: KeyArguments = KeyArguments::Counted { has_target: false, count: 1 };

/// A row of the table. The outcome of every command on sets depends on what is stored: even SADD needs to know which members
/// are new, to count them.
const fn row(
    name: &'static str,
    arity: i32,
    kind: Kind,
    keys: KeyArguments,
    grammar: &'static str,
    execute: Execute,
) -> Spec {
    Spec { name, arity, kind, keys, depends_on_stored: always, grammar, execute }
}

/// The names of elements, without repetitions, in the order in which they are stored.
type Names = BTreeSet<Vec<u8>>;

/// The names of the elements for the members in `arguments`.
fn names(arguments: &[Vec<u8>]) -> Names {
    arguments.iter().map(|member| element::of_member(member)).collect()
}

/// The member of an element as a reply.
fn shown(name: &[u8]) -> Reply {
    Reply::bulk(element::member(name).unwrap_or_default())
}

/// Adds elements to the set `name`, which is created if it is absent or dead. Returns the number of new ones. Errors:
/// WRONGTYPE.
fn add(view: &View<'_>, edit: &mut Edit<'_>, name: &[u8], added: &Names) -> Result<usize, CommandError> {
    let key = view.key(name);
    let stored = Members::of(view, name)?;
    let (mut set, deadline) = match &stored {
        Some(stored) => (stored.set, stored.deadline),
        None => (edit.create(&key)?, None),
    };
    let before = set.count;
    for element in added {
        let is_new = match &stored {
            Some(stored) => !stored.has(element)?,
            None => true,
        };
        if is_new {
            edit.put_element(&key, set.incarnation, element, &[])?;
            set.count += 1;
        }
    }
    if set.count > before {
        edit.put_record(&key, &Record { deadline, value: Value::Set(set) })?;
    }
    Ok(usize::try_from(set.count - before).unwrap_or(usize::MAX))
}

/// Removes elements from a set, and the set itself if none are left. Returns the number of those that were in it.
fn remove(edit: &mut Edit<'_>, stored: &Members<'_>, names: &Names) -> Result<usize, CommandError> {
    let mut present = Vec::new();
    for name in names {
        if stored.has(name)? {
            present.push(name.as_slice());
        }
    }
    remove_present(edit, stored, &present)?;
    Ok(present.len())
}

/// Like [`remove`], for elements that are in the set.
fn remove_present(edit: &mut Edit<'_>, stored: &Members<'_>, names: &[&[u8]]) -> Result<(), CommandError> {
    let (key, mut set) = (stored.key(), stored.set);
    set.count = set.count.saturating_sub(names.len() as u64);
    if set.count == 0 {
        edit.remove(&key)?;
    } else if !names.is_empty() {
        for name in names {
            edit.delete_element(&key, set.incarnation, name)?;
        }
        edit.put_record(&key, &Record { deadline: stored.deadline, value: Value::Set(set) })?;
    }
    Ok(())
}

fn sadd(view: &View<'_>, _: Millis, argv: &[Vec<u8>]) -> Outcome {
    let mut edit = Edit::new(view);
    let added = add(view, &mut edit, &argv[1], &names(&argv[2..]))?;
    Ok((Reply::count(added), edit.finish()))
}

fn srem(view: &View<'_>, _: Millis, argv: &[Vec<u8>]) -> Outcome {
    let Some(stored) = Members::of(view, &argv[1])? else { return Ok((Reply::Integer(0), Effect::none())) };
    let mut edit = Edit::new(view);
    let removed = remove(&mut edit, &stored, &names(&argv[2..]))?;
    Ok((Reply::count(removed), edit.finish()))
}

/// SMOVE. As in Redis, the type of the destination does not matter if there is no source.
fn smove(view: &View<'_>, _: Millis, argv: &[Vec<u8>]) -> Outcome {
    let (source, target, moved) = (&argv[1], &argv[2], names(&argv[3..]));
    let Some(stored) = Members::of(view, source)? else { return Ok((Reply::Integer(0), Effect::none())) };
    Members::of(view, target)?;
    if source == target {
        let is_member = moved.first().map_or(Ok(false), |name| stored.has(name))?;
        return Ok((Reply::truth(is_member), Effect::none()));
    }
    let mut edit = Edit::new(view);
    let removed = remove(&mut edit, &stored, &moved)?;
    if removed > 0 {
        add(view, &mut edit, target, &moved)?;
    }
    Ok((Reply::count(removed), edit.finish()))
}

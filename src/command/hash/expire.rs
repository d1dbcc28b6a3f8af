//! Commands on deadlines of fields: HEXPIRE HPEXPIRE HEXPIREAT HPEXPIREAT HTTL HPTTL HEXPIRETIME HPEXPIRETIME HPERSIST.
//! Pure.
//!
//! Each reply is an array with a number for each field. As in Redis, the type of the key is checked before the arguments,
//! and a field that is named twice is treated twice, one after the other. Source: the commands' pages at redis.io.

use super::fields::{NUMBER, NUMBER_OF_HEXPIRE, deadline, fields};
use super::row;
use super::writer::Writer;
use crate::command::keys::{Condition, signed};
use crate::command::options::Unit;
use crate::command::{Kind, Outcome, Reply, Spec, View};
use crate::effect::Effect;
use crate::time::Millis;

pub(in crate::command) const TABLE: &[Spec] = &[
    row(
        "hexpire",
        -6,
        Kind::Deadline,
        "HEXPIRE key seconds [NX | XX | GT | LT] FIELDS numfields field [field ...]",
        hexpire,
    ),
    row(
        "hpexpire",
        -6,
        Kind::Deadline,
        "HPEXPIRE key milliseconds [NX | XX | GT | LT] FIELDS numfields field [field ...]",
        hpexpire,
    ),
    row(
        "hexpireat",
        -6,
        Kind::Deadline,
        "HEXPIREAT key unix-time-seconds [NX | XX | GT | LT] FIELDS numfields field [field ...]",
        hexpireat,
    ),
    row(
        "hpexpireat",
        -6,
        Kind::Deadline,
        "HPEXPIREAT key unix-time-milliseconds [NX | XX | GT | LT] FIELDS numfields field [field ...]",
        hpexpireat,
    ),
    row("httl", -5, Kind::Read, "HTTL key FIELDS numfields field [field ...]", httl),
    row("hpttl", -5, Kind::Read, "HPTTL key FIELDS numfields field [field ...]", hpttl),
    row("hexpiretime", -5, Kind::Read, "HEXPIRETIME key FIELDS numfields field [field ...]", hexpiretime),
    row("hpexpiretime", -5, Kind::Read, "HPEXPIRETIME key FIELDS numfields field [field ...]", hpexpiretime),
    row("hpersist", -5, Kind::Deadline, "HPERSIST key FIELDS numfields field [field ...]", hpersist),
];

/// Reply for a field that does not exist.
const NO_FIELD: i64 = -2;
/// Reply for a field without a deadline.
const NO_DEADLINE: i64 = -1;
/// Reply for a field whose deadline stays, because of the condition.
const CONDITION_NOT_MET: i64 = 0;
/// Reply for a field whose deadline was set or removed.
const DONE: i64 = 1;
/// Reply for a field that was deleted, because the deadline is already reached.
const DELETED: i64 = 2;

fn hexpire(view: &View<'_>, now: Millis, argv: &[Vec<u8>]) -> Outcome {
    set_deadlines(view, now, argv, Unit::Seconds)
}

fn hpexpire(view: &View<'_>, now: Millis, argv: &[Vec<u8>]) -> Outcome {
    set_deadlines(view, now, argv, Unit::Milliseconds)
}

fn hexpireat(view: &View<'_>, now: Millis, argv: &[Vec<u8>]) -> Outcome {
    set_deadlines(view, now, argv, Unit::AtSecond)
}

fn hpexpireat(view: &View<'_>, now: Millis, argv: &[Vec<u8>]) -> Outcome {
    set_deadlines(view, now, argv, Unit::AtMillisecond)
}

/// Runs a command of the HEXPIRE family. The checks have the order of Redis: key, number, FIELDS.
fn set_deadlines(view: &View<'_>, now: Millis, argv: &[Vec<u8>], unit: Unit) -> Outcome {
    let mut hash = Writer::open(view, &argv[1])?;
    let wanted = deadline(argv, unit, &argv[2], now)?;
    let condition = Condition::of_option(&argv[3]);
    let at = if condition.is_some() { 4 } else { 3 };
    let condition = condition.unwrap_or_default();
    let fields = fields(argv, at, NUMBER_OF_HEXPIRE)?;
    let mut replies = Vec::with_capacity(fields.len());
    for field in fields {
        let outcome = match hash.get(field)?.map(|(_, current)| current) {
            None => NO_FIELD,
            Some(current) if !condition.allows(current.map(signed), signed(wanted)) => CONDITION_NOT_MET,
            Some(_) if wanted <= now => {
                hash.delete(field)?;
                DELETED
            }
            Some(_) => {
                hash.set_deadline(field, Some(wanted))?;
                DONE
            }
        };
        replies.push(Reply::Integer(outcome));
    }
    Ok((Reply::Array(replies), hash.finish()?))
}

fn hpersist(view: &View<'_>, _: Millis, argv: &[Vec<u8>]) -> Outcome {
    let mut hash = Writer::open(view, &argv[1])?;
    let fields = fields(argv, 2, NUMBER)?;
    let mut replies = Vec::with_capacity(fields.len());
    for field in fields {
        let outcome = match hash.get(field)?.map(|(_, current)| current) {
            None => NO_FIELD,
            Some(None) => NO_DEADLINE,
            Some(Some(_)) => {
                hash.set_deadline(field, None)?;
                DONE
            }
        };
        replies.push(Reply::Integer(outcome));
    }
    Ok((Reply::Array(replies), hash.finish()?))
}

fn httl(view: &View<'_>, now: Millis, argv: &[Vec<u8>]) -> Outcome {
    tell(view, argv, |deadline| in_seconds(deadline.since(now)))
}

fn hpttl(view: &View<'_>, now: Millis, argv: &[Vec<u8>]) -> Outcome {
    tell(view, argv, |deadline| deadline.since(now))
}

fn hexpiretime(view: &View<'_>, _: Millis, argv: &[Vec<u8>]) -> Outcome {
    tell(view, argv, |deadline| in_seconds(view.by_wall_clock(deadline).0))
}

fn hpexpiretime(view: &View<'_>, _: Millis, argv: &[Vec<u8>]) -> Outcome {
    tell(view, argv, |deadline| view.by_wall_clock(deadline).0)
}

/// Milliseconds in whole seconds, rounded up; TTL rounds to the nearest.
fn in_seconds(milliseconds: u64) -> u64 {
    milliseconds.div_ceil(1000)
}

/// The reply of an HTTL command: the `distance` of the deadline of each field.
fn tell(view: &View<'_>, argv: &[Vec<u8>], distance: impl Fn(Millis) -> u64) -> Outcome {
    let hash = view.hash(&argv[1])?;
    let mut replies = Vec::new();
    for field in fields(argv, 2, NUMBER)? {
        let stored = match hash {
            Some(hash) => view.stored_field(&argv[1], hash.collection.incarnation, field)?,
            None => None,
        };
        replies.push(Reply::Integer(match stored.map(|(_, deadline)| deadline) {
            None => NO_FIELD,
            Some(None) => NO_DEADLINE,
            Some(Some(deadline)) if deadline <= view.judged_at() => NO_FIELD,
            Some(Some(deadline)) => i64::try_from(distance(deadline)).unwrap_or(i64::MAX),
        }));
    }
    Ok((Reply::Array(replies), Effect::none()))
}

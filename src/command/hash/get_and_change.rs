//! Commands that read or write fields together with their deadlines: HGETEX HGETDEL HSETEX. Pure.
//!
//! A field that is named twice is treated twice, one after the other: HGETDEL h FIELDS 2 f f replies the value, then null.
//! Source: the commands' pages at redis.io.

use super::fields::{NUMBER, deadline, deadline_option, fields};
use super::row;
use super::writer::Writer;
use crate::command::options::{Unit, is_option};
use crate::command::{CommandError, Kind, Outcome, Reply, Spec, View, number};
use crate::time::Millis;
use std::borrow::Cow;

pub(in crate::command) const TABLE: &[Spec] = &[
    row(
        "hgetex",
        -5,
        Kind::Deadline,
        "HGETEX key [EX seconds | PX milliseconds | EXAT unix-time-seconds | PXAT unix-time-milliseconds | PERSIST] \
         FIELDS numfields field [field ...]",
        hgetex,
    ),
    row("hgetdel", -5, Kind::Write, "HGETDEL key FIELDS numfields field [field ...]", hgetdel),
    row(
        "hsetex",
        -6,
        Kind::Write,
        "HSETEX key [FNX | FXX] [EX seconds | PX milliseconds | EXAT unix-time-seconds | PXAT unix-time-milliseconds | \
         KEEPTTL] FIELDS numfields field value [field value ...]",
        hsetex,
    ),
];

/// A change of the deadline of fields.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Change {
    Keep,
    Remove,
    Set(Millis),
}

fn hgetex(view: &View<'_>, now: Millis, argv: &[Vec<u8>]) -> Outcome {
    let mut hash = Writer::open(view, &argv[1])?;
    let (change, at) = match Unit::of_option(&argv[2]) {
        Some(unit) => (Change::Set(deadline(argv, unit, &argv[3], now)?), 4),
        None if is_option(&argv[2], "persist") => (Change::Remove, 3),
        None => (Change::Keep, 2),
    };
    let fields = fields(argv, at, NUMBER)?;
    let mut values = Vec::with_capacity(fields.len());
    for field in fields {
        let Some((value, current)) = hash.get(field)? else {
            values.push(Reply::Null);
            continue;
        };
        values.push(Reply::Bulk(value.to_vec()));
        match change {
            Change::Set(deadline) if deadline <= now => hash.delete(field)?,
            Change::Set(deadline) => hash.set_deadline(field, Some(deadline))?,
            Change::Remove if current.is_some() => hash.set_deadline(field, None)?,
            Change::Remove | Change::Keep => {}
        }
    }
    Ok((Reply::Array(values), hash.finish()?))
}

fn hgetdel(view: &View<'_>, _: Millis, argv: &[Vec<u8>]) -> Outcome {
    let mut hash = Writer::open(view, &argv[1])?;
    let fields = fields(argv, 2, NUMBER)?;
    let mut values = Vec::with_capacity(fields.len());
    for field in fields {
        let value = hash.get(field)?.map(|(value, _)| value.to_vec());
        if value.is_some() {
            hash.delete(field)?;
        }
        values.push(Reply::bulk_or_null(value));
    }
    Ok((Reply::Array(values), hash.finish()?))
}

fn hsetex(view: &View<'_>, now: Millis, argv: &[Vec<u8>]) -> Outcome {
    let Options { existing, change, pairs } = Options::parse(argv, now)?;
    let mut hash = Writer::open(view, &argv[1])?;
    if let Some(existing) = existing {
        if existing && !hash.exists() {
            return Ok((Reply::Integer(0), hash.finish()?));
        }
        for pair in pairs.chunks_exact(2) {
            if hash.get(&pair[0])?.is_some() != existing {
                return Ok((Reply::Integer(0), hash.finish()?));
            }
        }
    }
    for pair in pairs.chunks_exact(2) {
        let (field, value) = (pair[0].as_slice(), pair[1].as_slice());
        let deadline = match change {
            Change::Keep => hash.get(field)?.and_then(|(_, current)| current),
            Change::Remove => None,
            Change::Set(deadline) if deadline <= now => {
                hash.delete(field)?;
                continue;
            }
            Change::Set(deadline) => Some(deadline),
        };
        hash.put(field, Cow::Borrowed(value), deadline)?;
    }
    Ok((Reply::Integer(1), hash.finish()?))
}

/// Options and fields of HSETEX.
struct Options<'a> {
    /// FXX: only if all fields exist; FNX: only if none does.
    existing: Option<bool>,
    change: Change,
    /// Fields and values in turn.
    pairs: &'a [Vec<u8>],
}

impl<'a> Options<'a> {
    /// Options in any order, up to FIELDS. The errors are those of Redis, of the first argument that is wrong.
    fn parse(argv: &'a [Vec<u8>], now: Millis) -> Result<Options<'a>, CommandError> {
        let mut options = Options { existing: None, change: Change::Remove, pairs: &[] };
        let mut has_deadline = false;
        let mut at = 2;
        while let Some(argument) = argv.get(at) {
            if is_option(argument, "fields") {
                return Ok(Options { pairs: pairs(argv, at)?, ..options });
            }
            let (unit, keeps) = (Unit::of_option(argument), is_option(argument, "keepttl"));
            let existing = if is_option(argument, "fxx") { Some(true) } else { None };
            let existing = if is_option(argument, "fnx") { Some(false) } else { existing };
            if (unit.is_some() || keeps) && std::mem::replace(&mut has_deadline, true) {
                let text = "Only one of EX, PX, EXAT, PXAT or KEEPTTL arguments can be specified";
                return Err(CommandError::err(text));
            }
            if let Some(unit) = unit {
                at += 1;
                let number = argv.get(at).ok_or_else(|| CommandError::err("missing expire time"))?;
                options.change = Change::Set(deadline(argv, unit, number, now)?);
            } else if keeps {
                options.change = Change::Keep;
            } else if existing.is_none() {
                let shown = CommandError::quoted(argument);
                return Err(CommandError::err(format_args!("unknown argument: {shown}")));
            } else if std::mem::replace(&mut options.existing, existing).is_some() {
                return Err(CommandError::err("Only one of FXX or FNX arguments can be specified"));
            }
            at += 1;
        }
        // No five arguments of which each is a valid option leave FIELDS out.
        Err(CommandError::arity("hsetex"))
    }
}

/// The fields and values after FIELDS, which is at position `at`.
fn pairs(argv: &[Vec<u8>], at: usize) -> Result<&[Vec<u8>], CommandError> {
    if at + 3 >= argv.len() {
        return Err(CommandError::arity("hsetex"));
    }
    let number =
        number::parse_integer(&argv[at + 1]).filter(|number| (1..=i64::from(i32::MAX)).contains(number));
    let number = number.ok_or_else(|| CommandError::err("invalid number of fields"))?;
    let pairs = &argv[at + 2..];
    if pairs.len() % 2 == 1 || usize::try_from(number) != Ok(pairs.len() / 2) {
        return Err(CommandError::arity("hsetex"));
    }
    Ok(pairs)
}

/// The command that sets the deadlines that this HGETEX sets: HPEXPIREAT. `None`: it sets none, or is not an HGETEX.
pub(in crate::command) fn as_hpexpireat(argv: &[Vec<u8>], now: Millis) -> Option<Vec<Vec<u8>>> {
    let (at, unit) = deadline_option(argv)?;
    let deadline = deadline(argv, unit, argv.get(at + 1)?, now).ok()?;
    let head = [b"HPEXPIREAT".to_vec(), argv[1].clone(), deadline.0.to_string().into_bytes()];
    Some(head.into_iter().chain(argv[at + 2..].iter().cloned()).collect())
}

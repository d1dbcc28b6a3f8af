//! Commands that read or write a whole value: GET SET SETNX SETEX PSETEX GETSET GETEX GETDEL. Pure.

use super::super::options::{Typed, Unit, is_option, note};
use super::super::{CommandError, KeyArguments, Kind, Outcome, Reply, Spec, View, always, never};
use super::{put, put_over, remove};
use crate::effect::Effect;
use crate::time::Millis;

pub(in super::super) const TABLE: &[Spec] = &[
    Spec {
        name: "get",
        arity: 2,
        kind: Kind::Read,
        keys: KeyArguments::FIRST,
        depends_on_stored: always,
        grammar: "GET key",
        execute: get,
    },
    Spec {
        name: "set",
        arity: -3,
        kind: Kind::Write,
        keys: KeyArguments::FIRST,
        depends_on_stored: set_looks_at_the_old_value,
        grammar: "SET key value [NX | XX] [GET] [EX seconds | PX milliseconds | EXAT unix-time-seconds | \
                  PXAT unix-time-milliseconds | KEEPTTL]",
        execute: set,
    },
    Spec {
        name: "setnx",
        arity: 3,
        kind: Kind::Write,
        keys: KeyArguments::FIRST,
        depends_on_stored: always,
        grammar: "SETNX key value",
        execute: setnx,
    },
    Spec {
        name: "setex",
        arity: 4,
        kind: Kind::Write,
        keys: KeyArguments::FIRST,
        depends_on_stored: never,
        grammar: "SETEX key seconds value",
        execute: setex,
    },
    Spec {
        name: "psetex",
        arity: 4,
        kind: Kind::Write,
        keys: KeyArguments::FIRST,
        depends_on_stored: never,
        grammar: "PSETEX key milliseconds value",
        execute: psetex,
    },
    Spec {
        name: "getset",
        arity: 3,
        kind: Kind::Write,
        keys: KeyArguments::FIRST,
        depends_on_stored: always,
        grammar: "GETSET key value",
        execute: getset,
    },
    Spec {
        name: "getex",
        arity: -2,
        kind: Kind::Deadline,
        keys: KeyArguments::FIRST,
        depends_on_stored: always,
        grammar: "GETEX key [EX seconds | PX milliseconds | EXAT unix-time-seconds | \
                  PXAT unix-time-milliseconds | PERSIST]",
        execute: getex,
    },
    Spec {
        name: "getdel",
        arity: 2,
        kind: Kind::Write,
        keys: KeyArguments::FIRST,
        depends_on_stored: always,
        grammar: "GETDEL key",
        execute: getdel,
    },
];

fn get(view: &View<'_>, _: Millis, argv: &[Vec<u8>]) -> Outcome {
    Ok((read(view, &argv[1])?, Effect::none()))
}

/// The living string as a reply, null if there is none.
fn read(view: &View<'_>, name: &[u8]) -> Result<Reply, CommandError> {
    Ok(Reply::bulk_or_null(view.string(name)?.map(|(value, _)| value)))
}

/// The old state that SET requires.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Only {
    /// NX.
    IfMissing,
    /// XX.
    IfThere,
}

/// The options of SET.
#[derive(Default)]
struct SetOptions<'a> {
    only: Option<Only>,
    replies_old: bool,
    keeps_deadline: bool,
    deadline: Option<Typed<'a>>,
}

impl<'a> SetOptions<'a> {
    /// Parses the options of SET. Errors: syntax, for an unknown option, and for options that exclude each
    /// other.
    fn parse(options: &'a [Vec<u8>]) -> Result<SetOptions<'a>, CommandError> {
        let mut parsed = SetOptions::default();
        let mut rest = options.iter();
        while let Some(option) = rest.next() {
            if is_option(option, "nx") && parsed.only != Some(Only::IfThere) {
                parsed.only = Some(Only::IfMissing);
            } else if is_option(option, "xx") && parsed.only != Some(Only::IfMissing) {
                parsed.only = Some(Only::IfThere);
            } else if is_option(option, "get") {
                parsed.replies_old = true;
            } else if is_option(option, "keepttl") && parsed.deadline.is_none() {
                parsed.keeps_deadline = true;
            } else if let (Some(unit), false) = (Unit::of_option(option), parsed.keeps_deadline) {
                let number = rest.next().ok_or_else(CommandError::syntax)?;
                note(&mut parsed.deadline, Typed { unit, number })?;
            } else {
                return Err(CommandError::syntax());
            }
        }
        Ok(parsed)
    }
}

/// The answer for options that do not parse is `true`; it does not matter, because such a command ends in an
/// error.
fn set_looks_at_the_old_value(argv: &[Vec<u8>]) -> bool {
    SetOptions::parse(argv.get(3..).unwrap_or_default())
        .map_or(true, |options| options.only.is_some() || options.replies_old || options.keeps_deadline)
}

fn set(view: &View<'_>, now: Millis, argv: &[Vec<u8>]) -> Outcome {
    let (name, value) = (&argv[1], &argv[2]);
    let options = SetOptions::parse(&argv[3..])?;
    let typed = options.deadline.map(|typed| typed.deadline("set", now)).transpose()?;
    let old = if options.replies_old { Some(read(view, name)?) } else { None };
    let refused = match options.only {
        None => false,
        Some(Only::IfMissing) => view.record(name)?.is_some(),
        Some(Only::IfThere) => view.record(name)?.is_none(),
    };
    if refused {
        return Ok((old.unwrap_or(Reply::Null), Effect::none()));
    }
    let effect = match typed {
        // A value that would be dead at once is not stored: no client can see the difference.
        Some(deadline) if deadline <= now => remove(view, name)?,
        _ => {
            let kept = if options.keeps_deadline { view.record(name)? } else { None };
            put(view, name, value, typed.or(kept.and_then(|record| record.deadline)))?
        }
    };
    Ok((old.unwrap_or(Reply::OK), effect))
}

fn setnx(view: &View<'_>, _: Millis, argv: &[Vec<u8>]) -> Outcome {
    if view.record(&argv[1])?.is_some() {
        return Ok((Reply::Integer(0), Effect::none()));
    }
    Ok((Reply::Integer(1), put(view, &argv[1], &argv[2], None)?))
}

fn setex(view: &View<'_>, now: Millis, argv: &[Vec<u8>]) -> Outcome {
    let deadline = Typed { unit: Unit::Seconds, number: &argv[2] }.deadline("setex", now)?;
    Ok((Reply::OK, put(view, &argv[1], &argv[3], Some(deadline))?))
}

fn psetex(view: &View<'_>, now: Millis, argv: &[Vec<u8>]) -> Outcome {
    let deadline = Typed { unit: Unit::Milliseconds, number: &argv[2] }.deadline("psetex", now)?;
    Ok((Reply::OK, put(view, &argv[1], &argv[3], Some(deadline))?))
}

fn getset(view: &View<'_>, _: Millis, argv: &[Vec<u8>]) -> Outcome {
    let old = read(view, &argv[1])?;
    Ok((old, put(view, &argv[1], &argv[2], None)?))
}

fn getdel(view: &View<'_>, _: Millis, argv: &[Vec<u8>]) -> Outcome {
    match view.string(&argv[1])? {
        None => Ok((Reply::Null, Effect::none())),
        Some((value, _)) => Ok((Reply::Bulk(value), remove(view, &argv[1])?)),
    }
}

/// The change that GETEX makes to the deadline.
enum Change<'a> {
    Keep,
    Persist,
    Set(Typed<'a>),
}

/// Parses the options of GETEX. Errors: syntax, for an unknown option, and for options that exclude each
/// other.
fn parse_getex(options: &[Vec<u8>]) -> Result<Change<'_>, CommandError> {
    let (mut persist, mut deadline) = (false, None);
    let mut rest = options.iter();
    while let Some(option) = rest.next() {
        if is_option(option, "persist") && deadline.is_none() {
            persist = true;
        } else if let (Some(unit), false) = (Unit::of_option(option), persist) {
            let number = rest.next().ok_or_else(CommandError::syntax)?;
            note(&mut deadline, Typed { unit, number })?;
        } else {
            return Err(CommandError::syntax());
        }
    }
    Ok(deadline.map_or(if persist { Change::Persist } else { Change::Keep }, Change::Set))
}

fn getex(view: &View<'_>, now: Millis, argv: &[Vec<u8>]) -> Outcome {
    let name = &argv[1];
    let change = parse_getex(&argv[2..])?;
    // Redis looks at the key before it looks at the number: if the key is missing, a wrong number is not an
    // error.
    let Some((value, deadline)) = view.string(name)? else { return Ok((Reply::Null, Effect::none())) };
    let effect = match change {
        Change::Keep => Effect::none(),
        Change::Persist if deadline.is_none() => Effect::none(),
        Change::Persist => put_over(view, name, &value, None, None),
        Change::Set(typed) => match typed.deadline("getex", now)? {
            deadline if deadline <= now => remove(view, name)?,
            deadline => put_over(view, name, &value, Some(deadline), None),
        },
    };
    Ok((Reply::Bulk(value), effect))
}

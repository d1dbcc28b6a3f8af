//! Commands on deadlines: EXPIRE PEXPIRE EXPIREAT PEXPIREAT TTL PTTL EXPIRETIME PEXPIRETIME PERSIST. Pure.
//!
//! A deadline is computed here, once, as an absolute instant; the effect holds the whole record with it. A
//! deadline that is already reached deletes the key. Source: the commands' pages at redis.io.

use crate::command::{CommandError, Draft, KeyArguments, Kind, Outcome, Reply, Spec, View, always, number};
use crate::effect::Effect;
use crate::store::StoreError;
use crate::store::record::Record;
use crate::time::Millis;

pub(super) const TABLE: &[Spec] = &[
    setter("expire", "EXPIRE key seconds [NX | XX | GT | LT]", expire),
    setter("pexpire", "PEXPIRE key milliseconds [NX | XX | GT | LT]", pexpire),
    setter("expireat", "EXPIREAT key unix-time-seconds [NX | XX | GT | LT]", expireat),
    setter("pexpireat", "PEXPIREAT key unix-time-milliseconds [NX | XX | GT | LT]", pexpireat),
    getter("ttl", "TTL key", ttl),
    getter("pttl", "PTTL key", pttl),
    getter("expiretime", "EXPIRETIME key", expiretime),
    getter("pexpiretime", "PEXPIRETIME key", pexpiretime),
    Spec {
        name: "persist",
        arity: 2,
        kind: Kind::Deadline,
        keys: KeyArguments::FIRST,
        depends_on_stored: always,
        grammar: "PERSIST key",
        execute: persist,
    },
];

const fn setter(name: &'static str, grammar: &'static str, execute: crate::command::Execute) -> Spec {
    let (kind, keys) = (Kind::Deadline, KeyArguments::FIRST);
    Spec { name, arity: -3, kind, keys, depends_on_stored: always, grammar, execute }
}

const fn getter(name: &'static str, grammar: &'static str, execute: crate::command::Execute) -> Spec {
    let (kind, keys) = (Kind::Read, KeyArguments::FIRST);
    Spec { name, arity: 2, kind, keys, depends_on_stored: always, grammar, execute }
}

/// The unit of an argument or a reply.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Unit {
    Seconds,
    Milliseconds,
}

fn expire(view: &View<'_>, now: Millis, argv: &[Vec<u8>]) -> Outcome {
    set_deadline(view, now, argv, "expire", Unit::Seconds, now)
}

fn pexpire(view: &View<'_>, now: Millis, argv: &[Vec<u8>]) -> Outcome {
    set_deadline(view, now, argv, "pexpire", Unit::Milliseconds, now)
}

fn expireat(view: &View<'_>, now: Millis, argv: &[Vec<u8>]) -> Outcome {
    set_deadline(view, now, argv, "expireat", Unit::Seconds, Millis::ZERO)
}

fn pexpireat(view: &View<'_>, now: Millis, argv: &[Vec<u8>]) -> Outcome {
    set_deadline(view, now, argv, "pexpireat", Unit::Milliseconds, Millis::ZERO)
}

/// Runs a command of the EXPIRE family; its argument counts from `base`. The checks have the order of Redis:
/// options, number, overflow, key, condition.
fn set_deadline(
    view: &View<'_>,
    now: Millis,
    argv: &[Vec<u8>],
    command: &str,
    unit: Unit,
    base: Millis,
) -> Outcome {
    let condition = Condition::parse(&argv[3..])?;
    let argument = number::parse_integer(&argv[2]).ok_or_else(CommandError::not_an_integer)?;
    let deadline = instant(argument, unit, base).ok_or_else(|| CommandError::invalid_expire(command))?;
    let Some(record) = view.record(&argv[1])? else { return Ok((Reply::Integer(0), Effect::none())) };
    if !condition.allows(record.deadline.map(signed), deadline) {
        return Ok((Reply::Integer(0), Effect::none()));
    }
    let mut draft = Draft::new();
    match u64::try_from(deadline).ok().map(Millis).filter(|&deadline| deadline > now) {
        Some(deadline) => draft.put_record(view, &argv[1], &Record { deadline: Some(deadline), ..record }),
        None => draft.remove(view, &argv[1])?,
    }
    Ok((Reply::Integer(1), draft.finish()))
}

/// The instant that lies `argument` units after `base`, in milliseconds; it may lie before 1970. `None` if it
/// does not fit a signed 64-bit number, which is how Redis stores it.
fn instant(argument: i64, unit: Unit, base: Millis) -> Option<i64> {
    let distance = match unit {
        Unit::Seconds => argument.checked_mul(1000)?,
        Unit::Milliseconds => argument,
    };
    distance.checked_add(signed(base))
}

/// An instant as a signed number, as Redis stores it.
pub(in crate::command) fn signed(instant: Millis) -> i64 {
    i64::try_from(instant.0).unwrap_or(i64::MAX)
}

/// The condition under which a command of the EXPIRE or HEXPIRE family may set the deadline of a key or a field.
#[derive(Clone, Copy, Default)]
pub(in crate::command) struct Condition {
    /// Only if there is no deadline.
    nx: bool,
    /// Only if there is a deadline.
    xx: bool,
    /// Only if the new deadline is later than the current one; no deadline counts as later than every
    /// deadline.
    gt: bool,
    /// Only if the new deadline is earlier than the current one; no deadline counts as later than every
    /// deadline.
    lt: bool,
}

impl Condition {
    fn parse(arguments: &[Vec<u8>]) -> Result<Condition, CommandError> {
        let mut condition = Condition::default();
        for argument in arguments {
            let Some(flag) = condition.flag(argument) else {
                let shown = CommandError::quoted(argument);
                return Err(CommandError::err(format_args!("Unsupported option {shown}")));
            };
            *flag = true;
        }
        let Condition { nx, xx, gt, lt } = condition;
        if nx && (xx || gt || lt) {
            return Err(CommandError::err("NX and XX, GT or LT options at the same time are not compatible"));
        }
        if gt && lt {
            return Err(CommandError::err("GT and LT options at the same time are not compatible"));
        }
        Ok(condition)
    }

    /// The condition that one argument names; `None`: it names none.
    pub(in crate::command) fn of_option(argument: &[u8]) -> Option<Condition> {
        let mut condition = Condition::default();
        *condition.flag(argument)? = true;
        Some(condition)
    }

    fn flag(&mut self, argument: &[u8]) -> Option<&mut bool> {
        match argument.to_ascii_lowercase().as_slice() {
            b"nx" => Some(&mut self.nx),
            b"xx" => Some(&mut self.xx),
            b"gt" => Some(&mut self.gt),
            b"lt" => Some(&mut self.lt),
            _ => None,
        }
    }

    /// Whether the deadline `current` may become `wanted`.
    pub(in crate::command) fn allows(self, current: Option<i64>, wanted: i64) -> bool {
        let Condition { nx, xx, gt, lt } = self;
        match current {
            None => !xx && !gt,
            Some(current) => !nx && (!gt || wanted > current) && (!lt || wanted < current),
        }
    }
}

fn ttl(view: &View<'_>, now: Millis, argv: &[Vec<u8>]) -> Outcome {
    Ok((tell(view, &argv[1], Unit::Seconds, |deadline| deadline.since(now))?, Effect::none()))
}

fn pttl(view: &View<'_>, now: Millis, argv: &[Vec<u8>]) -> Outcome {
    Ok((tell(view, &argv[1], Unit::Milliseconds, |deadline| deadline.since(now))?, Effect::none()))
}

fn expiretime(view: &View<'_>, _: Millis, argv: &[Vec<u8>]) -> Outcome {
    let by_wall_clock = |deadline| view.by_wall_clock(deadline).0;
    Ok((tell(view, &argv[1], Unit::Seconds, by_wall_clock)?, Effect::none()))
}

fn pexpiretime(view: &View<'_>, _: Millis, argv: &[Vec<u8>]) -> Outcome {
    let by_wall_clock = |deadline| view.by_wall_clock(deadline).0;
    Ok((tell(view, &argv[1], Unit::Milliseconds, by_wall_clock)?, Effect::none()))
}

/// The reply of a TTL command: the `distance` of the deadline of `name`, in `unit`. -2: there is no such key; -1: it
/// has no deadline. `distance` gives milliseconds; seconds are rounded to the nearest.
fn tell(
    view: &View<'_>,
    name: &[u8],
    unit: Unit,
    distance: impl Fn(Millis) -> u64,
) -> Result<Reply, StoreError> {
    let Some(record) = view.record(name)? else { return Ok(Reply::Integer(-2)) };
    let Some(deadline) = record.deadline else { return Ok(Reply::Integer(-1)) };
    let distance = distance(deadline);
    Ok(Reply::Integer(signed(Millis(match unit {
        Unit::Seconds => distance.saturating_add(500) / 1000,
        Unit::Milliseconds => distance,
    }))))
}

fn persist(view: &View<'_>, _: Millis, argv: &[Vec<u8>]) -> Outcome {
    let Some(record) = view.record(&argv[1])?.filter(|record| record.deadline.is_some()) else {
        return Ok((Reply::Integer(0), Effect::none()));
    };
    let mut draft = Draft::new();
    draft.put_record(view, &argv[1], &Record { deadline: None, ..record });
    Ok((Reply::Integer(1), draft.finish()))
}

//! Counters: INCR INCRBY DECR DECRBY INCRBYFLOAT. Pure.

use super::super::number::{FloatError, add_float, parse_integer};
use super::super::{CommandError, KeyArguments, Kind, Outcome, Reply, Spec, View, always};
use super::put_over;
use crate::time::Millis;

pub(in super::super) const TABLE: &[Spec] = &[
    Spec {
        name: "incr",
        arity: 2,
        kind: Kind::Write,
        keys: KeyArguments::FIRST,
        depends_on_stored: always,
        grammar: "INCR key",
        execute: |view, _, argv| add(view, &argv[1], 1),
    },
    Spec {
        name: "incrby",
        arity: 3,
        kind: Kind::Write,
        keys: KeyArguments::FIRST,
        depends_on_stored: always,
        grammar: "INCRBY key increment",
        execute: incrby,
    },
    Spec {
        name: "decr",
        arity: 2,
        kind: Kind::Write,
        keys: KeyArguments::FIRST,
        depends_on_stored: always,
        grammar: "DECR key",
        execute: |view, _, argv| add(view, &argv[1], -1),
    },
    Spec {
        name: "decrby",
        arity: 3,
        kind: Kind::Write,
        keys: KeyArguments::FIRST,
        depends_on_stored: always,
        grammar: "DECRBY key decrement",
        execute: decrby,
    },
    Spec {
        name: "incrbyfloat",
        arity: 3,
        kind: Kind::Write,
        keys: KeyArguments::FIRST,
        depends_on_stored: always,
        grammar: "INCRBYFLOAT key increment",
        execute: incrbyfloat,
    },
];

fn add(view: &View<'_>, name: &[u8], increment: i64) -> Outcome {
    let (stored, collection) = view.string_to_replace(name)?;
    let (old, deadline) = match stored {
        None => (0, None),
        Some((value, deadline)) => {
            (parse_integer(&value).ok_or_else(CommandError::not_an_integer)?, deadline)
        }
    };
    let new = old
        .checked_add(increment)
        .ok_or_else(|| CommandError::err("increment or decrement would overflow"))?;
    let mut digits = itoa::Buffer::new();
    let effect = put_over(view, name, digits.format(new).as_bytes(), deadline, collection);
    Ok((Reply::Integer(new), effect))
}

fn incrby(view: &View<'_>, _: Millis, argv: &[Vec<u8>]) -> Outcome {
    let increment = parse_integer(&argv[2]).ok_or_else(CommandError::not_an_integer)?;
    add(view, &argv[1], increment)
}

fn decrby(view: &View<'_>, _: Millis, argv: &[Vec<u8>]) -> Outcome {
    let decrement = parse_integer(&argv[2]).ok_or_else(CommandError::not_an_integer)?;
    let increment = decrement.checked_neg().ok_or_else(|| CommandError::err("decrement would overflow"))?;
    add(view, &argv[1], increment)
}

fn incrbyfloat(view: &View<'_>, _: Millis, argv: &[Vec<u8>]) -> Outcome {
    let (stored, collection) = view.string_to_replace(&argv[1])?;
    let (old, deadline) = match stored {
        None => (None, None),
        Some((value, deadline)) => (Some(value), deadline),
    };
    let new = add_float(old.as_deref(), &argv[2]).map_err(|error| match error {
        FloatError::Old | FloatError::Increment => CommandError::not_a_float(),
        FloatError::Infinite => CommandError::err(error),
    })?;
    let effect = put_over(view, &argv[1], &new, deadline, collection);
    Ok((Reply::Bulk(new), effect))
}

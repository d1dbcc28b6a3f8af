//! Commands on several strings: MGET MSET MSETNX. Pure.

use super::super::{CommandError, Draft, KeyArguments, Kind, Outcome, Reply, Spec, View, always, never};
use crate::effect::Effect;
use crate::store::record::Value;
use crate::time::Millis;

pub(in super::super) const TABLE: &[Spec] = &[
    Spec {
        name: "mget",
        arity: -2,
        kind: Kind::Read,
        keys: KeyArguments::ALL,
        depends_on_stored: always,
        grammar: "MGET key [key ...]",
        execute: mget,
    },
    Spec {
        name: "mset",
        arity: -3,
        kind: Kind::Write,
        keys: KeyArguments::PAIRS,
        depends_on_stored: never,
        grammar: "MSET key value [key value ...]",
        execute: mset,
    },
    Spec {
        name: "msetnx",
        arity: -3,
        kind: Kind::Write,
        keys: KeyArguments::PAIRS,
        depends_on_stored: always,
        grammar: "MSETNX key value [key value ...]",
        execute: msetnx,
    },
];

fn mget(view: &View<'_>, _: Millis, argv: &[Vec<u8>]) -> Outcome {
    let mut values = Vec::with_capacity(argv.len() - 1);
    for name in &argv[1..] {
        // A key of another type is not an error here; its reply is null.
        values.push(match view.record(name)?.map(|record| record.value) {
            Some(Value::String(value)) => Reply::Bulk(value),
            _ => Reply::Null,
        });
    }
    Ok((Reply::Array(values), Effect::none()))
}

fn mset(view: &View<'_>, _: Millis, argv: &[Vec<u8>]) -> Outcome {
    check_pairs("mset", argv)?;
    Ok((Reply::OK, put_all(view, argv)?))
}

fn msetnx(view: &View<'_>, _: Millis, argv: &[Vec<u8>]) -> Outcome {
    check_pairs("msetnx", argv)?;
    for name in argv[1..].iter().step_by(2) {
        if view.record(name)?.is_some() {
            return Ok((Reply::Integer(0), Effect::none()));
        }
    }
    Ok((Reply::Integer(1), put_all(view, argv)?))
}

/// Checks that each key has a value. Errors: wrong number of arguments.
fn check_pairs(command: &str, argv: &[Vec<u8>]) -> Result<(), CommandError> {
    if argv.len().is_multiple_of(2) { Err(CommandError::arity(command)) } else { Ok(()) }
}

/// The effect of setting every pair; if a key is named twice, its last value stays.
fn put_all(view: &View<'_>, argv: &[Vec<u8>]) -> Result<Effect, CommandError> {
    let mut draft = Draft::new();
    for pair in argv[1..].chunks_exact(2) {
        draft.put_string(view, &pair[0], &pair[1], None)?;
    }
    Ok(draft.finish())
}

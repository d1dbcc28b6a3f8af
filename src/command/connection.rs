//! Commands of the connection: PING ECHO SELECT.

use super::{Command, CommandError, DATABASES, KeyArguments, Kind, Outcome, Reply, Spec, View, never};
use crate::effect::Effect;
use crate::time::Millis;

pub(super) const TABLE: &[Spec] = &[
    Spec {
        name: "ping",
        arity: -1,
        kind: Kind::Connection,
        keys: KeyArguments::None,
        depends_on_stored: never,
        grammar: "PING [message]",
        execute: ping,
    },
    Spec {
        name: "echo",
        arity: 2,
        kind: Kind::Connection,
        keys: KeyArguments::None,
        depends_on_stored: never,
        grammar: "ECHO message",
        execute: echo,
    },
    Spec {
        name: "select",
        arity: 2,
        kind: Kind::Connection,
        keys: KeyArguments::None,
        depends_on_stored: never,
        grammar: "SELECT index",
        execute: select,
    },
];

fn ping(_: &View<'_>, _: Millis, argv: &[Vec<u8>]) -> Outcome {
    match argv {
        [_] => Ok((Reply::Status("PONG"), Effect::none())),
        [_, message] => Ok((Reply::bulk(message.clone()), Effect::none())),
        _ => Err(CommandError::arity("ping")),
    }
}

fn echo(_: &View<'_>, _: Millis, argv: &[Vec<u8>]) -> Outcome {
    Ok((Reply::bulk(argv[1].clone()), Effect::none()))
}

fn select(_: &View<'_>, _: Millis, argv: &[Vec<u8>]) -> Outcome {
    database_argument(&argv[1])?;
    Ok((Reply::OK, Effect::none()))
}

/// The database that an argument names. Redis first reads it as a C `int`, and refuses a number that does not
/// fit with an error text of its own.
pub(super) fn database_argument(argument: &[u8]) -> Result<u8, CommandError> {
    let index = super::number::parse_integer(argument).ok_or_else(CommandError::not_an_integer)?;
    if i32::try_from(index).is_err() {
        let (min, max) = (i32::MIN, i32::MAX);
        return Err(CommandError::err(format_args!(
            "value is out of range, value must between {min} and {max}"
        )));
    }
    database(index).ok_or_else(|| CommandError::err("DB index is out of range"))
}

/// The database with this number, if it exists.
pub(super) fn database(index: i64) -> Option<u8> {
    u8::try_from(index).ok().filter(|&db| db < DATABASES)
}

/// The database that `command` selects, if it is a valid SELECT.
pub(super) fn selected(command: &Command) -> Option<u8> {
    (command.name() == "select").then(|| super::number::parse_integer(&command.argv()[1]))?.and_then(database)
}

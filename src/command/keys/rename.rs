//! Commands that give a value another name or another database: RENAME RENAMENX COPY MOVE. Pure.
//!
//! The raw key of an element contains the name of its collection. So moving or copying a collection writes each
//! element again, in a new incarnation. Cost: O(elements).

use crate::command::connection::database_argument;
use crate::command::{Command, CommandError, Draft, KeyArguments, Kind, Outcome, Reply, Spec, View, always};
use crate::effect::Effect;
use crate::store::StoreError;
use crate::store::record::{Collection, Record, Value};
use crate::time::Millis;

pub(super) const TABLE: &[Spec] = &[
    Spec {
        name: "rename",
        arity: 3,
        kind: Kind::Write,
        keys: KeyArguments::TWO,
        depends_on_stored: always,
        grammar: "RENAME key newkey",
        execute: rename,
    },
    Spec {
        name: "renamenx",
        arity: 3,
        kind: Kind::Write,
        keys: KeyArguments::TWO,
        depends_on_stored: always,
        grammar: "RENAMENX key newkey",
        execute: renamenx,
    },
    Spec {
        name: "copy",
        arity: -3,
        kind: Kind::Write,
        keys: KeyArguments::TWO,
        depends_on_stored: always,
        grammar: "COPY source destination [DB destination-db] [REPLACE]",
        execute: copy,
    },
    Spec {
        name: "move",
        arity: 3,
        kind: Kind::Write,
        keys: KeyArguments::FIRST,
        depends_on_stored: always,
        grammar: "MOVE key db",
        execute: move_key,
    },
];

fn rename(view: &View<'_>, _: Millis, argv: &[Vec<u8>]) -> Outcome {
    let Some(record) = view.record(&argv[1])? else { return Err(no_such_key()) };
    if argv[1] == argv[2] {
        return Ok((Reply::OK, Effect::none()));
    }
    Ok((Reply::OK, move_to((view, &argv[1]), (view, &argv[2]), record)?))
}

fn renamenx(view: &View<'_>, _: Millis, argv: &[Vec<u8>]) -> Outcome {
    let Some(record) = view.record(&argv[1])? else { return Err(no_such_key()) };
    // The key's own name counts as taken, too.
    if view.record(&argv[2])?.is_some() {
        return Ok((Reply::Integer(0), Effect::none()));
    }
    Ok((Reply::Integer(1), move_to((view, &argv[1]), (view, &argv[2]), record)?))
}

fn no_such_key() -> CommandError {
    CommandError::err("no such key")
}

/// A key's name, and its database as a command sees it.
type Place<'a> = (&'a View<'a>, &'a [u8]);

fn move_to(from: Place<'_>, to: Place<'_>, record: Record) -> Result<Effect, StoreError> {
    let mut draft = Draft::new();
    write_copy(&mut draft, from, to, record)?;
    draft.remove(from.0, from.1)?;
    Ok(draft.finish())
}

fn move_key(view: &View<'_>, _: Millis, argv: &[Vec<u8>]) -> Outcome {
    let target = view.in_database(database_argument(&argv[2])?);
    if view.db() == target.db() {
        return Err(same_object());
    }
    let Some(record) = view.record(&argv[1])? else { return Ok((Reply::Integer(0), Effect::none())) };
    if target.record(&argv[1])?.is_some() {
        return Ok((Reply::Integer(0), Effect::none()));
    }
    Ok((Reply::Integer(1), move_to((view, &argv[1]), (&target, &argv[1]), record)?))
}

fn same_object() -> CommandError {
    CommandError::err("source and destination objects are the same")
}

fn copy(view: &View<'_>, _: Millis, argv: &[Vec<u8>]) -> Outcome {
    let options = CopyOptions::parse(&argv[3..])?;
    let target = view.in_database(options.db.unwrap_or(view.db()));
    if view.db() == target.db() && argv[1] == argv[2] {
        return Err(same_object());
    }
    let Some(record) = view.record(&argv[1])? else { return Ok((Reply::Integer(0), Effect::none())) };
    if !options.replace && target.record(&argv[2])?.is_some() {
        return Ok((Reply::Integer(0), Effect::none()));
    }
    let mut draft = Draft::new();
    write_copy(&mut draft, (view, &argv[1]), (&target, &argv[2]), record)?;
    Ok((Reply::Integer(1), draft.finish()))
}

/// Writes `record`, which is the record of the key of `from`, to the key of `to`, with its elements and its
/// deadline.
fn write_copy(
    draft: &mut Draft,
    (source, from): Place<'_>,
    (target, to): Place<'_>,
    record: Record,
) -> Result<(), StoreError> {
    let Record { deadline, value } = record;
    if let Value::String(value) = &value {
        return draft.put_string(target, to, value, deadline);
    }
    // Old elements are cleared first: a key that was written in the same entry may already have this
    // incarnation.
    draft.clear_elements(target, to)?;
    let value = match value {
        Value::Hash(hash, Some(_)) => copy_fields(draft, (source, from), (target, to), hash)?,
        value => {
            if let Some(old) = value.collection() {
                for (element, value) in source.elements(from, old.incarnation)? {
                    draft.put_element(target, to, target.incarnation(), &element, &value);
                }
            }
            value.in_incarnation(target.incarnation())
        }
    };
    draft.put_record(target, to, &Record { deadline, value });
    Ok(())
}

/// Writes the living fields of the hash of `from` to the key of `to`, each with its deadline. Returns the new hash.
fn copy_fields(
    draft: &mut Draft,
    (source, from): Place<'_>,
    (target, to): Place<'_>,
    hash: Collection,
) -> Result<Value, StoreError> {
    let incarnation = target.incarnation();
    let mut copy = Collection { incarnation, count: 0 };
    let mut last = None;
    for (field, (value, deadline)) in source.stored_fields(from, hash.incarnation)? {
        draft.put_field(target, to, incarnation, &field, (&value, deadline));
        copy.count += u64::from(deadline.is_none());
        last = last.max(deadline);
    }
    Ok(Value::Hash(copy, last))
}

/// Options of COPY.
#[derive(Default)]
struct CopyOptions {
    db: Option<u8>,
    replace: bool,
}

impl CopyOptions {
    fn parse(arguments: &[Vec<u8>]) -> Result<CopyOptions, CommandError> {
        let mut options = CopyOptions::default();
        let mut rest = arguments;
        loop {
            rest = match rest {
                [] => return Ok(options),
                [name, rest @ ..] if name.eq_ignore_ascii_case(b"replace") => {
                    options.replace = true;
                    rest
                }
                [name, db, rest @ ..] if name.eq_ignore_ascii_case(b"db") => {
                    options.db = Some(database_argument(db)?);
                    rest
                }
                _ => return Err(CommandError::syntax()),
            };
        }
    }
}

/// The keys of `command`, each with its database: COPY … DB names a key in another database, and MOVE's argument is a key in
/// two databases. If a COPY or MOVE will be refused, its keys are taken to be in the command's own database.
pub(in crate::command) fn in_their_databases(command: &Command) -> Vec<(u8, &[u8])> {
    let mut keys: Vec<(u8, &[u8])> =
        command.key_arguments().into_iter().map(|name| (command.db(), name)).collect();
    let argv = command.argv();
    match command.name() {
        "copy" => {
            if let Ok(CopyOptions { db: Some(db), .. }) = CopyOptions::parse(&argv[3..])
                && let Some((target, _)) = keys.get_mut(1)
            {
                *target = db;
            }
        }
        "move" => keys.extend(database_argument(&argv[2]).map(|db| (db, argv[1].as_slice()))),
        _ => {}
    }
    keys
}

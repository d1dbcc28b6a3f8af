//! SWAPDB: two databases change places. Pure.
//!
//! Cost: O(records of both databases), in time and in the size of the effect. Redis needs O(1). A record that maps the number
//! of a database to the raw keys of its records would be as fast, but the owner of a raw key, on which replicas rely to find
//! the order of writes, would then depend on stored data. A master refuses an effect that is too large for an entry of the
//! log (513 MB).

use crate::command::connection::database;
use crate::command::number::parse_integer;
use crate::command::{CommandError, KeyArguments, Kind, Outcome, Reply, Spec, View, always};
use crate::effect::{Effect, KeySet, Write};
use crate::store::{StoreError, key};
use crate::time::Millis;
use std::ops::ControlFlow;

pub(super) const TABLE: &[Spec] = &[Spec {
    name: "swapdb",
    arity: 3,
    kind: Kind::Write,
    keys: KeyArguments::Everything,
    depends_on_stored: always,
    grammar: "SWAPDB index1 index2",
    execute: swapdb,
}];

/// The number of a database in an argument. Errors: it is not a C `int`; `which` names the argument.
fn index(argument: &[u8], which: &str) -> Result<i32, CommandError> {
    let number = parse_integer(argument).and_then(|number| i32::try_from(number).ok());
    number.ok_or_else(|| CommandError::err(format_args!("invalid {which} DB index")))
}

fn swapdb(view: &View<'_>, _: Millis, argv: &[Vec<u8>]) -> Outcome {
    let (first, second) = (index(&argv[1], "first")?, index(&argv[2], "second")?);
    let databases = database(first.into()).zip(database(second.into()));
    let (first, second) = databases.ok_or_else(|| CommandError::err("DB index is out of range"))?;
    if first == second {
        return Ok((Reply::OK, Effect::none()));
    }
    let mut puts = records(view, first, second)?;
    puts.extend(records(view, second, first)?);
    if puts.is_empty() {
        return Ok((Reply::OK, Effect::none()));
    }
    let cleared = [first, second].map(key::database).map(|(from, to)| Write::DeleteRange { from, to });
    Ok((Reply::OK, Effect { writes: cleared.into_iter().chain(puts).collect(), keys: KeySet::Everything }))
}

/// Writes that put all records of database `from`, those of dead keys included, into database `to`.
fn records(view: &View<'_>, from: u8, to: u8) -> Result<Vec<Write>, StoreError> {
    let (begin, end) = key::database(from);
    let mut puts = Vec::new();
    view.reader().scan(&begin, &end, &mut |raw, value| {
        puts.push(Write::Put { key: key::in_database(raw.to_vec(), to), value: value.to_vec() });
        ControlFlow::Continue(())
    })?;
    Ok(puts)
}

//! Commands on hashes: HSET HMSET HSETNX HDEL HINCRBY HINCRBYFLOAT. The reads, HRANDFIELD and the commands on deadlines of
//! fields are in the other files of this folder. Pure.
//!
//! A hash is a metadata record (incarnation, number of fields) and one record per field. The effect of a write
//! holds the fields that it changes, and the metadata only if the number of fields changes. The deadline of the key stays.
//!
//! # Deadlines of fields
//!
//! A dead field does not exist for any command, and neither does a hash whose fields are all dead. HSET removes the deadline
//! of a field; HINCRBY and HINCRBYFLOAT keep it. [`crate::store::record`] has the records. Replies and error texts are those
//! of Redis 8.2. Valkey 9.1 differs:
//!
//! | | Redis 8.2, and here | Valkey 9.1 |
//! |---|---|---|
//! | latest deadline | 2^46 - 1 ms | 2^63 - 1 ms |
//! | a negative time | `invalid expire time, must be >= 0` | `invalid expire time in 'hexpire' command` |
//! | HEXPIRE … FIELDS 0 | ``Parameter `numFields` should be greater than 0`` | `numfields should be greater than 0 and match the provided number of fields` |
//! | HTTL, HPERSIST, HGETEX, HGETDEL … FIELDS 0 | `Number of fields must be a positive integer` | the same text, or `syntax error` |
//! | another number of fields | ``The `numfields` parameter must match the number of arguments`` | the same text, or `syntax error` |
//! | no FIELDS | `Mandatory argument FIELDS is missing or not at the right position` | the same text, or `syntax error` |
//! | two conditions of HEXPIRE | FIELDS is missing, as the second one is in its place | accepted, or `NX and XX, GT or LT options at the same time are not compatible` |
//! | order of checks | the type of the key, then the arguments; HSETEX: the arguments first | the arguments first |
//! | HSETEX … NX, XX | `unknown argument: NX` | the condition on the key |
//! | HSETEX: two deadlines, FNX and FXX, or a wrong number | a text for each | `syntax error`, or the text above |
//! | HLEN before dead fields are removed | counts them (here: does not) | counts them |
//!
//! HGETEX without a number after FIELDS reads beyond its arguments in Redis 8.2; here it has a wrong number of arguments.

#[cfg(test)]
mod deadline_tests;
mod expire;
mod fields;
mod get_and_change;
mod random;
mod read;
#[cfg(test)]
mod tests;
mod writer;

use super::number::{self, FloatError};
use super::{CommandError, Execute, KeyArguments, Kind, Outcome, Reply, Spec, View, always};
use crate::effect::Effect;
use crate::time::Millis;
use std::borrow::Cow;
use writer::Writer;

pub(super) use fields::{deadline_option, is_a_deadline};
pub(super) use get_and_change::as_hpexpireat;

pub(super) const TABLES: [&[Spec]; 3] = [TABLE, expire::TABLE, get_and_change::TABLE];

const TABLE: &[Spec] = &[
    row("hset", -4, Kind::Write, "HSET key field value [field value ...]", hset),
    row("hmset", -4, Kind::Write, "HMSET key field value [field value ...]", hmset),
    row("hsetnx", 4, Kind::Write, "HSETNX key field value", hsetnx),
    row("hdel", -3, Kind::Write, "HDEL key field [field ...]", hdel),
    row("hincrby", 4, Kind::Write, "HINCRBY key field increment", hincrby),
    row("hincrbyfloat", 4, Kind::Write, "HINCRBYFLOAT key field increment", hincrbyfloat),
    row("hget", 3, Kind::Read, "HGET key field", read::hget),
    row("hmget", -3, Kind::Read, "HMGET key field [field ...]", read::hmget),
    row("hgetall", 2, Kind::Read, "HGETALL key", read::hgetall),
    row("hkeys", 2, Kind::Read, "HKEYS key", read::hkeys),
    row("hvals", 2, Kind::Read, "HVALS key", read::hvals),
    row("hlen", 2, Kind::Read, "HLEN key", read::hlen),
    row("hexists", 3, Kind::Read, "HEXISTS key field", read::hexists),
    row("hstrlen", 3, Kind::Read, "HSTRLEN key field", read::hstrlen),
    row("hscan", -3, Kind::Read, "HSCAN key cursor [MATCH pattern] [COUNT count]", read::hscan),
    row("hrandfield", -2, Kind::Read, "HRANDFIELD key [count [WITHVALUES]]", random::hrandfield),
];

/// A row of the table. Every command on hashes has one key, and its outcome depends on what is stored: even
/// HSET needs to know which fields are new, to count them.
const fn row(name: &'static str, arity: i32, kind: Kind, grammar: &'static str, execute: Execute) -> Spec {
    Spec { name, arity, kind, keys: KeyArguments::FIRST, depends_on_stored: always, grammar, execute }
}

/// Sets the fields of an HSET or HMSET. Returns the number of new fields, and the effect.
fn set_fields(view: &View<'_>, argv: &[Vec<u8>], command: &str) -> Result<(usize, Effect), CommandError> {
    if argv.len() % 2 == 1 {
        return Err(CommandError::arity(command));
    }
    let mut hash = Writer::open(view, &argv[1])?;
    let mut created = 0;
    for pair in argv[2..].chunks_exact(2) {
        created += usize::from(hash.get(&pair[0])?.is_none());
        hash.put(&pair[0], Cow::Borrowed(&pair[1]), None)?;
    }
    Ok((created, hash.finish()?))
}

fn hset(view: &View<'_>, _: Millis, argv: &[Vec<u8>]) -> Outcome {
    let (created, effect) = set_fields(view, argv, "hset")?;
    Ok((Reply::count(created), effect))
}

fn hmset(view: &View<'_>, _: Millis, argv: &[Vec<u8>]) -> Outcome {
    let (_, effect) = set_fields(view, argv, "hmset")?;
    Ok((Reply::OK, effect))
}

fn hsetnx(view: &View<'_>, _: Millis, argv: &[Vec<u8>]) -> Outcome {
    let mut hash = Writer::open(view, &argv[1])?;
    if hash.get(&argv[2])?.is_some() {
        return Ok((Reply::Integer(0), Effect::none()));
    }
    hash.put(&argv[2], Cow::Borrowed(&argv[3]), None)?;
    Ok((Reply::Integer(1), hash.finish()?))
}

fn hdel(view: &View<'_>, _: Millis, argv: &[Vec<u8>]) -> Outcome {
    let mut hash = Writer::open(view, &argv[1])?;
    let mut deleted = 0;
    for field in &argv[2..] {
        if hash.get(field)?.is_some() {
            hash.delete(field)?;
            deleted += 1;
        }
    }
    Ok((Reply::Integer(deleted), hash.finish()?))
}

fn hincrby(view: &View<'_>, _: Millis, argv: &[Vec<u8>]) -> Outcome {
    let increment = number::parse_integer(&argv[3]).ok_or_else(CommandError::not_an_integer)?;
    let mut hash = Writer::open(view, &argv[1])?;
    let (value, deadline) = match hash.get(&argv[2])? {
        None => (0, None),
        Some((bytes, deadline)) => {
            let value = number::parse_integer(bytes);
            (value.ok_or_else(|| CommandError::err("hash value is not an integer"))?, deadline)
        }
    };
    let sum = value
        .checked_add(increment)
        .ok_or_else(|| CommandError::err("increment or decrement would overflow"))?;
    hash.put(&argv[2], Cow::Owned(sum.to_string().into_bytes()), deadline)?;
    Ok((Reply::Integer(sum), hash.finish()?))
}

fn hincrbyfloat(view: &View<'_>, _: Millis, argv: &[Vec<u8>]) -> Outcome {
    // The increment is checked alone first: Redis refuses a bad one before it looks at the key.
    number::add_float(None, &argv[3]).map_err(|error| match error {
        FloatError::Infinite => CommandError::err("value is NaN or Infinity"),
        FloatError::Increment | FloatError::Old => CommandError::not_a_float(),
    })?;
    let mut hash = Writer::open(view, &argv[1])?;
    let (old, deadline) = hash.get(&argv[2])?.unzip();
    let sum = number::add_float(old, &argv[3]).map_err(|error| match error {
        FloatError::Infinite => CommandError::err("increment would produce NaN or Infinity"),
        FloatError::Increment => CommandError::not_a_float(),
        FloatError::Old => CommandError::err("hash value is not a float"),
    })?;
    hash.put(&argv[2], Cow::Owned(sum.clone()), deadline.flatten())?;
    Ok((Reply::Bulk(sum), hash.finish()?))
}

//! Commands on hashes: HSET HMSET HSETNX HDEL HINCRBY HINCRBYFLOAT. The reads and HRANDFIELD are in the other
//! files of this folder. Pure.
//!
//! A hash is a metadata record (incarnation, number of fields) and one record per field. The effect of a write
//! holds the fields that it changes, and the metadata only if the number of fields changes. The deadline stays.

mod random;
mod read;
#[cfg(test)]
mod tests;

use super::number::{self, FloatError};
use super::{CommandError, Draft, Execute, KeyArguments, Kind, Outcome, Reply, Spec, View, always};
use crate::effect::Effect;
use crate::store::StoreError;
use crate::store::record::Collection;
use crate::time::Millis;
use std::collections::{BTreeMap, BTreeSet};

pub(super) const TABLE: &[Spec] = &[
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

/// A hash that is being written.
struct Writer<'a> {
    view: &'a View<'a>,
    name: &'a [u8],
    /// The metadata as stored; `None` if this command creates the hash.
    stored: Option<Collection>,
    collection: Collection,
    deadline: Option<Millis>,
    draft: Draft,
}

impl<'a> Writer<'a> {
    /// Opens the hash `name` for writing. It will be created if it is absent or dead. Errors: WRONGTYPE.
    fn open(view: &'a View<'a>, name: &'a [u8]) -> Result<Writer<'a>, CommandError> {
        let mut draft = Draft::new();
        let (stored, deadline) = view.hash(name)?.unzip();
        if stored.is_none() {
            // The elements of a dead hash would otherwise stay forever, because no metadata points to them
            // any more.
            draft.clear_elements(view, name)?;
        }
        let collection = stored.unwrap_or(Collection { incarnation: view.incarnation(), count: 0 });
        Ok(Writer { view, name, stored, collection, deadline: deadline.flatten(), draft })
    }

    /// The stored value of a field.
    fn get(&self, field: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        match self.stored {
            Some(stored) => self.view.element(self.name, stored.incarnation, field),
            None => Ok(None),
        }
    }

    /// Sets a field to `value`. Must be called at most once per field.
    fn put(&mut self, field: &[u8], is_new: bool, value: &[u8]) {
        self.collection.count += u64::from(is_new);
        self.draft.put_element(self.view, self.name, self.collection.incarnation, field, value);
    }

    /// The finished effect. It removes a hash that has no fields left, because such a hash does not exist.
    fn finish(mut self) -> Result<Effect, StoreError> {
        if self.stored == Some(self.collection) {
            return Ok(self.draft.finish());
        }
        if self.collection.count == 0 {
            let mut draft = Draft::new();
            draft.remove(self.view, self.name)?;
            return Ok(draft.finish());
        }
        self.draft.put_hash(self.view, self.name, self.collection, self.deadline);
        Ok(self.draft.finish())
    }
}

/// Sets the fields of an HSET or HMSET. Returns the number of new fields, and the effect.
fn set_fields(view: &View<'_>, argv: &[Vec<u8>], command: &str) -> Result<(usize, Effect), CommandError> {
    if argv.len() % 2 == 1 {
        return Err(CommandError::arity(command));
    }
    let mut hash = Writer::open(view, &argv[1])?;
    let mut created = 0;
    // If a field is named twice, the last value counts.
    let fields: BTreeMap<&[u8], &[u8]> =
        argv[2..].chunks_exact(2).map(|pair| (pair[0].as_slice(), pair[1].as_slice())).collect();
    for (field, value) in fields {
        let is_new = hash.get(field)?.is_none();
        created += usize::from(is_new);
        hash.put(field, is_new, value);
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
    hash.put(&argv[2], true, &argv[3]);
    Ok((Reply::Integer(1), hash.finish()?))
}

fn hdel(view: &View<'_>, _: Millis, argv: &[Vec<u8>]) -> Outcome {
    if view.hash(&argv[1])?.is_none() {
        return Ok((Reply::Integer(0), Effect::none()));
    }
    let mut hash = Writer::open(view, &argv[1])?;
    let mut deleted = 0;
    let fields: BTreeSet<&Vec<u8>> = argv[2..].iter().collect();
    for field in fields {
        if hash.get(field)?.is_some() {
            hash.draft.delete_element(view, &argv[1], hash.collection.incarnation, field);
            hash.collection.count = hash.collection.count.saturating_sub(1);
            deleted += 1;
        }
    }
    Ok((Reply::Integer(deleted), hash.finish()?))
}

fn hincrby(view: &View<'_>, _: Millis, argv: &[Vec<u8>]) -> Outcome {
    let increment = number::parse_integer(&argv[3]).ok_or_else(CommandError::not_an_integer)?;
    let mut hash = Writer::open(view, &argv[1])?;
    let old = hash.get(&argv[2])?;
    let value = match &old {
        None => 0,
        Some(bytes) => {
            number::parse_integer(bytes).ok_or_else(|| CommandError::err("hash value is not an integer"))?
        }
    };
    let sum = value
        .checked_add(increment)
        .ok_or_else(|| CommandError::err("increment or decrement would overflow"))?;
    hash.put(&argv[2], old.is_none(), sum.to_string().as_bytes());
    Ok((Reply::Integer(sum), hash.finish()?))
}

fn hincrbyfloat(view: &View<'_>, _: Millis, argv: &[Vec<u8>]) -> Outcome {
    // The increment is checked alone first: Redis refuses a bad one before it looks at the key.
    number::add_float(None, &argv[3]).map_err(|error| match error {
        FloatError::Infinite => CommandError::err("value is NaN or Infinity"),
        FloatError::Increment | FloatError::Old => CommandError::not_a_float(),
    })?;
    let mut hash = Writer::open(view, &argv[1])?;
    let old = hash.get(&argv[2])?;
    let sum = number::add_float(old.as_deref(), &argv[3]).map_err(|error| match error {
        FloatError::Infinite => CommandError::err("increment would produce NaN or Infinity"),
        FloatError::Increment => CommandError::not_a_float(),
        FloatError::Old => CommandError::err("hash value is not a float"),
    })?;
    hash.put(&argv[2], old.is_none(), &sum);
    Ok((Reply::Bulk(sum), hash.finish()?))
}

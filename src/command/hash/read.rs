//! Commands that read a hash: HGET HMGET HGETALL HKEYS HVALS HLEN HEXISTS HSTRLEN HSCAN. Pure.
//!
//! An absent hash is read as a hash without fields. Fields come in the order of their names; Redis promises
//! no order.

use crate::command::cursor;
use crate::command::{CommandError, Outcome, Reply, View};
use crate::effect::Effect;
use crate::store::Element;
use crate::store::StoreError;
use crate::store::record::Collection;
use crate::time::Millis;

/// The value of a field.
fn field(view: &View<'_>, name: &[u8], field: &[u8]) -> Result<Option<Vec<u8>>, CommandError> {
    match view.hash(name)? {
        Some(hash) => Ok(view.element(name, hash.collection.incarnation, field)?),
        None => Ok(None),
    }
}

/// All fields with their values. Cost: O(fields).
pub(super) fn fields(view: &View<'_>, name: &[u8]) -> Result<Vec<Element>, CommandError> {
    match view.hash(name)? {
        Some(hash) => Ok(view.elements(name, hash.collection.incarnation)?),
        None => Ok(Vec::new()),
    }
}

pub(super) fn hget(view: &View<'_>, _: Millis, argv: &[Vec<u8>]) -> Outcome {
    Ok((Reply::bulk_or_null(field(view, &argv[1], &argv[2])?), Effect::none()))
}

pub(super) fn hmget(view: &View<'_>, _: Millis, argv: &[Vec<u8>]) -> Outcome {
    let name = &argv[1];
    let hash = view.hash(name)?;
    let value = |field: &Vec<u8>| -> Result<Reply, StoreError> {
        match hash {
            Some(hash) => Ok(Reply::bulk_or_null(view.element(name, hash.collection.incarnation, field)?)),
            None => Ok(Reply::Null),
        }
    };
    let values: Result<Vec<Reply>, StoreError> = argv[2..].iter().map(value).collect();
    Ok((Reply::Array(values?), Effect::none()))
}

pub(super) fn hgetall(view: &View<'_>, _: Millis, argv: &[Vec<u8>]) -> Outcome {
    let fields = fields(view, &argv[1])?;
    let pairs = fields.into_iter().map(|(field, value)| (Reply::Bulk(field), Reply::Bulk(value)));
    Ok((Reply::Map(pairs.collect()), Effect::none()))
}

pub(super) fn hkeys(view: &View<'_>, _: Millis, argv: &[Vec<u8>]) -> Outcome {
    let names = fields(view, &argv[1])?.into_iter().map(|(field, _)| Reply::Bulk(field));
    Ok((Reply::Array(names.collect()), Effect::none()))
}

pub(super) fn hvals(view: &View<'_>, _: Millis, argv: &[Vec<u8>]) -> Outcome {
    let values = fields(view, &argv[1])?.into_iter().map(|(_, value)| Reply::Bulk(value));
    Ok((Reply::Array(values.collect()), Effect::none()))
}

pub(super) fn hlen(view: &View<'_>, _: Millis, argv: &[Vec<u8>]) -> Outcome {
    let count = match view.hash(&argv[1])? {
        Some(hash) => view.living_fields(&argv[1], &hash, u64::MAX)?,
        None => 0,
    };
    Ok((Reply::Integer(i64::try_from(count).unwrap_or(i64::MAX)), Effect::none()))
}

pub(super) fn hexists(view: &View<'_>, _: Millis, argv: &[Vec<u8>]) -> Outcome {
    Ok((Reply::truth(field(view, &argv[1], &argv[2])?.is_some()), Effect::none()))
}

pub(super) fn hstrlen(view: &View<'_>, _: Millis, argv: &[Vec<u8>]) -> Outcome {
    let length = field(view, &argv[1], &argv[2])?.map_or(0, |value| value.len());
    Ok((Reply::count(length), Effect::none()))
}

/// HSCAN: see [`cursor::collection`].
pub(super) fn hscan(view: &View<'_>, _: Millis, argv: &[Vec<u8>]) -> Outcome {
    cursor::collection(
        view,
        argv,
        &|name| {
            let Some(hash) = view.hash(name)? else { return Ok(None) };
            let count = view.living_fields(name, &hash, cursor::WHOLE_MAX + 1)?;
            Ok(Some(Collection { count, ..hash.collection }))
        },
        &|options, (field, value)| {
            if options.name_passes(&field) {
                vec![Reply::Bulk(field), Reply::Bulk(value)]
            } else {
                Vec::new()
            }
        },
    )
}

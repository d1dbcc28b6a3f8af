//! HSET HMSET HSETNX HDEL HGET HMGET HGETALL HKEYS HVALS HLEN HEXISTS HSTRLEN HRANDFIELD. Pure.

use super::numbers::integer;
use super::{Answer, Call, Fields, Refused, Told, Value, bulk, count, number, ok, refused, syntax_error};
use super::{upper, wrong_type};
use replicheck::command::Reply;

/// The hash of the first argument; without the key, a hash without fields.
pub(super) fn fields(call: &Call<'_>) -> Result<Fields, Refused> {
    match call.held(0).map(|held| held.value) {
        None => Ok(Fields::new()),
        Some(Value::Hash(fields)) => Ok(fields),
        Some(Value::String(_)) => wrong_type(),
    }
}

/// Stores the fields; a hash without fields is removed.
pub(super) fn put_fields(call: &mut Call<'_>, fields: Fields) {
    if fields.is_empty() {
        call.keys.remove(&call.id(0));
    } else {
        call.alter(0, Value::Hash(fields));
    }
}

/// Sets fields; returns how many were created.
fn set_fields(call: &mut Call<'_>) -> Result<usize, Refused> {
    if call.args.len() % 2 != 1 {
        return refused(&format!("wrong number of arguments for '{}' command", call.name));
    }
    let old = fields(call)?;
    let mut new = old.clone();
    for at in (1..call.args.len()).step_by(2) {
        new.insert(call.arg(at).to_vec(), call.arg(at + 1).to_vec());
    }
    let created = new.len() - old.len();
    put_fields(call, new);
    Ok(created)
}

pub(super) fn hset(call: &mut Call<'_>) -> Told {
    count(set_fields(call)?)
}

pub(super) fn hmset(call: &mut Call<'_>) -> Told {
    set_fields(call)?;
    ok()
}

pub(super) fn hsetnx(call: &mut Call<'_>) -> Told {
    let mut hash = fields(call)?;
    if hash.contains_key(call.arg(1)) {
        return number(0);
    }
    hash.insert(call.arg(1).to_vec(), call.arg(2).to_vec());
    put_fields(call, hash);
    number(1)
}

pub(super) fn hdel(call: &mut Call<'_>) -> Told {
    let old = fields(call)?;
    let mut new = old.clone();
    new.retain(|field, _| !call.args[1..].contains(field));
    let deleted = old.len() - new.len();
    put_fields(call, new);
    count(deleted)
}

pub(super) fn hget(call: &mut Call<'_>) -> Told {
    bulk(fields(call)?.get(call.arg(1)).cloned())
}

pub(super) fn hmget(call: &mut Call<'_>) -> Told {
    let hash = fields(call)?;
    let value = |field: &Vec<u8>| hash.get(field).cloned().map_or(Reply::Null, Reply::Bulk);
    Ok(Answer::Exactly(Reply::Array(call.args[1..].iter().map(value).collect())))
}

pub(super) fn hgetall(call: &mut Call<'_>) -> Told {
    Ok(Answer::AllFields(fields(call)?))
}

pub(super) fn hkeys(call: &mut Call<'_>) -> Told {
    Ok(Answer::InAnyOrder(fields(call)?.into_keys().collect()))
}

pub(super) fn hvals(call: &mut Call<'_>) -> Told {
    Ok(Answer::InAnyOrder(fields(call)?.into_values().collect()))
}

pub(super) fn hlen(call: &mut Call<'_>) -> Told {
    count(fields(call)?.len())
}

pub(super) fn hexists(call: &mut Call<'_>) -> Told {
    number(i128::from(fields(call)?.contains_key(call.arg(1))))
}

pub(super) fn hstrlen(call: &mut Call<'_>) -> Told {
    count(fields(call)?.get(call.arg(1)).map_or(0, Vec::len))
}

pub(super) fn hrandfield(call: &mut Call<'_>) -> Told {
    if call.args.len() == 1 {
        return Ok(Answer::OneOf(fields(call)?.into_keys().collect()));
    }
    let wanted = integer(call.arg(1))?;
    let largest = i128::from(i64::MAX);
    if wanted < -largest {
        return refused(&format!("value is out of range, value must between {} and {largest}", -largest));
    }
    let with_values = match &call.args[2..] {
        [] => false,
        [word] if upper(word) == "WITHVALUES" => true,
        _ => return syntax_error(),
    };
    // The reply has two items for each field, and Redis counts them in 64 bits.
    if with_values && wanted.abs() * 2 > largest {
        return refused("value is out of range");
    }
    Ok(Answer::Drawn { from: fields(call)?, wanted, with_values })
}

//! HSET HMSET HSETNX HDEL HGET HMGET HGETALL HKEYS HVALS HLEN HEXISTS HSTRLEN HRANDFIELD. Pure.

use super::numbers::negatable;
use super::values::Value;
use super::{Answer, Call, Refused, Told, bulk, count, number, ok, refused, syntax_error, upper};
use replicheck::command::Reply;

/// Sets fields; returns how many were created.
fn set_fields(call: &mut Call<'_>) -> Result<usize, Refused> {
    if call.args.len() % 2 != 1 {
        return refused(&format!("wrong number of arguments for '{}' command", call.name));
    }
    let old = call.hash(0)?;
    let mut new = old.clone();
    for at in (1..call.args.len()).step_by(2) {
        new.insert(call.arg(at).to_vec(), call.arg(at + 1).to_vec());
    }
    let created = new.len() - old.len();
    call.put(0, Value::Hash(new));
    for at in (1..call.args.len()).step_by(2) {
        call.set_until(0, call.arg(at), None);
    }
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
    let mut hash = call.hash(0)?;
    if hash.contains_key(call.arg(1)) {
        return number(0);
    }
    hash.insert(call.arg(1).to_vec(), call.arg(2).to_vec());
    call.put(0, Value::Hash(hash));
    number(1)
}

pub(super) fn hdel(call: &mut Call<'_>) -> Told {
    let old = call.hash(0)?;
    let mut new = old.clone();
    new.retain(|field, _| !call.args[1..].contains(field));
    let deleted = old.len() - new.len();
    call.put(0, Value::Hash(new));
    count(deleted)
}

pub(super) fn hget(call: &mut Call<'_>) -> Told {
    bulk(call.hash(0)?.get(call.arg(1)).cloned())
}

pub(super) fn hmget(call: &mut Call<'_>) -> Told {
    let hash = call.hash(0)?;
    let value = |field: &Vec<u8>| hash.get(field).cloned().map_or(Reply::Null, Reply::Bulk);
    Ok(Answer::Exactly(Reply::Array(call.args[1..].iter().map(value).collect())))
}

pub(super) fn hgetall(call: &mut Call<'_>) -> Told {
    Ok(Answer::AllFields(call.hash(0)?))
}

pub(super) fn hkeys(call: &mut Call<'_>) -> Told {
    Ok(Answer::InAnyOrder(call.hash(0)?.into_keys().collect()))
}

pub(super) fn hvals(call: &mut Call<'_>) -> Told {
    Ok(Answer::InAnyOrder(call.hash(0)?.into_values().collect()))
}

pub(super) fn hlen(call: &mut Call<'_>) -> Told {
    count(call.hash(0)?.len())
}

pub(super) fn hexists(call: &mut Call<'_>) -> Told {
    number(i128::from(call.hash(0)?.contains_key(call.arg(1))))
}

pub(super) fn hstrlen(call: &mut Call<'_>) -> Told {
    count(call.hash(0)?.get(call.arg(1)).map_or(0, Vec::len))
}

pub(super) fn hrandfield(call: &mut Call<'_>) -> Told {
    if call.args.len() == 1 {
        return Ok(Answer::OneOf(call.hash(0)?.into_keys().collect()));
    }
    let wanted = negatable(call.arg(1))?;
    let with_values = match &call.args[2..] {
        [] => false,
        [word] if upper(word) == "WITHVALUES" => true,
        _ => return syntax_error(),
    };
    // The reply has two items for each field, and Redis counts them in 64 bits.
    if with_values && wanted.abs() * 2 > i128::from(i64::MAX) {
        return refused("value is out of range");
    }
    let from = call.hash(0)?.into_iter().map(|(field, value)| (field, Reply::Bulk(value))).collect();
    Ok(Answer::Drawn { from, wanted, with_values })
}

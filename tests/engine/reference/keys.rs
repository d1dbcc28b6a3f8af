//! DEL UNLINK EXISTS TOUCH TYPE FLUSHDB FLUSHALL RENAME RENAMENX COPY PING SELECT. Pure.

use super::numbers::integer;
use super::{Answer, Call, Refused, Told, Value, bulk, count, number, ok, refused, syntax_error, upper};
use replicheck::command::Reply;

pub(super) fn del(call: &mut Call<'_>) -> Told {
    let before = call.keys.len();
    for at in 0..call.args.len() {
        call.keys.remove(&call.id(at));
    }
    count(before - call.keys.len())
}

pub(super) fn exists(call: &mut Call<'_>) -> Told {
    count((0..call.args.len()).filter(|&at| call.held(at).is_some()).count())
}

pub(super) fn kind(call: &mut Call<'_>) -> Told {
    Ok(Answer::Exactly(Reply::Status(match call.held(0).map(|held| held.value) {
        None => "none",
        Some(Value::String(_)) => "string",
        Some(Value::Hash(_)) => "hash",
    })))
}

pub(super) fn flush(call: &mut Call<'_>) -> Told {
    let words: Vec<String> = call.args.iter().map(|word| upper(word)).collect();
    match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] | ["SYNC"] | ["ASYNC"] => {}
        _ => return syntax_error(),
    }
    let (everything, here) = (call.name == "flushall", call.db);
    call.keys.retain(|(db, _), _| !everything && *db != here);
    ok()
}

pub(super) fn rename(call: &mut Call<'_>) -> Told {
    let Some(held) = call.keys.remove(&call.id(0)) else { return refused("no such key") };
    call.keys.insert(call.id(1), held);
    ok()
}

pub(super) fn renamenx(call: &mut Call<'_>) -> Told {
    if call.held(0).is_some() && call.held(1).is_some() {
        return number(0);
    }
    rename(call)?;
    number(1)
}

pub(super) fn copy(call: &mut Call<'_>) -> Told {
    let (mut replaces, mut db) = (false, call.db);
    let mut words = call.args[2..].iter();
    while let Some(word) = words.next() {
        match upper(word).as_str() {
            "REPLACE" => replaces = true,
            "DB" => match words.next() {
                Some(index) => db = database(index)?,
                None => return syntax_error(),
            },
            _ => return syntax_error(),
        }
    }
    let target = (db, call.arg(1).to_vec());
    if target == call.id(0) {
        return refused("source and destination objects are the same");
    }
    match call.held(0) {
        Some(held) if replaces || !call.keys.contains_key(&target) => {
            call.keys.insert(target, held);
            number(1)
        }
        _ => number(0),
    }
}

pub(super) fn ping(call: &mut Call<'_>) -> Told {
    match call.args {
        [] => Ok(Answer::Exactly(Reply::Status("PONG"))),
        [message] => bulk(Some(message.clone())),
        _ => refused("wrong number of arguments for 'ping' command"),
    }
}

/// The database that an argument selects: one of 16, read as a 32-bit number.
pub(super) fn database(argument: &[u8]) -> Result<u8, Refused> {
    let index = integer(argument)?;
    let (smallest, largest) = (i128::from(i32::MIN), i128::from(i32::MAX));
    if index < smallest || index > largest {
        return refused(&format!("value is out of range, value must between {smallest} and {largest}"));
    }
    match u8::try_from(index) {
        Ok(db) if db < 16 => Ok(db),
        _ => refused("DB index is out of range"),
    }
}

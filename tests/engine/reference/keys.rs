//! DEL UNLINK EXISTS TOUCH TYPE OBJECT FLUSHDB FLUSHALL RENAME RENAMENX COPY MOVE SWAPDB PING SELECT. Pure.

use super::numbers::integer;
use super::{Answer, Call, Refused, Told, bulk, count, number, ok, refused, syntax_error, upper};
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
    Ok(Answer::Exactly(Reply::Status(call.held(0).map_or("none", |held| held.value.kind()))))
}

/// OBJECT: how Redis keeps a value and when it was used, which the pages do not promise, so little is compared.
pub(super) fn object(call: &mut Call<'_>) -> Told {
    let asked = upper(call.arg(0));
    match (asked.as_str(), call.args.len()) {
        ("HELP", 1) => return Ok(Answer::Lines),
        ("ENCODING" | "FREQ" | "IDLETIME" | "REFCOUNT", 2) => {}
        ("ENCODING" | "FREQ" | "IDLETIME" | "REFCOUNT" | "HELP", _) => {
            let name = asked.to_ascii_lowercase();
            return refused(&format!("wrong number of arguments for 'object|{name}' command"));
        }
        _ => {
            // As C prints a string, and no more than 128 bytes of it.
            let shown = call.arg(0).split(|byte| *byte == 0).next().expect("a part");
            let shown = String::from_utf8_lossy(&shown[..shown.len().min(128)]).into_owned();
            return refused(&format!("unknown subcommand '{shown}'. Try OBJECT HELP."));
        }
    }
    let Some(held) = call.held(1) else { return bulk(None) };
    match asked.as_str() {
        "ENCODING" => {
            let encodings = held.value.encodings().iter();
            Ok(Answer::OneOf(encodings.map(|name| name.as_bytes().to_vec()).collect()))
        }
        "IDLETIME" => Ok(Answer::AtLeast(0)),
        "REFCOUNT" => Ok(Answer::AtLeast(1)),
        _ => refused(
            "An LFU maxmemory policy is not selected, access frequency not tracked. Please note that when switching \
             between policies at runtime LRU and LFU data will take some time to adjust.",
        ),
    }
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

/// MOVE: to another database, deadline included.
pub(super) fn move_key(call: &mut Call<'_>) -> Told {
    let target = (database(call.arg(1))?, call.arg(0).to_vec());
    if target == call.id(0) {
        return refused("source and destination objects are the same");
    }
    if call.keys.contains_key(&target) {
        return number(0);
    }
    let Some(held) = call.keys.remove(&call.id(0)) else { return number(0) };
    call.keys.insert(target, held);
    number(1)
}

pub(super) fn swapdb(call: &mut Call<'_>) -> Told {
    let index = |at, text| match integer(call.arg(at)) {
        Ok(index) if i32::try_from(index).is_ok() => Ok(index),
        _ => refused(text),
    };
    let (one, other) = (index(0, "invalid first DB index")?, index(1, "invalid second DB index")?);
    if !(0..16).contains(&one) || !(0..16).contains(&other) {
        return refused("DB index is out of range");
    }
    let other_of = |db: u8| match i128::from(db) {
        db if db == one => u8::try_from(other).expect("checked"),
        db if db == other => u8::try_from(one).expect("checked"),
        _ => db,
    };
    *call.keys = std::mem::take(call.keys)
        .into_iter()
        .map(|((db, name), held)| ((other_of(db), name), held))
        .collect();
    ok()
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

//! INCR DECR INCRBY DECRBY INCRBYFLOAT HINCRBY HINCRBYFLOAT. Pure.

use super::float::{Float, NotFinite};
use super::values::Value;
use super::{Call, Refused, Told, bulk, number, refused};

const SMALLEST: i128 = i64::MIN as i128;
const LARGEST: i128 = i64::MAX as i128;

/// An integer as Redis reads it: 64 bits, and only in the spelling in which Redis would write it.
pub(super) fn integer(bytes: &[u8]) -> Result<i128, Refused> {
    read(bytes).map_or_else(|| refused("value is not an integer or out of range"), Ok)
}

/// An integer that is not below `least`; anything else is refused with `text`.
pub(super) fn at_least(bytes: &[u8], least: i128, text: &str) -> Result<i128, Refused> {
    read(bytes).filter(|number| *number >= least).map_or_else(|| refused(text), Ok)
}

/// An integer that stays one if its sign changes.
pub(super) fn negatable(bytes: &[u8]) -> Result<i128, Refused> {
    match integer(bytes)? {
        SMALLEST => refused(&format!("value is out of range, value must between {} and {LARGEST}", -LARGEST)),
        number => Ok(number),
    }
}

fn read(bytes: &[u8]) -> Option<i128> {
    let digits = bytes.strip_prefix(b"-").unwrap_or(bytes);
    let canonical = match digits {
        [b'0'] => bytes == b"0",
        [b'1'..=b'9', rest @ ..] => rest.iter().all(u8::is_ascii_digit) && rest.len() < 20,
        _ => false,
    };
    let text = String::from_utf8_lossy(bytes);
    let number = canonical.then(|| text.parse::<i128>().expect("at most 20 digits"))?;
    (SMALLEST..=LARGEST).contains(&number).then_some(number)
}

fn sum(old: i128, more: i128) -> Result<i128, Refused> {
    let sum = old + more;
    if (SMALLEST..=LARGEST).contains(&sum) {
        Ok(sum)
    } else {
        refused("increment or decrement would overflow")
    }
}

pub(super) fn incr(call: &mut Call<'_>, more: i128) -> Told {
    let old = match call.string(0)? {
        None => 0,
        Some(old) => integer(&old)?,
    };
    let new = sum(old, more)?;
    call.put(0, Value::String(new.to_string().into_bytes()));
    number(new)
}

pub(super) fn incrby(call: &mut Call<'_>) -> Told {
    let more = integer(call.arg(1))?;
    incr(call, more)
}

pub(super) fn decrby(call: &mut Call<'_>) -> Told {
    let less = integer(call.arg(1))?;
    // Its negation does not fit into 64 bits.
    if less == SMALLEST {
        return refused("decrement would overflow");
    }
    incr(call, -less)
}

pub(super) fn incrbyfloat(call: &mut Call<'_>) -> Told {
    let old = call.string(0)?.unwrap_or(b"0".to_vec());
    let (Some(old), Some(more)) = (Float::read(&old), Float::read(call.arg(1))) else {
        return refused("value is not a valid float");
    };
    match old.plus(&more) {
        Err(NotFinite) => refused("increment would produce NaN or Infinity"),
        Ok(new) => {
            call.put(0, Value::String(new.written()));
            bulk(Some(new.written()))
        }
    }
}

pub(super) fn hincrby(call: &mut Call<'_>) -> Told {
    let more = integer(call.arg(2))?;
    let mut hash = call.hash(0)?;
    let old = match hash.get(call.arg(1)) {
        None => 0,
        Some(old) => read(old).map_or_else(|| refused("hash value is not an integer"), Ok)?,
    };
    let new = sum(old, more)?;
    hash.insert(call.arg(1).to_vec(), new.to_string().into_bytes());
    call.put(0, Value::Hash(hash));
    number(new)
}

pub(super) fn hincrbyfloat(call: &mut Call<'_>) -> Told {
    let Some(more) = Float::read(call.arg(2)) else { return refused("value is not a valid float") };
    if more.is_infinite() {
        return refused("value is NaN or Infinity");
    }
    let mut hash = call.hash(0)?;
    let old = hash.get(call.arg(1)).cloned().unwrap_or(b"0".to_vec());
    let Some(old) = Float::read(&old) else { return refused("hash value is not a float") };
    match old.plus(&more) {
        Err(NotFinite) => refused("increment would produce NaN or Infinity"),
        Ok(new) => {
            hash.insert(call.arg(1).to_vec(), new.written());
            call.put(0, Value::Hash(hash));
            bulk(Some(new.written()))
        }
    }
}

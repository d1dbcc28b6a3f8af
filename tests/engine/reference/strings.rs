//! GET SET SETNX SETEX PSETEX GETSET GETEX GETDEL MGET MSET MSETNX APPEND STRLEN SETRANGE GETRANGE. Pure.

use super::hyperloglogs::Registers;
use super::numbers::integer;
use super::values::Value;
use super::{Answer, Call, Refused, Told, UNSPELT, bulk, count, number, ok, refused, syntax_error, upper};
use replicheck::command::Reply;

const EXPIRIES: [&str; 4] = ["EX", "PX", "EXAT", "PXAT"];
/// The longest string: 512 MB.
pub(super) const LONGEST: i128 = 1 << 29;

/// The given options: each word in capitals, with its number if it takes one.
type Options = Vec<(String, Vec<u8>)>;

/// Reads the options of SET and GETEX; `alone` are the ones that take no number.
fn options(args: &[Vec<u8>], alone: &[&str]) -> Result<Options, Refused> {
    let mut given = Options::new();
    let mut words = args.iter();
    while let Some(word) = words.next() {
        let word = upper(word);
        let takes_number = EXPIRIES.contains(&word.as_str());
        if !takes_number && !alone.contains(&word.as_str()) {
            return syntax_error();
        }
        if given.iter().any(|(other, _)| exclude(&word, other)) {
            return syntax_error();
        }
        let number = match words.clone().next() {
            Some(number) if takes_number => number.clone(),
            None if takes_number => return syntax_error(),
            _ => Vec::new(),
        };
        if takes_number {
            words.next();
        }
        given.push((word, number));
    }
    Ok(given)
}

/// Whether the grammar has `|` between the two options. The same option twice is allowed: the last one counts.
fn exclude(one: &str, other: &str) -> bool {
    let groups: [&[&str]; 2] = [&["NX", "XX"], &["EX", "PX", "EXAT", "PXAT", "KEEPTTL", "PERSIST"]];
    one != other && groups.iter().any(|group| group.contains(&one) && group.contains(&other))
}

fn given(options: &Options, word: &str) -> bool {
    options.iter().any(|(option, _)| option == word)
}

/// The deadline that the options give.
fn deadline(call: &Call<'_>, options: &Options) -> Result<Option<i128>, Refused> {
    let Some((word, number)) = options.iter().rev().find(|(word, _)| EXPIRIES.contains(&word.as_str()))
    else {
        return Ok(None);
    };
    let number = integer(number)?;
    let milliseconds = if word.starts_with("EX") { number * 1000 } else { number };
    let deadline = if word.ends_with("AT") { milliseconds } else { milliseconds + call.now };
    if number <= 0 || deadline > i128::from(i64::MAX) {
        return refused(&format!("invalid expire time in '{}' command", call.name));
    }
    Ok(Some(deadline))
}

/// The registers of the first key, if it is a HyperLogLog of which the bytes are not known.
fn unspelt(call: &Call<'_>) -> Option<Registers> {
    match call.held(0).map(|held| held.value) {
        Some(Value::HyperLogLog(registers)) => Some(registers),
        _ => None,
    }
}

pub(super) fn get(call: &mut Call<'_>) -> Told {
    if let Some(registers) = unspelt(call) {
        return Ok(Answer::Spelling(registers));
    }
    bulk(call.string(0)?)
}

pub(super) fn set(call: &mut Call<'_>) -> Told {
    let options = options(&call.args[2..], &["NX", "XX", "GET", "KEEPTTL"])?;
    let deadline = deadline(call, &options)?;
    let old = call.held(0);
    let shown = if given(&options, "GET") { Some(call.string(0)?) } else { None };
    let goes = match &old {
        Some(_) => !given(&options, "NX"),
        None => !given(&options, "XX"),
    };
    if goes {
        let kept = old.and_then(|old| old.deadline).filter(|_| given(&options, "KEEPTTL"));
        call.replace(0, call.arg(1), deadline.or(kept));
    }
    match shown {
        Some(old) => bulk(old),
        None if goes => ok(),
        None => bulk(None),
    }
}

pub(super) fn setnx(call: &mut Call<'_>) -> Told {
    if call.held(0).is_some() {
        return number(0);
    }
    call.replace(0, call.arg(1), None);
    number(1)
}

pub(super) fn setex(call: &mut Call<'_>, unit: &str) -> Told {
    let deadline = deadline(call, &vec![(unit.to_owned(), call.arg(1).to_vec())])?;
    call.replace(0, call.arg(2), deadline);
    ok()
}

pub(super) fn getset(call: &mut Call<'_>) -> Told {
    let old = call.string(0)?;
    call.replace(0, call.arg(1), None);
    bulk(old)
}

pub(super) fn getex(call: &mut Call<'_>) -> Told {
    let options = options(&call.args[1..], &["PERSIST"])?;
    let Some(value) = call.string(0)? else { return bulk(None) };
    // Only now: for a key that does not exist, Redis does not report a wrong time.
    match deadline(call, &options)? {
        Some(deadline) => call.replace(0, &value, Some(deadline)),
        None if given(&options, "PERSIST") => call.replace(0, &value, None),
        None => {}
    }
    bulk(Some(value))
}

pub(super) fn getdel(call: &mut Call<'_>) -> Told {
    let old = call.string(0)?;
    call.keys.remove(&call.id(0));
    bulk(old)
}

pub(super) fn mget(call: &mut Call<'_>) -> Told {
    if (0..call.args.len())
        .any(|at| matches!(call.held(at).map(|held| held.value), Some(Value::HyperLogLog(_))))
    {
        return refused(UNSPELT);
    }
    let value = |at| call.string(at).ok().flatten().map_or(Reply::Null, Reply::Bulk);
    Ok(Answer::Exactly(Reply::Array((0..call.args.len()).map(value).collect())))
}

fn set_all(call: &mut Call<'_>) {
    for at in (0..call.args.len()).step_by(2) {
        call.replace(at, call.arg(at + 1), None);
    }
}

pub(super) fn mset(call: &mut Call<'_>) -> Told {
    if !call.args.len().is_multiple_of(2) {
        return refused("wrong number of arguments for 'mset' command");
    }
    set_all(call);
    ok()
}

pub(super) fn msetnx(call: &mut Call<'_>) -> Told {
    if !call.args.len().is_multiple_of(2) {
        return refused("wrong number of arguments for 'msetnx' command");
    }
    if (0..call.args.len()).step_by(2).any(|at| call.held(at).is_some()) {
        return number(0);
    }
    set_all(call);
    number(1)
}

pub(super) fn append(call: &mut Call<'_>) -> Told {
    let value = [call.string(0)?.unwrap_or_default(), call.arg(1).to_vec()].concat();
    let length = value.len();
    call.put(0, Value::String(value));
    count(length)
}

pub(super) fn strlen(call: &mut Call<'_>) -> Told {
    if unspelt(call).is_some() {
        return Ok(Answer::OfSomeSpelling);
    }
    count(call.string(0)?.map_or(0, |value| value.len()))
}

pub(super) fn setrange(call: &mut Call<'_>) -> Told {
    let offset = integer(call.arg(1))?;
    if offset < 0 {
        return refused("offset is out of range");
    }
    let mut value = call.string(0)?.unwrap_or_default();
    let part = call.arg(2);
    if part.is_empty() {
        return count(value.len());
    }
    if offset + i128::try_from(part.len()).expect("small") > LONGEST {
        return refused("string exceeds maximum allowed size (proto-max-bulk-len)");
    }
    for (at, byte) in (usize::try_from(offset).expect("checked")..).zip(part) {
        while value.len() <= at {
            value.push(0);
        }
        value[at] = *byte;
    }
    let length = value.len();
    call.put(0, Value::String(value));
    count(length)
}

pub(super) fn getrange(call: &mut Call<'_>) -> Told {
    let (start, end) = (integer(call.arg(1))?, integer(call.arg(2))?);
    if unspelt(call).is_some() {
        return Ok(Answer::OfSomeSpelling);
    }
    let value = call.string(0)?.unwrap_or_default();
    let length = i128::try_from(value.len()).expect("small");
    // -1 is the last byte. A position before the first byte means the first byte, at either end of the range.
    let from_front = |at: i128| if at < 0 { (at + length).max(0) } else { at };
    let backwards = start < 0 && end < 0 && start > end;
    let within = |at: &i128| !backwards && (from_front(start)..=from_front(end)).contains(at);
    let part = (0..length).zip(&value).filter(|(at, _)| within(at)).map(|(_, byte)| *byte).collect();
    bulk(Some(part))
}

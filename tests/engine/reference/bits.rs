//! SETBIT GETBIT BITCOUNT BITPOS BITOP BITFIELD BITFIELD_RO. Pure.
//!
//! A string is written out as a list of bits, the highest bit of each byte first; there are infinitely many zeros behind it.

use super::numbers::integer;
use super::strings::LONGEST;
use super::values::Value;
use super::{Answer, Call, Refused, Told, count, number, refused, syntax_error, upper};
use replicheck::command::Reply;

fn to_bits(bytes: &[u8]) -> Vec<bool> {
    bytes.iter().flat_map(|byte| (0..8).map(move |at| byte >> (7 - at) & 1 == 1)).collect()
}

/// The bytes of these bits; the last byte is filled up with zeros.
fn to_bytes(bits: &[bool]) -> Vec<u8> {
    let byte =
        |bits: &[bool]| (0..8).filter(|at| bits.get(*at) == Some(&true)).map(|at| 128_u8 >> at).sum::<u8>();
    bits.chunks(8).map(byte).collect()
}

/// The position of a bit; with `#`, a multiple of `width`.
fn offset(argument: &[u8], width: i128) -> Result<usize, Refused> {
    let text = "bit offset is not an integer or out of range";
    let (digits, unit) = match argument.strip_prefix(b"#") {
        Some(digits) if width > 0 => (digits, width),
        _ => (argument, 1),
    };
    let Ok(at) = integer(digits) else { return refused(text) };
    if !(0..LONGEST * 8).contains(&(at * unit)) {
        return refused(text);
    }
    Ok(usize::try_from(at * unit).expect("checked"))
}

fn grow(bits: &mut Vec<bool>, length: usize) {
    if bits.len() < length {
        bits.resize(length.next_multiple_of(8), false);
    }
}

pub(super) fn setbit(call: &mut Call<'_>) -> Told {
    let at = offset(call.arg(1), 0)?;
    let bit = match integer(call.arg(2)) {
        Ok(0) => false,
        Ok(1) => true,
        _ => return refused("bit is not an integer or out of range"),
    };
    let mut bits = to_bits(&call.string(0)?.unwrap_or_default());
    grow(&mut bits, at + 1);
    let old = std::mem::replace(&mut bits[at], bit);
    call.put(0, Value::String(to_bytes(&bits)));
    number(i128::from(old))
}

pub(super) fn getbit(call: &mut Call<'_>) -> Told {
    let at = offset(call.arg(1), 0)?;
    let bits = to_bits(&call.string(0)?.unwrap_or_default());
    number(i128::from(bits.get(at) == Some(&true)))
}

/// Whether positions count bits, not bytes.
fn in_bits(unit: Option<&Vec<u8>>) -> Result<bool, Refused> {
    match unit.map(|unit| upper(unit)).as_deref() {
        Some("BIT") => Ok(true),
        Some("BYTE") | None => Ok(false),
        Some(_) => syntax_error(),
    }
}

/// The bits from `start` to `stop`, both included, as positions in `bits`. -1 is the last one; a position before the first
/// means the first, at either end.
fn part(bits: &[bool], start: i128, stop: i128, in_bits: bool) -> std::ops::Range<usize> {
    let unit = if in_bits { 1 } else { 8 };
    let all = i128::try_from(bits.len() / unit).expect("small");
    let from_front = |at: i128| if at < 0 { (at + all).max(0) } else { at };
    let (start, stop) = (from_front(start), from_front(stop).min(all - 1));
    if start > stop {
        return 0..0;
    }
    let size = |at: i128| usize::try_from(at).expect("not negative") * unit;
    size(start)..size(stop + 1)
}

/// Redis 7.0 looks at the key, and at a range that is empty in any string, before the other arguments.
pub(super) fn bitcount(call: &mut Call<'_>) -> Told {
    let Some(value) = call.string(0)? else { return number(0) };
    let (start, stop, unit) = match &call.args[1..] {
        [] => (0, -1, None),
        [start, stop] => (integer(start)?, integer(stop)?, None),
        [start, stop, unit] => (integer(start)?, integer(stop)?, Some(unit)),
        _ => return syntax_error(),
    };
    if start < 0 && stop < 0 && start > stop {
        return number(0);
    }
    let (in_bits, bits) = (in_bits(unit)?, to_bits(&value));
    count(bits[part(&bits, start, stop, in_bits)].iter().filter(|bit| **bit).count())
}

pub(super) fn bitpos(call: &mut Call<'_>) -> Told {
    let wanted = match integer(call.arg(1))? {
        0 => false,
        1 => true,
        _ => return refused("The bit argument must be 1 or 0."),
    };
    let Some(value) = call.string(0)? else { return number(if wanted { -1 } else { 0 }) };
    let (start, stop, unit) = match &call.args[2..] {
        [] => (0, None, None),
        [start] => (integer(start)?, None, None),
        [start, stop] => (integer(start)?, Some(stop), None),
        [start, stop, unit] => (integer(start)?, Some(stop), Some(unit)),
        _ => return syntax_error(),
    };
    let in_bits = in_bits(unit)?;
    let last = stop.map_or(Ok(-1), |stop| integer(stop))?;
    let bits = to_bits(&value);
    let part = part(&bits, start, last, in_bits);
    match bits[part.clone()].iter().position(|bit| *bit == wanted) {
        Some(at) => count(part.start + at),
        // Without an end, the zeros behind the string belong to the range.
        None if !wanted && stop.is_none() && !part.is_empty() => count(bits.len()),
        None => number(-1),
    }
}

pub(super) fn bitop(call: &mut Call<'_>) -> Told {
    let operation = upper(call.arg(0));
    let combine: fn(u8, u8) -> u8 = match operation.as_str() {
        "AND" => |one, other| one & other,
        "OR" => |one, other| one | other,
        "XOR" => |one, other| one ^ other,
        "NOT" if call.args.len() == 3 => |one, _| !one,
        "NOT" => return refused("BITOP NOT must be called with a single source key."),
        _ => return syntax_error(),
    };
    let sources = (2..call.args.len()).map(|at| Ok(call.string(at)?.unwrap_or_default()));
    let sources = sources.collect::<Result<Vec<Vec<u8>>, Refused>>()?;
    let length = sources.iter().map(Vec::len).max().expect("a source");
    let byte = |at: usize| {
        let mut bytes = sources.iter().map(|source| source.get(at).copied().unwrap_or(0));
        let first = bytes.next().expect("a source");
        if operation == "NOT" { combine(first, 0) } else { bytes.fold(first, combine) }
    };
    let result: Vec<u8> = (0..length).map(byte).collect();
    if result.is_empty() {
        call.keys.remove(&call.id(1));
    } else {
        call.replace(1, &result, None);
    }
    count(length)
}

/// What BITFIELD does with a number that does not fit.
#[derive(Clone, Copy)]
enum Overflow {
    Wrap,
    Saturate,
    Fail,
}

/// A number of some bits in a string.
#[derive(Clone, Copy)]
struct Field {
    is_signed: bool,
    width: usize,
    at: usize,
}

/// What a part of BITFIELD does with its field.
enum Action {
    Get,
    Set(i128, Overflow),
    Add(i128, Overflow),
}

impl Field {
    fn read(kind: &[u8], at: &[u8]) -> Result<Field, Refused> {
        let width = kind.get(1..).and_then(|digits| integer(digits).ok()).unwrap_or(0);
        let is_signed = kind.first() == Some(&b'i');
        let widest = if is_signed { 64 } else { 63 };
        if !matches!(kind.first(), Some(b'i' | b'u')) || !(1..=widest).contains(&width) {
            return refused(
                "Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is.",
            );
        }
        Ok(Field { is_signed, width: usize::try_from(width).expect("checked"), at: offset(at, width)? })
    }

    /// The number in the field.
    fn get(self, bits: &[bool]) -> i128 {
        let bit = |at: usize| i128::from(bits.get(at) == Some(&true));
        self.in_range((self.at..self.at + self.width).fold(0, |number, at| number * 2 + bit(at)))
    }

    /// The number that the lowest bits of `number` are in this field.
    fn in_range(self, number: i128) -> i128 {
        let (least, most) = self.limits();
        (number - least).rem_euclid(most - least + 1) + least
    }

    fn limits(self) -> (i128, i128) {
        if self.is_signed {
            (-(1 << (self.width - 1)), (1 << (self.width - 1)) - 1)
        } else {
            (0, (1 << self.width) - 1)
        }
    }

    fn set(self, bits: &mut [bool], number: i128) {
        for (distance, at) in (self.at..self.at + self.width).rev().enumerate() {
            bits[at] = number >> distance & 1 == 1;
        }
    }

    /// What is stored for `number`; `None`: nothing is.
    fn fitted(self, number: i128, overflow: Overflow) -> Option<i128> {
        let (least, most) = self.limits();
        match overflow {
            _ if (least..=most).contains(&number) => Some(number),
            Overflow::Wrap => Some(self.in_range(number)),
            Overflow::Saturate => Some(number.clamp(least, most)),
            Overflow::Fail => None,
        }
    }

    /// Does `action`; returns its reply.
    fn run(self, bits: &mut [bool], action: &Action) -> Reply {
        let old = self.get(bits);
        let (new, overflow) = match action {
            Action::Get => (old, Overflow::Wrap),
            // Redis reads a negative number for an unsigned field as one above 2^63.
            Action::Set(new, overflow) if !self.is_signed => (new.rem_euclid(1 << 64), *overflow),
            // Redis computes `most - new` with 64 bits. A result above 2^63 is negative there, and `new` passes for too large.
            Action::Set(new, Overflow::Saturate) if self.width < 64 && self.limits().1 - new >= 1 << 63 => {
                (self.limits().1, Overflow::Saturate)
            }
            Action::Set(new, overflow) => (*new, *overflow),
            Action::Add(more, overflow) => (old + more, *overflow),
        };
        let Some(stored) = self.fitted(new, overflow) else { return Reply::Null };
        let shown = match action {
            Action::Get => return integer_reply(old),
            Action::Set(..) => old,
            Action::Add(..) => stored,
        };
        self.set(bits, stored);
        integer_reply(shown)
    }
}

fn integer_reply(number: i128) -> Reply {
    Reply::Integer(i64::try_from(number).expect("at most 64 bits"))
}

/// BITFIELD and BITFIELD_RO.
pub(super) fn bitfield(call: &mut Call<'_>) -> Told {
    let actions = actions(&call.args[1..])?;
    let written = actions.iter().filter(|(_, action)| !matches!(action, Action::Get));
    let length = written.map(|(field, _)| field.at + field.width).max();
    if length.is_some() && call.name == "bitfield_ro" {
        return refused("BITFIELD_RO only supports the GET subcommand");
    }
    let mut bits = to_bits(&call.string(0)?.unwrap_or_default());
    grow(&mut bits, length.unwrap_or(0));
    let replies = actions.iter().map(|(field, action)| field.run(&mut bits, action)).collect();
    if length.is_some() {
        call.put(0, Value::String(to_bytes(&bits)));
    }
    Ok(Answer::Exactly(Reply::Array(replies)))
}

fn actions(mut words: &[Vec<u8>]) -> Result<Vec<(Field, Action)>, Refused> {
    let (mut actions, mut overflow) = (Vec::new(), Overflow::Wrap);
    while let [word, rest @ ..] = words {
        let (action, taken): (fn(i128, Overflow) -> Action, usize) = match (upper(word).as_str(), rest) {
            ("OVERFLOW", [kind, rest @ ..]) => {
                overflow = match upper(kind).as_str() {
                    "WRAP" => Overflow::Wrap,
                    "SAT" => Overflow::Saturate,
                    "FAIL" => Overflow::Fail,
                    _ => return refused("Invalid OVERFLOW type specified"),
                };
                words = rest;
                continue;
            }
            ("GET", [_, _, ..]) => (|_, _| Action::Get, 2),
            ("SET", [_, _, _, ..]) => (Action::Set, 3),
            ("INCRBY", [_, _, _, ..]) => (Action::Add, 3),
            _ => return syntax_error(),
        };
        let field = Field::read(&rest[0], &rest[1])?;
        let argument = if taken == 3 { integer(&rest[2])? } else { 0 };
        actions.push((field, action(argument, overflow)));
        words = &rest[taken..];
    }
    Ok(actions)
}

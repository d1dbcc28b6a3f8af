//! Commands on a range of the bits of a string: BITCOUNT BITPOS. Pure.
//!
//! As in Redis 7.2, the range of a command is read only if its key exists. Cost: O(bytes of the string).

use super::is_set;
use crate::command::number::parse_integer;
use crate::command::options::is_option;
use crate::command::{CommandError, Outcome, Reply, View};
use crate::effect::Effect;
use crate::time::Millis;
use std::ops::Range;

/// The unit in which a range is given.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Unit {
    Byte,
    Bit,
}

impl Unit {
    fn parse(argument: &[u8]) -> Result<Unit, CommandError> {
        match argument {
            bit if is_option(bit, "bit") => Ok(Unit::Bit),
            byte if is_option(byte, "byte") => Ok(Unit::Byte),
            _ => Err(CommandError::syntax()),
        }
    }
}

fn integer(argument: &[u8]) -> Result<i64, CommandError> {
    parse_integer(argument).ok_or_else(CommandError::not_an_integer)
}

/// The bits from `start` to `end`, both included and in `unit`, of a string of `length` bytes; negative positions count from
/// the end. The range is empty if it begins after its end.
fn bits(length: usize, start: i64, end: i64, unit: Unit) -> Range<usize> {
    let step = if unit == Unit::Bit { 1 } else { 8 };
    let total = length.saturating_mul(8) / step;
    let position = |at: i64| {
        let distance = usize::try_from(at.unsigned_abs()).unwrap_or(usize::MAX);
        if at < 0 { total.saturating_sub(distance) } else { distance }
    };
    let (start, end) = (position(start).min(total), position(end).saturating_add(1).min(total));
    start * step..end.max(start) * step
}

pub(super) fn bitcount(view: &View<'_>, _: Millis, argv: &[Vec<u8>]) -> Outcome {
    let Some((bytes, _)) = view.string(&argv[1])? else { return Ok((Reply::Integer(0), Effect::none())) };
    let range = match &argv[2..] {
        [] => bits(bytes.len(), 0, -1, Unit::Byte),
        [start, end, unit @ ..] if unit.len() <= 1 => {
            let (start, end) = (integer(start)?, integer(end)?);
            // Two negative positions in the wrong order count nothing, whatever the unit.
            if start < 0 && end < 0 && start > end {
                return Ok((Reply::Integer(0), Effect::none()));
            }
            let unit = unit.first().map_or(Ok(Unit::Byte), |unit| Unit::parse(unit))?;
            bits(bytes.len(), start, end, unit)
        }
        _ => return Err(CommandError::syntax()),
    };
    Ok((Reply::count(count(&bytes, range)), Effect::none()))
}

/// The number of bits in `range` that are set.
fn count(bytes: &[u8], range: Range<usize>) -> usize {
    let whole = range.start.div_ceil(8)..range.end / 8;
    if whole.start >= whole.end {
        return range.filter(|&at| is_set(bytes, at)).count();
    }
    let edges = (range.start..whole.start * 8).chain(whole.end * 8..range.end);
    let inside: usize = bytes[whole].iter().map(|byte| byte.count_ones() as usize).sum();
    inside + edges.filter(|&at| is_set(bytes, at)).count()
}

pub(super) fn bitpos(view: &View<'_>, _: Millis, argv: &[Vec<u8>]) -> Outcome {
    let bit = match integer(&argv[2])? {
        0 => false,
        1 => true,
        _ => return Err(CommandError::err("The bit argument must be 1 or 0.")),
    };
    let reply = |position| Ok((Reply::Integer(position), Effect::none()));
    let Some((bytes, _)) = view.string(&argv[1])? else { return reply(if bit { -1 } else { 0 }) };
    let (range, has_end) = match &argv[3..] {
        [] => (bits(bytes.len(), 0, -1, Unit::Byte), false),
        [start] => (bits(bytes.len(), integer(start)?, -1, Unit::Byte), false),
        [start, end, unit @ ..] if unit.len() <= 1 => {
            let start = integer(start)?;
            let unit = unit.first().map_or(Ok(Unit::Byte), |unit| Unit::parse(unit))?;
            (bits(bytes.len(), start, integer(end)?, unit), true)
        }
        _ => return Err(CommandError::syntax()),
    };
    let end = range.end;
    let is_empty = range.is_empty();
    match first(&bytes, range, bit) {
        Some(position) => Ok((Reply::count(position), Effect::none())),
        // Without an end, the string is followed by zero bits.
        None if !bit && !has_end && !is_empty => Ok((Reply::count(end), Effect::none())),
        None => reply(-1),
    }
}

/// The offset of the first bit in `range` that is `bit`.
fn first(bytes: &[u8], range: Range<usize>, bit: bool) -> Option<usize> {
    let passed = if bit { 0x00 } else { 0xff };
    let mut at = range.start;
    while at < range.end {
        if at.is_multiple_of(8) && bytes[at / 8] == passed {
            at += 8;
        } else if is_set(bytes, at) == bit {
            return Some(at);
        } else {
            at += 1;
        }
    }
    None
}

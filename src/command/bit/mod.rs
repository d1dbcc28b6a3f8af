//! Commands on the bits of a string: SETBIT GETBIT. The commands on ranges of bits, on several strings and on fields of bits
//! are in the other files of this folder. Pure.
//!
//! Bit 0 is the highest bit of the first byte. A string has a zero bit at every offset beyond its end. Cost: O(bytes of the
//! string), because a string is one record, which a command reads and writes whole.

mod field;
mod operation;
mod range;
#[cfg(test)]
mod tests;

use super::number::parse_integer;
use super::string::{LENGTH_MAX, put_over};
use super::{Command, CommandError, Execute, KeyArguments, Kind, Outcome, Reply, Spec, View, always};
use crate::effect::Effect;
use crate::time::Millis;

pub(super) const TABLE: &[Spec] = &[
    row("setbit", 4, Kind::Write, "SETBIT key offset value", setbit),
    row("getbit", 3, Kind::Read, "GETBIT key offset", getbit),
    row("bitcount", -2, Kind::Read, "BITCOUNT key [start end [BYTE | BIT]]", range::bitcount),
    row("bitpos", -3, Kind::Read, "BITPOS key bit [start [end [BYTE | BIT]]]", range::bitpos),
    Spec {
        keys: KeyArguments::Range { first: 2, last: -1, step: 1 },
        ..row(
            "bitop",
            -4,
            Kind::Write,
            "BITOP <AND | OR | XOR | NOT> destkey key [key ...]",
            operation::bitop,
        )
    },
    row(
        "bitfield",
        -2,
        Kind::Write,
        "BITFIELD key [GET encoding offset | [OVERFLOW <WRAP | SAT | FAIL>] <SET encoding offset value | \
         INCRBY encoding offset increment> [GET encoding offset | [OVERFLOW <WRAP | SAT | FAIL>] \
         <SET encoding offset value | INCRBY encoding offset increment> ...]]",
        field::bitfield,
    ),
    row(
        "bitfield_ro",
        -2,
        Kind::Read,
        "BITFIELD_RO key [GET encoding offset [GET encoding offset ...]]",
        field::bitfield_ro,
    ),
];

/// A row of the table, for a command with one key.
const fn row(name: &'static str, arity: i32, kind: Kind, grammar: &'static str, execute: Execute) -> Spec {
    Spec { name, arity, kind, keys: KeyArguments::FIRST, depends_on_stored: always, grammar, execute }
}

/// Minimum length in bytes of the string that the command leaves because of an offset: SETBIT, and BITFIELD with SET or
/// INCRBY. 0 for any other command, and for one that is refused.
pub(super) fn length_asked_for(command: &Command) -> usize {
    let argv = command.argv();
    let last = match command.name() {
        "setbit" => set_bit(argv).ok().map(|(offset, _)| offset),
        "bitfield" => field::parse(&argv[2..]).ok().and_then(|fields| field::last_written_bit(&fields)),
        _ => None,
    };
    last.map_or(0, length_for)
}

/// Length in bytes of the shortest string that has a bit at `offset`.
fn length_for(offset: usize) -> usize {
    offset / 8 + 1
}

/// The offset of a bit in an argument. Errors: it is not an integer, it is negative, or a string with that bit would be
/// longer than Redis allows.
fn offset(argument: &[u8]) -> Result<usize, CommandError> {
    parse_integer(argument).and_then(checked_offset).ok_or_else(wrong_offset)
}

/// The offset if it is within the longest string.
fn checked_offset(offset: i64) -> Option<usize> {
    u64::try_from(offset).ok().filter(|offset| offset / 8 < LENGTH_MAX)?.try_into().ok()
}

fn wrong_offset() -> CommandError {
    CommandError::err("bit offset is not an integer or out of range")
}

/// Whether the bit at `offset` is set; bits beyond the end are not.
fn is_set(bytes: &[u8], offset: usize) -> bool {
    bytes.get(offset / 8).is_some_and(|byte| byte & mask(offset) != 0)
}

/// The bit at `offset` within its byte.
fn mask(offset: usize) -> u8 {
    0x80 >> (offset % 8)
}

/// Sets or clears the bit at `offset`, which must be within the string.
fn write_bit(bytes: &mut [u8], offset: usize, bit: bool) {
    if let Some(byte) = bytes.get_mut(offset / 8) {
        *byte = if bit { *byte | mask(offset) } else { *byte & !mask(offset) };
    }
}

/// Offset and new value of a SETBIT.
fn set_bit(argv: &[Vec<u8>]) -> Result<(usize, bool), CommandError> {
    let offset = offset(&argv[2])?;
    match parse_integer(&argv[3]) {
        Some(0) => Ok((offset, false)),
        Some(1) => Ok((offset, true)),
        _ => Err(CommandError::err("bit is not an integer or out of range")),
    }
}

fn setbit(view: &View<'_>, _: Millis, argv: &[Vec<u8>]) -> Outcome {
    let (offset, bit) = set_bit(argv)?;
    change(view, &argv[1], offset, |bytes| {
        let old = is_set(bytes, offset);
        write_bit(bytes, offset, bit);
        Reply::truth(old)
    })
}

/// Calls `edit` with the string `name`, grown with zeros up to the bit at `last`. The string keeps its deadline. The effect
/// is empty if the string existed and stays as it was.
fn change(view: &View<'_>, name: &[u8], last: usize, edit: impl FnOnce(&mut [u8]) -> Reply) -> Outcome {
    let (stored, collection) = view.string_to_replace(name)?;
    let (mut bytes, deadline) = stored.clone().unwrap_or_default();
    let length = bytes.len().max(length_for(last));
    bytes.resize(length, 0);
    let reply = edit(&mut bytes);
    let effect = match stored {
        Some((old, _)) if old == bytes => Effect::none(),
        _ => put_over(view, name, &bytes, deadline, collection),
    };
    Ok((reply, effect))
}

fn getbit(view: &View<'_>, _: Millis, argv: &[Vec<u8>]) -> Outcome {
    let offset = offset(&argv[2])?;
    let bytes = view.string(&argv[1])?.map(|(bytes, _)| bytes).unwrap_or_default();
    Ok((Reply::truth(is_set(&bytes, offset)), Effect::none()))
}

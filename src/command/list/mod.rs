//! Commands on lists. Pure.
//!
//! A list is a metadata record (incarnation, number of elements, positions of the first and the last) and one record per
//! element, whose name is a position, a number of 64 bits:
//!
//! ```text
//! RPUSH l a b c     a at M           b at M+S         c at M+2S           M = 2^63, S = 2^20: even
//! LPUSH l x         x at M-S                                              even
//! LINSERT l AFTER a y                y at M+S/2                           uneven
//! ```
//!
//! While positions are even, an index tells a position: LINDEX reads one element, LTRIM deletes a range. An uneven list is
//! walked from the nearer end, as Redis walks a list. It becomes even again when one element is left. A write holds the
//! elements that it changes, and the metadata only if that changes. The deadline stays.

mod change;
#[cfg(test)]
mod drawn_tests;
mod ends;
mod insert;
mod middle;
mod moves;
mod read;
mod stored;
#[cfg(test)]
mod tests;

use super::number::parse_integer;
use super::{CommandError, Execute, KeyArguments, Kind, Spec, always};

pub(super) const TABLE: &[Spec] = &[
    row("lpush", -3, Kind::Write, "LPUSH key element [element ...]", ends::lpush),
    row("rpush", -3, Kind::Write, "RPUSH key element [element ...]", ends::rpush),
    row("lpushx", -3, Kind::Write, "LPUSHX key element [element ...]", ends::lpushx),
    row("rpushx", -3, Kind::Write, "RPUSHX key element [element ...]", ends::rpushx),
    row("lpop", -2, Kind::Write, "LPOP key [count]", ends::lpop),
    row("rpop", -2, Kind::Write, "RPOP key [count]", ends::rpop),
    row("ltrim", 4, Kind::Write, "LTRIM key start stop", ends::ltrim),
    row("lset", 4, Kind::Write, "LSET key index element", middle::lset),
    row("linsert", 5, Kind::Write, "LINSERT key <BEFORE | AFTER> pivot element", middle::linsert),
    row("lrem", 4, Kind::Write, "LREM key count element", middle::lrem),
    row("llen", 2, Kind::Read, "LLEN key", read::llen),
    row("lindex", 3, Kind::Read, "LINDEX key index", read::lindex),
    row("lrange", 4, Kind::Read, "LRANGE key start stop", read::lrange),
    row("lpos", -3, Kind::Read, "LPOS key element [RANK rank] [COUNT num-matches] [MAXLEN len]", read::lpos),
    Spec {
        keys: KeyArguments::TWO,
        ..row("rpoplpush", 3, Kind::Write, "RPOPLPUSH source destination", moves::rpoplpush)
    },
    Spec {
        keys: KeyArguments::TWO,
        ..row("lmove", 5, Kind::Write, "LMOVE source destination <LEFT | RIGHT> <LEFT | RIGHT>", moves::lmove)
    },
    Spec {
        keys: KeyArguments::Counted { has_target: false, count: 1 },
        ..row(
            "lmpop",
            -4,
            Kind::Write,
            "LMPOP numkeys key [key ...] <LEFT | RIGHT> [COUNT count]",
            moves::lmpop,
        )
    },
];

/// A row of the table for a command with one key. The outcome of every command on lists depends on what is stored: even
/// LPUSH needs to know where the list begins.
const fn row(name: &'static str, arity: i32, kind: Kind, grammar: &'static str, execute: Execute) -> Spec {
    Spec { name, arity, kind, keys: KeyArguments::FIRST, depends_on_stored: always, grammar, execute }
}

/// The integer in an argument. Errors: `ERR value is not an integer or out of range`.
fn integer(argument: &[u8]) -> Result<i64, CommandError> {
    parse_integer(argument).ok_or_else(CommandError::not_an_integer)
}

/// The number in an argument, which is at least `min`. Errors: `ERR` and `refusal`, if it is smaller or no integer.
fn number_from(min: u64, argument: &[u8], refusal: &str) -> Result<u64, CommandError> {
    let number = parse_integer(argument).and_then(|number| u64::try_from(number).ok());
    number.filter(|number| *number >= min).ok_or_else(|| CommandError::err(refusal))
}

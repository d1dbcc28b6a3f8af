//! Commands on the length and the parts of a string: APPEND STRLEN SETRANGE GETRANGE SUBSTR. Pure.

use super::super::number::parse_integer;
use super::super::{CommandError, KeyArguments, Kind, Outcome, Reply, Spec, View, always};
use super::{LENGTH_MAX, put_over};
use crate::effect::Effect;
use crate::time::Millis;

pub(in super::super) const TABLE: &[Spec] = &[
    Spec {
        name: "append",
        arity: 3,
        kind: Kind::Write,
        keys: KeyArguments::FIRST,
        depends_on_stored: always,
        grammar: "APPEND key value",
        execute: append,
    },
    Spec {
        name: "strlen",
        arity: 2,
        kind: Kind::Read,
        keys: KeyArguments::FIRST,
        depends_on_stored: always,
        grammar: "STRLEN key",
        execute: strlen,
    },
    Spec {
        name: "setrange",
        arity: 4,
        kind: Kind::Write,
        keys: KeyArguments::FIRST,
        depends_on_stored: always,
        grammar: "SETRANGE key offset value",
        execute: setrange,
    },
    Spec {
        name: "getrange",
        arity: 4,
        kind: Kind::Read,
        keys: KeyArguments::FIRST,
        depends_on_stored: always,
        grammar: "GETRANGE key start end",
        execute: getrange,
    },
    Spec {
        name: "substr",
        arity: 4,
        kind: Kind::Read,
        keys: KeyArguments::FIRST,
        depends_on_stored: always,
        grammar: "SUBSTR key start end",
        execute: getrange,
    },
];

/// Checks the length of a string. Errors: `length` plus `more` bytes is longer than Redis allows.
fn check_length(length: usize, more: usize) -> Result<(), CommandError> {
    match u64::try_from(length.saturating_add(more)) {
        Ok(total) if total <= LENGTH_MAX => Ok(()),
        _ => Err(CommandError::err("string exceeds maximum allowed size (proto-max-bulk-len)")),
    }
}

fn append(view: &View<'_>, _: Millis, argv: &[Vec<u8>]) -> Outcome {
    let (name, more) = (&argv[1], &argv[2]);
    let (stored, collection) = view.string_to_replace(name)?;
    let Some((mut value, deadline)) = stored else {
        return Ok((Reply::count(more.len()), put_over(view, name, more, None, collection)));
    };
    check_length(value.len(), more.len())?;
    if more.is_empty() {
        return Ok((Reply::count(value.len()), Effect::none()));
    }
    value.extend_from_slice(more);
    Ok((Reply::count(value.len()), put_over(view, name, &value, deadline, None)))
}

fn strlen(view: &View<'_>, _: Millis, argv: &[Vec<u8>]) -> Outcome {
    let length = view.string(&argv[1])?.map_or(0, |(value, _)| value.len());
    Ok((Reply::count(length), Effect::none()))
}

/// The offset of a SETRANGE. Errors: it is not an integer, or it is negative.
fn offset(argv: &[Vec<u8>]) -> Result<usize, CommandError> {
    let offset = parse_integer(&argv[2]).ok_or_else(CommandError::not_an_integer)?;
    usize::try_from(offset).map_err(|_| CommandError::err("offset is out of range"))
}

/// Minimum length in bytes of the string after a SETRANGE; 0 if the command is refused or changes nothing.
pub(in super::super) fn length_asked_for(argv: &[Vec<u8>]) -> usize {
    let part = argv[3].len();
    match offset(argv) {
        Ok(from) if part > 0 && check_length(from, part).is_ok() => from + part,
        _ => 0,
    }
}

fn setrange(view: &View<'_>, _: Millis, argv: &[Vec<u8>]) -> Outcome {
    let (name, part) = (&argv[1], &argv[3]);
    let from = offset(argv)?;
    let (stored, collection) = view.string_to_replace(name)?;
    let (mut value, deadline) = stored.unwrap_or_default();
    if part.is_empty() {
        return Ok((Reply::count(value.len()), Effect::none()));
    }
    check_length(from, part.len())?;
    let end = from + part.len();
    if value.len() < end {
        value.resize(end, 0);
    }
    value[from..end].copy_from_slice(part);
    Ok((Reply::count(value.len()), put_over(view, name, &value, deadline, collection)))
}

fn getrange(view: &View<'_>, _: Millis, argv: &[Vec<u8>]) -> Outcome {
    let start = parse_integer(&argv[2]).ok_or_else(CommandError::not_an_integer)?;
    let end = parse_integer(&argv[3]).ok_or_else(CommandError::not_an_integer)?;
    let value = view.string(&argv[1])?.map(|(value, _)| value).unwrap_or_default();
    Ok((Reply::bulk(slice(&value, start, end)), Effect::none()))
}

/// The bytes from `start` to `end`, both included; negative positions count from the end.
fn slice(value: &[u8], start: i64, end: i64) -> &[u8] {
    // Two negative positions in the wrong order give no bytes, even if clamping them to the string would give
    // some.
    if value.is_empty() || (start < 0 && end < 0 && start > end) {
        return &[];
    }
    let position = |at: i64| {
        let distance = usize::try_from(at.unsigned_abs()).unwrap_or(usize::MAX);
        if at < 0 { value.len().saturating_sub(distance) } else { distance }
    };
    let (start, end) = (position(start), position(end).min(value.len() - 1));
    if start > end { &[] } else { &value[start..=end] }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn length_beyond_512_mb_is_refused() {
        let max = usize::try_from(LENGTH_MAX).expect("fits");
        assert_eq!(check_length(max - 1, 1), Ok(()));
        assert!(check_length(max, 1).is_err());
        assert!(check_length(usize::MAX, 1).is_err());
    }
}

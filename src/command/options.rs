//! Options that set a deadline: EX PX EXAT PXAT. Pure.

use super::CommandError;
use super::number::parse_integer;
use crate::time::Millis;

/// How an option gives a deadline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    /// EX: seconds from now.
    Seconds,
    /// PX: milliseconds from now.
    Milliseconds,
    /// EXAT: the instant in seconds.
    AtSecond,
    /// PXAT: the instant in milliseconds.
    AtMillisecond,
}

impl Unit {
    /// The unit that the option of this name has, if it is a deadline option.
    pub(super) fn of_option(name: &[u8]) -> Option<Unit> {
        let units = [
            ("ex", Unit::Seconds),
            ("px", Unit::Milliseconds),
            ("exat", Unit::AtSecond),
            ("pxat", Unit::AtMillisecond),
        ];
        units.iter().find(|(option, _)| is_option(name, option)).map(|(_, unit)| *unit)
    }
}

/// Whether an argument is the option `name`; case is ignored.
pub(super) fn is_option(argument: &[u8], name: &str) -> bool {
    argument.eq_ignore_ascii_case(name.as_bytes())
}

/// A deadline as it was typed. Its number is parsed only when the command needs it, because Redis checks the
/// number after the rest of the syntax, and GETEX checks it only after the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Typed<'a> {
    /// How to read the number.
    pub unit: Unit,
    /// The number.
    pub number: &'a [u8],
}

impl Typed<'_> {
    /// The deadline for a command that runs at `now`. Errors: the number is not an integer; or it is not
    /// positive or beyond 63 bits of milliseconds, and then the error text names `command`.
    pub(super) fn deadline(&self, command: &str, now: Millis) -> Result<Millis, CommandError> {
        let number = parse_integer(self.number).ok_or_else(CommandError::not_an_integer)?;
        self.instant(number, now).ok_or_else(|| CommandError::invalid_expire(command))
    }

    /// The instant that `number` means. `None`: it is not positive, or does not fit what Redis stores, a
    /// signed 64-bit number of milliseconds.
    fn instant(&self, number: i64, now: Millis) -> Option<Millis> {
        if number <= 0 {
            return None;
        }
        let milliseconds = match self.unit {
            Unit::Seconds | Unit::AtSecond => number.checked_mul(1000)?,
            Unit::Milliseconds | Unit::AtMillisecond => number,
        };
        let instant = match self.unit {
            Unit::Seconds | Unit::Milliseconds => i64::try_from(now.0).ok()?.checked_add(milliseconds)?,
            Unit::AtSecond | Unit::AtMillisecond => milliseconds,
        };
        u64::try_from(instant).ok().map(Millis)
    }
}

/// Stores a deadline option in `slot`; a later option of the same unit replaces it. Errors: a syntax error if
/// `slot` has an option of another unit.
pub(super) fn note<'a>(slot: &mut Option<Typed<'a>>, typed: Typed<'a>) -> Result<(), CommandError> {
    if slot.is_some_and(|earlier| earlier.unit != typed.unit) {
        return Err(CommandError::syntax());
    }
    *slot = Some(typed);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deadline_of_each_unit_is_absolute() {
        let cases: &[(&str, &str, Option<u64>)] = &[
            ("EX", "1", Some(6_000)),
            ("px", "1", Some(5_001)),
            ("ExAt", "7", Some(7_000)),
            ("pxat", "7", Some(7)),
            ("ex", "0", None),
            ("px", "-1", None),
            ("ex", "9223372036854775", None),
            ("ex", "9223372036854770", Some(9_223_372_036_854_775_000)),
            ("ex", "9223372036854776", None),
            ("exat", "9223372036854775", Some(9_223_372_036_854_775_000)),
            ("px", "9223372036854775807", None),
            ("px", "9223372036854770807", Some(9_223_372_036_854_775_807)),
            ("px", "9223372036854770808", None),
            ("pxat", "9223372036854775807", Some(9_223_372_036_854_775_807)),
        ];
        for (option, number, expected) in cases {
            let unit = Unit::of_option(option.as_bytes()).expect("an option");
            let typed = Typed { unit, number: number.as_bytes() };
            let deadline = typed.deadline("set", Millis(5_000)).ok();
            assert_eq!(deadline, expected.map(Millis), "{option} {number}");
        }
    }
}

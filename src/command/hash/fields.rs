//! Arguments of the commands on deadlines of fields: `FIELDS numfields field …`, and the deadline. Pure.

use crate::command::options::{Unit, is_option};
use crate::command::{CommandError, number};
use crate::time::Millis;

/// The latest deadline that a field can have, in milliseconds: that of Redis, some 2,000 years from now.
pub(super) const DEADLINE_MAX: i64 = (1 << 46) - 1;

/// The error of HEXPIRE and its family for a number of fields that is not positive.
pub(super) const NUMBER_OF_HEXPIRE: &str = "Parameter `numFields` should be greater than 0";
/// The error of the other commands for such a number.
pub(super) const NUMBER: &str = "Number of fields must be a positive integer";

/// The fields that `FIELDS numfields field …` names; FIELDS is expected at position `at`. Errors, in the order of
/// Redis: FIELDS is not there; the number is not positive, with the text `number_error`; there are more or fewer fields.
pub(super) fn fields<'a>(
    argv: &'a [Vec<u8>],
    at: usize,
    number_error: &str,
) -> Result<&'a [Vec<u8>], CommandError> {
    if !argv.get(at).is_some_and(|word| is_option(word, "fields")) {
        let text = "Mandatory argument FIELDS is missing or not at the right position";
        return Err(CommandError::err(text));
    }
    // Redis reads beyond the last argument here.
    let number = argv.get(at + 1).ok_or_else(|| CommandError::arity(&name(argv)))?;
    let number = number::parse_integer(number).filter(|number| *number > 0);
    let number = number.ok_or_else(|| CommandError::err(number_error))?;
    let fields = &argv[at + 2..];
    if usize::try_from(number) != Ok(fields.len()) {
        let text = "The `numfields` parameter must match the number of arguments";
        return Err(CommandError::err(text));
    }
    Ok(fields)
}

/// The name of a command in lower case, as error texts quote it.
pub(super) fn name(argv: &[Vec<u8>]) -> String {
    let name = argv.first().map(Vec::as_slice).unwrap_or_default();
    CommandError::quoted(name).to_ascii_lowercase()
}

/// The deadline that `number` means in `unit` for the command of `argv`, which runs at `now`. Errors: it is not an integer,
/// negative, or later than [`DEADLINE_MAX`].
pub(super) fn deadline(
    argv: &[Vec<u8>],
    unit: Unit,
    number: &[u8],
    now: Millis,
) -> Result<Millis, CommandError> {
    let number = number::parse_integer(number).ok_or_else(CommandError::not_an_integer)?;
    if number < 0 {
        return Err(CommandError::err("invalid expire time, must be >= 0"));
    }
    instant(number, unit, now).ok_or_else(|| CommandError::invalid_expire(&name(argv)))
}

fn instant(number: i64, unit: Unit, now: Millis) -> Option<Millis> {
    let milliseconds = match unit {
        Unit::Seconds | Unit::AtSecond => number.checked_mul(1000)?,
        Unit::Milliseconds | Unit::AtMillisecond => number,
    };
    let instant = match unit {
        Unit::Seconds | Unit::Milliseconds => i64::try_from(now.0).ok()?.checked_add(milliseconds)?,
        Unit::AtSecond | Unit::AtMillisecond => milliseconds,
    };
    u64::try_from(instant).ok().filter(|_| instant <= DEADLINE_MAX).map(Millis)
}

/// The position of the option of an HSETEX or HGETEX that sets a deadline, and its unit. `None`: it has no such option.
pub(in crate::command) fn deadline_option(argv: &[Vec<u8>]) -> Option<(usize, Unit)> {
    let is_fields = |word: &&Vec<u8>| is_option(word, "fields");
    let options = argv.iter().skip(2).take_while(|word| !is_fields(word)).count();
    (2..2 + options).find_map(|at| Some((at, Unit::of_option(&argv[at])?)))
}

/// Whether a field can have this deadline, in milliseconds.
pub(in crate::command) fn is_a_deadline(instant: i64) -> bool {
    (0..=DEADLINE_MAX).contains(&instant)
}

//! Numbers as Redis reads and writes them. Pure.
//!
//! Redis counts with floats in C's `long double`, which on x86-64 has 64 bits of mantissa, and writes them with
//! `%.17Lf`, trailing zeros cut. Results are the same here to the last digit, on every machine: the arithmetic
//! is the x87 format in software, and the digits come from integers. Exact decimals would be simpler, and would
//! differ from Redis beyond the nineteenth digit.

use num_bigint::BigUint;
use rustc_apfloat::ieee::X87DoubleExtended;
use rustc_apfloat::{Float as _, Round};

/// The integer in `bytes`, in the one spelling that Redis takes: decimal, no sign `+`, no leading zeros, no
/// spaces, within 64 bits.
pub(super) fn parse_integer(bytes: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(bytes).ok()?;
    let number: i64 = text.parse().ok()?;
    (number.to_string() == text).then_some(number)
}

/// A number as INCRBYFLOAT and HINCRBYFLOAT count with it; infinity is one, NaN is not.
pub(super) type Float = X87DoubleExtended;

/// Redis reads no longer floats than this, in bytes. It also bounds the cost of reading one.
const FLOAT_LENGTH_MAX: usize = 5 * 1024 - 1;

/// Digits behind the point that are written.
const FRACTION_DIGITS: usize = 17;

/// Why two numbers could not be added.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum FloatError {
    /// What is added is not a number: `value is not a valid float` in every command.
    #[error("value is not a valid float")]
    Increment,
    /// What is stored is not a number: HINCRBYFLOAT has its own words for it.
    #[error("value is not a valid float")]
    Old,
    /// The result is not finite.
    #[error("increment would produce NaN or Infinity")]
    Infinite,
}

/// The sum of a stored number (`None` = 0) and an increment, as Redis writes it. The increment is looked at
/// first. Cost: bounded by the longest number that is read, whatever its exponent.
pub(super) fn add_float(old: Option<&[u8]>, increment: &[u8]) -> Result<Vec<u8>, FloatError> {
    let increment = parse_float(increment).ok_or(FloatError::Increment)?;
    let old = old.map_or(Some(Float::ZERO), parse_float).ok_or(FloatError::Old)?;
    let sum = (old + increment).value;
    if sum.is_finite() { Ok(format_float(sum).into_bytes()) } else { Err(FloatError::Infinite) }
}

/// The number in `bytes` as C's `strtold` reads it: decimal or hexadecimal with an exponent, or infinity.
/// `None`: not a number, spaces around it, beyond the largest float or too close to zero for the smallest.
pub(super) fn parse_float(bytes: &[u8]) -> Option<Float> {
    let text = std::str::from_utf8(bytes).ok().filter(|text| text.len() <= FLOAT_LENGTH_MAX)?;
    let (negative, magnitude) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let magnitude = magnitude.to_ascii_lowercase();
    let value = match magnitude.as_str() {
        "inf" | "infinity" => Float::INFINITY,
        number => parse_magnitude(number)?,
    };
    Some(if negative { -value } else { value })
}

/// A finite number without sign, in lower case.
fn parse_magnitude(text: &str) -> Option<Float> {
    let (hexadecimal, body) = text.strip_prefix("0x").map_or((false, text), |body| (true, body));
    let is_digit = |byte: u8| if hexadecimal { byte.is_ascii_hexdigit() } else { byte.is_ascii_digit() };
    let (mantissa, exponent) = match body.split_once(if hexadecimal { 'p' } else { 'e' }) {
        None => (body, "0"),
        Some((mantissa, exponent)) => (mantissa, exponent),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = || whole.bytes().chain(fraction.bytes());
    if digits().next().is_none() || !digits().all(is_digit) {
        return None;
    }
    let exponent = parse_exponent(exponent)?;
    if digits().all(|digit| digit == b'0') {
        return Some(Float::ZERO);
    }
    let spelled = match hexadecimal {
        true => format!("0x{whole}.{fraction}p{exponent}"),
        false => format!("{whole}.{fraction}e{exponent}"),
    };
    let value = Float::from_str_r(&spelled, Round::NearestTiesToEven).ok()?.value;
    (value.is_finite() && !value.is_zero()).then_some(value)
}

/// An exponent: sign and digits. One that no mantissa of the length that is read can bring back into range is
/// cut short, as its size is all that matters.
fn parse_exponent(text: &str) -> Option<i32> {
    let (negative, digits) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    if digits.is_empty() || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    const FAR: i32 = 1_000_000;
    let size = digits.trim_start_matches('0');
    let size = if size.is_empty() { 0 } else { size.parse().unwrap_or(FAR).min(FAR) };
    Some(if negative { -size } else { size })
}

/// A finite number as `%.17Lf` writes it, without the zeros at its end.
fn format_float(value: Float) -> String {
    // Bit 79 is the sign, 64 to 78 the exponent, 0 to 63 the mantissa with its leading one.
    let bits = value.to_bits();
    let mantissa = BigUint::from(bits & u128::from(u64::MAX));
    let exponent = i32::try_from((bits >> 64) & 0x7fff).unwrap_or(0).max(1) - 16_383 - 63;
    let scaled = shift(mantissa * BigUint::from(10_u32).pow(17), exponent).to_string();
    let scaled = format!("{scaled:0>width$}", width = FRACTION_DIGITS + 1);
    let (whole, fraction) = scaled.split_at(scaled.len() - FRACTION_DIGITS);
    let fraction = fraction.trim_end_matches('0');
    let point = if fraction.is_empty() { "" } else { "." };
    let is_zero = whole == "0" && fraction.is_empty();
    let sign = if value.is_negative() && !is_zero { "-" } else { "" };
    format!("{sign}{whole}{point}{fraction}")
}

/// `number` times two to the power `exponent`, rounded to the nearest integer, halves to the even one.
fn shift(number: BigUint, exponent: i32) -> BigUint {
    let distance = exponent.unsigned_abs();
    if exponent >= 0 {
        return number << distance;
    }
    let down = &number >> distance;
    let twice_the_rest = (number - (&down << distance)) << 1_u32;
    let one = BigUint::from(1_u32) << distance;
    let up = twice_the_rest > one || (twice_the_rest == one && down.bit(0));
    if up { down + 1_u32 } else { down }
}

#[cfg(test)]
#[path = "number_tests.rs"]
mod tests;

//! Numbers as Redis reads and writes them. Pure.
//!
//! Redis computes floats in C's `long double`, which on x86-64 has 64 bits of mantissa, and writes them with
//! `%.17Lf` without trailing zeros. The results here are the same to the last digit, on every machine: the
//! arithmetic is the x87 format in software, and the digits are computed with integers. Exact decimals would be
//! simpler, but would differ from Redis beyond the nineteenth digit.

use num_bigint::BigUint;
use rustc_apfloat::ieee::X87DoubleExtended;
use rustc_apfloat::{Float as _, Round};

/// The integer in `bytes`, in the only spelling that Redis accepts: decimal, no sign `+`, no leading zeros,
/// no spaces, within 64 bits.
pub(crate) fn parse_integer(bytes: &[u8]) -> Option<i64> {
    let digits = bytes.strip_prefix(b"-").unwrap_or(bytes);
    match digits {
        [b'1'..=b'9', ..] => std::str::from_utf8(bytes).ok()?.parse().ok(),
        b"0" if digits.len() == bytes.len() => Some(0),
        _ => None,
    }
}

/// A number in the format in which INCRBYFLOAT and HINCRBYFLOAT compute. It may be infinite, but not NaN.
pub(super) type Float = X87DoubleExtended;

/// Length in bytes of the longest float that Redis reads. It also bounds the cost of reading a float.
const FLOAT_LENGTH_MAX: usize = 5 * 1024 - 1;

/// Number of digits written after the decimal point.
const FRACTION_DIGITS: usize = 17;

/// Why two numbers could not be added.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum FloatError {
    /// The increment is not a number: `value is not a valid float` in every command.
    #[error("value is not a valid float")]
    Increment,
    /// The stored value is not a number; HINCRBYFLOAT has an error text of its own for it.
    #[error("value is not a valid float")]
    Old,
    /// The result is not finite.
    #[error("increment would produce NaN or Infinity")]
    Infinite,
}

/// The sum of a stored number (`None` = 0) and an increment, as Redis writes it. The increment is checked
/// first. Cost: bounded by the longest number that is read, whatever its exponent.
pub(super) fn add_float(old: Option<&[u8]>, increment: &[u8]) -> Result<Vec<u8>, FloatError> {
    let increment = parse_float(increment).ok_or(FloatError::Increment)?;
    let old = old.map_or(Some(Float::ZERO), parse_float).ok_or(FloatError::Old)?;
    let sum = (old + increment).value;
    if sum.is_finite() { Ok(format_float(sum).into_bytes()) } else { Err(FloatError::Infinite) }
}

/// The number in `bytes` as C's `strtold` reads it: decimal or hexadecimal with an exponent, or infinity.
/// `None`: the text is not a number, has spaces around it, or is beyond the largest float or closer to zero
/// than the smallest float.
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

/// Parses an exponent: sign and digits. An exponent that no mantissa of a readable length can bring back into
/// range is clamped, because only its size matters.
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

/// A finite number as `%.17Lf` writes it, without trailing zeros.
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

// More sums, recorded from Redis, are in tests/golden/commands/float.txt.
#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integer_other_spellings_are_refused() {
        for text in ["0", "-1", "9223372036854775807", "-9223372036854775808"] {
            assert_eq!(
                parse_integer(text.as_bytes()).map(|number| number.to_string()).as_deref(),
                Some(text)
            );
        }
        let refused =
            ["", "-", "+1", "01", "-0", " 1", "1 ", "1.0", "1e2", "0x1", "9223372036854775808", "1\0", "１"];
        for text in refused {
            assert_eq!(parse_integer(text.as_bytes()), None, "{text:?}");
        }
        assert_eq!(parse_integer(b"\xff"), None);
    }

    #[track_caller]
    fn check_sum(old: &str, increment: &str, expected: Result<&str, FloatError>) {
        let sum = add_float(Some(old.as_bytes()), increment.as_bytes());
        let sum = sum.map(|text| String::from_utf8(text).expect("digits"));
        assert_eq!(sum, expected.map(str::to_owned), "{old} + {increment}");
    }

    #[test]
    fn float_sums_are_those_of_the_command_pages() {
        check_sum("10.50", "0.1", Ok("10.6"));
        check_sum("10.6", "-5", Ok("5.6"));
        check_sum("5.0e3", "2.0e2", Ok("5200"));
        check_sum("3.0e3", "200", Ok("3200"));
    }

    #[test]
    fn float_sums_round_as_the_x87_does() {
        check_sum("0.1", "0.2", Ok("0.3"));
        check_sum("1", "1e-17", Ok("1.00000000000000001"));
        check_sum("1", "1e-18", Ok("1"));
        check_sum("-0.0", "0", Ok("0"));
        check_sum("-1e-30", "0", Ok("0"));
        check_sum("18446744073709551615", "1", Ok("18446744073709551616"));
        check_sum("18446744073709551616", "1", Ok("18446744073709551616"));
        check_sum("1e22", "0.5", Ok("10000000000000000000000"));
        check_sum("0x1.8p1", "0X.8", Ok("3.5"));
    }

    #[test]
    fn float_beyond_range_is_refused() {
        check_sum("1e4932", "1e4932", Err(FloatError::Infinite));
        check_sum("inf", "1", Err(FloatError::Infinite));
        check_sum("-Infinity", "inf", Err(FloatError::Infinite));
        check_sum("0", "1e4933", Err(FloatError::Increment));
        check_sum("1e-5000", "1", Err(FloatError::Old));
        check_sum("0e-5000", "1", Ok("1"));
        check_sum("0e99999999999999999999", "1", Ok("1"));
    }

    #[test]
    fn float_absurd_exponent_costs_nothing() {
        for exponent in ["100000000", "99999999999999999999", "-100000000", "-99999999999999999999"] {
            assert_eq!(parse_float(format!("1e{exponent}").as_bytes()), None, "{exponent}");
            assert_eq!(parse_float(format!("0x1p{exponent}").as_bytes()), None, "{exponent}");
        }
        let zeros = "0".repeat(4000);
        assert!(parse_float(format!("1{zeros}e-4000").as_bytes()).is_some());
        assert!(parse_float(format!("0.{zeros}1e4001").as_bytes()).is_some());
        assert_eq!(parse_float(format!("1{zeros}{zeros}e-8000").as_bytes()), None, "too long to be read");
    }

    #[test]
    fn float_other_spellings_are_refused() {
        let refused = [
            "", "+", "-", ".", "e5", "1e", "1e+", "1e1.5", " 1", "1 ", "1\n", "\t1", "--1", "+-1", "1,5",
            "nan", "-NaN", "0x", "0x.", "0x1p", "0xg", "1.2.3", "1f", "1_0", "infin", "in", "1\0", "0x.p1",
            "１",
        ];
        for text in refused {
            assert_eq!(parse_float(text.as_bytes()), None, "{text:?}");
        }
        for text in
            ["1.", ".5", "+5", "-5", "007", "1E5", "1e+05", "0x1", "0XAp-2", "INF", "-inf", "+infinity"]
        {
            assert!(parse_float(text.as_bytes()).is_some(), "{text:?}");
        }
    }
}

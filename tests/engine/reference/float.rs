//! The floats of INCRBYFLOAT and HINCRBYFLOAT: C's `long double` on x86-64, 64 bits of mantissa. Pure.
//!
//! A number is an exact fraction of big integers. Reading and adding are exact; the result is then rounded to 64 significant
//! bits, halves to even. That is all that a `long double` does as long as exponents stay in range. Results are written with
//! 17 digits after the point, without trailing zeros. So replies are compared digit by digit, and no value is excluded.
//! Not modelled: numbers below 2^-16382, which lose bits; 17 digits do not show them.

use num_bigint::{BigInt, Sign};

/// The first power of two that is too large for a `long double`.
const EXPONENT_MAX: i64 = 16384;
/// The smallest number above zero is 2 to this power.
const EXPONENT_MIN: i64 = -16445;
/// The longest text that Redis reads as a float, in bytes.
const LENGTH_MAX: usize = 5 * 1024 - 1;

#[derive(Clone, Debug)]
pub(super) enum Float {
    Infinite,
    /// Numerator and denominator; the denominator is above zero.
    Fraction(BigInt, BigInt),
}

/// The error of a sum that is not finite.
pub(super) struct NotFinite;

fn power(base: u32, exponent: i64) -> BigInt {
    BigInt::from(base).pow(u32::try_from(exponent).expect("not negative"))
}

/// `over` / `under`, rounded to an integer, halves to even.
fn rounded(over: &BigInt, under: &BigInt) -> BigInt {
    let negative = over.sign() == Sign::Minus;
    let over = BigInt::from(over.magnitude().clone());
    let (whole, rest) = (&over / under, &over % under);
    let twice = rest * 2;
    let up = twice > *under || (twice == *under && whole.bit(0));
    let whole = if up { whole + 1 } else { whole };
    if negative { -whole } else { whole }
}

/// The fraction, rounded to 64 significant bits. `None`: it is too large, or too small and not zero.
fn to_64_bits(over: BigInt, under: BigInt) -> Option<Float> {
    if over.sign() == Sign::NoSign {
        return Some(Float::Fraction(over, under));
    }
    // The fraction lies between 2^(length-1) and 2^(length+1).
    let bits = |number: &BigInt| i64::try_from(number.bits()).expect("short");
    let mut exponent = bits(&over) - bits(&under) - 65;
    loop {
        let whole = rounded(&(&over * power(2, (-exponent).max(0))), &(&under * power(2, exponent.max(0))));
        if whole.bits() > 64 && whole.magnitude() != power(2, 64).magnitude() {
            exponent += 1;
            continue;
        }
        let length = bits(&whole) + exponent;
        let fraction = (&whole * power(2, exponent.max(0)), power(2, (-exponent).max(0)));
        return (EXPONENT_MIN < length && length <= EXPONENT_MAX)
            .then_some(Float::Fraction(fraction.0, fraction.1));
    }
}

impl Float {
    /// Reads a decimal or hexadecimal number, with or without point and exponent, or infinity.
    pub(super) fn read(bytes: &[u8]) -> Option<Float> {
        let text = std::str::from_utf8(bytes).ok()?.to_ascii_lowercase();
        let unsigned = text.strip_prefix(['+', '-']).unwrap_or(&text);
        if text.len() > LENGTH_MAX {
            return None;
        }
        if unsigned == "inf" || unsigned == "infinity" {
            return Some(Float::Infinite);
        }
        let (radix, base, mark, body) = match unsigned.strip_prefix("0x") {
            Some(body) => (16, 2, 'p', body),
            None => (10, 10, 'e', unsigned),
        };
        let (mantissa, exponent) = body.split_once(mark).unwrap_or((body, "0"));
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let digits = format!("{whole}{fraction}");
        let exponent_digits = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        if exponent_digits.is_empty() || !exponent_digits.bytes().all(|digit| digit.is_ascii_digit()) {
            return None;
        }
        if digits.is_empty() || !digits.chars().all(|digit| digit.is_digit(radix)) {
            return None;
        }
        let over = BigInt::parse_bytes(digits.as_bytes(), radix).expect("digits");
        if over.sign() == Sign::NoSign {
            return Some(Float::Fraction(over, BigInt::from(1)));
        }
        // A longer exponent is out of range, whatever the mantissa is.
        let exponent = exponent.parse::<i64>().ok().filter(|exponent| exponent.abs() < 50_000)?;
        let over = if text.starts_with('-') { -over } else { over };
        let under = power(radix, i64::try_from(fraction.len()).expect("short"));
        to_64_bits(over * power(base, exponent.max(0)), under * power(base, (-exponent).max(0)))
    }

    pub(super) fn is_infinite(&self) -> bool {
        matches!(self, Float::Infinite)
    }

    pub(super) fn plus(&self, other: &Float) -> Result<Float, NotFinite> {
        match (self, other) {
            (Float::Fraction(a, b), Float::Fraction(c, d)) => {
                to_64_bits(a * d + c * b, b * d).ok_or(NotFinite)
            }
            _ => Err(NotFinite),
        }
    }

    /// Writes 17 digits after the point, without trailing zeros. Panics for infinity, which is never written.
    pub(super) fn written(&self) -> Vec<u8> {
        let Float::Fraction(over, under) = self else { panic!("infinity is refused") };
        let scaled = rounded(&(over * power(10, 17)), under);
        let digits = format!("{:0>18}", scaled.magnitude().to_string());
        let (whole, fraction) = digits.split_at(digits.len() - 17);
        let text = format!("{whole}.{fraction}");
        let text = text.trim_end_matches('0').trim_end_matches('.');
        let sign = if scaled.sign() == Sign::Minus { "-" } else { "" };
        format!("{sign}{text}").into_bytes()
    }
}

//! Scores — how Redis reads and writes the numbers of sorted sets, and the order of members. Pure.
//!
//! A score is a C `double`. Redis reads it with `strtod` and writes it with `%.17g`. -0 is 0 here, as in the engine's store:
//! Redis would write `-0`.

use super::values::Scores;
use super::{Refused, refused};

/// A score or weight; `text` is the error for anything else, for instance a number that is out of range.
pub(super) fn number(bytes: &[u8], text: &str) -> Result<f64, Refused> {
    match strtod(bytes) {
        Some(number) if !(underflows(bytes, number) || number.is_infinite() && overflows(bytes)) => {
            Ok(number)
        }
        _ => refused(text),
    }
}

/// A finite spelling of a number that is too large.
fn overflows(bytes: &[u8]) -> bool {
    bytes.iter().any(u8::is_ascii_digit)
}

/// A spelling that is not zero of a number that is too small.
fn underflows(bytes: &[u8], number: f64) -> bool {
    let mantissa = bytes.split(|byte| matches!(byte, b'e' | b'E' | b'p' | b'P')).next().unwrap_or_default();
    number == 0.0 && mantissa.iter().any(|digit| (b'1'..=b'9').contains(digit))
}

/// An end of a range of scores.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bound {
    score: f64,
    is_excluded: bool,
}

impl Bound {
    /// Reads `1.5`, `(1.5`, `-inf`. As a C string: it ends at a byte 00, may begin with blanks, and is 0 if it is empty.
    pub(super) fn read(bytes: &[u8]) -> Option<Bound> {
        let text = bytes.split(|byte| *byte == 0).next().expect("a part");
        let (is_excluded, text) = text.strip_prefix(b"(").map_or((false, text), |rest| (true, rest));
        let blank = |byte: &u8| byte.is_ascii_whitespace() || *byte == 0x0b;
        let from = text.iter().position(|byte| !blank(byte)).unwrap_or(0);
        let score = if text.is_empty() { 0.0 } else { strtod(&text[from..])? };
        Some(Bound { score, is_excluded })
    }

    pub(super) fn is_below(self, score: f64) -> bool {
        self.score < score || (self.score == score && !self.is_excluded)
    }

    pub(super) fn is_above(self, score: f64) -> bool {
        self.score > score || (self.score == score && !self.is_excluded)
    }
}

/// The number that these bytes spell, all of them: decimal or hexadecimal, or infinity. Too large a number is infinite.
fn strtod(bytes: &[u8]) -> Option<f64> {
    let text = std::str::from_utf8(bytes).ok()?.to_ascii_lowercase();
    let (sign, unsigned) = match text.strip_prefix('-') {
        Some(unsigned) => (-1.0, unsigned),
        None => (1.0, text.strip_prefix('+').unwrap_or(&text)),
    };
    let number = match unsigned {
        "inf" | "infinity" => f64::INFINITY,
        _ => match unsigned.strip_prefix("0x") {
            Some(digits) => hexadecimal(digits)?,
            // Rust reads decimal numbers as C does, but also other words.
            None if unsigned.bytes().all(|byte| byte.is_ascii_digit() || b".e+-".contains(&byte)) => {
                if unsigned.starts_with(['+', '-']) {
                    return None;
                }
                unsigned.parse().ok()?
            }
            None => return None,
        },
    };
    Some(sign * number + 0.0)
}

/// Up to 16 hexadecimal digits, with or without a point, and an exponent of 2.
fn hexadecimal(text: &str) -> Option<f64> {
    let (mantissa, exponent) = text.split_once('p').unwrap_or((text, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    if !digits.chars().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    let digits = u64::from_str_radix(&digits, 16).ok()?;
    let exponent = exponent.parse::<i32>().ok()? - 4 * i32::try_from(fraction.len()).expect("short");
    // In two steps, as the power alone may be closer to zero than any number.
    let half = exponent / 2;
    #[allow(clippy::cast_precision_loss, reason = "rounded once, as C does")]
    Some(digits as f64 * 2_f64.powi(half) * 2_f64.powi(exponent - half))
}

/// A score as a string: 17 significant digits without trailing zeros, C's `%.17g`.
pub(super) fn written(number: f64) -> Vec<u8> {
    if number.is_infinite() {
        return if number > 0.0 { b"inf".to_vec() } else { b"-inf".to_vec() };
    }
    let scientific = format!("{number:.16e}");
    let (mantissa, exponent) = scientific.split_once('e').expect("scientific");
    let exponent: i32 = exponent.parse().expect("an exponent");
    let trimmed = |text: &str| text.trim_end_matches('0').trim_end_matches('.').to_owned();
    if (-4..17).contains(&exponent) {
        let decimals = usize::try_from(16 - exponent).expect("not negative");
        let fixed = format!("{number:.decimals$}");
        return if decimals == 0 { fixed } else { trimmed(&fixed) }.into_bytes();
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{}e{sign}{:02}", trimmed(mantissa), exponent.abs()).into_bytes()
}

/// The members in the order of their scores; members with the same score are in the order of their bytes.
pub(super) fn ordered(scores: &Scores) -> Vec<(Vec<u8>, f64)> {
    let mut members: Vec<(Vec<u8>, f64)> =
        scores.iter().map(|(member, score)| (member.clone(), *score)).collect();
    members.sort_by(|one, other| one.1.total_cmp(&other.1).then_with(|| one.0.cmp(&other.0)));
    members
}

#[test]
fn scores_are_read_and_written_as_c_does() {
    let cases = [
        ("0.1", "0.10000000000000001"),
        ("-3", "-3"),
        ("1e17", "1e+17"),
        ("12345678901234567", "12345678901234568"),
        ("0x1.8p1", "3"),
        ("1e-5", "1.0000000000000001e-05"),
        ("0.0001", "0.0001"),
        ("-inf", "-inf"),
        ("1e308", "1e+308"),
        ("-0", "0"),
        ("0x1p-1074", "4.9406564584124654e-324"),
    ];
    for (text, shown) in cases {
        let number = number(text.as_bytes(), "").expect("a number");
        assert_eq!(String::from_utf8_lossy(&written(number)), shown, "{text}");
    }
    for wrong in ["", "nan", " 1", "1 ", "1e400", "1e-400", "+-1", "e5", "0x", "1_0", "infinit"] {
        assert!(number(wrong.as_bytes(), "").is_err(), "{wrong}");
    }
    assert!(Bound::read(b" 1e400").is_some_and(|bound| bound.score.is_infinite()));
    assert!(Bound::read(b"(").is_some_and(|bound| bound.is_excluded && bound.score == 0.0));
}

//! Scores and weights as C's `strtod` reads them, rounded to the nearest double. Pure.

use rustc_apfloat::ieee::Double;
use rustc_apfloat::{Float as _, Round};

/// Length in bytes of the longest hexadecimal number that is read. Decimal ones have no limit.
const HEXADECIMAL_LENGTH_MAX: usize = 5 * 1024 - 1;

/// The score in `bytes`: decimal, hexadecimal or infinite. `None`: it is not a number, has spaces around it, or is beyond the
/// largest double or closer to zero than the smallest double.
pub(super) fn parse_score(bytes: &[u8]) -> Option<f64> {
    let text = std::str::from_utf8(bytes).ok()?;
    let number = parse_number(text)?;
    let digits = digits(text);
    let is_beyond = number.is_infinite() && !digits.is_empty();
    let is_lost = number == 0.0 && digits.bytes().any(|digit| digit != b'0');
    (!number.is_nan() && !is_beyond && !is_lost).then_some(number)
}

/// The end of a range of scores, without a bracket. `strtod` reads it up to the first byte 00, skips spaces before it, and reads
/// nothing as 0; a number beyond the largest double is infinite, a number below the smallest one is 0. `None`: it is
/// not a number.
pub(super) fn parse_end(bytes: &[u8]) -> Option<f64> {
    let end = bytes.iter().position(|&byte| byte == 0).unwrap_or(bytes.len());
    let text = std::str::from_utf8(&bytes[..end]).ok()?;
    if text.is_empty() {
        return Some(0.0);
    }
    let is_space = |letter: char| letter == '\u{b}' || letter.is_ascii_whitespace();
    parse_number(text.trim_start_matches(is_space)).filter(|number| !number.is_nan())
}

/// The digits of a finite number without its exponent; empty for an infinite one.
fn digits(text: &str) -> String {
    let magnitude = unsigned(text).1;
    let (body, exponent) =
        hexadecimal_body(magnitude).map_or((magnitude, ['e', 'E']), |body| (body, ['p', 'P']));
    if !body.starts_with(|first: char| first == '.' || first.is_ascii_hexdigit()) {
        return String::new();
    }
    body.split(exponent).next().unwrap_or("").replace('.', "")
}

/// The nearest double of a decimal or hexadecimal number, of `inf`, `infinity` or `nan`, with or without a sign.
fn parse_number(text: &str) -> Option<f64> {
    let (is_negative, magnitude) = unsigned(text);
    if magnitude.starts_with(['+', '-']) {
        return None;
    }
    let number = match hexadecimal_body(magnitude) {
        Some(body) => parse_hexadecimal(body)?,
        None => magnitude.parse().ok()?,
    };
    Some(if is_negative { -number } else { number })
}

/// Whether there is a minus sign, and the text after the sign.
fn unsigned(text: &str) -> (bool, &str) {
    match text.strip_prefix('-') {
        Some(magnitude) => (true, magnitude),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    }
}

fn hexadecimal_body(magnitude: &str) -> Option<&str> {
    magnitude.strip_prefix("0x").or_else(|| magnitude.strip_prefix("0X"))
}

/// The number that is written after `0x`.
fn parse_hexadecimal(body: &str) -> Option<f64> {
    /// An exponent that brings any mantissa of the greatest length out of range.
    const FAR: i64 = 1_000_000;
    if body.len() > HEXADECIMAL_LENGTH_MAX {
        return None;
    }
    let (mantissa, exponent) = body.split_once(['p', 'P']).unwrap_or((body, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let (is_negative, size) = unsigned(exponent);
    let is_number = !(whole.is_empty() && fraction.is_empty())
        && [whole, fraction].iter().all(|part| part.bytes().all(|digit| digit.is_ascii_hexdigit()));
    if !is_number || size.is_empty() || !size.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let size = size.parse().unwrap_or(FAR).min(FAR);
    let exponent = if is_negative { -size } else { size };
    if [whole, fraction].iter().all(|part| part.bytes().all(|digit| digit == b'0')) {
        return Some(0.0);
    }
    let spelled = format!("0x{whole}.{fraction}p{exponent}");
    let number = Double::from_str_r(&spelled, Round::NearestTiesToEven).ok()?.value;
    u64::try_from(number.to_bits()).ok().map(f64::from_bits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn score_spellings_are_those_of_strtod() {
        let cases = [
            ("1", 1.0),
            ("-1.5e3", -1500.0),
            ("+.5", 0.5),
            ("1.", 1.0),
            ("007", 7.0),
            ("1E+05", 100_000.0),
            ("inf", f64::INFINITY),
            ("-Infinity", f64::NEG_INFINITY),
            ("+INF", f64::INFINITY),
            ("0x10", 16.0),
            ("-0X.8p1", -1.0),
            ("0x1.8P-1", 0.75),
            ("0x0", 0.0),
            ("0e999999999999999999999", 0.0),
            ("0.1", 0.1),
            ("9007199254740993", 9_007_199_254_740_992.0),
            ("0x20000000000001", 9_007_199_254_740_992.0),
            ("0x20000000000003", 9_007_199_254_740_996.0),
            ("0x20000000000001.0000000001", 9_007_199_254_740_994.0),
            ("5e-324", f64::from_bits(1)),
            ("0x1p-1074", f64::from_bits(1)),
            ("0x1.8p-1074", f64::from_bits(2)),
            ("0xe", 14.0),
        ];
        for (text, number) in cases {
            assert_eq!(parse_score(text.as_bytes()), Some(number), "{text}");
            assert_eq!(parse_end(text.as_bytes()), Some(number), "{text}");
        }
    }

    #[test]
    fn score_out_of_range_is_refused_and_an_end_is_clamped() {
        let cases = [
            ("1e309", f64::INFINITY),
            ("-1e309", f64::NEG_INFINITY),
            ("1e-400", 0.0),
            ("0x1p1024", f64::INFINITY),
            ("0x1p-1080", 0.0),
            ("1e99999999999999999999", f64::INFINITY),
            ("0x1p99999999999999999999", f64::INFINITY),
            ("0x1p-99999999999999999999", 0.0),
            ("", 0.0),
            (" 1", 1.0),
            ("\x0b\t\n1", 1.0),
            ("1\0x", 1.0),
        ];
        for (text, number) in cases {
            assert_eq!(parse_score(text.as_bytes()), None, "{text}");
            assert_eq!(parse_end(text.as_bytes()), Some(number), "{text}");
        }
    }

    #[test]
    fn score_other_spellings_are_refused() {
        let refused = [
            " ", "1 ", "x", "nan", "-NaN", "+", "-", ".", "e5", "1e", "1e+", "--1", "+-1", "1,5", "0x",
            "0x.", "0x1p", "0xg", "1_0", "infin", "0x.p1", "0x1p+", "\u{661}", "1f", "0x-1", "- 1",
        ];
        for text in refused {
            assert_eq!(parse_score(text.as_bytes()), None, "{text:?}");
            assert_eq!(parse_end(text.as_bytes()), None, "{text:?}");
        }
        assert_eq!(parse_score(b"\xff"), None);
    }
}

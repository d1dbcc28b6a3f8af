//! Numbers: spellings that are taken and refused, and sums to the last digit. More sums, recorded from Redis,
//! are in `tests/golden/commands/float.txt`.

use super::*;

#[test]
fn integer_other_spellings_are_refused() {
    for text in ["0", "-1", "9223372036854775807", "-9223372036854775808"] {
        assert_eq!(parse_integer(text.as_bytes()).map(|number| number.to_string()).as_deref(), Some(text));
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
        "", "+", "-", ".", "e5", "1e", "1e+", "1e1.5", " 1", "1 ", "1\n", "\t1", "--1", "+-1", "1,5", "nan",
        "-NaN", "0x", "0x.", "0x1p", "0xg", "1.2.3", "1f", "1_0", "infin", "in", "1\0", "0x.p1", "１",
    ];
    for text in refused {
        assert_eq!(parse_float(text.as_bytes()), None, "{text:?}");
    }
    for text in ["1.", ".5", "+5", "-5", "007", "1E5", "1e+05", "0x1", "0XAp-2", "INF", "-inf", "+infinity"] {
        assert!(parse_float(text.as_bytes()).is_some(), "{text:?}");
    }
}

//! Line — one line as typed in redis-cli → argv, and back. Pure.
//!
//! ```text
//! SET name "two words"      →   SET · name · two words
//! SET 'it\'s' "\x00\n"      →   SET · it's · the bytes 00 0a
//! SET name "a"b             →   unbalanced quotes: a closing quote must be followed by a space
//! SET name a"b c"           →   SET · name · ab c
//! ```
//!
//! MONITOR prints arguments in the same form, so this module reads captures, too. It deliberately does not
//! support the number in front of a command, by which redis-cli repeats the command.
//!
//! Source: `sdssplitargs` and `sdscatrepr` in sds.c, Redis 7.0.

use std::fmt;

/// Why a line cannot be split.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum LineError {
    /// A quote is not closed, or its closing quote is not followed by a space.
    #[error("unbalanced quotes")]
    UnbalancedQuotes,
    /// The line contains a byte 00. Redis's own function would silently drop the rest of the line.
    #[error("a raw byte 00: write it as \"\\x00\"")]
    NulByte,
}

/// The arguments in `line`; none if it is blank. Cost: O(bytes).
pub fn split(line: &[u8]) -> Result<Vec<Vec<u8>>, LineError> {
    if line.contains(&0) {
        return Err(LineError::NulByte);
    }
    let mut arguments = Vec::new();
    let mut rest = skip_spaces(line);
    while !rest.is_empty() {
        let mut argument = Vec::new();
        rest = skip_spaces(take_argument(rest, &mut argument)?);
        arguments.push(argument);
    }
    Ok(arguments)
}

/// Takes one argument off the front of `rest`. A quote may begin inside an argument; its closing quote ends
/// the argument.
fn take_argument<'a>(mut rest: &'a [u8], argument: &mut Vec<u8>) -> Result<&'a [u8], LineError> {
    while let Some((&byte, after)) = rest.split_first() {
        match byte {
            // Fewer bytes than `is_space` accepts: Redis has two lists of separators, and this is the shorter
            // one.
            b' ' | b'\n' | b'\r' | b'\t' => break,
            b'"' => return take_double_quoted(after, argument),
            b'\'' => return take_single_quoted(after, argument),
            _ => argument.push(byte),
        }
        rest = after;
    }
    Ok(rest)
}

fn take_double_quoted<'a>(mut rest: &'a [u8], argument: &mut Vec<u8>) -> Result<&'a [u8], LineError> {
    loop {
        let (byte, after) = match rest {
            [b'\\', b'x', high, low, after @ ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                (hex_digit(*high) << 4 | hex_digit(*low), after)
            }
            [b'\\', escaped, after @ ..] => (unescape(*escaped), after),
            [b'"', after @ ..] => return end_of_quote(after),
            [byte, after @ ..] => (*byte, after),
            [] => return Err(LineError::UnbalancedQuotes),
        };
        argument.push(byte);
        rest = after;
    }
}

fn take_single_quoted<'a>(mut rest: &'a [u8], argument: &mut Vec<u8>) -> Result<&'a [u8], LineError> {
    loop {
        let (byte, after) = match rest {
            [b'\\', b'\'', after @ ..] => (b'\'', after),
            [b'\'', after @ ..] => return end_of_quote(after),
            [byte, after @ ..] => (*byte, after),
            [] => return Err(LineError::UnbalancedQuotes),
        };
        argument.push(byte);
        rest = after;
    }
}

fn end_of_quote(rest: &[u8]) -> Result<&[u8], LineError> {
    if rest.first().is_none_or(|&byte| is_space(byte)) { Ok(rest) } else { Err(LineError::UnbalancedQuotes) }
}

fn skip_spaces(line: &[u8]) -> &[u8] {
    let spaces = line.iter().take_while(|&&byte| is_space(byte)).count();
    &line[spaces..]
}

/// C's `isspace`.
fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t'..=b'\r')
}

fn unescape(byte: u8) -> u8 {
    match byte {
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'b' => 8,
        b'a' => 7,
        other => other,
    }
}

fn hex_digit(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        _ => (digit | 0x20) - b'a' + 10,
    }
}

/// An argument as a user would type it: without quotes if it then reads back as the same bytes, otherwise in
/// double quotes as MONITOR prints it.
pub struct Quoted<'a>(pub &'a [u8]);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A bare backslash would read back as itself, but a person may take it for an escape.
        let bare = |byte: &u8| byte.is_ascii_graphic() && !b"\"'\\".contains(byte);
        if !self.0.is_empty() && self.0.iter().all(bare) {
            return self.0.iter().try_for_each(|&byte| write!(out, "{}", char::from(byte)));
        }
        out.write_str("\"")?;
        for &byte in self.0 {
            match byte {
                b'"' | b'\\' => write!(out, "\\{}", char::from(byte))?,
                b'\n' => out.write_str("\\n")?,
                b'\r' => out.write_str("\\r")?,
                b'\t' => out.write_str("\\t")?,
                7 => out.write_str("\\a")?,
                8 => out.write_str("\\b")?,
                b' '..=b'~' => write!(out, "{}", char::from(byte))?,
                _ => write!(out, "\\x{byte:02x}")?,
            }
        }
        out.write_str("\"")
    }
}

//! Numbers as Redis reads and writes them. Pure.

/// The integer in `bytes`, in the one spelling that Redis takes: decimal, no sign `+`, no leading zeros, no
/// spaces, within 64 bits.
pub(super) fn parse_integer(bytes: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(bytes).ok()?;
    let number: i64 = text.parse().ok()?;
    (number.to_string() == text).then_some(number)
}

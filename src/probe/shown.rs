//! Shown — bytes of a key or of a value → a short text that is safe on a terminal. Pure.

/// Bytes of a value that are shown.
const BYTES_MAX: usize = 40;

/// The bytes in quotes. Bytes that are not printable are escaped, a long text is cut and its length is told.
pub fn shown(bytes: &[u8]) -> String {
    let cut = &bytes[..bytes.len().min(BYTES_MAX)];
    let quoted = quoted(cut);
    if cut.len() < bytes.len() { format!("{quoted}… ({} bytes)", bytes.len()) } else { quoted }
}

/// All bytes in quotes, as redis-cli reads them back.
pub fn quoted(bytes: &[u8]) -> String {
    let mut text = String::from("\"");
    for &byte in bytes {
        match byte {
            b'"' | b'\\' => text.extend(['\\', char::from(byte)]),
            b' '..=b'~' => text.push(char::from(byte)),
            b'\n' => text.push_str("\\n"),
            b'\r' => text.push_str("\\r"),
            b'\t' => text.push_str("\\t"),
            _ => text.push_str(&format!("\\x{byte:02x}")),
        }
    }
    text + "\""
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shown_text_is_quoted_escaped_and_cut() {
        for (bytes, expected) in [
            (&b"a b"[..], r#""a b""#),
            (b"say \"x\"\\", r#""say \"x\"\\""#),
            (b"\x1b[31m\n\xff", r#""\x1b[31m\n\xff""#),
        ] {
            assert_eq!(shown(bytes), expected);
        }
        assert_eq!(shown(&[b'x'; 41]), format!("\"{}\"… (41 bytes)", "x".repeat(40)));
    }
}

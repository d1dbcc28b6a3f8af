//! Sealed — the last word of a line of the handshake: a checksum of the words before it. Pure.
//!
//! ```text
//! CONTINUE 6 9 2 crc=707b0171
//! ```
//!
//! TCP's own checksum is short, and a proxy makes it anew. A damaged hello must not get an answer for good, such as that of another
//! expiry policy, and a damaged answer must not name another entry. From version 4 on both sides send this word. A line without it
//! is of an older version. One bit that is another does not make a line without the word of a line with it.

use super::PROTOCOL_VERSION_SEALED;

/// The beginning of the word.
const MARK: &str = "crc=";

/// The line is not what was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Damaged;

/// The word for these words, if a line of this version has one.
pub(super) fn seal<W: AsRef<[u8]>>(words: &[W], version: u64) -> Option<String> {
    (version >= PROTOCOL_VERSION_SEALED).then(|| format!("{MARK}{:08x}", checksum(words)))
}

/// The words without the last one, if that is a seal. Errors: it is the seal of other words.
pub(super) fn opened<W: AsRef<[u8]>>(words: &[W]) -> Result<&[W], Damaged> {
    match words.split_last() {
        Some((last, words)) if last.as_ref().starts_with(MARK.as_bytes()) => {
            let expected = format!("{MARK}{:08x}", checksum(words));
            if last.as_ref() == expected.as_bytes() { Ok(words) } else { Err(Damaged) }
        }
        _ => Ok(words),
    }
}

fn checksum<W: AsRef<[u8]>>(words: &[W]) -> u32 {
    words.iter().fold(0, |sum, word| crc32c::crc32c_append(crc32c::crc32c_append(sum, word.as_ref()), b" "))
}
